//! What can go wrong with a sandbox, and what to do about it.

use std::io;
use std::path::PathBuf;

/// An error of the sandbox. The message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A file or folder below `.infra/sandbox` could not be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was being done, as a verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no Python to run the emulator with.
    #[error(
        "the sandbox needs Python 3.11 or newer, and `{python}` {problem}; install it (Debian: apt-get install \
         python3 python3-venv), or name one with INFRA_SANDBOX_PYTHON"
    )]
    Python {
        /// The command that was tried.
        python: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The Python environment could not be made.
    #[error("cannot make the sandbox's Python environment in {}: {hint}\n{output}", path.display())]
    Environment {
        /// The folder of the environment.
        path: PathBuf,
        /// The likely cause, and what to do.
        hint: String,
        /// The last lines of what the failing command said.
        output: String,
    },
    /// The emulator did not come up.
    #[error("the emulator did not start: {reason}; the end of its log {}:\n{output}", log.display())]
    Start {
        /// What happened instead.
        reason: String,
        /// The log.
        log: PathBuf,
        /// The last lines of the log.
        output: String,
    },
    /// The emulator's process lives but does not answer.
    #[error("the emulator (process {pid}) does not answer on port {port}; `infra sandbox stop` ends it")]
    Unresponsive {
        /// Its process.
        pid: u32,
        /// Its port.
        port: u16,
        /// What the request ended with.
        source: io::Error,
    },
    /// No emulator runs where one is needed.
    #[error("no sandbox is running; `infra sandbox start` starts one")]
    NotRunning,
    /// The process would not end.
    #[error("the emulator (process {pid}) could not be ended")]
    Stop {
        /// Its process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// The emulator answered something unexpected.
    #[error("the emulator answered {path} with status {status}: {body}")]
    Answer {
        /// The page asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The start of the answer.
        body: String,
    },
}

impl SandboxError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// The last `count` lines of a text, for an error message.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
