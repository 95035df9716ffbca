//! What is measured, and where: the release binary, in folders of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use infra_sandbox::{Sandbox, StartOptions, VENV_VARIABLE};
use tempfile::TempDir;

use crate::workspace::root;

/// The binary, and the Python that emulators run in.
#[derive(Debug)]
pub struct Bench {
    /// The release binary.
    pub binary: PathBuf,
    /// The Python environment of the emulators.
    pub venv: PathBuf,
    /// The Python in it.
    pub python: PathBuf,
    /// How often short commands run; long ones run a tenth as often, three times at least.
    pub runs: u32,
}

impl Bench {
    /// How often long commands run.
    pub fn long_runs(&self) -> u32 {
        (self.runs / 10).max(3)
    }

    /// The binary with arguments, in a folder.
    pub fn infra<I>(&self, folder: &Path, arguments: I) -> Command
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(folder)
            // Nobody's own configuration, and nobody's own account.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env(VENV_VARIABLE, &self.venv);
        command
    }

    /// A folder with the stacks and the example image, and a sandbox for it at this factor on AWS's durations.
    ///
    /// # Errors
    /// The sandbox cannot be started.
    pub fn project(&self, time_scale: f64) -> Result<Project> {
        let folder = tempfile::tempdir()?;
        for part in ["stacks", "examples/app"] {
            copy(&root().join(part), &folder.path().join(part))?;
        }
        let sandbox = Sandbox::new(folder.path()).with_venv(&self.venv);
        let options = StartOptions {
            time_scale: Some(time_scale),
            port: None,
        };
        sandbox.start(&options, &mut |_| {})?;
        Ok(Project { sandbox, folder })
    }
}

/// A project with a sandbox, which ends with it.
pub struct Project {
    /// The sandbox.
    pub sandbox: Sandbox,
    folder: TempDir,
}

impl Project {
    /// Its root.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // There is nobody to tell, and the folder that names it goes right after.
        let _ = self.sandbox.stop();
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
