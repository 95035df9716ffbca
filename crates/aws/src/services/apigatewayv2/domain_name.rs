//! `apigatewayv2.domain_name`: a domain name of your own for APIs.
//!
//! Calls: CreateDomainName, GetDomainName, GetDomainNames, UpdateDomainName, TagResource, UntagResource,
//! DeleteDomainName. A change of the name makes a new one. The id is the name. AWS takes one CreateDomainName or
//! UpdateDomainName per 30 s, and needs up to minutes to bring a new certificate into use. AWS's list of configurations
//! never has more than one entry, whose parts are attributes here.

use aws_sdk_apigatewayv2::types::{self as sdk, DomainNameStatus};
use futures::future::try_join_all;

use super::common::{all_pages, all_tags, arn, domain_turn, tags_for_create, text};
use super::service::ApiGateway;
use crate::prelude::*;
use crate::tags;

/// Up to so many names are asked for one by one; for more, all of the account are listed.
const FEW: usize = 3;

/// A domain name of your own for APIs.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames.html")]
pub struct DomainName {
    /// The name in lower case, such as `api.example.com` or `*.example.com`.
    #[attribute(immutable, caseless, length = 1..=253)]
    #[attribute(same(dns_name))]
    pub domain_name: String,
    /// The ARN of the ACM certificate, which must be issued, for this name, and in the stack's region.
    #[attribute(pattern(
        "^arn:[^:]*:acm:[^:]*:[^:]*:certificate/",
        "is no ACM certificate's ARN such as arn:aws:acm:<region>:<account>:certificate/<id>"
    ))]
    pub certificate_arn: String,
    /// Where the name is served from: HTTP APIs know `REGIONAL` only.
    #[attribute(default = "REGIONAL")]
    pub endpoint_type: Option<EndpointType>,
    /// The oldest TLS version that clients may speak: HTTP APIs know `TLS_1_2` only.
    #[attribute(default = "TLS_1_2")]
    pub security_policy: Option<SecurityPolicy>,
    /// Whether the name answers over IPv4 or over IPv6 as well.
    #[attribute(default = "ipv4")]
    pub ip_address_type: Option<IpAddressType>,
    /// Makes clients show a certificate.
    pub mutual_tls_authentication: Option<MutualTls>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The domain name's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The name that a DNS record for `domain_name` must lead to.
    #[attribute(computed)]
    pub api_gateway_domain_name: Option<String>,
    /// The hosted zone of that name: what an alias record's target needs, not the zone of the record.
    #[attribute(computed)]
    pub hosted_zone_id: Option<String>,
}

use DomainNameField as Field;

choices! {
    /// Where a name is served from.
    EndpointType {
        /// The region.
        Regional = "REGIONAL",
    }
}

choices! {
    /// The oldest TLS version.
    SecurityPolicy {
        /// TLS 1.2.
        Tls12 = "TLS_1_2",
    }
}

choices! {
    /// How clients may connect.
    IpAddressType {
        /// Over IPv4.
        Ipv4 = "ipv4",
        /// Over IPv4 and IPv6.
        Dualstack = "dualstack",
    }
}

/// Certificates of clients.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames.html")]
pub struct MutualTls {
    /// The trusted certificates: an object in S3, `s3://<bucket>/<key>`.
    pub truststore_uri: String,
    /// That object's version.
    pub truststore_version: Option<String>,
}

