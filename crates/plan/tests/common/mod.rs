//! What the tests of the planner share: resource types from a table, a small expression language, stacks and
//! states from TOML, a plan as text, and a cloud that carries plans out.
#![allow(dead_code, reason = "each test program uses its own part of this")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "code of tests"
)]

pub mod case;
pub mod cloud;
pub mod design;
pub mod expression;
pub mod relations;
pub mod text;
pub mod types;

use infra_core::SealingKey;

/// The key that all tests seal with.
pub fn key() -> SealingKey {
    SealingKey::new([7; 32])
}
