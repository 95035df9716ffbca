//! Stack files: TOML text to a [`Stack`](infra_core::Stack), with a diagnostic for every mistake.
//!
//! This crate knows the language: sections, includes, variables, expressions, `for_each`. What resource types
//! there are it learns from a [`Catalogue`](infra_core::Catalogue). It calls nobody, and touches files only
//! through [`Files`].

mod language;
mod report;
mod source;
mod stack;

pub use source::{DiskFiles, Files, MemoryFiles};
pub use stack::{Inputs, Loaded, UsedInputs, load};
