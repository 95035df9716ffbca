//! The one place that reads environment variables, apart from AWS's SDK.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where image pushes go instead of the host in the repository's URI.
pub const REGISTRY: &str = "INFRA_ECR_REGISTRY";

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where Docker keeps its configuration, and in it the credentials of registries.
pub fn docker_config() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(variable("HOME")?).join(".docker"));
    variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
}

/// All variables that are text.
pub fn all() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
