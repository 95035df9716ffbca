//! Amazon Route 53: DNS records.

mod changes;
pub mod lookups;
mod names;
pub mod record;
mod rules;
