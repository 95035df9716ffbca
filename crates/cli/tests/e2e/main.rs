//! The binary as its users have it: run as a process, over HTTP, against emulators.
//!
//! Each test has a project folder and an emulator of its own. What it changes by hand it changes with boto3,
//! and what an account holds in the end boto3 says: nothing of ours judges our own work.
//!
//! `INFRA_SANDBOX_VENV` names the Python environment; it is made below the workspace when it is not there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what the tests have in common fails as a test fails"
)]

mod access_logs;
mod accounts;
mod along;
mod builds;
mod by_identity;
mod commands;
mod connection;
mod consistency;
mod credential_sources;
mod credentials;
mod damage;
mod data_loss;
mod drift;
mod edit;
mod environment;
mod examples;
mod failure;
mod foreign;
mod harness;
mod identity;
mod image;
mod immutable_tags;
mod kill;
mod lookups;
mod lost_state;
mod mistakes;
mod moto;
mod networks;
mod order;
mod others;
mod ownership;
mod parents;
mod places;
mod proof;
mod races;
mod records;
mod reference;
mod report;
mod roles;
mod rollouts;
mod rollouts_on_their_way;
mod same;
mod sealing_key;
mod secrets;
mod signals;
mod sources;
mod taken_out;
mod twins;
mod unmanaged;
