//! Stack files: TOML text to a [`Stack`](infra_core::Stack), with a diagnostic for every mistake.
//!
//! This crate knows the language: sections, includes, variables, expressions, `for_each`. What resource types
//! there are it learns from a [`Catalogue`](infra_core::Catalogue). It calls nobody, and touches files only
//! through [`Files`].
//!
//! The templates of a stack are evaluated later, against a [`Scope`](infra_core::Scope). It answers for every
//! resource of the stack, and for every lookup by its address without `lookup.` in front:
//!
//! - what is not known yet stands in the attributes as [`Value::Unknown`](infra_core::Value::Unknown), with or
//!   without an origin; an attribute that is left out is null, the same as not set;
//! - a sensitive attribute stands there as [`Value::Secret`](infra_core::Value::Secret); one that is sealed can
//!   be handed on by an expression that is that reference alone, and fails in a larger one;
//! - an address that the scope does not know is not part of the stack: its attributes are null.

mod language;
mod report;
mod source;
mod stack;

pub use source::{DiskFiles, Files, MemoryFiles};
pub use stack::{
    InClear, Inputs, Loaded, Sensitive, UsedInputs, in_clear, load, load_identity, load_to_destroy,
};
