//! A stack on its way from a file to a session: load it, locate its state, connect to AWS, open the session.
//!
//! [`load`](mod@load) reads the file, [`crate::site`] says where the state is, `connect` opens that and signs in, and
//! `session` makes of both what carries plans out. Each step is taken once in a command, and none reaches back.

mod connect;
mod load;
mod session;

use infra_core::{KeptKey, Stack, StackId};
use infra_engine::{EngineError, ImportError};

pub use load::{identity, read, read_for_state, read_from, read_to_destroy};
pub use session::{Manner, Open, open};

/// The user wanted to stop before anything was changed.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("stopped before anything was changed")]
pub struct Stopped;

/// Whether an error only says that the user wanted to stop.
pub fn is_stop(error: &anyhow::Error) -> bool {
    error.is::<Stopped>()
        || matches!(error.downcast_ref(), Some(EngineError::Cancelled))
        || matches!(error.downcast_ref(), Some(ImportError::Cancelled))
}

/// What is opened.
pub enum Wanted {
    /// What a file declares.
    Declared(Box<Stack>),
    /// What a file declared when a plan was saved, and the key of KMS's keeping that the plan is sealed with, if it is.
    Planned(Box<Stack>, Option<KeptKey>),
    /// What a state knows, without a file: nothing is declared, and AWS is reached as it was last.
    Known(StackId),
}

impl Wanted {
    /// Its identity.
    fn id(&self) -> &StackId {
        match self {
            Self::Declared(stack) | Self::Planned(stack, _) => &stack.id,
            Self::Known(id) => id,
        }
    }
}
