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
mod data_loss;
mod drift;
mod estimates;
mod failing;
mod foreign;
mod left;
mod lookups;
mod obstacles;
mod older;
mod once;
mod ownership;
mod plans;
mod properties;
mod random;
mod reasons;
mod rebuilt;
mod secrets;
mod simulation;
mod stacks;
mod stale;
mod taken;
mod told;
mod trace;
mod waiting;
mod watch;
