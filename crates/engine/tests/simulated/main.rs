//! The engine against a simulated cloud, in simulated time.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

mod apply;
mod bench;
mod cancel;
mod crash;
mod drift;
mod failing;
mod plans;
mod properties;
mod random;
mod secrets;
mod simulation;
mod stacks;
mod trace;
mod waiting;
mod watch;
