//! The record of a run: its events as they are written down, laid out in time, and measured.
//!
//! A record is the lines that a run gives to a program, `{"version":1,"type":"event",…}`, so that what a CI job
//! kept of one is a record too. Everything here is a pure function of a record's text or events. This crate
//! knows the nouns of `infra-core` and no clock, no files and no AWS.

mod calls;
mod durations;
mod lines;
mod path;
mod read;
mod segments;
mod timeline;
mod write;

pub use calls::{Call, CallSum, call_sums};
pub use durations::{Durations, Measured, Sample};
pub use lines::write_line;
pub use path::{PathPart, RecordedPath};
pub use read::{NoRecord, Record, read};
pub use timeline::{Left, Segment, SegmentKind, Skipped, StepEnd, StepTrack, Timeline};
pub use write::Writer;
