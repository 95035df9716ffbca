//! How the program ends.

use std::process::ExitCode;

/// The exit codes, which scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Exit {
    /// Done, or nothing differs.
    Done,
    /// `diff`, or `plan --detailed-exitcode`, found differences.
    Differs,
    /// Something failed.
    Failed,
    /// The user stopped it.
    Cancelled,
    /// A stack file is wrong.
    BadStack,
    /// The command line is wrong.
    Usage,
}

impl Exit {
    /// The number that the process ends with.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differs => 2,
            Self::Usage => 64,
            Self::BadStack => 65,
            Self::Cancelled => 130,
        }
    }

    /// As the standard library wants it.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// Of several stacks: what is worse says how the whole ended.
    pub fn worse(self, other: Self) -> Self {
        self.max(other)
    }
}
