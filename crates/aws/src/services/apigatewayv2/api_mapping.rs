//! `apigatewayv2.api_mapping`: which stage a path under a domain name leads to.
//!
//! Calls: CreateApiMapping, GetApiMapping, GetApiMappings, UpdateApiMapping, DeleteApiMapping, GetDomainName (when a
//! create is refused). Only the domain name cannot be changed in place. The id is `<domain name>/<mapping>`. A mapping
//! has no tags; its key is unique under the domain name.

use aws_sdk_apigatewayv2::types::DomainNameStatus;
use futures::future::try_join_all;

use super::common::{all_pages, domain_turn, is_refusal, not_ready, text, turn};
use super::service::ApiGateway;
use crate::prelude::*;
use crate::read::{by_parent, id_parts};

/// An API mapping: which stage a path under a domain name leads to.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames-domainname-apimappings.html"
)]
pub struct ApiMapping {
    /// The API's id.
    pub api_id: String,
    /// The domain name.
    #[attribute(immutable, caseless)]
    #[attribute(same(dns_name))]
    pub domain_name: String,
    /// The stage's name.
    pub stage: String,
    /// The path under the domain name, without `/` at its ends; without it, everything.
    #[attribute(length = 0..=300, alphabet("A-Za-z0-9$_.+!*'()/-", "letters, digits and `$-_.+!*'()/`"))]
    #[attribute(except("^/|/$|//", "has a `/` at an end, or two in a row"))]
    pub api_mapping_key: Option<String>,
    /// The mapping's id.
    #[attribute(computed)]
    pub id: Option<String>,
}

use ApiMappingField as Field;

/// The answers of CreateApiMapping, GetApiMapping and GetApiMappings are types of their own with the same
/// parts.
macro_rules! observe {
    ($domain_name:expr, $mapping:expr) => {{
        let (domain_name, mapping): (&str, _) = ($domain_name, $mapping);
        let id = mapping.api_mapping_id().unwrap_or_default();
        let observed = PartialApiMapping {
            api_id: text(mapping.api_id()).into(),
            domain_name: domain_name.into(),
            stage: text(mapping.stage()).into(),
            api_mapping_key: text(mapping.api_mapping_key())
                .filter(|key| key != "(none)")
                .into(),
            id: id.into(),
        };
        (PhysicalId::composite([domain_name, id]), Found::ready(observed))
    }};
}

impl Resource for ApiMapping {
    const NAME: &'static str = "apigatewayv2.api_mapping";
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::DomainName, Field::ApiMappingKey],
        recognition: Recognition::NaturalKey,
        under: Some(("apigatewayv2.domain_name", &[Field::DomainName])),
        // A stage that is mapped is not deleted.
        // https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mappings.html
        hangs_on: &[("apigatewayv2.stage", &[Field::ApiId, Field::Stage])],
        ..Rules::NONE
    };
    type Service = ApiGateway;

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialApiMapping>> {
        let _turn = turn(aws, &spec.api_id).await;
        let _domain_turn = domain_turn(aws, &spec.domain_name).await;
        let call = aws
            .apigatewayv2
            .create_api_mapping()
            .domain_name(&spec.domain_name)
            .api_id(&spec.api_id)
            .stage(&spec.stage)
            .set_api_mapping_key(spec.api_mapping_key);
        match call.send().await.aws("apigatewayv2", "CreateApiMapping") {
            Ok(answer) => Ok(observe!(&spec.domain_name, &answer).into()),
            Err(error) => Err(unless_domain_is_pending(aws, &spec.domain_name, error).await),
        }
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(domain, wanted)| {
            let [(_, mapping)] = wanted.as_slice() else {
                return all(aws, domain).await;
            };
            let call = aws.apigatewayv2.get_api_mapping().domain_name(domain);
            let answer = call.api_mapping_id(*mapping).send().await;
            let answer = answer.aws("apigatewayv2", "GetApiMapping").absent_is_none()?;
            Ok(answer.iter().map(|found| observe!(domain, found)).collect())
        }));
        let found = found.await?.into_iter().flatten();
        Ok(found.filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let [domain, mapping] = id_parts(id)?;
        let spec = &update.spec;
        let _turn = turn(aws, &spec.api_id).await;
        let _domain_turn = domain_turn(aws, domain).await;
        let key = spec.api_mapping_key.clone().unwrap_or_default();
        aws.apigatewayv2
            .update_api_mapping()
            .domain_name(domain)
            .api_mapping_id(mapping)
            .api_id(&spec.api_id)
            .set_stage(update.only(Field::Stage, Some(spec.stage.clone())))
            .set_api_mapping_key(update.only(Field::ApiMappingKey, Some(key)))
            .send()
            .await
            .aws("apigatewayv2", "UpdateApiMapping")
            .map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        let [domain, mapping] = id_parts(id)?;
        let _turn = turn(aws, known_str(last, Field::ApiId).unwrap_or_default()).await;
        let _domain_turn = domain_turn(aws, domain).await;
        let call = aws
            .apigatewayv2
            .delete_api_mapping()
            .domain_name(domain)
            .api_mapping_id(mapping);
        call.send()
            .await
            .aws("apigatewayv2", "DeleteApiMapping")
            .map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialApiMapping) -> ProviderResult<Observations<Self>> {
        let Some(domain) = given.domain_name.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let key = |of: &PartialApiMapping| of.api_mapping_key.as_str().unwrap_or_default().to_owned();
        let mappings = all(aws, domain).await?.into_iter();
        Ok(mappings
            .filter(|(_, found)| key(&found.observed) == key(given))
            .collect())
    }
}

/// All mappings of a domain name; none when there is no such name.
async fn all(aws: &Clients, domain: &str) -> ProviderResult<Vec<Observation<ApiMapping>>> {
    let call = || aws.apigatewayv2.get_api_mappings().domain_name(domain);
    let found = all_pages!(call(), "GetApiMappings").await.absent_is_none()?;
    let found = found.unwrap_or_default();
    Ok(found.iter().map(|found| observe!(domain, found)).collect())
}

/// The refusal as it is, unless the domain name is still on its way: then that is what has to be waited
/// for, however AWS words it.
async fn unless_domain_is_pending(aws: &Clients, domain: &str, error: ProviderError) -> ProviderError {
    if !is_refusal(&error) {
        return error;
    }
    let call = aws.apigatewayv2.get_domain_name().domain_name(domain);
    let Ok(answer) = call.send().await else {
        return error;
    };
    let configurations = answer.domain_name_configurations().iter();
    let mut statuses = configurations.filter_map(|configuration| configuration.domain_name_status());
    match statuses.next() {
        Some(status) if *status != DomainNameStatus::Available => {
            not_ready(error, "the domain name", status.as_str())
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn a_key_is_a_path_without_slashes_at_its_ends() {
        let cases: &[(&str, &[&str])] = &[
            ("orders", &[]),
            ("orders/v2", &[]),
            (
                "/orders",
                &["api_mapping_key: `/orders` has a `/` at an end, or two in a row"],
            ),
            (
                "a b",
                &["api_mapping_key: `a b` has ` ` in it: AWS takes letters, digits and `$-_.+!*'()/`"],
            ),
        ];
        for (key, said) in cases {
            assert_eq!(refused_texts::<ApiMapping>(&[("api_mapping_key", key)]), *said);
        }
    }
}
