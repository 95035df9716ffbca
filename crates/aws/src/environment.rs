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
mod tests {
    use std::fs;

    use aws_smithy_types::retry::RetryMode;
    use tempfile::TempDir;

    use super::*;

    const AUTHORITY: &str = include_str!("../../oci/src/network/authority.pem");

    /// A machine with these variables, and with this in `~/.aws/config`. `{home}` is its folder.
    struct Machine(TempDir);

    impl Machine {
        fn new(config: &str) -> Self {
            let machine = Self(TempDir::new().unwrap());
            machine.write(".aws/config", config);
            for name in ["one.pem", "two.pem", "three.pem", "folder/four.pem"] {
                machine.write(name, AUTHORITY);
            }
            machine.write("empty.pem", "");
            machine
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, self.filled(content)).unwrap();
        }

        fn filled(&self, text: &str) -> String {
            text.replace("{home}", self.0.path().to_str().unwrap())
        }

        async fn says(&self, variables: &[(&str, &str)]) -> ProviderResult<Environment> {
            let mut map = BTreeMap::from([("HOME".to_owned(), self.filled("{home}"))]);
            for (name, value) in variables {
                assert!(VARIABLES.contains(name), "{name} is not asked for");
                map.insert((*name).to_owned(), self.filled(value));
            }
            Environment::of(&map).await
        }
    }

    #[tokio::test]
    async fn a_bundle_is_named_by_awss_variable_then_the_profile_then_openssls() {
        let bundle = "[default]\nca_bundle = {home}/two.pem\n[profile other]\nregion = eu-west-1\n";
        let aws = ("AWS_CA_BUNDLE", "{home}/one.pem");
        let openssl = ("SSL_CERT_FILE", "{home}/three.pem");
        let folders = ("SSL_CERT_DIR", "{home}/folder");
        for (config, variables, expected, count) in [
            ("", &[][..], "this machine's", None),
            (bundle, &[aws, openssl], "one.pem` of AWS_CA_BUNDLE", Some(1)),
            (
                bundle,
                &[openssl],
                "two.pem` of `ca_bundle` of the profile `default`",
                Some(1),
            ),
            (
                bundle,
                &[openssl, ("AWS_PROFILE", "other")],
                "three.pem` of SSL_CERT_FILE",
                Some(1),
            ),
            (
                bundle,
                &[openssl, ("AWS_DEFAULT_PROFILE", "other")],
                "three.pem` of SSL_CERT_FILE",
                Some(1),
            ),
            (
                "",
                &[("AWS_CA_BUNDLE", ""), openssl],
                "three.pem` of SSL_CERT_FILE",
                Some(1),
            ),
            ("", &[openssl, folders], "three.pem` of SSL_CERT_FILE", Some(2)),
            ("", &[folders], "folder` of SSL_CERT_DIR", Some(1)),
        ] {
            let found = Machine::new(config).says(variables).await.unwrap();
            let trust = found.network.trust;
            let shown = trust.to_string();
            assert!(shown.contains(expected), "{variables:?}: {shown}");
            assert_eq!(trust.is_machines(), count.is_none());
            if let Some(count) = count {
                assert_eq!(trust.certificates().len(), count, "{variables:?}");
            }
        }
    }

    #[tokio::test]
    async fn proxies_are_named_in_small_and_large_letters() {
        let sts = "https://sts.amazonaws.com";
        for (variables, url, proxy) in [
            (&[][..], sts, None),
            (&[("HTTPS_PROXY", "http://a.example:1")], sts, Some("HTTPS_PROXY")),
            (&[("https_proxy", "http://a.example:1")], sts, Some("https_proxy")),
            (
                &[
                    ("https_proxy", "http://a.example:1"),
                    ("HTTPS_PROXY", "http://b.example:1"),
                ],
                sts,
                Some("https_proxy"),
            ),
            (
                &[("https_proxy", ""), ("HTTPS_PROXY", "http://b.example:1")],
                sts,
                None,
            ),
            (&[("HTTP_PROXY", "http://a.example:1")], sts, None),
            (
                &[("HTTP_PROXY", "http://a.example:1")],
                "http://emulator.example",
                Some("HTTP_PROXY"),
            ),
            (
                &[("HTTPS_PROXY", "a.example:1"), ("NO_PROXY", "amazonaws.com")],
                sts,
                None,
            ),
            (
                &[("HTTPS_PROXY", "a.example:1"), ("no_proxy", "amazonaws.com")],
                sts,
                None,
            ),
            (&[("HTTPS_PROXY", "a.example:1")], "https://169.254.169.254", None),
        ] {
            let network = Machine::new("").says(variables).await.unwrap().network;
            let found = network.proxies.of_address(url).map(ToString::to_string);
            match proxy {
                Some(name) => assert!(found.unwrap().ends_with(&format!(" of {name}"))),
                None => assert_eq!(found, None, "{variables:?}"),
            }
        }
    }

    #[tokio::test]
    async fn retries_are_the_users_where_they_are_set() {
        let profile = "[default]\nretry_mode = adaptive\nmax_attempts = 5\n";
        for (config, variables, mode, attempts) in [
            ("", &[][..], RetryMode::Standard, 8),
            ("", &[("AWS_MAX_ATTEMPTS", "2")], RetryMode::Standard, 2),
            ("", &[("AWS_RETRY_MODE", "legacy")], RetryMode::Standard, 8),
            ("", &[("AWS_RETRY_MODE", "Adaptive")], RetryMode::Adaptive, 8),
            (profile, &[], RetryMode::Adaptive, 5),
            (profile, &[("AWS_MAX_ATTEMPTS", "1")], RetryMode::Adaptive, 1),
            (profile, &[("AWS_RETRY_MODE", "standard")], RetryMode::Standard, 5),
        ] {
            let retries = Machine::new(config).says(variables).await.unwrap().retries;
            assert_eq!(
                (retries.mode(), retries.max_attempts()),
                (mode, attempts),
                "{variables:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_followed_is_an_error_that_names_what_set_it() {
        let profile = "[default]\nca_bundle = {home}/nowhere.pem\n";
        for (config, variables, parts) in [
            (
                "",
                ("AWS_CA_BUNDLE", "{home}/nowhere.pem"),
                ["AWS_CA_BUNDLE", "{home}/nowhere.pem"],
            ),
            (
                "",
                ("AWS_CA_BUNDLE", "{home}/empty.pem"),
                ["{home}/empty.pem` of AWS_CA_BUNDLE", "there is none"],
            ),
            (
                "",
                ("SSL_CERT_FILE", "{home}/nowhere.pem"),
                ["SSL_CERT_FILE", "nowhere.pem"],
            ),
            (
                "",
                ("SSL_CERT_DIR", "{home}/nowhere"),
                ["SSL_CERT_DIR", "there is none"],
            ),
            (
                profile,
                ("AWS_PROFILE", "default"),
                ["`ca_bundle` of the profile `default`", "{home}/nowhere.pem"],
            ),
            (
                "",
                ("HTTPS_PROXY", "socks5://a.example:1"),
                ["HTTPS_PROXY", "socks5"],
            ),
            (
                "",
                ("AWS_MAX_ATTEMPTS", "0"),
                ["AWS_MAX_ATTEMPTS is `0`", "from 1 on"],
            ),
            ("", ("AWS_MAX_ATTEMPTS", "many"), ["`many`", "from 1 on"]),
            ("", ("AWS_RETRY_MODE", "never"), ["`never`", "adaptive"]),
            (
                "",
                ("AWS_USE_FIPS_ENDPOINT", "yes"),
                ["AWS_USE_FIPS_ENDPOINT is `yes`", "true or false"],
            ),
            (
                "[default]\nuse_dualstack_endpoint = 1\n",
                ("AWS_PROFILE", "default"),
                ["`use_dualstack_endpoint`", "true or false"],
            ),
            (
                "",
                ("AWS_ENDPOINT_URL", "127.0.0.1:5000"),
                ["AWS_ENDPOINT_URL is `127.0.0.1:5000`", "http://"],
            ),
            (
                "[default]\nendpoint_url = localhost:5000\n",
                ("AWS_PROFILE", "default"),
                ["`endpoint_url` of the profile", "http://"],
            ),
            (
                "[default\n",
                ("AWS_PROFILE", "default"),
                ["AWS's configuration files", "~/.aws/config"],
            ),
        ] {
            let machine = Machine::new(config);
            let error = machine.says(&[variables]).await.unwrap_err();
            let said = format!("{} {}", error.message, error.hint.unwrap_or_default());
            assert_eq!(error.class, ErrorClass::Invalid, "{said}");
            for part in parts {
                assert!(said.contains(&machine.filled(part)), "{variables:?}: {said}");
            }
        }
    }
}
