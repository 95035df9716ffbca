//! The record of a run: its events as they were written down, laid out in time, and measured.
//!
//! Everything here is a pure function of a record's text or events. This crate knows the nouns of
//! `infra-core` and no clock, no files and no AWS.

mod durations;

pub use durations::{Durations, Measured, Sample};
