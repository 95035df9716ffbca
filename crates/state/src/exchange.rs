//! The lasting form of a state: JSON, out and in.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::state::STATE_FORMAT_VERSION;
use infra_core::{Diagnostic, Severity, StackId, State};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::{StateError, other_format};
use crate::integrity::{DEPENDENCY_CYCLE, DUPLICATE_PHYSICAL_ID, check};

/// The keys that the format has at the top.
const KEYS: [&str; 12] = [
    "format_version",
    "stack",
    "lineage",
    "serial",
    "connection",
    "sealed_with",
    "kept_key",
    "resources",
    "deposed",
    "intents",
    "outputs",
    "rebuilt",
];

/// The state as JSON in its lasting form: the same text for the same state, secrets as their keyed hashes,
/// without the key.
///
/// # Errors
/// [`StateError::Unwritable`] when the state holds a secret in clear, which a state from a store never does.
pub fn export(state: &State) -> Result<String, StateError> {
    let mut text = serde_json::to_string_pretty(state).map_err(|error| StateError::Unwritable {
        what: format!("the state of {}", state.stack),
        why: error.to_string(),
    })?;
    text.push('\n');
    Ok(text)
}

/// A state that may take the place of the current one.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The state. Its serial is new to the store, so that plans made before are refused.
    pub state: State,
    /// What is odd about it, or was overridden.
    pub warnings: Vec<Diagnostic>,
}

/// A text that cannot be imported.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// It is not JSON, or not that of a state.
    #[error("line {line}, column {column}: {message}\n  {text}\n  {caret}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong.
        message: String,
        /// The line itself.
        text: String,
        /// A `^` under the place.
        caret: String,
    },
    /// An earlier or a later version of `infra` wrote it.
    #[error(
        "the file has format {found}, this infra reads format {supported} only: {}", other_format(*found, *supported)
    )]
    OtherFormat {
        /// The format found.
        found: u32,
        /// The format that can be read.
        supported: u32,
    },
    /// It breaks rules of a state.
    #[error("the file is not a sound state: {}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; "))]
    Unsound(Vec<Diagnostic>),
    /// It is another state of the same name.
    #[error(
        "the file has lineage {found}, the stored state {stored}: they are different states. --force replaces the stored one"
    )]
    OtherLineage {
        /// The lineage of the stored state.
        stored: String,
        /// The lineage in the file.
        found: String,
    },
    /// It is of other accounts than what is stored.
    #[error(
        "the file is of the account {found}, the stored state of {stored}: what that state knows would be forgotten and made \
         anew elsewhere. --force replaces the stored one"
    )]
    OtherAccount {
        /// The accounts of the stored state.
        stored: String,
        /// The accounts in the file.
        found: String,
    },
    /// It is older than what is stored, or as old and different.
    #[error(
        "the file has serial {found}, the stored state {stored}: what happened since would be forgotten. --force replaces the stored one"
    )]
    OlderSerial {
        /// The serial of the stored state.
        stored: u64,
        /// The serial in the file.
        found: u64,
    },
}

/// What is looked at before anything else.
#[derive(Deserialize)]
struct Head {
    format_version: u32,
    #[serde(flatten)]
    rest: BTreeMap<String, IgnoredAny>,
}

