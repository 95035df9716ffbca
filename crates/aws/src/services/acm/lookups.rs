//! `acm.certificate`: a certificate that exists.
//!
//! Calls: ListCertificates, DescribeCertificate.

use std::collections::BTreeSet;

use aws_sdk_acm::types::{self as sdk, CertificateStatus, Filters, KeyAlgorithm};
use futures::future::try_join_all;
use infra_provider::{Lookup, Things};

use crate::prelude::*;

/// A certificate that exists in the stack's region.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html")]
pub struct CertificateLookup {
    /// The certificate's ARN.
    #[attribute(pattern("^arn:", "is no ARN"))]
    pub arn: Option<String>,
    /// The domain that it was requested for, such as `api.example.com` or `*.example.com`.
    pub domain_name: Option<String>,
    /// Its status. Only certificates that are `ISSUED` are looked for unless another one is given.
    pub status: Option<String>,
}

/// A certificate.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct Certificate {
    /// The certificate's ARN.
    pub arn: String,
    /// The domain that it was requested for.
    pub domain_name: String,
    /// All domains that it is for, the first one included.
    pub subject_alternative_names: BTreeSet<String>,
    /// Its status.
    pub status: String,
    /// Who made it: `AMAZON_ISSUED`, `IMPORTED` or `PRIVATE`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its algorithm, such as `RSA-2048`.
    pub key_algorithm: Option<String>,
    /// When it ends, in seconds since 1970 (UTC).
    pub not_after_unix_seconds: Option<i64>,
}

impl Lookup for CertificateLookup {
    const NAME: &'static str = "acm.certificate";
    const IAM_ACTIONS: &'static [&'static str] = &["acm:ListCertificates", "acm:DescribeCertificate"];
    const EXAMPLE: &'static str = r#"
[lookup.acm.certificate.api]
domain_name = "api.example.com"

[apigatewayv2.domain_name.api]
domain_name     = "api.example.com"
certificate_arn = "${lookup.acm.certificate.api.arn}"
"#;
    type Clients = Clients;
    type Found = Certificate;

    fn validate(given: &PartialCertificateLookup, problems: &mut Problems) {
        let known = CertificateStatus::values();
        if let Some(status) = given.status.as_str().filter(|status| !known.contains(status)) {
            problems.at_with_help(
                CertificateLookupField::Status.name(),
                format!("`{status}` is no status of a certificate"),
                format!("AWS knows {}", known.join(", ")),
            );
        }
    }

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<Certificate>> {
        let status = arguments.status.as_deref().unwrap_or("ISSUED");
        let domain = arguments.domain_name.as_deref();
        let arns = match arguments.arn {
            Some(arn) => vec![arn],
            None => listed(aws, status, domain).await?,
        };
        let mut found = try_join_all(arns.into_iter().map(|arn| described(aws, arn))).await?;
        found.retain(|found| {
            found.as_ref().is_some_and(|(_, found)| {
                let is_meant = domain.is_none() || found.domain_name.as_str() == domain;
                is_meant && found.status.as_str() == Some(status)
            })
        });
        Ok(found.into_iter().flatten().collect())
    }
}

/// The ARNs of the certificates of a status and domain.
async fn listed(aws: &Clients, status: &str, domain: Option<&str>) -> ProviderResult<Vec<String>> {
    // Without this the list has only those with RSA keys of 2048 bits.
    let all_keys = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key));
    let pages = aws
        .acm
        .list_certificates()
        .certificate_statuses(CertificateStatus::from(status))
        .includes(Filters::builder().set_key_types(Some(all_keys.collect())).build())
        .into_paginator();
    let certificates = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let certificates = certificates.aws("acm", "ListCertificates")?.into_iter();
    Ok(certificates
        .filter(|one| domain.is_none() || one.domain_name() == domain)
        .filter_map(|one| one.certificate_arn)
        .collect())
}

/// One certificate; `None` when it is not there, or an ARN of something else.
async fn described(aws: &Clients, arn: String) -> ProviderResult<Option<(PhysicalId, PartialCertificate)>> {
    let call = aws.acm.describe_certificate().certificate_arn(&arn);
    let answer = call
        .send()
        .await
        .aws("acm", "DescribeCertificate")
        .absent_is_none()?;
    let certificate = answer.and_then(|answer| answer.certificate);
    Ok(certificate.map(|detail| (PhysicalId::new(&arn), observe(&arn, &detail))))
}

fn observe(arn: &str, detail: &sdk::CertificateDetail) -> PartialCertificate {
    PartialCertificate {
        arn: arn.into(),
        domain_name: detail.domain_name().into(),
        subject_alternative_names: detail.subject_alternative_names().to_vec().into(),
        status: told(detail.status()),
        kind: told(detail.r#type()),
        key_algorithm: told(detail.key_algorithm()),
        not_after_unix_seconds: detail.not_after().map(|time| time.secs()).into(),
    }
}

#[cfg(test)]
mod tests {
    use infra_core::{Attributes, TypeDefinition, Value};
    use infra_provider::LookupDefinition;

    use super::*;

    #[test]
    fn statuses_and_arns_are_checked() {
        let said = |name: &str, value: &str| {
            let mut problems = Problems::default();
            let arguments = Attributes::from([(name.to_owned(), Value::from(value))]);
            LookupDefinition::<CertificateLookup>::new().validate(&arguments, &mut problems);
            let problems = problems.into_vec().into_iter();
            problems.map(|problem| problem.message).collect::<Vec<_>>()
        };
        assert_eq!(said("status", "ISSUED"), Vec::<String>::new());
        assert_eq!(
            said("status", "Issued"),
            ["`Issued` is no status of a certificate"]
        );
        assert_eq!(said("arn", "api.example.com"), ["`api.example.com` is no ARN"]);
    }
}
