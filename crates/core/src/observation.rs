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
    },
}

impl Observation {
    /// A resource that works.
    pub fn ready(attributes: Attributes) -> Self {
        Self::Present {
            attributes,
            health: Health::Ready,
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
