//! sled as a state store: the suite that every store must pass, and what is special to files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod bench;
mod damage;
mod kill;
mod power;
mod rebuild;
mod space;
mod store;
mod writer;
