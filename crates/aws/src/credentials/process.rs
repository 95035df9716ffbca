//! A program of the user's that gives credentials. What it writes to standard output holds them, and is shown nowhere.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::fmt;
use std::process::Stdio;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use infra_core::ProviderError;
use infra_provider::ProviderResult;
use serde::Deserialize;

use super::wrong;

/// The program of a profile.
pub(super) struct Process {
    command: String,
    profile: String,
}

/// The command line may hold secrets.
impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Process({})", self.profile)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// The most of a line of a program that is shown, in characters.
const SHOWN: usize = 300;

impl Process {
    pub fn new(command: &str, profile: &str) -> Self {
        Self {
            command: command.to_owned(),
            profile: profile.to_owned(),
        }
    }

    async fn run(&self) -> ProviderResult<Credentials> {
        #[cfg(windows)]
        let (shell, option) = ("cmd.exe", "/C");
        #[cfg(not(windows))]
        let (shell, option) = ("sh", "-c");
        let output = tokio::process::Command::new(shell)
            .args([option, &self.command])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| self.failed(&format!("cannot be started: {error}")))?;
        if !output.status.success() {
            return Err(self.failed(&format!(
                "failed ({}){}",
                output.status,
                last_line(&output.stderr)
            )));
        }
        // The parser's own words may hold a part of what was read.
        let given: Given = serde_json::from_slice(&output.stdout).map_err(|error| {
            self.failed(&format!(
                "did not write what it should (line {}, column {} of its output){}",
                error.line(),
                error.column(),
                last_line(&output.stderr)
            ))
        })?;
        if given.version != 1 {
            return Err(self.failed(&format!("writes version {}, and 1 is known", given.version)));
        }
        let until = match &given.expiration {
            None => None,
            Some(text) => {
                let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok();
                let time = time.and_then(|time| SystemTime::try_from(time).ok());
                let no_time = || self.failed("writes an `Expiration` that is no time of ISO 8601");
                Some(time.ok_or_else(no_time)?)
            }
        };
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            given.session_token,
            until,
            "CredentialProcess",
        ))
    }

    fn failed(&self, problem: &str) -> ProviderError {
        wrong(format!("the `credential_process` of the profile `{}` {problem}", self.profile)).hint(
            "run its command line by itself: it writes one JSON object with Version (1), AccessKeyId, SecretAccessKey, and \
             SessionToken and Expiration where they are temporary",
        )
    }
}

/// What a program said at last.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map_or_else(String::new, |line| {
        let is_plain = |character: &char| !character.is_control();
        let line: String = line.chars().filter(is_plain).take(SHOWN).collect();
        format!(": {line}")
    })
}

impl ProvideCredentials for Process {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.provide().await })
    }
}

impl Process {
    async fn provide(&self) -> Result {
        self.run().await.map_err(CredentialsError::provider_error)
    }
}
