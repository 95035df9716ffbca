//! A real registry for tests: Debian's `docker-registry`, on a free loopback port, with a password.
//!
//! The programs are looked for on `PATH`. Where they are absent a test says so and ends, unless the
//! environment variable `INFRA_TEST_REQUIRE_REGISTRY` is `1`: then absence is a failure.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::registry::Credentials;

/// The user that the registry lets in.
pub const USERNAME: &str = "infra-test";

/// That user's password. It opens nothing but registries that live for one test.
pub const PASSWORD: &str = "not-a-real-password";

/// The bcrypt hash of [`PASSWORD`]; the registry takes no other form.
const PASSWORD_HASH: &str = "$2b$05$abcdefghijklmnopqrstuudLYPY/O3Omal5/C.k5.n2dNOG5VmjFK";

/// How long the registry may take to say where it listens, also on a machine that is very busy.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running registry. Dropping it stops it and removes what it stored.
#[derive(Debug)]
pub struct DebianRegistry {
    process: Child,
    address: String,
    folder: TempDir,
}

impl DebianRegistry {
    /// Starts a registry, or returns `None` (and prints why) where `docker-registry` is not installed.
    ///
    /// # Errors
    /// It is required but not installed, or does not start; the error has its last lines.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = required_program("docker-registry")? else {
            return Ok(None);
        };
        let folder = TempDir::new()?;
        let config = folder.path().join("config.yml");
        std::fs::write(
            folder.path().join("htpasswd"),
            format!("{USERNAME}:{PASSWORD_HASH}\n"),
        )?;
        std::fs::write(&config, configuration(folder.path()))?;
        let mut process = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, receiver) = mpsc::channel();
        if let Some(log) = process.stderr.take() {
            // The log is read to its end, or the registry would stop when the pipe is full.
            std::thread::spawn(move || watch(BufReader::new(log), &sender));
        }
        let mut registry = Self {
            process,
            address: String::new(),
            folder,
        };
        match receiver.recv_timeout(START_TIMEOUT) {
            Ok(Ok(address)) => registry.address = format!("http://{address}"),
            Ok(Err(last_lines)) => return Err(Error::other(format!("docker-registry ended:\n{last_lines}"))),
            Err(_) => return Err(Error::other("docker-registry did not say where it listens")),
        }
        Ok(Some(registry))
    }

    /// The address, such as `http://127.0.0.1:43211`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address without its scheme, as image references begin.
    pub fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// What the registry lets in.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(USERNAME, PASSWORD)
    }

    /// The folder in which it keeps blobs.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("storage")
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        // A process that has ended already cannot be ended again, and that is well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where a program is on `PATH`; `None` where it is absent and need not be there, which is printed.
///
/// # Errors
/// It is absent, and `INFRA_TEST_REQUIRE_REGISTRY` is `1`.
pub fn required_program(name: &str) -> Result<Option<PathBuf>> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_some() {
        return Ok(found);
    }
    if std::env::var_os("INFRA_TEST_REQUIRE_REGISTRY").is_some_and(|value| value == "1") {
        return Err(Error::other(format!(
            "`{name}` is not on PATH: install the Debian package `{name}`"
        )));
    }
    skipped(name);
    Ok(None)
}

#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests has to see that one did not run"
)]
fn skipped(name: &str) {
    eprintln!("skipped: `{name}` is not on PATH (Debian package `{name}`)");
}

/// Port 0 lets the system choose a free port; the registry then logs which.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "version: 0.1\n\
         log: {{level: info, accesslog: {{disabled: true}}}}\n\
         storage: {{filesystem: {{rootdirectory: \"{folder}/storage\"}}, delete: {{enabled: true}}}}\n\
         http: {{addr: \"127.0.0.1:0\", secret: not-a-real-secret}}\n\
         auth: {{htpasswd: {{realm: test, path: \"{folder}/htpasswd\"}}}}\n"
    )
}

/// Sends the address as soon as the log names it, else the last lines when the log ends.
fn watch(log: impl BufRead, sender: &mpsc::Sender<std::result::Result<String, String>>) {
    let mut last_lines = VecDeque::new();
    for line in log.lines().map_while(Result::ok) {
        if let Some(address) = line
            .split("listening on ")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
        {
            // Nobody listens any more once the address is known or the wait is over.
            let _ = sender.send(Ok(address.to_owned()));
        }
        if last_lines.len() == 10 {
            last_lines.pop_front();
        }
        last_lines.push_back(line);
    }
    let last_lines: Vec<String> = last_lines.into();
    let _ = sender.send(Err(last_lines.join("\n")));
}
