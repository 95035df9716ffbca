//! Amazon Route 53: DNS records.

mod names;
pub mod record;
mod rules;
