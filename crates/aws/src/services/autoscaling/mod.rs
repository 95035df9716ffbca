//! Application Auto Scaling: how many tasks of a service there are.

mod common;
pub mod scalable_target;
pub mod scaling_policy;
