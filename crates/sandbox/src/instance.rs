//! The emulator that runs: what is written down about it, and asking it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::SandboxError;
use crate::http;
use crate::private;
use crate::process::ProcessIdentity;

/// How long an answer of the emulator may take; a busy one answers late.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A process that is ending closes its connections a moment before it is gone.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// The content of `instance.json`.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Instance {
    pub(crate) instance_id: String,
    pub(crate) process: ProcessIdentity,
    /// 0 until it answers.
    pub(crate) port: u16,
    /// The factor on AWS's durations; known once it answers.
    #[serde(default)]
    pub(crate) time_scale: f64,
    /// Which version of the program runs.
    pub(crate) program: String,
    pub(crate) log: PathBuf,
}

/// Where an instance stands.
pub(crate) enum Health {
    /// It runs and answers as itself, with this factor on AWS's durations.
    Well(f64),
    /// Its process is gone, or something else answers in its place.
    Dead,
    /// Its process lives, but there is no answer.
    Silent(io::Error),
}

#[derive(serde::Deserialize)]
struct StatusPage {
    instance_id: String,
    settings: Settings,
}

#[derive(serde::Deserialize)]
struct Settings {
    time_scale: f64,
}

impl Instance {
    /// What is written down; None when nothing is, or nothing that can be read (a half-written file of a
    /// machine that lost power says nothing about a running process).
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), SandboxError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(io::Error::from)
            .map_err(SandboxError::file("write", path))?;
        private::write(path, &text)
    }

    pub(crate) fn health(&self) -> Health {
        if !self.process.is_alive() {
            return Health::Dead;
        }
        match http::request("GET", self.port, "/_infra/status", "", ANSWER_TIMEOUT) {
            Ok(answer) => match serde_json::from_str::<StatusPage>(&answer.body) {
                Ok(page) if page.instance_id == self.instance_id => Health::Well(page.settings.time_scale),
                _ => Health::Dead,
            },
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Health::Dead,
            Err(_) if self.process.ends_within(LAST_MOMENTS) => Health::Dead,
            Err(error) => Health::Silent(error),
        }
    }

    /// Whether it was started and has not answered yet: whoever started it was interrupted.
    pub(crate) fn is_starting(&self) -> bool {
        self.port == 0 && self.process.is_alive()
    }

    /// Asks for one of the emulator's own pages, which must answer 200.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<String, SandboxError> {
        let answer = http::request(method, self.port, path, body, ANSWER_TIMEOUT).map_err(|source| {
            match source.kind() {
                io::ErrorKind::ConnectionRefused => SandboxError::NotRunning,
                _ => SandboxError::Unresponsive {
                    pid: self.process.pid,
                    port: self.port,
                    source,
                },
            }
        })?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        let body = answer.body.chars().take(300).collect();
        Err(SandboxError::Answer {
            path: path.to_owned(),
            status: answer.status,
            body,
        })
    }
}
