//! AWS Certificate Manager: certificates that exist.

pub mod lookups;
