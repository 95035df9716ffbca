//! Where credentials come from. It is the chain of AWS's own tools: variables, the profile, a web identity, a container,
//! this machine. Which link of it counts is known before anything is asked, so that what cannot work is told at once, with
//! the variable or the key of the profile that says so; the SDK would pass it over, or fail in words of its own.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

mod code;
mod process;
mod profiles;
mod roles;
mod told;

use std::collections::BTreeMap;
use std::path::Path;

use aws_config::SdkConfig;
use aws_config::profile::ProfileSet;
use aws_credential_types::provider::SharedCredentialsProvider;
use infra_core::{ErrorClass, ProviderError, nearest};
use infra_provider::ProviderResult;

pub use code::AskCode;
use profiles::{Base, Chain};
use roles::Taking;

/// Where the credentials of a run come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Variables,
    /// A profile.
    Profile(Box<Chain>),
    /// The token in the file that `AWS_WEB_IDENTITY_TOKEN_FILE` names.
    WebIdentity,
    /// What a container is told to ask.
    Container(Container),
    /// This machine, if it is one of EC2's.
    Machine(Machine),
}

/// What a container is told to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The variable that says so.
    variable: &'static str,
    /// What it says.
    address: String,
}

/// A machine's own credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The profile that has none, and was looked at before.
    profile: String,
    /// The files in which it would be.
    files: Files,
}

/// The files that profiles are in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Files {
    config: String,
    credentials: String,
}

impl Files {
    fn of(variables: &BTreeMap<String, String>) -> Self {
        let home = set(variables, "HOME").or_else(|| set(variables, "USERPROFILE"));
        let file = |variable: &str, name: &str| {
            let named = set(variables, variable).map(str::to_owned);
            named.unwrap_or_else(|| format!("{}/.aws/{name}", home.unwrap_or("~")))
        };
        Self {
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// Where something was looked for.
    fn neither(&self) -> String {
        format!("neither in {} nor in {}", self.config, self.credentials)
    }
}

/// A variable that is set and not blank.
fn set<'a>(variables: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let value = variables.get(name).map(String::as_str);
    value.filter(|value| !value.trim().is_empty())
}

fn wrong(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorClass::Credentials, message)
}

impl Source {
    /// The first link of the chain that has something to say.
    ///
    /// # Errors
    /// It says something that cannot be followed.
    pub fn find(variables: &BTreeMap<String, String>, profiles: &ProfileSet) -> ProviderResult<Self> {
        let files = Files::of(variables);
        let selected = profiles.selected_profile();
        let by = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
        let by = by.into_iter().find(|name| set(variables, name).is_some());
        let is_there = profiles.get_profile(selected).is_some();
        if let Some(by) = by.filter(|_| !is_there && selected != "default") {
            return Err(no_profile(selected, &format!("of {by}"), profiles, &files));
        }
        if set(variables, "AWS_ACCESS_KEY_ID").is_some() {
            let secrets = ["AWS_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY"];
            if secrets.iter().all(|name| set(variables, name).is_none()) {
                return Err(
                    wrong("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not").hint(
                        "set both, and AWS_SESSION_TOKEN beside them where the key is a temporary one; or neither, for the \
                         profile. In CI a protected or masked variable may be missing for this branch",
                    ),
                );
            }
            return Ok(Self::Variables);
        }
        if is_there && let Some(chain) = Chain::of(profiles, variables, &files)? {
            return Ok(Self::Profile(Box::new(chain)));
        }
        if let Some(file) = set(variables, "AWS_WEB_IDENTITY_TOKEN_FILE") {
            if set(variables, "AWS_ROLE_ARN").is_none() {
                return Err(
                    wrong("AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not")
                        .hint("AWS_ROLE_ARN is the role that is taken with the token"),
                );
            }
            check_token(file, "AWS_WEB_IDENTITY_TOKEN_FILE")?;
            return Ok(Self::WebIdentity);
        }
        Ok(match Container::of(variables) {
            Some(container) => Self::Container(container),
            None => Self::Machine(Machine {
                profile: selected.to_owned(),
                files,
            }),
        })
    }

    /// What gives the credentials, where the SDK's own chain would not do all that the source says.
    pub async fn provider(
        &self,
        config: &SdkConfig,
        session_name: &str,
        ask_code: Option<std::sync::Arc<dyn AskCode>>,
    ) -> ProviderResult<Option<SharedCredentialsProvider>> {
        let Self::Profile(chain) = self else {
            return Ok(None);
        };
        if chain.roles.is_empty() && !matches!(chain.base, Base::Process(_)) {
            return Ok(None);
        }
        let taking = Taking::new(chain, config, session_name, ask_code);
        // What a person is asked, or a program does, is not bound to the time that the SDK gives to a call.
        taking.begin().await.map_err(|error| self.explain(&error))?;
        Ok(Some(SharedCredentialsProvider::new(taking)))
    }
}

impl Container {
    fn of(variables: &BTreeMap<String, String>) -> Option<Self> {
        let by = |variable: &'static str| {
            let address = set(variables, variable)?.to_owned();
            Some(Self { variable, address })
        };
        by("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").or_else(|| by("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    }
}

/// A token that is not there would be taken for a network that is not.
fn check_token(file: &str, by: &str) -> ProviderResult<()> {
    let problem = match std::fs::metadata(Path::new(file)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
        Ok(found) if found.is_dir() => "is a folder".to_owned(),
        Ok(found) if found.len() == 0 => "is empty".to_owned(),
        Ok(_) => return Ok(()),
    };
    Err(
        wrong(format!("the file of the web identity's token {problem}: {file}, which {by} names")).hint(
            "whoever gives the identity writes it: EKS mounts it for a service account that has a role; in CI the job writes \
             its ID token there before `infra` begins",
        ),
    )
}

/// A profile that is not defined.
fn no_profile(name: &str, by: &str, profiles: &ProfileSet, files: &Files) -> ProviderError {
    let mut known: Vec<&str> = profiles.profiles().collect();
    known.sort_unstable();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is no profile at all; `aws configure sso` makes one".to_owned(),
        None => format!("profiles there: {}", known.join(", ")),
    };
    wrong(format!("the profile `{name}` {by} is {}", files.neither())).hint(format!(
        "{hint} (in {} a section is named `[profile {name}]`)",
        files.config
    ))
}
