//! A run in front of a terminal, with somebody who types.

use std::process::Command;

use serde_json::json;

use super::project::Project;

/// What was to be seen, and the exit code.
pub struct Seen {
    /// Everything that was written to the terminal.
    pub text: String,
    /// The exit code; negative for the signal that ended it.
    pub code: i64,
}

/// Runs a command at a terminal of its own. Each part of the dialogue is a text that is waited for and what is
/// then typed; `\u{3}` is Ctrl-C, which the terminal turns into a signal for all in front of it.
#[track_caller]
pub fn at_terminal(project: &Project, command: &Command, dialogue: &[(&str, &str)]) -> Seen {
    let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
    let mut arguments = vec![text(command.get_program())];
    arguments.extend(command.get_args().map(text));
    let environment: std::collections::BTreeMap<String, String> = command
        .get_envs()
        .filter_map(|(name, value)| Some((text(name), text(value?))))
        .collect();
    let given = json!({
        "arguments": arguments,
        "environment": environment,
        "folder": project.root(),
        "dialogue": dialogue,
    });
    let seen = project.boto3(&given, include_str!("terminal.py"));
    Seen {
        text: seen["text"].as_str().unwrap().to_owned(),
        code: seen["code"].as_i64().unwrap(),
    }
}
