//! What keeps AWS from deleting something.

use infra_core::PhysicalId;

/// Something that has to go before AWS deletes a thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle {
    /// What it is, and what it belongs to: `network interface eni-0abc of load balancer app/main/0123`.
    pub what: String,
    /// AWS's id of what has to go for it: the instance that an interface belongs to, or the obstacle itself.
    pub id: PhysicalId,
    /// Whether it stays until somebody removes it: AWS does not take it away by itself.
    pub stays: bool,
}
