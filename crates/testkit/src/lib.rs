//! A simulated cloud behind the provider trait, and stacks written down as JSON: for tests only.
//!
//! [`Cloud`] is one world of things that behaves as AWS does where that matters to an engine: calls take
//! time, things are on their way before they work, deletes are refused while something still uses a thing,
//! lists are late, answers get lost, callers are throttled. All time is tokio's, so with a paused clock a run
//! of simulated hours takes milliseconds; all chance comes from the seed in [`Faults`]. A test can look at
//! the world ([`Cloud::listing`]), meddle with it ([`Cloud::change`], [`Cloud::remove`]), and let the process
//! die at any call ([`Cloud::stop_at`]).
//!
//! [`stack`] makes a [`Stack`](infra_core::Stack) without a stack file, of the made-up types of
//! [`catalogue`]. This crate knows no engine, no planner and no state.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "it serves tests: a mistake in one has to fail it at once"
)]

mod chance;
mod cloud;
mod compare;
mod expression;
mod faults;
mod kind;
mod kinds;
mod provider;
mod stack;
mod stop;
mod world;

pub use chance::Chance;
pub use cloud::{Calls, Cloud};
pub use compare::{differences, differences_among};
pub use expression::template;
pub use faults::Faults;
pub use kinds::catalogue;
pub use stack::{STACK_ID_PARTS, stack, stack_id};
pub use stop::Moment;
pub use world::Listed;
