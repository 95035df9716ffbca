//! What goes wrong with images and registries, in classes that a caller can match.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The registry does not know who asks: no credentials, wrong ones, or expired ones.
    Unauthorized,
    /// The registry knows who asks and refuses.
    Denied,
    /// The repository, manifest or blob does not exist.
    NotFound,
    /// The tag exists with another digest and the repository does not let tags move.
    TagImmutable,
    /// The image, archive, reference or address is not what it has to be.
    Invalid,
    /// No answer, a broken connection, or a registry in trouble, after the allowed retries.
    Transient,
    /// Anything else.
    Other,
}

/// One entry of the `errors` list in a registry's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// The registry's code, such as `NAME_UNKNOWN`; empty when it gave none.
    #[serde(default)]
    pub code: String,
    /// The registry's words.
    #[serde(default)]
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.is_empty(), self.message.is_empty()) {
            (false, false) => write!(formatter, "{}: {}", self.code, self.message),
            (true, _) => formatter.write_str(&self.message),
            (false, true) => formatter.write_str(&self.code),
        }
    }
}

/// A failure with what was being done, on what, what the registry answered, and what to do next.
///
/// `Display` is one line (that of a failed build has the tool's last lines below it) and does not repeat [`source`](StdError::source) or [`hint`](Error::hint).
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Details>);

#[derive(Debug, thiserror::Error)]
#[error("{doing}: {problem}")]
struct Details {
    class: ErrorClass,
    doing: String,
    problem: String,
    hint: Option<String>,
    status: Option<u16>,
    faults: Vec<Fault>,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(class: ErrorClass, doing: impl Into<String>, problem: impl Into<String>) -> Self {
        Self(Box::new(Details {
            class,
            doing: doing.into(),
            problem: problem.into(),
            hint: None,
            status: None,
            faults: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    pub(crate) fn invalid(doing: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::new(ErrorClass::Invalid, doing, problem)
    }

    pub(crate) fn transient(doing: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, doing, problem)
    }

    /// A file that could not be read or written. What the user named and is not there is their mistake.
    pub(crate) fn file(doing: impl Into<String>, path: &Path, error: std::io::Error) -> Self {
        let class = match error.kind() {
            std::io::ErrorKind::NotFound
            | std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::NotADirectory
            | std::io::ErrorKind::IsADirectory
            | std::io::ErrorKind::UnexpectedEof => ErrorClass::Invalid,
            _ => ErrorClass::Other,
        };
        Self::new(class, doing, format!("`{}`", path.display())).caused_by(error)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn answered(mut self, status: u16, faults: Vec<Fault>, retry_after: Option<Duration>) -> Self {
        self.0.status = Some(status);
        self.0.faults = faults;
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    pub(crate) fn has_fault(&self, code: &str) -> bool {
        self.0.faults.iter().any(|fault| fault.code == code)
    }

    /// What kind of failure it is.
    pub fn class(&self) -> ErrorClass {
        self.0.class
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The HTTP status of the registry's answer, if the registry answered.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What the registry said, in its own codes and words.
    pub fn faults(&self) -> &[Fault] {
        &self.0.faults
    }
}
