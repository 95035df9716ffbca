//! What the user asks of a resource's life beyond its attributes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data_loss::DataLoss;

/// What the user asked of a resource's life beyond its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lifecycle {
    /// A plan that would delete or replace it is refused.
    pub prevent_destroy: bool,
    /// A replacement is made before the old one goes; `None`: as the type has it.
    pub create_before_destroy: Option<bool>,
    /// Attributes whose drift and change are let be.
    pub ignore_changes: Vec<String>,
    /// Forgotten instead of deleted.
    pub retain: bool,
    /// Whether the data that it holds may be lost with it.
    pub allow_data_loss: DataLoss,
}

/// How long to wait for AWS, where the user wants other times than the type's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeouts {
    /// For a create to become ready.
    pub create: Option<Duration>,
    /// For an update to become ready.
    pub update: Option<Duration>,
    /// For a delete to be over.
    pub delete: Option<Duration>,
}
