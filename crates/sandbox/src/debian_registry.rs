//! Debian's `docker-registry`, on a free loopback port, with a password: the real registry that pushes are tested with.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::error::SandboxError;

/// The program, and the Debian package that brings it.
const PROGRAM: &str = "docker-registry";

/// The bcrypt hash of [`DebianRegistry::PASSWORD`]; the registry takes no other form.
const PASSWORD_HASH: &str = "$2b$05$abcdefghijklmnopqrstuudLYPY/O3Omal5/C.k5.n2dNOG5VmjFK";

/// How long the registry may take to say where it listens, also on a machine that is very busy.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running registry, which ends when this is dropped.
#[derive(Debug)]
pub struct DebianRegistry {
    process: Child,
    address: String,
}

impl DebianRegistry {
    /// The user that it lets in.
    pub const USERNAME: &str = "infra-test";

    /// That user's password. It opens nothing but registries that live for one test.
    pub const PASSWORD: &str = "not-a-real-password";

    /// Starts a registry that keeps everything in `folder`, which is made if need be.
    ///
    /// # Errors
    /// `docker-registry` is not installed, or does not start; the error has its last lines.
    pub fn start(folder: &Path) -> Result<Self, SandboxError> {
        let config = folder.join("config.yml");
        fs::create_dir_all(folder).map_err(SandboxError::file("create", folder))?;
        let users = format!("{}:{PASSWORD_HASH}\n", Self::USERNAME);
        fs::write(folder.join("htpasswd"), users).map_err(SandboxError::file("write", folder))?;
        fs::write(&config, configuration(folder)).map_err(SandboxError::file("write", &config))?;
        let failed = |reason: String, output: String| SandboxError::Start {
            reason,
            log: config.clone(),
            output,
        };
        let mut process = Command::new(PROGRAM)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let reason =
                    format!("`{PROGRAM}` cannot be run ({error}); the Debian package of that name has it");
                failed(reason, String::new())
            })?;
        let (sender, receiver) = mpsc::channel();
        if let Some(log) = process.stderr.take() {
            // The log is read to its end, or the registry would stop when the pipe is full.
            std::thread::spawn(move || watch(BufReader::new(log), &sender));
        }
        let mut registry = Self {
            process,
            address: String::new(),
        };
        match receiver.recv_timeout(START_TIMEOUT) {
            Ok(Ok(address)) => registry.address = format!("http://{address}"),
            Ok(Err(last_lines)) => return Err(failed(format!("`{PROGRAM}` ended"), last_lines)),
            Err(_) => {
                return Err(failed(
                    format!("`{PROGRAM}` did not say where it listens"),
                    String::new(),
                ));
            }
        }
        Ok(registry)
    }

    /// The address, such as `http://127.0.0.1:43211`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address without its scheme, as image references begin.
    pub fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }
}

impl Drop for DebianRegistry {
    fn drop(&mut self) {
        // A process that has ended already cannot be ended again, and that is well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
fn watch(log: impl BufRead, sender: &mpsc::Sender<Result<String, String>>) {
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