/// Reads a state from its lasting form, to take the place of `current`.
///
/// Without `force` a state is refused that has another lineage (unless nothing is stored yet), a lower
/// serial, or the same serial and other content, and one in which two resources are the same thing. A state
/// whose resources depend on each other in a circle is refused in any case.
///
/// # Errors
/// When the text is no sound state, or may not take that place.
pub fn import(
    text: &str,
    stack: &StackId,
    current: Option<&State>,
    force: bool,
) -> Result<Imported, ImportError> {
    let head: Head = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
    if head.format_version != STATE_FORMAT_VERSION {
        return Err(ImportError::OtherFormat {
            found: head.format_version,
            supported: STATE_FORMAT_VERSION,
        });
    }
    let mut state: State = serde_json::from_str(text).map_err(|error| syntax(text, &error))?;
    let (mut errors, mut warnings): (Vec<_>, Vec<_>) = check(&state, Some(stack))
        .into_iter()
        .chain(unknown_keys(&head))
        .partition(|problem| {
            problem.severity == Severity::Error
                || problem.code == DEPENDENCY_CYCLE
                || (problem.code == DUPLICATE_PHYSICAL_ID && !force)
        });
    if !errors.is_empty() {
        errors.sort_by_key(|problem| problem.severity);
        return Err(ImportError::Unsound(errors));
    }
    if let Some(current) = current
        && !(current.serial == 0 && current.is_empty())
    {
        match may_replace(&state, current) {
            Ok(()) => {}
            Err(reason) if force => warnings.push(overridden(&reason)),
            Err(reason) => return Err(reason),
        }
        if state != *current {
            // Both serials are known to plans and backups already: the next one is not.
            state.serial = state.serial.max(current.serial) + 1;
        }
    }
    Ok(Imported { state, warnings })
}

fn may_replace(state: &State, current: &State) -> Result<(), ImportError> {
    if state.lineage != current.lineage {
        return Err(ImportError::OtherLineage {
            stored: current.lineage.clone(),
            found: state.lineage.clone(),
        });
    }
    let (stored, found) = (current.accounts(), state.accounts());
    if !stored.is_empty() && !found.is_empty() && stored != found {
        let listed = |accounts: BTreeSet<&str>| accounts.into_iter().collect::<Vec<_>>().join(", ");
        return Err(ImportError::OtherAccount {
            stored: listed(stored),
            found: listed(found),
        });
    }
    if state.serial < current.serial || (state.serial == current.serial && state != current) {
        return Err(ImportError::OlderSerial {
            stored: current.serial,
            found: state.serial,
        });
    }
    Ok(())
}

fn overridden(reason: &ImportError) -> Diagnostic {
    let message = match reason {
        ImportError::OtherLineage { stored, .. } => format!("the state of lineage {stored} is replaced"),
        other => format!("overridden: {other}"),
    };
    Diagnostic {
        severity: Severity::Warning,
        ..Diagnostic::error("forced", message)
    }
}

/// A misspelt key would be lost in silence.
fn unknown_keys(head: &Head) -> Vec<Diagnostic> {
    head.rest
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        .map(|key| {
            Diagnostic::error("unknown-key", format!("`{key}` is no part of a state"))
                .help(format!("expected one of {}", KEYS.join(", ")))
        })
        .collect()
}

