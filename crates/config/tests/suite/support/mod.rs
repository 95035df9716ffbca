//! What the tests of this crate share.

pub mod catalogue;
pub mod scope;
pub mod text;
