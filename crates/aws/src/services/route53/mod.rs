//! Amazon Route 53: DNS records.

mod changes;
mod names;
pub mod record;
mod rules;
