//! The emulators that types are tested against: moto as others wrote it, and the project's own sandbox.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use infra_sandbox::{PlainMoto, Sandbox, StartOptions, TemporarySandbox};
use tempfile::TempDir;

/// The factor on AWS's durations in the sandbox.
const TIME_SCALE: f64 = 0.002;

/// One of the emulators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulator {
    /// moto, unchanged.
    Moto,
    /// The project's sandbox, which can and refuses what moto cannot.
    Sandbox,
}

impl Emulator {
    /// Part of the names of its tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::Sandbox => "sandbox",
        }
    }
}

/// Both, each started when the first test asks for it. Dropping this ends them.
#[derive(Debug, Default)]
pub struct Emulators {
    moto: OnceLock<Result<(PlainMoto, TempDir), String>>,
    sandbox: OnceLock<Result<(TemporarySandbox, TempDir), String>>,
}

impl Emulators {
    /// The URL of every service of this one.
    ///
    /// # Errors
    /// It does not start; the error says what to do.
    pub fn endpoint(&self, emulator: Emulator) -> Result<String, String> {
        match emulator {
            Emulator::Moto => {
                let started = self.moto.get_or_init(|| start(moto)).as_ref()?;
                Ok(started.0.endpoint().to_owned())
            }
            Emulator::Sandbox => {
                let started = self.sandbox.get_or_init(|| start(sandbox)).as_ref()?;
                Ok(started.0.running().endpoint.clone())
            }
        }
    }
}

/// Starts one in a folder of its own.
fn start<T>(
    emulator: impl FnOnce(&Path) -> Result<T, infra_sandbox::SandboxError>,
) -> Result<(T, TempDir), String> {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    match emulator(folder.path()) {
        Ok(started) => Ok((started, folder)),
        Err(error) => Err(format!(
            "the emulator does not start; `cargo xtask setup` fetches what it needs: {error}"
        )),
    }
}

fn moto(folder: &Path) -> Result<PlainMoto, infra_sandbox::SandboxError> {
    let python = Sandbox::new(folder).with_venv(venv()).python(&mut |_| {})?;
    PlainMoto::start(&python, &folder.join("moto.log"))
}

fn sandbox(folder: &Path) -> Result<TemporarySandbox, infra_sandbox::SandboxError> {
    let options = StartOptions {
        time_scale: Some(TIME_SCALE),
        port: None,
    };
    TemporarySandbox::start(folder, venv(), &options)
}

/// The Python environment of the project.
fn venv() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Sandbox::new(root).venv().to_owned()
}
