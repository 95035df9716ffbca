//! What expressions can see of the stack itself: variables, locals, which resources there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use infra_core::{ResourceAddress, Value};

use super::draft::Draft;
use crate::source::FileCache;

/// In front of a variable's name in the environment.
pub(crate) const ENVIRONMENT_PREFIX: &str = "INFRA_VAR_";

/// Everything an expression may name, besides the attributes of resources.
#[derive(Debug)]
pub(crate) struct World {
    /// `var.<name>`; unknown when its value is missing or wrong, which is reported on its own.
    pub(crate) variables: BTreeMap<String, Value>,
    /// `stack.<field>`.
    pub(crate) stack: BTreeMap<String, Value>,
    /// `local.<name>`.
    pub(crate) locals: BTreeMap<String, Local>,
    /// `env.<name>`.
    pub(crate) environment: BTreeMap<String, String>,
    /// The resources, by their block's address.
    pub(crate) blocks: BTreeMap<ResourceAddress, Block>,
    /// The lookups that can be used, by address without `lookup.` in front.
    pub(crate) lookups: BTreeSet<ResourceAddress>,
    /// What `file` reads from.
    pub(crate) files: FileCache,
    /// The paths of the source files, by their position in the source map.
    pub(crate) paths: Vec<PathBuf>,
}

/// A named value of the section `[local]`.
#[derive(Debug)]
pub(crate) struct Local {
    /// As the file gives it.
    pub(crate) draft: Draft,
    /// The value; `None` when it depends on resources and differs from evaluation to evaluation.
    pub(crate) value: Option<Value>,
}

/// The instances of a resource block.
#[derive(Debug)]
pub(crate) enum Block {
    /// Without `for_each`.
    One {
        /// Whether its `when` holds.
        present: bool,
    },
    /// With `for_each`, by key.
    Many(BTreeMap<String, Instance>),
    /// Something about it is wrong and reported already: nothing is known of it.
    Unclear,
}

/// One instance of a block with `for_each`.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Its address.
    pub(crate) address: ResourceAddress,
    /// Whether its `when` holds.
    pub(crate) present: bool,
}

/// What `each` is for one instance.
#[derive(Debug)]
pub(crate) struct Each {
    /// `each.key`
    pub(crate) key: String,
    /// `each.value`
    pub(crate) value: Value,
    /// `each.index`: the position in the list, or among the sorted keys of the table.
    pub(crate) index: i64,
}
