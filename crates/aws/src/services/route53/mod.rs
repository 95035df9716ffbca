//! Amazon Route 53: DNS records.

pub mod lookups;
mod names;
pub mod record;
mod rules;
