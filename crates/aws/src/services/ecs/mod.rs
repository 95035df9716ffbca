//! Amazon ECS: clusters, task definitions, services and their rollouts.

pub mod cluster;
mod common;
mod containers;
pub mod deployment;
mod explain;
mod fargate;
pub mod service;
mod service_parts;
pub mod task_definition;
mod volumes;
