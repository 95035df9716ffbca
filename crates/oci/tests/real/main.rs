//! Programs of others: what is pushed to Debian's registry is read back by `skopeo`. Where they are not installed
//! these tests fail; `cargo xtask test` leaves them out there, and says so.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

mod debian_registry;
#[path = "../support/mod.rs"]
mod support;
