//! The process that runs a project's boto3 scripts.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// What runs the scripts: how boto3 finds the emulator, and a loop.
const PRELUDE: &str = include_str!("prelude.py");

/// A Python that runs one script after the other, and ends with this.
pub struct Scripts {
    process: Child,
    asked: ChildStdin,
    answered: BufReader<ChildStdout>,
}

impl Scripts {
    /// Starts it in a folder.
    pub fn start(python: &Path, folder: &Path) -> Self {
        let mut process = Command::new(python)
            .args(["-c", PRELUDE])
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            asked: process.stdin.take().unwrap(),
            answered: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// Runs a script; what it left in `result`, or how it failed.
    pub fn run(&mut self, asked: &Value) -> Result<Value, String> {
        writeln!(self.asked, "{asked}").unwrap();
        let mut line = String::new();
        self.answered.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["result"].take()),
        }
    }
}

impl Drop for Scripts {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
