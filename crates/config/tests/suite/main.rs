//! Loading stack files, as a user of the crate sees it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod cases;
mod environment;
mod evaluation;
mod in_clear;
mod robustness;
mod support;
