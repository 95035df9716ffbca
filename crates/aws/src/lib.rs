//! AWS: clients, one file per resource type, and their catalogue.
//!
//! The types live under `services/<service>/<type>.rs`; adding one is a file and a line in
//! [`catalogue`]. SDK types do not leave this crate. `services/ec2/eip.rs` is the exemplar.

#[cfg(test)]
mod always;
mod catalogue;
mod choices;
mod clients;
mod credentials;
mod documents;
mod endpoints;
mod environment;
mod errors;
mod fields;
mod gaps;
mod held_data;
mod http;
mod joined;
mod limits;
mod lookups;
mod observe;
mod ownership;
mod prelude;
mod read;
mod sealing;
mod serial;
pub mod services;
mod session_name;
mod survey;
mod tags;
mod together;

pub use catalogue::{AwsCatalogue, AwsProviders, DOCUMENTS, LOOKUP_DOCUMENTS, TAG_RULES};
pub use clients::{Clients, ConnectOptions, Emulator, connect};
pub use credentials::AskCode;
pub use environment::VARIABLES;
pub use infra_oci::end_builds;
pub use sealing::{new_sealing_key, sealing_key};
