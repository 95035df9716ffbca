//! What a container is told to ask, and with which token.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use std::collections::BTreeMap;

use infra_provider::ProviderResult;

use super::{set, token, wrong};

/// What a container is told to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The variable that says so.
    pub(super) variable: &'static str,
    /// What it says.
    pub(super) address: String,
}

const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

impl Container {
    /// What the variables say.
    ///
    /// # Errors
    /// They name a token that cannot be read.
    pub(super) fn of(variables: &BTreeMap<String, String>) -> ProviderResult<Option<Self>> {
        let by = |variable: &'static str| {
            let address = set(variables, variable)?.to_owned();
            Some(Self { variable, address })
        };
        let found = by("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let found = found.or_else(|| by("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
        if found.is_some()
            && let Some(file) = variables.get(TOKEN_FILE)
        {
            if file.trim().is_empty() {
                return Err(
                    wrong(format!("{TOKEN_FILE} is set and empty")).hint("unset it where no token is needed")
                );
            }
            let hint = "whoever runs the container writes it: EKS mounts it for a service account that has a Pod Identity \
                        association";
            token::check(
                "the token for the container's credentials",
                file,
                TOKEN_FILE,
                hint,
            )?;
        }
        Ok(found)
    }
}
