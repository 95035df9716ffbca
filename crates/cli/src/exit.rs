//! How the program ends.

use std::process::ExitCode;

use infra_state::StateError;

/// The exit codes, which scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Exit {
    /// Done, or nothing differs.
    Done,
    /// `diff`, or `plan --detailed-exitcode`, found differences.
    Differs,
    /// Somebody else works on the stack.
    Held,
    /// Something failed.
    Failed,
    /// A stack file is wrong.
    BadStack,
    /// The command line is wrong.
    Usage,
    /// The user stopped it.
    Cancelled,
}

/// Of several stacks, the first of these that one of them ended with says how the whole ended.
const GRAVEST_FIRST: [Exit; 7] = [
    Exit::Cancelled,
    Exit::Usage,
    Exit::BadStack,
    Exit::Failed,
    Exit::Held,
    Exit::Differs,
    Exit::Done,
];

impl Exit {
    /// The number that the process ends with.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Differs => 2,
            Self::Usage => 64,
            Self::BadStack => 65,
            Self::Held => 75,
            Self::Cancelled => 130,
        }
    }

    /// As the standard library wants it.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    /// How a command ends that could not be carried out because of this.
    pub fn of_error(error: &anyhow::Error) -> Self {
        match error.downcast_ref() {
            Some(StateError::Held(_)) => Self::Held,
            _ => Self::Failed,
        }
    }

    /// The same, but what would be a success is a failure where data are missing on stdout, which is told.
    pub fn unless_lost(self, lost: Option<&str>, tell: impl FnOnce(&str)) -> Self {
        let Some(lost) = lost else {
            return self;
        };
        tell(&format!(
            "error: not all of it could be written to standard output: {lost}"
        ));
        match self {
            Self::Done | Self::Differs => Self::Failed,
            other => other,
        }
    }

    /// Of several stacks: what is worse says how the whole ended.
    pub fn worse(self, other: Self) -> Self {
        GRAVEST_FIRST
            .into_iter()
            .find(|exit| [self, other].contains(exit))
            .unwrap_or(Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::Arguments;

    #[test]
    fn of_several_stacks_the_gravest_counts_whatever_their_order() {
        let documented = [130, 64, 65, 1, 75, 2, 0];
        assert_eq!(GRAVEST_FIRST.map(Exit::number), documented);
        let in_words = documented.map(|number| number.to_string()).join(", ");
        let help = Arguments::command().render_help().to_string();
        for (name, text) in [
            ("README.md", include_str!("../../../README.md")),
            ("the help text", help.as_str()),
        ] {
            assert!(text.contains(&format!("the first of {in_words} ")), "{name}");
        }
        for (place, grave) in GRAVEST_FIRST.into_iter().enumerate() {
            for other in &GRAVEST_FIRST[place..] {
                assert_eq!((grave.worse(*other), other.worse(grave)), (grave, grave));
            }
        }
    }
}
