//! `acm.certificate`: a certificate that exists.
//!
//! Calls: ListCertificates, DescribeCertificate.
//! <https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html>

use std::collections::BTreeSet;

use aws_sdk_acm::Client;
use aws_sdk_acm::types::{self as sdk, CertificateStatus, Filters, KeyAlgorithm};
use futures::future::try_join_all;
use infra_core::PhysicalId;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, ErrorClass};
use infra_provider::{LookupType, ProviderResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::lookups::{FoundThings, fits};

/// The lookup.
pub struct CertificateLookup {
    client: Client,
}

/// What a certificate is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateArguments {
    /// The certificate's ARN.
    pub arn: Option<String>,
    /// The domain that it was requested for, such as `api.example.com` or `*.example.com`.
    pub domain_name: Option<String>,
    /// Its status. Only certificates that are `ISSUED` are looked for unless another one is given.
    pub status: Option<String>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    arn: String,
    domain_name: String,
    /// All domains that it is for, the first one included.
    subject_alternative_names: BTreeSet<String>,
    status: String,
    /// Who made it: `AMAZON_ISSUED`, `IMPORTED` or `PRIVATE`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Its algorithm, such as `RSA-2048`.
    key_algorithm: Option<String>,
    /// When it ends, in seconds since 1970 (UTC).
    not_after_unix_seconds: Option<i64>,
}

impl FromClients for CertificateLookup {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.acm.clone(),
        }
    }
}

impl LookupType for CertificateLookup {
    const NAME: &'static str = "acm.certificate";
    const DESCRIPTION: &'static str = "A certificate that exists in the stack's region.";
    const IAM_ACTIONS: &'static [&'static str] = &["acm:ListCertificates", "acm:DescribeCertificate"];
    const EXAMPLE: &'static str = r#"
[lookup.acm.certificate.api]
domain_name = "api.example.com"

[apigatewayv2.domain_name.api]
domain_name     = "api.example.com"
certificate_arn = "${lookup.acm.certificate.api.arn}"
"#;
    type Arguments = CertificateArguments;
    type Observed = Observed;

    fn validate(arguments: &Attributes, problems: &mut Problems) {
        if let Some(status) = known_str(arguments, "status") {
            let known = CertificateStatus::values();
            if !known.contains(&status) {
                problems.at_with_help(
                    "status",
                    format!("`{status}` is no status of a certificate"),
                    format!("AWS knows {}", known.join(", ")),
                );
            }
        }
        if let Some(arn) = known_str(arguments, "arn").filter(|arn| !arn.starts_with("arn:")) {
            problems.at("arn", format!("`{arn}` is no ARN"));
        }
    }

    async fn find(&self, arguments: CertificateArguments) -> ProviderResult<FoundThings<Observed>> {
        let status = arguments.status.as_deref().unwrap_or("ISSUED");
        let arns = match &arguments.arn {
            Some(arn) => vec![arn.clone()],
            None => self.listed(status, arguments.domain_name.as_ref()).await?,
        };
        let found = try_join_all(arns.into_iter().map(|arn| self.described(arn))).await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter(|found| fits(arguments.domain_name.as_ref(), &found.domain_name))
            .filter(|found| found.status == status)
            .map(|found| (PhysicalId::new(&found.arn), found))
            .collect())
    }
}

impl CertificateLookup {
    /// The ARNs of the certificates of a status and domain.
    async fn listed(&self, status: &str, domain_name: Option<&String>) -> ProviderResult<Vec<String>> {
        // Without this the list has only those with RSA keys of 2048 bits.
        let all_keys = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key));
        let pages = self
            .client
            .list_certificates()
            .certificate_statuses(CertificateStatus::from(status))
            .includes(Filters::builder().set_key_types(Some(all_keys.collect())).build())
            .into_paginator()
            .items()
            .send();
        let certificates = pages.collect::<Result<Vec<_>, _>>().await;
        Ok(certificates
            .aws("acm", "ListCertificates")?
            .into_iter()
            .filter(|one| domain_name.is_none_or(|wanted| one.domain_name.as_ref() == Some(wanted)))
            .filter_map(|one| one.certificate_arn)
            .collect())
    }

    /// One certificate; `None` when it is not there, or an ARN of something else.
    async fn described(&self, arn: String) -> ProviderResult<Option<Observed>> {
        let call = self.client.describe_certificate().certificate_arn(&arn);
        match call.send().await.aws("acm", "DescribeCertificate") {
            Ok(answer) => Ok(answer.certificate.map(|detail| observe(arn, &detail))),
            Err(error) if error.class == ErrorClass::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn observe(arn: String, detail: &sdk::CertificateDetail) -> Observed {
    Observed {
        arn,
        domain_name: detail.domain_name().unwrap_or_default().to_owned(),
        subject_alternative_names: detail.subject_alternative_names().iter().cloned().collect(),
        status: detail
            .status()
            .map_or_else(String::new, |status| status.as_str().to_owned()),
        kind: detail.r#type().map(|kind| kind.as_str().to_owned()),
        key_algorithm: detail.key_algorithm().map(|key| key.as_str().to_owned()),
        not_after_unix_seconds: detail.not_after().map(|time| time.secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_core::Value;

    #[test]
    fn statuses_and_arns_are_checked() {
        let said = |name: &str, value: &str| {
            let mut problems = Problems::default();
            let arguments = Attributes::from([(name.to_owned(), Value::from(value))]);
            CertificateLookup::validate(&arguments, &mut problems);
            problems
                .into_vec()
                .into_iter()
                .map(|problem| problem.message)
                .collect::<Vec<_>>()
        };
        assert_eq!(said("status", "ISSUED"), Vec::<String>::new());
        assert_eq!(
            said("status", "Issued"),
            ["`Issued` is no status of a certificate"]
        );
        assert_eq!(said("arn", "api.example.com"), ["`api.example.com` is no ARN"]);
    }
}
