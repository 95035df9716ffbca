//! Application Auto Scaling: how many tasks of a service there are.

mod common;
mod policy_parts;
pub mod scalable_target;
pub mod scaling_policy;
pub mod service;
