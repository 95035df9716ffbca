//! Amazon Route 53: DNS records.

mod changes;
pub mod lookups;
mod names;
mod reads;
pub mod record;
pub(crate) mod records;
mod rules;
mod service;
mod values;
