//! Amazon Elastic Container Registry.

mod common;
pub mod lifecycle_policy;
pub mod repository;
