//! Why a run could not be planned or carried out.

use infra_core::{Diagnostic, PhysicalId, ProviderError, Redaction, ResourceAddress};
use infra_state::AppendError;

use crate::lookups::Unanswered;
use crate::refresh::RefreshError;
use crate::settle::SettleError;

/// A run could not be planned or carried out. (A step's failure is no error but an outcome.)
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The user wanted to stop before anything was carried out.
    #[error("stopped before anything was changed")]
    Cancelled,
    /// What an earlier run left open cannot be settled.
    #[error(transparent)]
    Settle(#[from] Box<SettleError>),
    /// AWS cannot be looked at.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// The stack cannot be planned.
    #[error("the stack cannot be planned")]
    Diagnostics(Vec<Diagnostic>),
    /// What the plan rests on could not be looked at, though nothing is wrong in the file: nothing was done.
    #[error("nothing was changed: not everything could be looked at: {}", messages(.0))]
    Unseen(Vec<Diagnostic>),
    /// What the stack looks up was not found, or could not be asked for.
    #[error("not everything that the stack looks up was found")]
    Lookups(Unanswered),
    /// The planner broke one of its own rules: nothing was done.
    #[error("the plan breaks rules that it must keep; nothing was done, please report this: {}", .0.join("; "))]
    BrokenPlan(Vec<String>),
    /// The plan would lose data that nobody allows to be lost: nothing was done.
    #[error("nothing was changed: the plan would lose data")]
    DataLoss(Vec<Diagnostic>),
    /// The plan would touch what is not surely this stack's: nothing was done.
    #[error("nothing was changed: not everything is surely this stack's: {}", messages(.0))]
    NotOurs(Vec<Diagnostic>),
    /// The plan would seal something with a key that is gone afterwards: nothing was done.
    #[error(
        "nothing was changed: the plan seals sensitive values, and the key for it cannot be kept: {0}. Give a key as \
         INFRA_SEALING_KEY (32 bytes or more in base64), or as a file that INFRA_SEALING_KEY_FILE names"
    )]
    KeyLost(String),
    /// The plan would touch what the state has at several addresses: nothing was done.
    #[error("nothing was changed: the state has one thing twice: {}", messages(.0))]
    Doubled(Vec<Diagnostic>),
    /// The plan would delete what it could not make anew, since others have what it would be called: nothing was done.
    #[error("nothing was changed: not every name is free: {}", messages(.0))]
    Taken(Vec<Diagnostic>),
    /// What the plan's steps are made from is not here as it was planned: nothing was done.
    #[error(
        "nothing was changed: the sources of {} are not those that were planned; plan again (a job that carries out a saved \
         plan needs the same files as the one that made it, and what other jobs leave in a build's folder belongs into \
         `.dockerignore`)",
        listed(.0)
    )]
    Sources(Vec<ResourceAddress>),
    /// The state moved since the plan was made.
    #[error(
        "the plan was made from serial {planned} of the state ({planned_lineage}), which now is at {found} ({found_lineage})"
    )]
    Stale {
        /// The plan's serial.
        planned: u64,
        /// The plan's lineage.
        planned_lineage: String,
        /// The state's serial.
        found: u64,
        /// The state's lineage.
        found_lineage: String,
    },
    /// The journal cannot be written. What was under way is in its intents and is settled by the next run.
    #[error("the state cannot be written; the run was stopped")]
    Journal(#[from] AppendError),
}

/// Something cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The user wanted to stop before AWS had answered.
    #[error("stopped before anything was imported")]
    Cancelled,
    /// The stack does not declare the address.
    #[error("the stack does not declare {0}")]
    Undeclared(ResourceAddress),
    /// The address has something already.
    #[error("{0} is {1} already")]
    Taken(ResourceAddress, PhysicalId),
    /// It is in the state already, under another address.
    #[error(
        "the state has {id} already: it is {}{holder}, and one thing at two addresses would be deleted for both when one of \
         them goes", if *.is_deposed { "what was replaced and is still to be deleted at " } else { "" }
    )]
    Known {
        /// What was to be imported.
        id: PhysicalId,
        /// The address that has it.
        holder: ResourceAddress,
        /// Whether it was replaced there.
        is_deposed: bool,
    },
    /// AWS has no such thing.
    #[error("AWS has no {1} that could become {0}: look at the id, the region and the account")]
    NotFound(ResourceAddress, PhysicalId),
    /// AWS could not be asked.
    #[error("AWS could not be asked")]
    Provider(#[from] ProviderError),
    /// The state could not be written.
    #[error("the state cannot be written")]
    Journal(#[from] AppendError),
}

fn messages(diagnostics: &[Diagnostic]) -> String {
    let messages: Vec<&str> = diagnostics.iter().map(|found| found.message.as_str()).collect();
    messages.join("; ")
}

fn listed(addresses: &[ResourceAddress]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

impl EngineError {
    /// The error with nothing secret in what others wrote.
    pub(crate) fn masked(self, redaction: &Redaction) -> Self {
        let masked = |diagnostics: Vec<Diagnostic>| {
            let masked = diagnostics
                .into_iter()
                .map(|diagnostic| redaction.diagnostic(diagnostic));
            masked.collect()
        };
        match self {
            Self::Settle(error) => Self::Settle(Box::new(match *error {
                SettleError::Provider {
                    address,
                    operation,
                    source,
                } => SettleError::Provider {
                    address,
                    operation,
                    source: Box::new(redaction.error(*source)),
                },
                other => other,
            })),
            Self::Refresh(error) => Self::Refresh(error.map(|source| redaction.error(source))),
            Self::Diagnostics(diagnostics) => Self::Diagnostics(masked(diagnostics)),
            Self::Unseen(diagnostics) => Self::Unseen(masked(diagnostics)),
            Self::Lookups(unanswered) => Self::Lookups(Unanswered {
                diagnostics: masked(unanswered.diagnostics),
                ..unanswered
            }),
            other => other,
        }
    }
}
