//! AWS's standard environment, as far as the SDK does not take it by itself: certificate bundles, proxies, retries, and
//! what the SDK passes over in silence when it is not well formed.
//!
//! A variable counts before the profile's setting, as in AWS's own tools:
//! <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_types::retry::RetryConfig;
use aws_types::os_shim_internal::{Env, Fs};
use infra_core::{ErrorClass, ProviderError};
use infra_oci::{Named, Network, Proxies, Proxy, Trust};
use infra_provider::ProviderResult;

use crate::credentials::Source;
use crate::endpoints::{self, SERVICES};
use crate::errors::of_registry;

/// The variables that [`connect`](crate::connect) wants to know, if they are set.
pub const VARIABLES: [&str; 46] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ACM",
    "AWS_ENDPOINT_URL_APIGATEWAYV2",
    "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ECS",
    "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
    "AWS_ENDPOINT_URL_ROUTE_53",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_PROFILE",
    "AWS_RETRY_MODE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SECRET_ACCESS_KEY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "USERPROFILE",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Tries of a read, with the SDK's exponential backoff and jitter between them.
pub const READ_ATTEMPTS: u32 = 8;

/// What the environment says of connections.
#[derive(Debug, Clone)]
pub struct Environment {
    /// How AWS and registries are reached.
    pub network: Network,
    /// How often and how patiently reads are repeated.
    pub retries: RetryConfig,
    /// The profile, where another variable than the SDK's own names it.
    pub profile_name: Option<String>,
    /// Where credentials come from, and the profile that counts; `None` for an emulator, which takes any.
    pub source: Option<(Source, String)>,
}

impl Environment {
    /// What the variables say, and the profile that they name.
    ///
    /// # Errors
    /// A variable or a setting that says nothing that can be followed, or a file that it names and that cannot be read.
    pub async fn of(variables: &BTreeMap<String, String>) -> ProviderResult<Self> {
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        let profile_name = match set("AWS_PROFILE") {
            Some(_) => None,
            None => set("AWS_DEFAULT_PROFILE").cloned(),
        };
        let env = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let env = Env::from_slice(&env.collect::<Vec<_>>());
        let selected = profile_name.clone().map(Into::into);
        let profile = load(&env, &EnvConfigFiles::default(), selected.clone()).await?;
        let of_credentials = EnvConfigFiles::builder().include_default_credentials_file(true);
        let stored = load(&env, &of_credentials.build(), selected).await?;
        let source = Source::find(variables, &profile, &stored)?;
        let selected = profile.selected_profile().to_owned();
        let settings = Settings {
            variables,
            profile: Some(profile),
        };
        settings.check_endpoints()?;
        Ok(Self {
            network: settings.network()?,
            retries: settings.retries()?,
            profile_name,
            source: Some((source, selected)),
        })
    }

    /// What counts for an emulator, which nobody's profile is about.
    ///
    /// # Errors
    /// As [`Environment::of`].
    pub fn of_emulator(variables: &BTreeMap<String, String>) -> ProviderResult<Self> {
        let settings = Settings {
            variables,
            profile: None,
        };
        Ok(Self {
            network: settings.network()?,
            retries: RetryConfig::standard().with_max_attempts(READ_ATTEMPTS),
            profile_name: None,
            source: None,
        })
    }
}

/// What AWS's files say.
async fn load(
    env: &Env,
    files: &EnvConfigFiles,
    selected: Option<Cow<'static, str>>,
) -> ProviderResult<ProfileSet> {
    profile::load(&Fs::real(), env, files, selected)
        .await
        .map_err(|error| {
            let cause = infra_oci::errors(&error).last().map(ToString::to_string);
            wrong(format!(
                "AWS's configuration files cannot be read: {}",
                cause.unwrap_or_default()
            ))
            .hint(
                "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say where they are, else ~/.aws/config and \
                 ~/.aws/credentials",
            )
        })
}

struct Settings<'a> {
    variables: &'a BTreeMap<String, String>,
    profile: Option<ProfileSet>,
}

/// What something is set to, and what set it.
struct Setting<'a> {
    value: &'a str,
    by: String,
}

