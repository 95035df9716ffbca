//! The engine against a simulated cloud, in simulated time.

mod apply;
mod bench;
mod stacks;
