//! What a stack is read from, besides its file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::source::Files;

/// What a stack is read from, besides its file.
pub struct Inputs<'a> {
    /// The only way to files: the stack file, includes, and what the function `file` reads.
    pub files: Arc<dyn Files>,
    /// Values of `--var name=value`, by name.
    pub variables: &'a BTreeMap<String, String>,
    /// The environment: `INFRA_VAR_<name>`, and what `env.<name>` gives.
    pub environment: &'a BTreeMap<String, String>,
}
