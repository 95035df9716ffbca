//! Where credentials come from. It is the chain of AWS's CLI and of boto3, which is another than that of AWS's SDK for
//! Rust: keys in the environment; the role of the profile; a web identity, of the environment or of the profile; the rest of
//! what the profile says; a container; this machine. AWS_PROFILE says which profile that is, and changes nothing of the
//! order. Which link of it counts is known before anything is asked, so that what cannot work is told at once, with the
//! variable or the key of the profile that says so; the SDK would pass it over, or fail in words of its own.
//!
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-quickstart.html#cli-configure-quickstart-precedence> and,
//! for what it leaves open, `create_credential_resolver` of
//! <https://github.com/boto/botocore/blob/develop/botocore/credentials.py>.

mod code;
mod container;
mod process;
mod profiles;
mod roles;
mod sign_in;
#[cfg(test)]
mod tests;
mod token;
mod told;
mod web_identity;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileSet;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use infra_core::{ErrorClass, ProviderError, nearest};
use infra_provider::ProviderResult;

pub use code::AskCode;
use container::Container;
use profiles::{Base, Chain, takes_role};
use roles::Taking;
use web_identity::{WebIdentity, WebIdentityProvider};

/// Where the credentials of a run come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    Variables,
    /// A profile.
    Profile(Box<Chain>),
    /// A role that is taken with a token in a file, of which the environment names at least one.
    WebIdentity(WebIdentity),
    /// What a container is told to ask.
    Container(Container),
    /// This machine, if it is one of EC2's.
    Machine(Machine),
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
    /// The first link of the chain that has something to say. `stored` is what the credentials file alone says.
    ///
    /// # Errors
    /// It says something that cannot be followed.
    pub fn find(
        variables: &BTreeMap<String, String>,
        profiles: &ProfileSet,
        stored: &ProfileSet,
    ) -> ProviderResult<Self> {
        let files = Files::of(variables);
        let selected = profiles.selected_profile();
        let by = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
        let by = by.into_iter().find(|name| set(variables, name).is_some());
        let profile = profiles.get_profile(selected);
        if let Some(by) = by.filter(|_| profile.is_none() && selected != "default") {
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
        // Of the profile only its role counts before a web identity of the environment.
        if !profile.is_some_and(takes_role)
            && let Some(identity) = WebIdentity::of_environment(variables, profile)?
        {
            return Ok(Self::WebIdentity(identity));
        }
        if profile.is_some()
            && let Some(chain) = Chain::of(profiles, stored, variables, &files)?
        {
            return Ok(Self::Profile(Box::new(chain)));
        }
        Ok(match Container::of(variables)? {
            Some(container) => Self::Container(container),
            None => Self::Machine(Machine {
                profile: selected.to_owned(),
                files,
            }),
        })
    }

    /// What gives the credentials; `None` where that is the SDK's own chain, which begins with the variables.
    pub async fn provider(
        &self,
        config: &SdkConfig,
        session_name: &str,
        ask_code: Option<std::sync::Arc<dyn AskCode>>,
    ) -> ProviderResult<Option<SharedCredentialsProvider>> {
        let chain = match self {
            Self::Variables => return Ok(None),
            Self::Container(_) => return Ok(Some(container(config))),
            Self::Machine(_) => return Ok(Some(machine(config))),
            Self::WebIdentity(identity) => {
                let provider = WebIdentityProvider::new(identity, config, session_name);
                return Ok(Some(SharedCredentialsProvider::new(provider)));
            }
            Self::Profile(chain) => chain,
        };
        let taking = Taking::new(chain, config, session_name, ask_code);
        // What a person is asked, or a program does, is not bound to the time that the SDK gives to a call.
        if !chain.roles.is_empty() || matches!(chain.base, Base::Process(_)) {
            taking.begin().await.map_err(|error| self.explain(&error))?;
        }
        Ok(Some(SharedCredentialsProvider::new(taking)))
    }
}

/// What the SDK's own sources go by.
fn sources(config: &SdkConfig) -> ProviderConfig {
    let sources = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    match config.http_client() {
        Some(http) => sources.with_http_client(http),
        None => sources,
    }
}

fn container(config: &SdkConfig) -> SharedCredentialsProvider {
    let provider = EcsCredentialsProvider::builder().configure(&sources(config));
    SharedCredentialsProvider::new(provider.build())
}

fn machine(config: &SdkConfig) -> SharedCredentialsProvider {
    let provider = ImdsCredentialsProvider::builder().configure(&sources(config));
    SharedCredentialsProvider::new(provider.build())
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
