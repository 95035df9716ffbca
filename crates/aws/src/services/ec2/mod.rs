//! Amazon EC2: networks.

pub(crate) mod common;
pub mod eip;
pub(crate) mod group_rules;
pub mod internet_gateway;
pub mod lookups;
pub mod nat_gateway;
mod obstacles;
pub mod route;
pub mod route_table;
pub mod route_table_association;
mod route_tables;
pub mod security_group;
pub mod security_group_rule;
pub mod service;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;
