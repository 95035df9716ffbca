//! `apigatewayv2.domain_name`: a domain name of your own for APIs.
//!
//! Calls: CreateDomainName, GetDomainName, GetDomainNames, UpdateDomainName, TagResource, UntagResource,
//! DeleteDomainName. A change of the name makes a new one. The id is the name. AWS takes one CreateDomainName
//! or UpdateDomainName per 30 s, and needs up to minutes to bring a new certificate into use. AWS's list of
//! configurations never has more than one entry, whose parts are attributes here.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames.html>

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::{self as sdk, DomainNameStatus};
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update, Wait, Waits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Gateway, all_pages, in_use, ours, tags_for_create, text, user_tags};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::ownership::Taken;
use crate::read::{Observations, holders_by_id};
use crate::tags::Tags;
use crate::texts::texts;

/// Up to so many names are asked for one by one; for more, all of the account are listed.
const FEW: usize = 3;

/// The type.
pub struct DomainName {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name in lower case, such as `api.example.com` or `*.example.com`.
    pub domain_name: String,
    /// The ARN of the ACM certificate, which must be issued, for this name, and in the stack's region.
    pub certificate_arn: String,
    /// Where the name is served from: HTTP APIs know `REGIONAL` only. AWS's default is `REGIONAL`.
    #[schemars(extend("default" = "REGIONAL"))]
    pub endpoint_type: Option<EndpointType>,
    /// The oldest TLS version that clients may speak: HTTP APIs know `TLS_1_2` only. AWS's default is
    /// `TLS_1_2`.
    #[schemars(extend("default" = "TLS_1_2"))]
    pub security_policy: Option<SecurityPolicy>,
    /// Whether the name answers over IPv4 or over IPv6 as well. AWS's default is `ipv4`.
    #[schemars(extend("default" = "ipv4"))]
    pub ip_address_type: Option<IpAddressType>,
    /// Makes clients show a certificate.
    pub mutual_tls_authentication: Option<MutualTls>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

texts! {
    /// Where a name is served from.
    EndpointType => sdk::EndpointType {
        /// The region.
        Regional = "REGIONAL",
    }
}

texts! {
    /// The oldest TLS version.
    SecurityPolicy => sdk::SecurityPolicy {
        /// TLS 1.2.
        Tls12 = "TLS_1_2",
    }
}

texts! {
    /// How clients may connect.
    IpAddressType => sdk::IpAddressType {
        /// Over IPv4.
        Ipv4 = "ipv4",
        /// Over IPv4 and IPv6.
        Dualstack = "dualstack",
    }
}

/// Certificates of clients.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MutualTls {
    /// The trusted certificates: an object in S3, `s3://<bucket>/<key>`.
    pub truststore_uri: String,
    /// That object's version.
    pub truststore_version: Option<String>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    domain_name: String,
    certificate_arn: Option<String>,
    endpoint_type: Option<String>,
    security_policy: Option<String>,
    ip_address_type: Option<String>,
    mutual_tls_authentication: Option<ObservedMutualTls>,
    tags: Tags,
    /// The domain name's ARN.
    arn: String,
    /// The name that a DNS record for `domain_name` must lead to.
    api_gateway_domain_name: Option<String>,
    /// The hosted zone of that name: what an alias record's target needs, not the zone of the record.
    hosted_zone_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedMutualTls {
    truststore_uri: String,
    truststore_version: Option<String>,
}

/// The answers of CreateDomainName, GetDomainName and GetDomainNames are types of their own with the same
/// parts.
macro_rules! observe {
    ($gateway:expr, $domain:expr) => {{
        let domain = $domain;
        let name = domain.domain_name().unwrap_or_default().to_owned();
        let configuration = domain.domain_name_configurations().first();
        let part =
            |part: fn(&sdk::DomainNameConfiguration) -> Option<&str>| text(configuration.and_then(part));
        let observed = Observed {
            certificate_arn: part(|configuration| configuration.certificate_arn()),
            endpoint_type: part(|configuration| configuration.endpoint_type().map(|kind| kind.as_str())),
            security_policy: part(|configuration| {
                configuration.security_policy().map(|policy| policy.as_str())
            }),
            ip_address_type: part(|configuration| configuration.ip_address_type().map(|kind| kind.as_str())),
            mutual_tls_authentication: domain.mutual_tls_authentication().and_then(observe_mutual_tls),
            tags: user_tags(domain.tags()),
            arn: $gateway.arn(&path(&name)),
            api_gateway_domain_name: part(|configuration| configuration.api_gateway_domain_name()),
            hosted_zone_id: part(|configuration| configuration.hosted_zone_id()),
            domain_name: name,
        };
        Found {
            observed,
            health: health(
                configuration.and_then(|configuration| configuration.domain_name_status()),
                configuration.and_then(|configuration| configuration.domain_name_status_message()),
            ),
        }
    }};
}

impl FromClients for DomainName {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for DomainName {
    const NAME: &'static str = "apigatewayv2.domain_name";
    const DESCRIPTION: &'static str = "A domain name of your own for APIs.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        "iam:CreateServiceLinkedRole",
    ];
    const EXAMPLE: &'static str = r#"
[apigatewayv2.domain_name.main]
domain_name     = "api.example.com"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
"#;
    const TRAITS: Traits = Traits {
        immutable: &["domain_name"],
        natural_key: &["domain_name"],
        caseless: &["domain_name"],
        waits: Waits {
            create: Some(Wait::seconds("domain name available", 60, 900)),
            update: Some(Wait::seconds("domain name available", 60, 900)),
            ..Waits::NONE
        },
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(name) = known_str(attributes, "domain_name") {
            check_name(name, problems);
        }
        if let Some(arn) = known_str(attributes, "certificate_arn")
            && certificate_region(arn).is_none()
        {
            problems.at(
                "certificate_arn",
                format!("`{arn}` is no ACM certificate's ARN such as arn:aws:acm:<region>:<account>:certificate/<id>"),
            );
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        self.check_region(&spec.certificate_arn)?;
        let _turn = self.gateway.domain_turn(&spec.domain_name).await;
        let answer = self
            .gateway
            .client
            .create_domain_name()
            .domain_name(&spec.domain_name)
            .domain_name_configurations(configuration(&spec))
            .set_mutual_tls_authentication(spec.mutual_tls_authentication.as_ref().map(mutual_tls))
            .set_tags(tags_for_create(call, spec.tags.as_ref()))
            .send()
            .await
            .aws("apigatewayv2", "CreateDomainName")
            .map_err(name_exists)
            .taken(call, &spec.domain_name)?;
        Ok(Created {
            id: PhysicalId::new(spec.domain_name),
            found: observe!(self.gateway, &answer),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found: Vec<Found<Observed>> = if ids.len() <= FEW {
            let one_by_one = ids.iter().map(async |id| {
                let call = self.gateway.client.get_domain_name().domain_name(id.as_str());
                let answer = call.send().await;
                let answer = answer.aws("apigatewayv2", "GetDomainName").absent_is_none()?;
                ProviderResult::Ok(answer.map(|domain| observe!(self.gateway, &domain)))
            });
            try_join_all(one_by_one).await?.into_iter().flatten().collect()
        } else {
            let domains = all_pages!(self.gateway.client.get_domain_names(), "GetDomainNames").await?;
            domains
                .iter()
                .map(|domain| observe!(self.gateway, domain))
                .collect()
        };
        let wanted: BTreeSet<&str> = ids.iter().map(PhysicalId::as_str).collect();
        Ok(found
            .into_iter()
            .filter(|found| wanted.contains(found.observed.domain_name.as_str()))
            .map(|found| (PhysicalId::new(&found.observed.domain_name), found))
            .collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let _turn = self.gateway.domain_turn(id.as_str()).await;
        if update.changed.iter().any(|name| name != "tags") {
            self.check_region(&update.spec.certificate_arn)?;
            let mutual_tls = update.any(&["mutual_tls_authentication"]).then(|| {
                let wanted = update.spec.mutual_tls_authentication.as_ref();
                // An empty truststore ends mutual TLS.
                wanted.map_or_else(
                    || {
                        sdk::MutualTlsAuthenticationInput::builder()
                            .truststore_uri("")
                            .build()
                    },
                    mutual_tls,
                )
            });
            self.gateway
                .client
                .update_domain_name()
                .domain_name(id.as_str())
                .domain_name_configurations(configuration(&update.spec))
                .set_mutual_tls_authentication(mutual_tls)
                .send()
                .await
                .aws("apigatewayv2", "UpdateDomainName")?;
        }
        if update.any(&["tags"]) {
            self.gateway
                .update_tags(&path(id.as_str()), &update.prior, update.spec.tags.as_ref())
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let _turn = self.gateway.domain_turn(id.as_str()).await;
        let call = self.gateway.client.delete_domain_name().domain_name(id.as_str());
        call.send()
            .await
            .aws("apigatewayv2", "DeleteDomainName")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "domain_name") else {
            return Ok(None);
        };
        let get = self.gateway.client.get_domain_name().domain_name(name);
        let answer = get
            .send()
            .await
            .aws("apigatewayv2", "GetDomainName")
            .absent_is_none()?;
        Ok(answer
            .filter(|found| ours(call, found.tags()))
            .map(|_| PhysicalId::new(name)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let name = known_str(attributes, "domain_name");
        holders_by_id(self, name.map(PhysicalId::new)).await
    }
}

impl DomainName {
    /// A regional name takes a certificate of its own region only. What AWS says to another one does not name
    /// the region.
    fn check_region(&self, certificate_arn: &str) -> ProviderResult<()> {
        match certificate_region(certificate_arn) {
            Some(region) if region != self.gateway.region => Err(ProviderError::new(
                ErrorClass::Invalid,
                format!(
                    "the certificate {certificate_arn} is in {region}, but a domain name of an API takes one \
                     in its own region, {}",
                    self.gateway.region
                ),
            )
            .hint(format!("request a certificate in {}", self.gateway.region))),
            _ => Ok(()),
        }
    }
}

fn path(name: &str) -> String {
    format!("/domainnames/{name}")
}

/// The region of an ACM certificate's ARN.
fn certificate_region(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(_), Some("acm"), Some(region), Some(_), Some(resource)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return None;
    };
    resource.starts_with("certificate/").then_some(region)
}

fn check_name(name: &str, problems: &mut Problems) {
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '-')
    };
    if name.chars().any(|character| character.is_ascii_uppercase()) {
        problems.at_with_help(
            "domain_name",
            format!("`{name}` must be in lower case"),
            format!("write \"{}\"", name.to_ascii_lowercase()),
        );
    } else if name.len() > 253 || !host.contains('.') || !host.split('.').all(is_label) {
        problems.at(
            "domain_name",
            format!("`{name}` is no domain name such as api.example.com or *.example.com"),
        );
    }
}

fn configuration(spec: &Spec) -> sdk::DomainNameConfiguration {
    let endpoint = spec.endpoint_type.unwrap_or(EndpointType::Regional);
    let policy = spec.security_policy.unwrap_or(SecurityPolicy::Tls12);
    sdk::DomainNameConfiguration::builder()
        .certificate_arn(&spec.certificate_arn)
        .endpoint_type(endpoint.into())
        .security_policy(policy.into())
        .set_ip_address_type(spec.ip_address_type.map(Into::into))
        .build()
}

fn mutual_tls(mutual: &MutualTls) -> sdk::MutualTlsAuthenticationInput {
    sdk::MutualTlsAuthenticationInput::builder()
        .truststore_uri(&mutual.truststore_uri)
        .set_truststore_version(mutual.truststore_version.clone())
        .build()
}

fn observe_mutual_tls(mutual: &sdk::MutualTlsAuthentication) -> Option<ObservedMutualTls> {
    Some(ObservedMutualTls {
        truststore_uri: text(mutual.truststore_uri())?,
        truststore_version: text(mutual.truststore_version()),
    })
}

fn health(status: Option<&DomainNameStatus>, message: Option<&str>) -> Health {
    let told = |status: &DomainNameStatus| match message {
        Some(message) if !message.is_empty() => format!("{}: {message}", status.as_str()),
        _ => status.as_str().to_owned(),
    };
    match status {
        Some(status @ DomainNameStatus::Updating) => Health::Pending(told(status)),
        // Somebody has to do something about the certificate.
        Some(
            status @ (DomainNameStatus::PendingCertificateReimport
            | DomainNameStatus::PendingOwnershipVerification),
        ) => Health::Failed(told(status)),
        Some(status) if status.as_str() == "PENDING" => Health::Pending(told(status)),
        _ => Health::Ready,
    }
}

/// AWS calls a name that is in use, in this account or another, a bad request.
fn name_exists(error: ProviderError) -> ProviderError {
    if error.class == ErrorClass::Invalid && error.message.to_lowercase().contains("already exists") {
        ProviderError {
            class: ErrorClass::AlreadyExists,
            ..error
        }
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn names_and_certificates_are_checked() {
        let certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/a";
        assert_eq!(certificate_region(certificate), Some("eu-west-1"));
        let cases: &[(&str, &str, &[&str])] = &[
            ("domain_name", "api.example.com", &[]),
            ("domain_name", "*.example.com", &[]),
            ("certificate_arn", certificate, &[]),
            (
                "domain_name",
                "API.example.com",
                &["domain_name: `API.example.com` must be in lower case"],
            ),
            (
                "domain_name",
                "api.example.com.",
                &[
                    "domain_name: `api.example.com.` is no domain name such as api.example.com or *.example.com",
                ],
            ),
            (
                "certificate_arn",
                "arn:aws:iam::123456789012:server-certificate/a",
                &[
                    "certificate_arn: `arn:aws:iam::123456789012:server-certificate/a` is no ACM certificate's \
                   ARN such as arn:aws:acm:<region>:<account>:certificate/<id>",
                ],
            ),
        ];
        for (name, text, said) in cases {
            assert_eq!(problems::<DomainName>(&[(name, text)]), *said);
        }
    }

    #[test]
    fn a_name_is_waited_for_unless_a_person_is_needed() {
        assert_eq!(
            health(Some(&DomainNameStatus::Updating), None),
            Health::Pending("UPDATING".into())
        );
        assert_eq!(
            health(
                Some(&DomainNameStatus::PendingCertificateReimport),
                Some("import it")
            ),
            Health::Failed("PENDING_CERTIFICATE_REIMPORT: import it".into())
        );
        assert_eq!(health(None, None), Health::Ready);
    }
}
