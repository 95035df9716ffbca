//! What a look at AWS found.

use serde::{Deserialize, Serialize};

use crate::value::Attributes;

/// Whether a resource works, by AWS's own word for its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works.
    Ready,
    /// It is on its way: AWS's status, such as `provisioning`.
    Pending(String),
    /// It will never work: AWS's status, with its reason where there is one.
    Failed(String),
    /// It is going away: AWS's status, such as `deleting`.
    Deleting(String),
}

/// The tag that names the stack of a resource; its value is the stack's identity.
pub const TAG_STACK: &str = "infra:stack";

/// Whose something is, by the tag [`TAG_STACK`] that AWS tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StackTag {
    /// No tags were told: its type takes none, or nobody asked.
    #[default]
    Untold,
    /// Its tags were told, and this one is not among them.
    Missing,
    /// The stack that it names.
    Names(String),
}

/// What AWS has under one physical id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Nothing.
    Absent,
    /// The resource.
    Present {
        /// Everything that AWS tells of it, computed attributes included. An attribute that the file may set
        /// and that is missing here is one that AWS has no value for.
        attributes: Attributes,
        /// Whether it works.
        health: Health,
        /// Whose it is, by its tags.
        #[serde(default)]
        stack_tag: StackTag,
    },
}

impl Observation {
    /// A resource that works.
    pub fn ready(attributes: Attributes) -> Self {
        Self::Present {
            attributes,
            health: Health::Ready,
            stack_tag: StackTag::Untold,
        }
    }

    /// The attributes of what is there.
    pub fn attributes(&self) -> Option<&Attributes> {
        match self {
            Self::Present { attributes, .. } => Some(attributes),
            Self::Absent => None,
        }
    }

    /// Whether nothing is there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}
