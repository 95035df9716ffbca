//! Proofs that whatever happens in the middle of a run, the next one carries on and AWS ends with what the file
//! says: the process killed at every request that changes something, storms of faults, and signals.
//!
//! All cases of a proof take minutes, so they are ignored tests that `cargo xtask prove` runs; a few of each
//! are among the ordinary tests.

#![expect(
    clippy::print_stdout,
    reason = "a proof says how many cases it had, and which failed"
)]

mod asked;
mod crew;
mod draws;
mod judge;
mod others;
mod signals;
mod stage;
mod storm;
mod sweep;

pub use asked::Asked;
