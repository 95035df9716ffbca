//! Amazon ECR: image repositories and images.

mod common;
pub mod image;
pub mod lifecycle_policy;
pub mod lookups;
mod registry_host;
pub mod repository;
