//! What is said of a type beside its attributes: how long things take, and how its own are recognised.

use std::time::Duration;

/// A named, bounded wait for AWS. Polling starts soon and often, backs off, and is close again about the
/// typical time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for, such as `NAT gateway available`.
    pub what: &'static str,
    /// How long it usually takes on AWS: for estimates and the pace of polling.
    pub typical: Duration,
    /// After this it has failed.
    pub timeout: Duration,
}

impl Wait {
    /// A wait that usually takes `typical_seconds` and is given up after `timeout_seconds`.
    pub const fn seconds(what: &'static str, typical_seconds: u64, timeout_seconds: u64) -> Self {
        Self {
            what,
            typical: Duration::from_secs(typical_seconds),
            timeout: Duration::from_secs(timeout_seconds),
        }
    }
}

/// How long the calls of a type take, and what has to be waited for after each kind; `None`: the call's answer
/// is the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// How long one call that changes something usually takes on AWS, for estimates.
    pub typical_call: Duration,
    /// After a create.
    pub create: Option<Wait>,
    /// After an update.
    pub update: Option<Wait>,
    /// After a delete, until it is gone.
    pub delete: Option<Wait>,
}

impl Waits {
    /// Nothing is waited for.
    pub const NONE: Self = Self {
        typical_call: Duration::from_millis(500),
        create: None,
        update: None,
        delete: None,
    };
}

impl Default for Waits {
    fn default() -> Self {
        Self::NONE
    }
}

/// That deletes and creates of a type can be made by one call, which is carried out whole or not at all. Such a type has
/// no wait after a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InOneCall {
    /// Of those that have the same text in these attributes.
    pub within: &'static [&'static str],
    /// So many at the most.
    pub at_most: usize,
}

/// How what a create call left is told from what others made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognition {
    /// By our tags, which the create call sets.
    Tags,
    /// By its natural key, which only one thing can have and which was free before the call: the API takes no tags.
    NaturalKey,
    /// By being equal to what was asked for, and new: the API takes no tags, and lets many be equal.
    Content,
    /// It is no thing that a delete could take from anybody.
    Shared,
}
