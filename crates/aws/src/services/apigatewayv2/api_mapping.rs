//! `apigatewayv2.api_mapping`: which stage a path under a domain name leads to.
//!
//! Calls: CreateApiMapping, GetApiMapping, GetApiMappings, UpdateApiMapping, DeleteApiMapping, GetDomainName
//! (when a create is refused). Only the domain name cannot be changed in place. The id is
//! `<domain name>/<mapping>`. A mapping has no tags; its key is unique under the domain name.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname-apimappings.html>

use aws_sdk_apigatewayv2::types::DomainNameStatus;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, PhysicalId, ProviderError};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Gateway, all_pages, in_use, is_refusal, not_ready, text};
use crate::alike::alike;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, by_parent, id_parts, wanted_among};

/// The type.
pub struct ApiMapping {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The API's id.
    pub api_id: String,
    /// The domain name.
    pub domain_name: String,
    /// The stage's name.
    pub stage: String,
    /// The path under the domain name, without `/` at its ends; without it, everything.
    pub api_mapping_key: Option<String>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    api_id: Option<String>,
    domain_name: String,
    stage: Option<String>,
    api_mapping_key: Option<String>,
    /// The mapping's id.
    id: String,
}

/// The answers of CreateApiMapping, GetApiMapping and GetApiMappings are types of their own with the same
/// parts.
macro_rules! observe {
    ($domain_name:expr, $mapping:expr) => {{
        let mapping = $mapping;
        Observed {
            api_id: text(mapping.api_id()),
            domain_name: $domain_name.to_owned(),
            stage: text(mapping.stage()),
            api_mapping_key: text(mapping.api_mapping_key()).filter(|key| key != "(none)"),
            id: mapping.api_mapping_id().unwrap_or_default().to_owned(),
        }
    }};
}

