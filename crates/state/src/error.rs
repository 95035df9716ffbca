//! What can go wrong with a state, each with what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_core::{IllegalEntry, StackId};

use crate::holder::{Holder, age};

/// A store could not do what it was asked. Cheap to clone: one failed flush is told to everybody who
/// waited for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// An earlier or a later version of `infra` wrote it; nothing was touched.
    #[error(
        "the state in {location} has format {found}, this infra reads format {supported} only: {}", other_format(*found, *supported)
    )]
    OtherFormat {
        /// Where the state is.
        location: String,
        /// The format found.
        found: u32,
        /// The format that can be read.
        supported: u32,
    },
    /// What is stored cannot be trusted.
    #[error("the state in {location} is damaged: {what}. {hint}")]
    Damaged {
        /// Where the state is.
        location: String,
        /// What is wrong with it.
        what: String,
        /// What to do.
        hint: String,
    },
    /// It is the state of another stack, in this one's place; nothing was touched.
    #[error(
        "{location} holds the state of the stack {found}, not of {expected}: it was copied or renamed. Put the state of \
         {expected} there, or name another place with --state-dir"
    )]
    OtherStack {
        /// Where the state is.
        location: String,
        /// Whose state it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// There is no state yet.
    #[error("there is no state of the stack {stack} in {}", .path.display())]
    Absent {
        /// The stack.
        stack: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The place may not be written.
    #[error(
        "{doing} {} is not allowed (read-only or owned by another user): make it writable, or name another place with --state-dir", .path.display()
    )]
    ReadOnly {
        /// What was being done, such as `writing`.
        doing: String,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// The disk is full, or what the user may have of it.
    #[error(
        "{doing} {} failed because the disk is full, or a quota or limit of file sizes is reached: make room and run the \
         command again", .path.display()
    )]
    NoSpace {
        /// What was being done, such as `writing`.
        doing: String,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// Another failure of the file system or the network.
    #[error("{doing} {} failed", .path.display())]
    Io {
        /// What was being done, such as `writing`.
        doing: String,
        /// The file, folder or address.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// Somebody else works on the stack.
    #[error("{0}")]
    Held(Box<Held>),
    /// Somebody broke this process's lease, so it may write no more.
    #[error(
        "this process no longer holds the lease in {}: {by}. Nothing more is written; run the command again", .path.display()
    )]
    LeaseLost {
        /// The lock file.
        path: PathBuf,
        /// Who has it now, in words.
        by: String,
    },
    /// The state is not the one that was expected.
    #[error(
        "the state has lineage {found}, expected {expected}: it is another state of the same stack's name"
    )]
    LineageMismatch {
        /// What the caller works on.
        expected: String,
        /// What the store has.
        found: String,
    },
    /// The state moved on under the caller.
    #[error(
        "the state is at serial {found}, expected {expected}: somebody else changed it; run the command again"
    )]
    SerialMoved {
        /// What the caller works on.
        expected: u64,
        /// What the store has.
        found: u64,
    },
    /// Something that may not be stored, or has no stored form.
    #[error("{what} cannot be stored: {why}")]
    Unwritable {
        /// What, such as `the record of ec2.vpc.main`.
        what: String,
        /// Why.
        why: String,
    },
    /// The thread that writes the journal ended without being asked to: a bug.
    #[error("the journal's writer ended unexpectedly; what was not yet acknowledged may be lost")]
    WriterEnded,
}

/// What to do about a state of another format.
pub(crate) fn other_format(found: u32, supported: u32) -> &'static str {
    if found > supported {
        "use the newer infra that wrote it"
    } else {
        "an earlier infra wrote it, and there is no way over. Remove the stack with that one, or move the state away and \
         take what exists over with `infra import`"
    }
}

impl StateError {
    /// An error of the file system, told apart by its kind.
    pub fn io(doing: impl Into<String>, path: &Path, error: io::Error) -> Self {
        let (doing, path, kind, source) = (doing.into(), path.to_owned(), error.kind(), Arc::new(error));
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::NoSpace { doing, path, source }
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { doing, path, source }
            }
            _ => Self::Io { doing, path, source },
        }
    }

    /// A damage whose remedy is a backup.
    pub fn damaged(location: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damaged {
            location: location.into(),
            what: what.into(),
            hint: "Nothing at AWS is touched or lost: `infra state rebuild` sets the damaged database aside \
                   and goes on from the newest backup"
                .into(),
        }
    }
}

/// Who holds a stack, and what the one who was refused can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The stack.
    pub stack: StackId,
    /// Who holds it, if it is written down (it is, but for the first moments of a lease).
    pub holder: Option<Holder>,
    /// Whether the holder is on this machine, where it is certainly alive.
    pub here: bool,
    /// Seconds since the holder last showed that it is alive, by this machine's clock.
    pub silent_seconds: Option<u64>,
    /// The command that ends the hold.
    pub unlock: String,
    /// The moment of the refusal, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
}

/// A holder shows every ten seconds that it is alive; silent for this long it is presumed dead.
pub(crate) const PRESUMED_DEAD_SECONDS: u64 = 60;

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stack = &self.stack;
        let Some(holder) = &self.holder else {
            return write!(
                f,
                "the stack {stack} is held by another process that has not said who it is. Try again in a moment"
            );
        };
        write!(
            f,
            "the stack {stack} is held by {holder}, since {} ({} ago). ",
            holder.since(),
            age(self.at_unix_ms.saturating_sub(holder.since_unix_ms) / 1000)
        )?;
        if self.here {
            return write!(
                f,
                "Wait until it ends, or stop process {}: the hold ends with the process",
                holder.pid
            );
        }
        match self.silent_seconds {
            Some(silent) if silent >= PRESUMED_DEAD_SECONDS => write!(
                f,
                "It has given no sign of life for {}: if that machine is gone, end the hold with `{}`",
                age(silent),
                self.unlock
            ),
            _ => write!(
                f,
                "Wait until it ends; if that machine is gone, end the hold with `{}`",
                self.unlock
            ),
        }
    }
}

/// An entry could not be appended to the journal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// It cannot follow the entries before it; nothing was written.
    #[error("the journal entry is not possible here")]
    Illegal(#[from] IllegalEntry),
    /// It would leave a state that breaks a rule of [`check`](crate::check); nothing was written.
    #[error("the journal entry is unsound and was not written: {0}")]
    Unsound(String),
    /// It holds a sensitive value in clear; nothing was written.
    #[error("{attribute} of {owner} is sensitive and not sealed; nothing was written")]
    ClearSecret {
        /// The resource's address, or `the outputs`.
        owner: String,
        /// The attribute's or output's name.
        attribute: String,
    },
    /// It holds a sealed value, and the key would be lost.
    #[error(
        "a sensitive value cannot be sealed, because the key for it cannot be kept: {0}. Nothing was written. Give a key as \
         INFRA_SEALING_KEY (32 bytes or more in base64)"
    )]
    KeyLost(String),
    /// The store failed, now or at an earlier entry: no entry is accepted any more.
    #[error(transparent)]
    Store(#[from] StateError),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}
