//! moto as it is, without any of our changes: the second judge of what the engine does.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{SandboxError, last_lines};
use crate::http;

/// What it has to be told to be of use: managed policies, services whose tasks run, no list of machine images to load.
const SETTINGS: [(&str, &str); 3] = [
    ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true"),
    ("MOTO_ECS_SERVICE_RUNNING", "1"),
    ("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"),
];
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Between picking a free port and moto's taking it, somebody else may.
const ATTEMPTS: u32 = 5;

/// An unchanged moto server; it ends when this is dropped.
#[derive(Debug)]
pub struct PlainMoto {
    child: Child,
    endpoint: String,
}

impl PlainMoto {
    /// Starts `moto_server` with the given Python (see [`Sandbox::python`](crate::Sandbox::python)) and its log
    /// in `log`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(python: &Path, log: &Path) -> Result<Self, SandboxError> {
        let mut last = "no free port was found".to_owned();
        for _ in 0..ATTEMPTS {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .and_then(|listener| listener.local_addr())
                .map_err(SandboxError::file("open a port for", log))?
                .port();
            let file = File::create(log).map_err(SandboxError::file("create", log))?;
            let errors = file.try_clone().map_err(SandboxError::file("create", log))?;
            let child = Command::new(python)
                .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
                .envs(SETTINGS)
                .stdin(Stdio::null())
                .stdout(file)
                .stderr(errors)
                .process_group(0)
                .spawn()
                .map_err(SandboxError::file("run", python))?;
            let mut moto = Self {
                child,
                endpoint: format!("http://127.0.0.1:{port}"),
            };
            match moto.wait(port) {
                Ok(()) => return Ok(moto),
                Err(reason) => last = reason,
            }
        }
        let output = last_lines(&fs::read_to_string(log).unwrap_or_default(), 20);
        Err(SandboxError::Start {
            reason: last,
            log: log.to_owned(),
            output,
        })
    }

    /// The URL of every service, without a trailing slash.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn wait(&mut self, port: u16) -> Result<(), String> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Err(format!("moto ended with {status}")),
                Err(error) => return Err(error.to_string()),
            }
            if http::request("GET", port, "/moto-api/data.json", "", Duration::from_secs(30)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("moto did not answer in time".to_owned())
    }
}

impl Drop for PlainMoto {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