/// The answers of CreateDomainName, GetDomainName and GetDomainNames are types of their own with the same
/// parts.
macro_rules! observe {
    ($aws:expr, $domain:expr) => {{
        let domain = $domain;
        let name = domain.domain_name().unwrap_or_default();
        let one = domain.domain_name_configurations().first();
        let observed = PartialDomainName {
            domain_name: name.into(),
            certificate_arn: text(one.and_then(|one| one.certificate_arn())).into(),
            endpoint_type: told(one.and_then(|one| one.endpoint_type())),
            security_policy: told(one.and_then(|one| one.security_policy())),
            ip_address_type: told(one.and_then(|one| one.ip_address_type())),
            mutual_tls_authentication: domain
                .mutual_tls_authentication()
                .and_then(observe_mutual_tls)
                .into(),
            tags: all_tags(domain.tags()).into(),
            arn: arn($aws, &format!("/domainnames/{name}")).into(),
            api_gateway_domain_name: text(one.and_then(|one| one.api_gateway_domain_name())).into(),
            hosted_zone_id: text(one.and_then(|one| one.hosted_zone_id())).into(),
        };
        let health = health(
            one.and_then(|one| one.domain_name_status()),
            one.and_then(|one| one.domain_name_status_message()),
        );
        (PhysicalId::new(name), Found { observed, health })
    }};
}

