//! What the emulator has been asked, for tests that assert what was not asked.

use std::collections::BTreeMap;

/// The requests since the start or the last reset of the counters.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Requests {
    /// How many requests there were, of AWS and of the registry.
    pub total: u64,
    /// How many of them could change something: whatever is no Describe, List, Get, Head or the like.
    pub mutating_total: u64,
    /// How many there were of each `service.Operation`; the registry's are `registry.PutManifest` and the like.
    pub counts: BTreeMap<String, u64>,
    /// The latest of those that could change something, oldest first.
    pub mutating: Vec<MutatingRequest>,
    /// The latest of those whose input no service takes, whatever there is: it breaks AWS's model of the operation, or a rule
    /// of tags.
    pub refused_inputs: Vec<RefusedInput>,
}

/// A request that was refused for its input alone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct RefusedInput {
    /// Service and operation, such as `iam.CreateRole`.
    pub operation: String,
    /// What is wrong with it.
    pub message: String,
}

/// One request that could change something.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct MutatingRequest {
    /// Its place among all requests, from 1.
    pub number: u64,
    /// The service by its model's name (`elbv2`, `application-autoscaling`), or `registry`.
    pub service: String,
    /// AWS's name of the operation, or the registry's.
    pub operation: String,
    /// The HTTP status of the answer; 0 when the request was neither carried out nor answered.
    pub status: u16,
    /// The error code of the answer; empty when it was none.
    #[serde(default)]
    pub code: String,
    /// The account that the caller's credentials belong to; empty for the registry.
    #[serde(default)]
    pub account: String,
    /// The kind of [fault](crate::Faults) that it met, or `killed`; empty when it met none.
    #[serde(default)]
    pub fault: String,
}
