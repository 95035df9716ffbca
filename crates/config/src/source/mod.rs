//! Source texts: reading, TOML with places, includes and merging. Nothing here knows what the keys mean.

mod files;
mod place;
mod read;
mod tree;

pub use files::{DiskFiles, Files, MemoryFiles};
pub(crate) use files::{FileCache, beside};
pub(crate) use place::Place;
pub(crate) use read::read;
pub(crate) use tree::{Entry, Node, NodeKind, Table, parse, plain_value};
