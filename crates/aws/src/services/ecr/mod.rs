//! Amazon ECR: image repositories and images.

pub mod image;
