//! The environment variables of the command line, all of which are read here. Below it AWS's SDK reads those of AWS's
//! tools, `infra-sandbox` its own two, `infra-oci` the `PATH` on which it looks for a builder, and `infra-state` the
//! user's name for the note of who holds a stack. What is started from here, the emulator or a builder, inherits all.
//! `xtask/tests/sources.rs` knows every file that reads one.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where image pushes go instead of the host in the repository's URI.
pub const REGISTRY: &str = "INFRA_ECR_REGISTRY";

/// The key that sensitive values are sealed with: 32 bytes or more in base64.
pub const SEALING_KEY: &str = "INFRA_SEALING_KEY";
/// A file that holds that key.
pub const SEALING_KEY_FILE: &str = "INFRA_SEALING_KEY_FILE";

/// A variable that is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that is set, empty or not. What is no text is given with signs in place of what cannot be read.
pub fn set(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}

/// Where Docker keeps its configuration, and in it the credentials of registries.
pub fn docker_config() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(variable("HOME")?).join(".docker"));
    variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
}

/// What is set of the variables that say how AWS is reached. Paths that are no text are not found either.
pub fn of_aws() -> BTreeMap<String, String> {
    infra_aws::VARIABLES
        .into_iter()
        .filter_map(|name| {
            let value = std::env::var_os(name)?;
            Some((name.to_owned(), value.to_string_lossy().into_owned()))
        })
        .collect()
}

/// All variables that are text.
pub fn all() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
