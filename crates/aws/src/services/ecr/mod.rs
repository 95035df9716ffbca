//! Amazon ECR: image repositories and images.

mod common;
pub mod image;
mod image_source;
pub mod lifecycle_policy;
pub mod lookups;
mod registries;
mod registry_host;
pub mod repository;
