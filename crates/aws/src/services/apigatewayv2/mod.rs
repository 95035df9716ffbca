//! Amazon API Gateway: HTTP and WebSocket APIs, their VPC links and domain names.

pub mod api;
pub mod api_mapping;
pub(crate) mod common;
pub mod domain_name;
pub mod integration;
mod integration_rules;
pub mod route;
mod route_key;
pub mod service;
pub mod stage;
mod stage_rules;
pub mod vpc_link;
