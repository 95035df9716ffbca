//! Amazon Route 53: DNS records.

mod changes;
pub mod lookups;
mod names;
mod reads;
pub mod record;
mod rules;
mod values;