impl Settings<'_> {
    /// A variable that is set and not empty.
    fn variable<'a>(&'a self, name: &str) -> Option<Setting<'a>> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        Some(Setting {
            value,
            by: name.to_owned(),
        })
    }

    /// A variable, else the profile's setting.
    fn setting<'a>(&'a self, variable: &str, key: &str) -> Option<Setting<'a>> {
        self.variable(variable).or_else(|| {
            let profile = self.profile.as_ref()?;
            Some(Setting {
                value: profile.get(key)?,
                by: format!("`{key}` of the profile `{}`", profile.selected_profile()),
            })
        })
    }

    fn network(&self) -> ProviderResult<Network> {
        Ok(Network {
            trust: self.trust().map_err(of_registry)?,
            proxies: self.proxies().map_err(of_registry)?,
        })
    }

    /// AWS's own settings replace what the machine trusts, and so do OpenSSL's, which Docker takes too.
    fn trust(&self) -> Result<Trust, infra_oci::Error> {
        if let Some(Setting { value, by }) = self.setting("AWS_CA_BUNDLE", "ca_bundle") {
            return Trust::bundle(Named {
                by,
                path: value.into(),
            });
        }
        let folders = self.variable("SSL_CERT_DIR");
        let named = |setting: &Setting<'_>| Named {
            by: setting.by.clone(),
            path: setting.value.into(),
        };
        let paths: Vec<PathBuf> = folders
            .as_ref()
            .map_or_else(Vec::new, |folders| std::env::split_paths(folders.value).collect());
        match (self.variable("SSL_CERT_FILE"), &folders) {
            (Some(file), _) => Trust::bundle_and_folders(named(&file), &paths),
            (None, Some(folders)) => Trust::folders(named(folders), &paths),
            (None, None) => Ok(Trust::default()),
        }
    }

    /// Names in small letters count first, also when they are set to nothing; so does boto3 have it, and curl.
    fn proxies(&self) -> Result<Proxies, infra_oci::Error> {
        let value = |small: &str, large: &str| {
            let name = if self.variables.contains_key(small) {
                small
            } else {
                large
            };
            self.variable(name)
        };
        let proxy = |small: &str, large: &str| {
            let setting = value(small, large);
            setting
                .map(|setting| Proxy::new(&setting.by, setting.value))
                .transpose()
        };
        let direct = value("no_proxy", "NO_PROXY");
        Ok(Proxies::new(
            proxy("http_proxy", "HTTP_PROXY")?,
            proxy("https_proxy", "HTTPS_PROXY")?,
            direct.map_or("", |direct| direct.value),
        ))
    }

    /// The user's where they are set. What boto3 calls `legacy` differs from `standard` in what it repeats, not in how.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
    fn retries(&self) -> ProviderResult<RetryConfig> {
        let retries = match self.setting("AWS_RETRY_MODE", "retry_mode") {
            None => RetryConfig::standard(),
            Some(Setting { value, by }) => match value.trim().to_ascii_lowercase().as_str() {
                "standard" | "legacy" => RetryConfig::standard(),
                "adaptive" => RetryConfig::adaptive(),
                _ => {
                    return Err(wrong(format!("{by} is `{value}`"))
                        .hint("a retry mode is standard, adaptive or legacy"));
                }
            },
        };
        let attempts = match self.setting("AWS_MAX_ATTEMPTS", "max_attempts") {
            None => READ_ATTEMPTS,
            Some(Setting { value, by }) => match value.trim().parse() {
                Ok(attempts) if attempts > 0 => attempts,
                _ => {
                    return Err(wrong(format!("{by} is `{value}`")).hint(
                        "the most attempts of a call are a whole number from 1 on, the first one counted",
                    ));
                }
            },
        };
        Ok(retries.with_max_attempts(attempts))
    }

    /// The SDK passes over what is not well formed, and asks AWS itself instead.
    fn check_endpoints(&self) -> ProviderResult<()> {
        for (variable, key) in [
            ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
            (
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                "ignore_configured_endpoint_urls",
            ),
        ] {
            if let Some(Setting { value, by }) = self.setting(variable, key)
                && !["true", "false"]
                    .iter()
                    .any(|word| value.eq_ignore_ascii_case(word))
            {
                return Err(wrong(format!("{by} is `{value}`")).hint("it is true or false"));
            }
        }
        let variables = SERVICES.into_iter().map(|(_, variable)| variable);
        let empty = |name: &&str| self.variables.get(*name).is_some_and(String::is_empty);
        if let Some(name) = ["AWS_ENDPOINT_URL"].into_iter().chain(variables).find(empty) {
            return Err(wrong(format!("{name} is set and empty")).hint("unset it for AWS's own address"));
        }
        let of_all = self.setting("AWS_ENDPOINT_URL", "endpoint_url");
        let of_services = SERVICES
            .into_iter()
            .filter_map(|(_, variable)| self.variable(variable));
        for Setting { value, by } in of_all.into_iter().chain(of_services) {
            endpoints::check(value, &by)?;
        }
        Ok(())
    }
}

fn wrong(message: String) -> ProviderError {
    ProviderError::new(ErrorClass::Invalid, message)
}

#[cfg(test)]
mod tests;