impl FromClients for ApiMapping {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for ApiMapping {
    const NAME: &'static str = "apigatewayv2.api_mapping";
    const DESCRIPTION: &'static str = "An API mapping: which stage a path under a domain name leads to.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
    ];
    const EXAMPLE: &'static str = r#"
[apigatewayv2.api.main]
name          = "example"
protocol_type = "HTTP"

[apigatewayv2.stage.main]
api_id      = "${apigatewayv2.api.main.id}"
stage_name  = "$default"
auto_deploy = true

[apigatewayv2.domain_name.main]
domain_name     = "api.example.com"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"

[apigatewayv2.api_mapping.main]
api_id      = "${apigatewayv2.api.main.id}"
domain_name = "${apigatewayv2.domain_name.main.domain_name}"
stage       = "${apigatewayv2.stage.main.stage_name}"
"#;
    const TRAITS: Traits = Traits {
        immutable: &["domain_name"],
        natural_key: &["domain_name", "api_mapping_key"],
        caseless: &["domain_name"],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "apigatewayv2.domain_name",
            id: &["domain_name"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(key) = known_str(attributes, "api_mapping_key") {
            let is_plain =
                |character: char| character.is_ascii_alphanumeric() || "$-_.+!*'()/".contains(character);
            if key.starts_with('/') || key.ends_with('/') || key.contains("//") {
                problems.at(
                    "api_mapping_key",
                    format!("`{key}` must have single `/` between its parts only"),
                );
            } else if key.len() > 300 || !key.chars().all(is_plain) {
                problems.at(
                    "api_mapping_key",
                    format!("`{key}` must be at most 300 letters, digits and `$-_.+!*'()/`"),
                );
            }
        }
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let _turn = self.gateway.turn(&spec.api_id).await;
        let _domain_turn = self.gateway.domain_turn(&spec.domain_name).await;
        let answer = self
            .gateway
            .client
            .create_api_mapping()
            .domain_name(&spec.domain_name)
            .api_id(&spec.api_id)
            .stage(&spec.stage)
            .set_api_mapping_key(spec.api_mapping_key)
            .send()
            .await
            .aws("apigatewayv2", "CreateApiMapping");
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.unless_domain_is_pending(&spec.domain_name, error).await),
        };
        let id = answer
            .api_mapping_id()
            .ok_or_else(|| missing("apigatewayv2", "CreateApiMapping", "apiMappingId"))?;
        Ok(Created {
            id: PhysicalId::composite([&spec.domain_name, id]),
            found: Found::ready(observe!(spec.domain_name, &answer)),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(domain, wanted)| {
            let observed = match wanted.as_slice() {
                [(_, mapping)] => self.one(domain, mapping).await?.into_iter().collect(),
                _ => self.all(domain).await?,
            };
            ProviderResult::Ok(wanted_among(&wanted, observed, |observed| &observed.id))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let [domain, mapping] = id_parts(id)?;
        let key_changed = update.any(&["api_mapping_key"]);
        let spec = update.spec;
        let _turn = self.gateway.turn(&spec.api_id).await;
        let _domain_turn = self.gateway.domain_turn(domain).await;
        self.gateway
            .client
            .update_api_mapping()
            .domain_name(domain)
            .api_mapping_id(mapping)
            .api_id(spec.api_id)
            .stage(spec.stage)
            .set_api_mapping_key(key_changed.then(|| spec.api_mapping_key.unwrap_or_default()))
            .send()
            .await
            .aws("apigatewayv2", "UpdateApiMapping")?;
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        let [domain, mapping] = id_parts(id)?;
        let api = known_str(last, "api_id").unwrap_or_default();
        let _turn = self.gateway.turn(api).await;
        let _domain_turn = self.gateway.domain_turn(domain).await;
        self.gateway
            .client
            .delete_api_mapping()
            .domain_name(domain)
            .api_mapping_id(mapping)
            .send()
            .await
            .aws("apigatewayv2", "DeleteApiMapping")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(domain) = known_str(attributes, "domain_name") else {
            return Ok(None);
        };
        let wanted_key = known_str(attributes, "api_mapping_key").unwrap_or_default();
        let found = self.all(domain).await?;
        let found = found.iter().find(|observed| {
            observed.api_mapping_key.as_deref().unwrap_or_default() == wanted_key
                && alike(attributes, *observed, &[])
        });
        Ok(found.map(|observed| PhysicalId::composite([domain, &observed.id])))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(domain) = known_str(attributes, "domain_name") else {
            return Ok(Vec::new());
        };
        let wanted_key = known_str(attributes, "api_mapping_key").unwrap_or_default();
        let mappings = self.all(domain).await?.into_iter();
        Ok(mappings
            .filter(|observed| observed.api_mapping_key.as_deref().unwrap_or_default() == wanted_key)
            .map(|observed| PhysicalId::composite([domain, &observed.id]))
            .collect())
    }
}

impl ApiMapping {
    async fn one(&self, domain: &str, mapping: &str) -> ProviderResult<Option<Observed>> {
        let answer = self
            .gateway
            .client
            .get_api_mapping()
            .domain_name(domain)
            .api_mapping_id(mapping)
            .send()
            .await
            .aws("apigatewayv2", "GetApiMapping")
            .absent_is_none()?;
        Ok(answer.map(|found| observe!(domain, &found)))
    }

    /// All mappings of a domain name; none when there is no such name.
    async fn all(&self, domain: &str) -> ProviderResult<Vec<Observed>> {
        let pages = all_pages!(
            self.gateway.client.get_api_mappings().domain_name(domain),
            "GetApiMappings"
        );
        let found = pages.await.absent_is_none()?.unwrap_or_default();
        Ok(found.iter().map(|found| observe!(domain, found)).collect())
    }

    /// The refusal as it is, unless the domain name is still on its way: then that is what has to be waited
    /// for, however AWS words it.
    async fn unless_domain_is_pending(&self, domain: &str, error: ProviderError) -> ProviderError {
        if !is_refusal(&error) {
            return error;
        }
        let call = self.gateway.client.get_domain_name().domain_name(domain);
        let Ok(answer) = call.send().await else {
            return error;
        };
        match answer
            .domain_name_configurations()
            .iter()
            .find_map(|configuration| configuration.domain_name_status())
        {
            Some(status) if *status != DomainNameStatus::Available => {
                not_ready(error, "the domain name", status.as_str())
            }
            _ => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn a_key_is_a_path_without_slashes_at_its_ends() {
        let cases: &[(&str, &[&str])] = &[
            ("orders", &[]),
            ("orders/v2", &[]),
            (
                "/orders",
                &["api_mapping_key: `/orders` must have single `/` between its parts only"],
            ),
            (
                "a b",
                &["api_mapping_key: `a b` must be at most 300 letters, digits and `$-_.+!*'()/`"],
            ),
        ];
        for (key, said) in cases {
            assert_eq!(problems::<ApiMapping>(&[("api_mapping_key", key)]), *said);
        }
    }
}
