//! Amazon EC2: networks.

mod common;
pub mod vpc;
