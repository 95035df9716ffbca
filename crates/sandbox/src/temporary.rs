//! A sandbox of a test's own.

use std::ops::Deref;
use std::path::Path;

use crate::error::SandboxError;
use crate::sandbox::{Running, Sandbox, StartOptions};

/// A sandbox that is stopped when it is dropped. Tests give it a folder of their own and share the Python
/// environment of the project.
#[derive(Debug)]
pub struct TemporarySandbox {
    sandbox: Sandbox,
    running: Running,
}

impl TemporarySandbox {
    /// Starts a sandbox below `root` with the Python environment `venv`, which is made if need be.
    ///
    /// # Errors
    /// As [`Sandbox::start`].
    pub fn start(
        root: impl AsRef<Path>,
        venv: impl AsRef<Path>,
        options: &StartOptions,
    ) -> Result<Self, SandboxError> {
        let sandbox = Sandbox::new(root).with_venv(venv.as_ref());
        let running = sandbox.start(options, &mut |_| {})?;
        Ok(Self { sandbox, running })
    }

    /// What was started.
    pub fn running(&self) -> &Running {
        &self.running
    }
}

impl Deref for TemporarySandbox {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Drop for TemporarySandbox {
    fn drop(&mut self) {
        // There is nobody to tell; what is left is found by process number in the sandbox's folder.
        let _ = self.sandbox.stop();
    }
}
