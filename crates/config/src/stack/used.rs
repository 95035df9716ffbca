//! What a stack was read from, kept so that a saved plan can read the very same stack again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::inputs::Inputs;
use super::names::Names;
use super::variables::{ENVIRONMENT_PREFIX, Variable};
use crate::language::World;

/// Everything that a stack was read from, as far as it may be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsedInputs {
    /// Stack files and files read by `file`, by the path that they are looked up by: to be given to
    /// [`MemoryFiles`](crate::MemoryFiles).
    pub files: BTreeMap<PathBuf, String>,
    /// Values of variables given by `--var` or the environment, without sensitive ones: to be given as
    /// [`Inputs::variables`].
    pub variables: BTreeMap<String, String>,
    /// The names of sensitive variables given by `--var` or the environment: their values are not kept and have
    /// to be given again.
    pub sensitive_variables: BTreeSet<String>,
    /// The environment variables that expressions name, without sensitive ones: to be given as
    /// [`Inputs::environment`].
    pub environment: BTreeMap<String, String>,
    /// The names of environment variables that reach something sensitive: their values are not kept and have to be
    /// given again.
    pub sensitive_environment: BTreeSet<String>,
}

impl UsedInputs {
    /// Of these environment variables only the names of those that are set are kept.
    pub(super) fn keep_out(&mut self, sensitive: BTreeSet<String>) {
        for name in sensitive {
            if self.environment.remove(&name).is_some() {
                self.sensitive_environment.insert(name);
            }
        }
    }
}

/// What was read, with all environment variables that are named.
pub(super) fn used(
    world: &World,
    names: &Names,
    variables: &BTreeMap<String, Variable>,
    inputs: &Inputs<'_>,
) -> UsedInputs {
    let mut used = UsedInputs {
        files: world.files.texts(),
        ..UsedInputs::default()
    };
    for (name, variable) in variables {
        let from_environment = || inputs.environment.get(&format!("{ENVIRONMENT_PREFIX}{name}"));
        if let Some(text) = inputs.variables.get(name).or_else(from_environment) {
            if variable.sensitive {
                used.sensitive_variables.insert(name.clone());
            } else {
                used.variables.insert(name.clone(), text.clone());
            }
        }
    }
    used.environment = inputs
        .environment
        .iter()
        .filter(|(name, _)| names.environment.contains(*name))
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    used
}
