//! Elastic Load Balancing: application and network load balancers.

mod actions;
mod common;
pub mod listener;
pub mod load_balancer;
mod settings;
pub mod target_group;
