//! One run of the binary, and what it said.

use std::fmt;
use std::process::{Command, Output};

use serde_json::Value;

use super::started::Started;

/// How a run ended and what it wrote.
#[derive(Debug)]
pub struct Run {
    arguments: Vec<String>,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end, or until it is certain that it hangs.
    pub fn of(command: &mut Command) -> Self {
        Started::of(command).end().0
    }

    /// What a command came to.
    pub fn new(command: &Command, output: &Output) -> Self {
        Self {
            arguments: command
                .get_args()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// The same run, which has to have ended like this.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "the exit code of {self}");
        self
    }

    /// The same run, which has to have said all of these, wherever.
    #[track_caller]
    pub fn says<'a>(self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        for text in texts {
            self.tells(text);
        }
        self
    }

    /// It has to have said this, wherever.
    #[track_caller]
    pub fn tells(&self, text: &str) {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "{text:?} is not in what it said: {self}"
        );
    }

    /// The objects of stdout, one a line, of `--output json`.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?} of {self}"))
            })
            .collect()
    }

    /// Those of one type.
    #[track_caller]
    pub fn json_of(&self, kind: &str) -> Vec<Value> {
        let mut lines = self.json();
        lines.retain(|line| line["type"] == kind);
        lines
    }
}

impl fmt::Display for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`infra {}`, which ended with {:?}\n--- stdout ---\n{}\n--- stderr ---\n{}",
            self.arguments.join(" "),
            self.code,
            self.stdout,
            self.stderr
        )
    }
}
