//! Which setting an address comes from, so that an error of the connection can name it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use infra_core::{ErrorClass, ProviderError};
use infra_provider::ProviderResult;

/// The services that are called, those that credentials come from among them: AWS's id, by which the variables and the
/// profile's `services` know them, and the variable.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
pub const SERVICES: [(&str, &str); 15] = [
    ("ACM", "AWS_ENDPOINT_URL_ACM"),
    ("ApiGatewayV2", "AWS_ENDPOINT_URL_APIGATEWAYV2"),
    (
        "Application Auto Scaling",
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING",
    ),
    ("CloudWatch Logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
    ("EC2", "AWS_ENDPOINT_URL_EC2"),
    ("ECR", "AWS_ENDPOINT_URL_ECR"),
    ("ECS", "AWS_ENDPOINT_URL_ECS"),
    (
        "Elastic Load Balancing v2",
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2",
    ),
    ("IAM", "AWS_ENDPOINT_URL_IAM"),
    ("KMS", "AWS_ENDPOINT_URL_KMS"),
    (
        "Resource Groups Tagging API",
        "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
    ),
    ("Route 53", "AWS_ENDPOINT_URL_ROUTE_53"),
    ("SSO", "AWS_ENDPOINT_URL_SSO"),
    ("SSO OIDC", "AWS_ENDPOINT_URL_SSO_OIDC"),
    ("STS", "AWS_ENDPOINT_URL_STS"),
];

/// What of a container and of a machine says where their credentials are.
const SOURCES: [&str; 2] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// The host that a container asks of which it is told no more than a path.
const CONTAINER: &str = "169.254.170.2";

/// The settings of addresses, by host and port. They are known a little later than the HTTP client that asks for them.
#[derive(Debug, Clone, Default)]
pub struct Endpoints(Arc<OnceLock<BTreeMap<String, String>>>);

impl Endpoints {
    /// Notes what the environment says, and the profile of this name.
    ///
    /// # Errors
    /// What the profile says of a service is no address.
    pub fn note(
        &self,
        variables: &BTreeMap<String, String>,
        config: &SdkConfig,
        profile: &str,
    ) -> ProviderResult<()> {
        let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        let mut by = BTreeMap::new();
        let mut note = |address: &str, setting: String| {
            if let Some(host) = authority(address) {
                by.entry(host.to_ascii_lowercase()).or_insert(setting);
            }
        };
        for name in SOURCES {
            if let Some(address) = set(name) {
                note(address, name.to_owned());
            }
        }
        if set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some() {
            let address = format!("http://{CONTAINER}");
            note(&address, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI".to_owned());
        }
        let of_variables = SERVICES.into_iter().map(|(_, variable)| variable);
        for variable in of_variables.chain(["AWS_ENDPOINT_URL"]) {
            if let Some(address) = set(variable) {
                note(address, variable.to_owned());
            }
        }
        // What is left is the profile's: of the service, or of all.
        for (id, _) in SERVICES {
            let key = ServiceConfigKey::builder()
                .service_id(id)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build();
            let loaded = key.ok().and_then(|key| config.service_config()?.load_config(key));
            if let Some(address) = loaded {
                let setting = format!("`endpoint_url` of the profile `{profile}`");
                check(&address, &setting)?;
                note(&address, setting);
            }
        }
        // A second look finds the same.
        let _ = self.0.set(by);
        Ok(())
    }

    /// Notes that an address is an emulator's.
    pub fn note_emulator(&self, address: &str) {
        let by = authority(address).map(|host| (host.to_ascii_lowercase(), "the sandbox".to_owned()));
        let _ = self.0.set(by.into_iter().collect());
    }

    /// The setting that a host comes from; `None`: it is AWS's own.
    pub fn set_by(&self, host: &str) -> Option<String> {
        self.0.get()?.get(&host.to_ascii_lowercase()).cloned()
    }
}

/// Refuses what is no address of an endpoint, which `by` is set to: the SDK passes over it, or breaks down.
///
/// # Errors
/// What is wrong, and how an address looks.
pub fn check(address: &str, by: &str) -> ProviderResult<()> {
    let rest = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?'])) {
        return Ok(());
    }
    let message = format!("{by} is `{address}`, which is no address");
    Err(ProviderError::new(ErrorClass::Invalid, message)
        .hint("an endpoint begins with https:// or http://, such as http://127.0.0.1:5000"))
}

/// Host and port of an address, without anybody's name and password.
pub fn authority(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_as_awss_tools_name_them() {
        for (id, variable) in SERVICES {
            let expected = id.to_ascii_uppercase().replace([' ', '-'], "_");
            assert_eq!(variable, format!("AWS_ENDPOINT_URL_{expected}"));
        }
    }

    #[test]
    fn a_host_is_told_without_what_surrounds_it() {
        for (address, host) in [
            (
                "https://sts.us-east-1.amazonaws.com/?a=b",
                Some("sts.us-east-1.amazonaws.com"),
            ),
            ("http://user:fake@127.0.0.1:5000/path", Some("127.0.0.1:5000")),
            ("http://[::1]:5000", Some("[::1]:5000")),
            ("127.0.0.1:5000", None),
            ("http:///path", None),
        ] {
            assert_eq!(authority(address), host, "{address}");
        }
    }
}
