//! Amazon ECS: clusters, task definitions, services and their rollouts.

pub mod cluster;
pub(crate) mod common;
mod container_conversions;
mod containers;
pub mod deployment;
mod explain;
mod fargate;
pub mod lookups;
pub(crate) mod rollout;
pub mod service;
mod service_parts;
mod service_rules;
mod tagging;
pub mod task_definition;
mod task_rules;
mod volume_rules;
mod volumes;
