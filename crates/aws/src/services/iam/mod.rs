//! AWS Identity and Access Management: roles and what they may do. One endpoint answers for all regions.

mod common;
pub mod lookups;
pub mod policy;
pub mod role;
pub mod role_policy;
pub mod role_policy_attachment;
pub mod service;
