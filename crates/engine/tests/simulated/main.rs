//! The engine against a simulated cloud, in simulated time.

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
mod stacks;
mod waiting;