impl Resource for DomainName {
    const NAME: &'static str = "apigatewayv2.domain_name";
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::DomainName],
        waits: Waits {
            create: Some(Wait::seconds("domain name available", 60, 900)),
            update: Some(Wait::seconds("domain name available", 60, 900)),
            ..Waits::NONE
        },
        ..Rules::NONE
    };
    type Service = ApiGateway;

    fn validate(given: &PartialDomainName, problems: &mut Problems) {
        if let Some(name) = given.domain_name.as_str() {
            check_name(name, problems);
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialDomainName>> {
        check_region(aws, &spec.certificate_arn)?;
        let _turn = domain_turn(aws, &spec.domain_name).await;
        let answer = aws
            .apigatewayv2
            .create_domain_name()
            .domain_name(&spec.domain_name)
            .domain_name_configurations(configuration(&spec))
            .set_mutual_tls_authentication(spec.mutual_tls_authentication.as_ref().map(mutual_tls))
            .set_tags(tags_for_create(call, spec.tags))
            .send()
            .await
            .aws("apigatewayv2", "CreateDomainName")?;
        Ok(observe!(aws, &answer).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found: Vec<Observation<Self>> = if ids.len() <= FEW {
            let one_by_one = ids.iter().map(async |id| {
                let answer = aws
                    .apigatewayv2
                    .get_domain_name()
                    .domain_name(id.as_str())
                    .send()
                    .await;
                let answer = answer.aws("apigatewayv2", "GetDomainName").absent_is_none()?;
                ProviderResult::Ok(answer.map(|domain| observe!(aws, &domain)))
            });
            try_join_all(one_by_one).await?.into_iter().flatten().collect()
        } else {
            let domains = all_pages!(aws.apigatewayv2.get_domain_names(), "GetDomainNames").await?;
            domains.iter().map(|domain| observe!(aws, domain)).collect()
        };
        Ok(found.into_iter().filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let _turn = domain_turn(aws, id.as_str()).await;
        check_region(aws, &update.spec.certificate_arn)?;
        // An empty truststore ends mutual TLS.
        let none = || {
            sdk::MutualTlsAuthenticationInput::builder()
                .truststore_uri("")
                .build()
        };
        let wanted = update.spec.mutual_tls_authentication.as_ref();
        let wanted = wanted.map_or_else(none, |wanted| truststore_change(wanted, update));
        let configuration = (!update.changes_only(&[Field::MutualTlsAuthentication])).then(|| {
            let mut spec = update.spec.clone();
            spec.endpoint_type = update.kept(Field::EndpointType, spec.endpoint_type);
            spec.security_policy = update.kept(Field::SecurityPolicy, spec.security_policy);
            let addresses = update.kept(Field::IpAddressType, spec.ip_address_type);
            spec.ip_address_type = addresses.or(Some(IpAddressType::Ipv4));
            vec![configuration(&spec)]
        });
        aws.apigatewayv2
            .update_domain_name()
            .domain_name(id.as_str())
            .set_domain_name_configurations(configuration)
            .set_mutual_tls_authentication(update.only(Field::MutualTlsAuthentication, Some(wanted)))
            .send()
            .await
            .aws("apigatewayv2", "UpdateDomainName")
            .map(drop)
    }

    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        tags::arn_in(id, prior)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let _turn = domain_turn(aws, id.as_str()).await;
        let call = aws.apigatewayv2.delete_domain_name().domain_name(id.as_str());
        call.send()
            .await
            .aws("apigatewayv2", "DeleteDomainName")
            .map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialDomainName) -> ProviderResult<Observations<Self>> {
        let name = given.domain_name.as_str();
        let id = name.map(|name| PhysicalId::new(Field::DomainName.as_told(name).into_owned()));
        Self::read(aws, id.as_slice()).await
    }
}

/// A regional name takes a certificate of its own region only. What AWS says to another one does not name
/// the region.
fn check_region(aws: &Clients, certificate_arn: &str) -> ProviderResult<()> {
    let own = &aws.region;
    match certificate_region(certificate_arn) {
        Some(region) if region != own => Err(ProviderError::new(
            ErrorClass::Invalid,
            format!(
                "the certificate {certificate_arn} is in {region}, but a domain name of an API takes one in its \
                 own region, {own}"
            ),
        )
        .hint(format!("request a certificate in {own}"))),
        _ => Ok(()),
    }
}

/// The region of an ACM certificate's ARN.
fn certificate_region(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "acm", region, _, resource] = parts.as_slice() else {
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
    if name.len() > 253 || !host.contains('.') || !host.split('.').all(is_label) {
        problems.at(
            Field::DomainName.name(),
            format!("`{name}` is no domain name such as api.example.com or *.example.com"),
        );
    }
}

fn configuration(spec: &DomainName) -> sdk::DomainNameConfiguration {
    sdk::DomainNameConfiguration::builder()
        .certificate_arn(&spec.certificate_arn)
        .set_endpoint_type(to_aws(spec.endpoint_type.or(Some(EndpointType::Regional))))
        .set_security_policy(to_aws(spec.security_policy.or(Some(SecurityPolicy::Tls12))))
        .set_ip_address_type(to_aws(spec.ip_address_type))
        .build()
}

/// What of the truststore changed; a version that is no longer said is taken away by an empty one.
fn truststore_change(wanted: &MutualTls, update: &Update<DomainName>) -> sdk::MutualTlsAuthenticationInput {
    let (field, version) = (Field::MutualTlsAuthentication, wanted.truststore_version.clone());
    let uri = Some(wanted.truststore_uri.clone());
    let version = version.or_else(|| Some(String::new()));
    sdk::MutualTlsAuthenticationInput::builder()
        .set_truststore_uri(update.only_in(field, MutualTlsField::TruststoreUri, uri))
        .set_truststore_version(update.only_in(field, MutualTlsField::TruststoreVersion, version))
        .build()
}

fn mutual_tls(mutual: &MutualTls) -> sdk::MutualTlsAuthenticationInput {
    sdk::MutualTlsAuthenticationInput::builder()
        .truststore_uri(&mutual.truststore_uri)
        .set_truststore_version(mutual.truststore_version.clone())
        .build()
}

fn observe_mutual_tls(mutual: &sdk::MutualTlsAuthentication) -> Option<PartialMutualTls> {
    Some(PartialMutualTls {
        truststore_uri: text(mutual.truststore_uri())?.into(),
        truststore_version: text(mutual.truststore_version()).into(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn names_and_certificates_are_checked() {
        let certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/a";
        assert_eq!(certificate_region(certificate), Some("eu-west-1"));
        let cases: &[(&str, &str, &[&str])] = &[
            ("domain_name", "api.example.com", &[]),
            ("domain_name", "*.example.com", &[]),
            ("certificate_arn", certificate, &[]),
            ("domain_name", "API.example.com", &[]),
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
            assert_eq!(refused_texts::<DomainName>(&[(name, text)]), *said);
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
