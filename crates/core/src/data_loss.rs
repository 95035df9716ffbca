//! Data that is gone with the resource that holds it, and whose word allows that.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What resources of a type hold that nothing makes again once they are deleted or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldsData {
    /// What it is, in the plural: `images`.
    pub what: Cow<'static, str>,
    /// An attribute of the type that, where it is true, allows it to be lost as well.
    pub allowed_by: Option<Cow<'static, str>>,
}

/// Whether something holds data now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldData {
    /// AWS says that there is none.
    Nothing,
    /// AWS says that there is some.
    Something,
    /// It could not be told, for this reason: it counts as holding some.
    Unclear(String),
}

/// The data of something that a plan deletes or replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataAtStake {
    /// What it is, in the plural: `images`.
    pub what: String,
    /// Whether there is any.
    pub held: HeldData,
    /// Whether the user allows it to be lost.
    pub allowed: bool,
}

impl DataAtStake {
    /// Whether data is lost, as far as it can be told.
    pub fn is_lost(&self) -> bool {
        self.held != HeldData::Nothing
    }

    /// Whether data is lost that nobody allows to be lost.
    pub fn is_refused(&self) -> bool {
        self.is_lost() && !self.allowed
    }
}

/// Whether a file allows the data that a resource holds to be lost with it, and by which of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataLoss {
    /// `lifecycle.allow_data_loss` of the resource itself.
    OfResource(bool),
    /// The resource says nothing: `allow_data_loss` of `[stack]`.
    OfStack(bool),
}

impl Default for DataLoss {
    fn default() -> Self {
        Self::OfStack(false)
    }
}

impl DataLoss {
    /// Whether it is allowed, where the stack's file now says `stack`; `None`: there is no file.
    pub fn is_allowed(self, stack: Option<bool>) -> bool {
        match self {
            Self::OfResource(allowed) => allowed,
            Self::OfStack(allowed) => stack.unwrap_or(allowed),
        }
    }
}
