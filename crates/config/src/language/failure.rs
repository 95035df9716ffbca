//! Why an expression has no value.

use infra_core::Span;

use super::formula::{Formula, Node};

/// Why an expression has no value.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What is wrong, without any value in it.
    pub(crate) message: String,
    /// The values that make it wrong; left out when anything sensitive was used.
    pub(crate) detail: Option<String>,
    /// What to do.
    pub(crate) help: Option<String>,
    /// Which part of the expression.
    pub(crate) span: Span,
}

impl Failure {
    /// The whole message.
    pub(crate) fn text(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.message),
            None => self.message.clone(),
        }
    }
}

/// What went wrong, before its place is known.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) help: Option<String>,
}

impl Wrong {
    /// Something that holds no value.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: None,
            help: None,
        }
    }

    /// Adds what names values.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What went wrong, at its place.
pub(crate) fn failure(formula: &Formula, node: &Node, wrong: Wrong) -> Failure {
    Failure {
        message: wrong.message,
        detail: wrong.detail,
        help: wrong.help,
        span: formula.span(&node.range),
    }
}
