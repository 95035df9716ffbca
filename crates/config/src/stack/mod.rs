//! From the merged table to a checked stack, subject by subject.

mod bind;
mod blocks;
mod check;
mod context;
mod environment;
mod expand;
mod fields;
mod globals;
mod in_clear;
mod ingredients;
mod inputs;
mod keeping;
mod load;
mod local_paths;
mod lookups;
mod names;
mod order;
mod outputs;
mod parents;
mod references;
mod sections;
mod settings;
mod tags;
mod used;
mod validate;
mod variable_types;
mod variables;

pub use in_clear::{InClear, Sensitive, in_clear};
pub use inputs::Inputs;
pub use load::{Loaded, load, load_identity, load_to_destroy};
pub use used::UsedInputs;