fn syntax(text: &str, error: &serde_json::Error) -> ImportError {
    let line = error.line().max(1);
    let line_text = text.lines().nth(line - 1).unwrap_or("");
    // serde_json counts bytes, and 0 stands for the line's very beginning.
    let bytes = error.column().saturating_sub(1).min(line_text.len());
    let before = String::from_utf8_lossy(&line_text.as_bytes()[..bytes]);
    let column = before.chars().count() + 1;
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // A line of an unformatted file can be megabytes: show what is around the place.
    let skipped = column.saturating_sub(60);
    ImportError::Syntax {
        line,
        column,
        message: message.to_owned(),
        text: line_text.chars().skip(skipped).take(100).collect(),
        caret: format!("{}^", " ".repeat(column - 1 - skipped)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{record, sample_state};
    use infra_core::Value;

    #[test]
    fn what_is_exported_comes_back_and_is_the_same_text_every_time() {
        let state = sample_state();
        let text = export(&state).unwrap();
        let back = import(&text, &state.stack, None, false).unwrap();
        assert_eq!((&back.state, back.warnings.len()), (&state, 0));
        assert_eq!(export(&back.state).unwrap(), text);
        assert!(text.starts_with("{\n  \"format_version\": 2,\n") && text.ends_with("}\n"));
    }

    #[test]
    fn a_secret_in_clear_is_never_exported() {
        let mut state = sample_state();
        let secret = Value::secret(Value::from("hunter2"));
        state.outputs.insert("password".into(), secret);
        let error = export(&state).unwrap_err();
        assert!(matches!(error, StateError::Unwritable { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn what_may_take_which_place() {
        let current = sample_state();
        let with = |lineage: &str, serial: u64, other: bool| {
            let mut state = sample_state();
            state.lineage = lineage.into();
            state.serial = serial;
            if other {
                state
                    .resources
                    .insert("ec2.vpc.other".parse().unwrap(), record("vpc-9", &[]));
            }
            state
        };
        let elsewhere = |mut state: State| {
            for record in state.resources.values_mut() {
                record.location.as_mut().unwrap().account_id = "210987654321".into();
            }
            state
        };
        let (same, serial) = (current.lineage.as_str(), current.serial);
        // The file, and the serial that it gets without and with force (none: refused).
        let cases = [
            (with(same, serial, false), Some(serial), Some(serial)),
            (with(same, serial, true), None, Some(serial + 1)),
            (with(same, serial + 5, true), Some(serial + 6), Some(serial + 6)),
            (with(same, serial - 1, true), None, Some(serial + 1)),
            (with("other", serial + 5, true), None, Some(serial + 6)),
            (elsewhere(with(same, serial + 5, false)), None, Some(serial + 6)),
        ];
        for (file, plain, forced) in cases {
            let text = export(&file).unwrap();
            for (force, expected) in [(false, plain), (true, forced)] {
                let result = import(&text, &current.stack, Some(&current), force);
                assert_eq!(
                    result.ok().map(|imported| imported.state.serial),
                    expected,
                    "{} {} force: {force}",
                    file.lineage,
                    file.serial
                );
            }
        }
        let fresh = State::new(current.stack.clone(), "fresh");
        let text = export(&current).unwrap();
        let imported = import(&text, &current.stack, Some(&fresh), false).unwrap();
        assert_eq!(imported.state, current);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let stack = sample_state().stack;
        let sound = export(&sample_state()).unwrap();
        let cases = [
            (
                "{\n  \"format_version\": 2,\n  oops\n}".to_owned(),
                "line 3, column 3: key must be a string\n    oops\n    ^",
            ),
            (
                sound.replace("\"serial\": ", "\"serial\": -"),
                "invalid value: integer",
            ),
            (
                sound.replace("ec2.vpc.main", "ec2.vpc"),
                "`ec2.vpc` is not an address",
            ),
            (
                sound.replace("\"outputs\"", "\"output\""),
                "`output` is no part of a state",
            ),
            (
                sound.replace("\"format_version\": 2", "\"format_version\": 7"),
                "format 7",
            ),
            ("{}".to_owned(), "missing field `format_version`"),
            (String::new(), "EOF while parsing"),
        ];
        for (text, expected) in cases {
            let message = import(&text, &stack, None, true).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_circle_is_refused_even_with_force() {
        let mut state = sample_state();
        let address = "a.b.c".parse().unwrap();
        state.resources.insert(address, record("id", &["a.b.c"]));
        let refused = import(&export(&state).unwrap(), &state.stack, None, true);
        assert!(matches!(refused, Err(ImportError::Unsound(_))), "{refused:?}");
    }

    #[test]
    fn two_resources_that_are_the_same_thing_need_force() {
        let mut state = sample_state();
        let id = state.resources.values().next().unwrap().physical_id.clone();
        let twin = state.resources.keys().next().unwrap().with_key("twin");
        state.resources.insert(twin, record(id.as_str(), &[]));
        let text = export(&state).unwrap();
        assert!(matches!(
            import(&text, &state.stack, None, false),
            Err(ImportError::Unsound(_))
        ));
        assert_eq!(import(&text, &state.stack, None, true).unwrap().warnings.len(), 1);
    }
}
