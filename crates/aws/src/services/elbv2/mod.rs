//! Elastic Load Balancing: application and network load balancers.

mod actions;
pub(crate) mod common;
mod health_checks;
pub mod listener;
mod listener_rules;
pub mod load_balancer;
mod load_balancer_parts;
mod load_balancer_rules;
pub mod lookups;
pub mod service;
mod settings;
pub mod target_group;
mod target_group_parts;
mod target_group_rules;
mod told_tags;
