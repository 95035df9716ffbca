//! The language inside `${…}`: HCL's expression syntax, parsed by `hcl-edit`, evaluated here.
//!
//! Evaluation is our own because values here may be unknown or sensitive, which the syntax crate's
//! evaluator has no notion of: a branch that is not taken must not be looked at, an unknown must flow through
//! to exactly what depends on it, and no message may hold a sensitive value.

mod draft;
mod evaluate;
mod failure;
mod formula;
mod functions;
mod lower;
mod operators;
mod world;

pub(crate) use draft::{Draft, DraftKind};
pub(crate) use evaluate::{Evaluator, no_key};
pub(crate) use failure::{Failure, Wrong};
pub(crate) use formula::{Formula, Name, Need, Node, NodeKind, ResourceUse, Selector};
pub(crate) use functions::Function;
#[cfg(test)]
pub(crate) use lower::parse;
pub(crate) use operators::text_of;
pub(crate) use world::{Block, ENVIRONMENT_PREFIX, Each, Instance, Local, World};
