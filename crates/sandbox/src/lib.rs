//! The local AWS emulator and image registry of a project.
//!
//! The emulator is a Python program of ours around moto; this crate carries it, makes the Python environment
//! it needs, starts it as a process of its own and finds it again. It knows nothing of stacks, AWS SDKs or the
//! terminal, and depends on no other crate of the project. Everything blocks; progress goes to a callback.
//!
//! Below the project's root it owns `.infra/sandbox/`:
//!
//! | path | what |
//! |---|---|
//! | `venv/` | the Python environment; `INFRA_SANDBOX_VENV` names another place, to share one |
//! | `program-<hash>/` | the emulator program, unpacked |
//! | `instance.json` | the emulator that runs |
//! | `emulator.log` | its log |
//! | `data/` | the blobs of its registry |
//! | `instances/<id>/state/` | the state folder that belongs to it and goes with it |
//!
//! The emulator keeps everything in memory. A state may therefore never outlive it: each start and each reset
//! makes a new instance id with a new, empty state folder, and the folders of dead instances are removed.

mod debian_registry;
mod durations;
mod error;
mod faults;
mod foreign;
mod http;
mod instance;
mod plain_moto;
mod private;
mod process;
mod program;
mod recording;
mod requests;
mod sandbox;
mod temporary;
mod venv;

pub use debian_registry::DebianRegistry;
pub use error::SandboxError;
pub use faults::{
    CredentialsProblem, FaultReport, Faults, Kill, KillMoment, KillReport, KillTarget, RefusedCredentials,
};
pub use foreign::{Clash, Foreign, ForeignReport, Moment, Planted, PlantedState, Thing, Twin, Unplanted};
pub use plain_moto::PlainMoto;
pub use recording::RecordedRequest;
pub use requests::{MutatingRequest, RefusedInput, Requests};
pub use sandbox::{Running, Sandbox, StartOptions, Status};
pub use temporary::TemporarySandbox;
pub use venv::{PYTHON_VARIABLE, VENV_VARIABLE};
