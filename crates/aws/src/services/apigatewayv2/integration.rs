//! `apigatewayv2.integration`: where an API passes requests on to.
//!
//! Calls: CreateIntegration, GetIntegration, GetIntegrations, UpdateIntegration, DeleteIntegration, GetVpcLink
//! (when a private integration is refused), GetRoutes (when an answer was lost). Only the API and the subtype
//! cannot be changed in place. The id is `<API>/<integration>`.
//!
//! An integration has neither name nor tags nor a token. What a lost create left is found under the API by
//! everything that it asked for; of several that are equal, one that no route uses is taken. Two equal
//! integrations in one stack are refused, because they could be taken for each other.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{self as sdk, TlsConfigInput, VpcLinkStatus};
use futures::future::try_join_all;
use infra_core::types::{Problem, Problems, known, known_integer, known_str};
use infra_core::{Attributes, PhysicalId, ProviderError, ResourceAddress, Value};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    Gateway, all_pages, check_length, in_use, is_refusal, not_ready, text, texts_by_key, with_removals,
};
use crate::alike::alike;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, by_parent, id_parts, wanted_among};
use crate::tags::Tags;
use crate::texts::texts;

/// AWS's default for how long an answer may take, in milliseconds.
const DEFAULT_TIMEOUT_MILLISECONDS: i32 = 30_000;

/// The type.
pub struct Integration {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The API's id.
    pub api_id: String,
    /// What stands behind it: `HTTP_PROXY` for a load balancer or any other HTTP server, `AWS_PROXY` for a
    /// Lambda function or an AWS API.
    pub integration_type: IntegrationType,
    /// Which AWS API an `AWS_PROXY` calls, such as `SQS-SendMessage`; not for Lambda functions.
    pub integration_subtype: Option<String>,
    /// The HTTP method of the request that is passed on; `ANY` keeps the client's. `HTTP_PROXY` needs it.
    pub integration_method: Option<String>,
    /// Where to: a URL, a Lambda function's ARN, or, through a VPC link, the ARN of a load balancer's listener
    /// or of a Cloud Map service.
    pub integration_uri: Option<String>,
    /// Over the internet or through a VPC link. AWS's default is `INTERNET`.
    #[schemars(extend("default" = "INTERNET"))]
    pub connection_type: Option<ConnectionType>,
    /// The VPC link's id, for `VPC_LINK`.
    pub connection_id: Option<String>,
    /// The form of what an `AWS_PROXY` gets, `1.0` or `2.0`; `HTTP_PROXY` knows `1.0` only. AWS's default is
    /// `1.0`.
    #[schemars(extend("default" = "1.0"))]
    pub payload_format_version: Option<String>,
    /// How long an answer may take, in milliseconds, 50 to 30000. AWS's default is 30000 for HTTP APIs.
    #[schemars(extend("default" = DEFAULT_TIMEOUT_MILLISECONDS))]
    pub timeout_in_millis: Option<i32>,
    /// What is changed in a request on the way, such as `"overwrite:path" = "$request.path"`.
    pub request_parameters: Option<Tags>,
    /// Speaks TLS to the target of a VPC link.
    pub tls_config: Option<TlsConfig>,
    /// The ARN of the role that an `AWS_PROXY` with a subtype acts as.
    pub credentials_arn: Option<String>,
    /// What it is for, at most 1024 characters.
    pub description: Option<String>,
}

texts! {
    /// What stands behind an integration.
    IntegrationType => sdk::IntegrationType {
        /// An HTTP server, requests passed on as they are.
        HttpProxy = "HTTP_PROXY",
        /// A Lambda function or an AWS API.
        AwsProxy = "AWS_PROXY",
        /// An HTTP server with templates; of WebSocket APIs.
        Http = "HTTP",
        /// An AWS API with templates; of WebSocket APIs.
        Aws = "AWS",
        /// Nothing; of WebSocket APIs.
        Mock = "MOCK",
    }
}

texts! {
    /// Which way requests go.
    ConnectionType => sdk::ConnectionType {
        /// Over the internet.
        Internet = "INTERNET",
        /// Through a VPC link.
        VpcLink = "VPC_LINK",
    }
}

/// TLS to the target of a VPC link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The name that the target's certificate must be for.
    pub server_name_to_verify: String,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    api_id: String,
    integration_type: Option<String>,
    integration_subtype: Option<String>,
    integration_method: Option<String>,
    integration_uri: Option<String>,
    connection_type: Option<String>,
    connection_id: Option<String>,
    payload_format_version: Option<String>,
    timeout_in_millis: Option<i32>,
    request_parameters: Option<Tags>,
    tls_config: Option<ObservedTls>,
    credentials_arn: Option<String>,
    description: Option<String>,
    /// The integration's id, which a route's target names as `integrations/<id>`.
    id: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedTls {
    server_name_to_verify: String,
}

/// The answers of CreateIntegration, GetIntegration and GetIntegrations are types of their own with the same
/// parts.
macro_rules! observe {
    ($api_id:expr, $integration:expr) => {{
        let integration = $integration;
        Observed {
            api_id: $api_id.to_owned(),
            integration_type: integration
                .integration_type()
                .map(|kind| kind.as_str().to_owned()),
            integration_subtype: text(integration.integration_subtype()),
            integration_method: text(integration.integration_method()),
            integration_uri: text(integration.integration_uri()),
            connection_type: integration.connection_type().map(|kind| kind.as_str().to_owned()),
            connection_id: text(integration.connection_id()),
            payload_format_version: text(integration.payload_format_version()),
            timeout_in_millis: integration.timeout_in_millis(),
            request_parameters: texts_by_key(integration.request_parameters()),
            tls_config: integration
                .tls_config()
                .and_then(|tls| text(tls.server_name_to_verify()))
                .map(|server_name_to_verify| ObservedTls {
                    server_name_to_verify,
                }),
            credentials_arn: text(integration.credentials_arn()),
            description: text(integration.description()),
            id: integration.integration_id().unwrap_or_default().to_owned(),
        }
    }};
}

impl FromClients for Integration {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for Integration {
    const NAME: &'static str = "apigatewayv2.integration";
    const DESCRIPTION: &'static str = "An integration: where an API passes requests on to.";
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

[apigatewayv2.integration.main]
api_id             = "${apigatewayv2.api.main.id}"
integration_type   = "HTTP_PROXY"
integration_method = "ANY"
integration_uri    = "https://example.com/{proxy}"
"#;
    const TRAITS: Traits = Traits {
        immutable: &["api_id", "integration_subtype"],
        recognition: Recognition::Content,
        under: Some(Under {
            resource_type: "apigatewayv2.api",
            id: &["api_id"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_length(attributes, "description", 0, 1024, problems);
        let is_set = |name: &str| attributes.get(name).is_some_and(|value| !value.is_null());
        if let Some(timeout) = known_integer(attributes, "timeout_in_millis")
            && !(50..=30_000).contains(&timeout)
        {
            problems.at(
                "timeout_in_millis",
                format!("must be 50 to 30000 milliseconds, not {timeout}"),
            );
        }
        let kind = known_str(attributes, "integration_type");
        let payload = known_str(attributes, "payload_format_version");
        if kind == Some("HTTP_PROXY") {
            if !is_set("integration_method") {
                problems.at_with_help(
                    "",
                    "HTTP_PROXY needs `integration_method`",
                    "`ANY` passes the client's method on",
                );
            }
            if !is_set("integration_uri") {
                problems.at("", "HTTP_PROXY needs `integration_uri`");
            }
            if payload.is_some_and(|version| version != "1.0") {
                problems.at("payload_format_version", "HTTP_PROXY knows 1.0 only");
            }
        } else if let Some(version) = payload
            && !["1.0", "2.0"].contains(&version)
        {
            problems.at(
                "payload_format_version",
                format!("AWS knows 1.0 and 2.0, not {version}"),
            );
        }
        let connection = known_str(attributes, "connection_type");
        if connection == Some("VPC_LINK") {
            check_private(attributes, kind, problems);
        } else if connection == Some("INTERNET") || !is_set("connection_type") {
            for name in ["connection_id", "tls_config"] {
                if is_set(name) {
                    problems.at(name, "is for connection_type = \"VPC_LINK\" only");
                }
            }
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let all: Vec<_> = stack
            .iter()
            .filter(|(address, _)| address.type_name().to_string() == Self::NAME)
            .collect();
        let mut found = Vec::new();
        for (index, (address, attributes)) in all.iter().enumerate() {
            let twin = all[..index]
                .iter()
                .find(|(_, other)| *other == *attributes && other.values().all(is_definite));
            if let Some((twin, _)) = twin {
                let mut problems = Problems::default();
                problems.at_with_help(
                    "",
                    format!("is the same as {twin}: AWS gives integrations no name to tell them apart by"),
                    "let several routes use one integration, or give them different descriptions",
                );
                found.extend(
                    problems
                        .into_vec()
                        .into_iter()
                        .map(|problem| ((*address).clone(), problem)),
                );
            }
        }
        found
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let _turn = self.gateway.turn(&spec.api_id).await;
        let parameters = spec.request_parameters.clone();
        let answer = self
            .gateway
            .client
            .create_integration()
            .api_id(&spec.api_id)
            .integration_type(spec.integration_type.into())
            .set_integration_subtype(spec.integration_subtype.clone())
            .set_integration_method(spec.integration_method.clone())
            .set_integration_uri(spec.integration_uri.clone())
            .set_connection_type(spec.connection_type.map(Into::into))
            .set_connection_id(spec.connection_id.clone())
            .set_payload_format_version(spec.payload_format_version.clone())
            .set_timeout_in_millis(spec.timeout_in_millis)
            .set_request_parameters(parameters.map(|entries| entries.into_iter().collect()))
            .set_tls_config(spec.tls_config.as_ref().map(tls_config))
            .set_credentials_arn(spec.credentials_arn.clone())
            .set_description(spec.description.clone())
            .send()
            .await
            .aws("apigatewayv2", "CreateIntegration");
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.unless_link_is_pending(&spec, error).await),
        };
        let id = answer
            .integration_id()
            .ok_or_else(|| missing("apigatewayv2", "CreateIntegration", "integrationId"))?;
        Ok(Created {
            id: PhysicalId::composite([&spec.api_id, id]),
            found: Found::ready(observe!(spec.api_id, &answer)),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(api, wanted)| {
            let observed = match wanted.as_slice() {
                [(_, integration)] => self.one(api, integration).await?.into_iter().collect(),
                _ => self.all(api).await?,
            };
            ProviderResult::Ok(wanted_among(&wanted, observed, |observed| &observed.id))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let [api, integration] = id_parts(id)?;
        let _turn = self.gateway.turn(api).await;
        let changed = |name: &str| update.changed.contains(name);
        let spec = &update.spec;
        // What is not sent stays as it is, so what is no longer set is sent as its default or empty.
        let parameters = changed("request_parameters").then(|| {
            with_removals(
                &update.prior,
                "request_parameters",
                spec.request_parameters.as_ref(),
            )
        });
        let tls = changed("tls_config").then(|| match &spec.tls_config {
            Some(tls) => tls_config(tls),
            None => TlsConfigInput::builder().server_name_to_verify("").build(),
        });
        let cleared =
            |name: &str, value: &Option<String>| changed(name).then(|| value.clone().unwrap_or_default());
        let connection = spec.connection_type.unwrap_or(ConnectionType::Internet);
        let payload = spec.payload_format_version.clone();
        let updated = self
            .gateway
            .client
            .update_integration()
            .api_id(api)
            .integration_id(integration)
            .integration_type(spec.integration_type.into())
            .set_integration_method(spec.integration_method.clone())
            .set_integration_uri(spec.integration_uri.clone())
            .connection_type(connection.into())
            .set_connection_id(spec.connection_id.clone())
            .payload_format_version(payload.unwrap_or_else(|| "1.0".to_owned()))
            .timeout_in_millis(spec.timeout_in_millis.unwrap_or(DEFAULT_TIMEOUT_MILLISECONDS))
            .set_request_parameters(parameters.unwrap_or_default())
            .set_tls_config(tls)
            .set_credentials_arn(cleared("credentials_arn", &spec.credentials_arn))
            .set_description(cleared("description", &spec.description))
            .send()
            .await
            .aws("apigatewayv2", "UpdateIntegration");
        match updated {
            Ok(_) => Ok(()),
            Err(error) => Err(self.unless_link_is_pending(spec, error).await),
        }
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [api, integration] = id_parts(id)?;
        let _turn = self.gateway.turn(api).await;
        self.gateway
            .client
            .delete_integration()
            .api_id(api)
            .integration_id(integration)
            .send()
            .await
            .aws("apigatewayv2", "DeleteIntegration")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(api) = known_str(attributes, "api_id") else {
            return Ok(None);
        };
        let mut equal = self.all(api).await?;
        equal.retain(|observed| {
            let id = PhysicalId::composite([api, &observed.id]);
            alike(attributes, observed, &[]) && !call.not_made.contains(&id)
        });
        if equal.len() > 1 {
            let routes = all_pages!(self.gateway.client.get_routes().api_id(api), "GetRoutes").await?;
            let used: BTreeSet<&str> = routes
                .iter()
                .filter_map(|route| route.target()?.strip_prefix("integrations/"))
                .collect();
            equal.retain(|observed| !used.contains(observed.id.as_str()));
        }
        let found = equal.first();
        Ok(found.map(|observed| PhysicalId::composite([api, &observed.id])))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(api) = known_str(attributes, "api_id") else {
            return Ok(Vec::new());
        };
        let integrations = self.all(api).await?.into_iter();
        Ok(integrations
            .filter(|observed| alike(attributes, observed, &[]))
            .map(|observed| PhysicalId::composite([api, &observed.id]))
            .collect())
    }
}

impl Integration {
    async fn one(&self, api: &str, integration: &str) -> ProviderResult<Option<Observed>> {
        let answer = self
            .gateway
            .client
            .get_integration()
            .api_id(api)
            .integration_id(integration)
            .send()
            .await
            .aws("apigatewayv2", "GetIntegration")
            .absent_is_none()?;
        Ok(answer.map(|found| observe!(api, &found)))
    }

    /// All integrations of an API; none when there is no such API.
    async fn all(&self, api: &str) -> ProviderResult<Vec<Observed>> {
        let pages = all_pages!(
            self.gateway.client.get_integrations().api_id(api),
            "GetIntegrations"
        );
        let found = pages.await.absent_is_none()?.unwrap_or_default();
        Ok(found.iter().map(|found| observe!(api, found)).collect())
    }

    /// The refusal as it is, unless the VPC link is still on its way: then that is what has to be waited for,
    /// however AWS words it.
    async fn unless_link_is_pending(&self, spec: &Spec, error: ProviderError) -> ProviderError {
        let (true, Some(ConnectionType::VpcLink), Some(link)) =
            (is_refusal(&error), spec.connection_type, &spec.connection_id)
        else {
            return error;
        };
        let call = self.gateway.client.get_vpc_link().vpc_link_id(link);
        match call.send().await {
            Ok(answer) if answer.vpc_link_status() == Some(&VpcLinkStatus::Pending) => {
                not_ready(error, "the VPC link", "PENDING")
            }
            _ => error,
        }
    }
}

fn tls_config(tls: &TlsConfig) -> TlsConfigInput {
    TlsConfigInput::builder()
        .server_name_to_verify(&tls.server_name_to_verify)
        .build()
}

/// Whether a value is known or stands for one attribute of one resource, so that equal means the same.
fn is_definite(value: &Value) -> bool {
    match value {
        Value::Unknown(unknown) => unknown.origin.is_some(),
        Value::List(items) => items.iter().all(is_definite),
        Value::Map(entries) => entries.values().all(is_definite),
        _ => true,
    }
}

/// The rules of an integration through a VPC link.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-private.html>
fn check_private(attributes: &Attributes, kind: Option<&str>, problems: &mut Problems) {
    if kind.is_some_and(|kind| kind != "HTTP_PROXY") {
        problems.at(
            "connection_type",
            "a VPC link takes integration_type = \"HTTP_PROXY\" only",
        );
    }
    if attributes.get("connection_id").is_none_or(Value::is_null) {
        problems.at("", "VPC_LINK needs `connection_id`, the VPC link's id");
    }
    if let Some(uri) = known(attributes, "integration_uri").and_then(Value::as_str)
        && !(uri.contains(":listener/") || uri.contains(":servicediscovery:"))
    {
        problems.at_with_help(
            "integration_uri",
            format!(
                "a VPC link reaches a load balancer's listener or a Cloud Map service by its ARN, not `{uri}`"
            ),
            "such as \"${elbv2.listener.main.arn}\"",
        );
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Unknown;
    use serde_json::json;

    use super::*;
    use crate::services::testing::problems_in;

    fn table(json: serde_json::Value) -> Attributes {
        match Value::from(json) {
            Value::Map(table) => table,
            other => panic!("{other:?} is no table"),
        }
    }

    #[test]
    fn each_kind_has_its_own_rules() {
        let listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/a/1/2";
        let cases = [
            (
                json!({"integration_type": "HTTP_PROXY", "integration_method": "ANY",
                    "integration_uri": listener, "connection_type": "VPC_LINK", "connection_id": "a",
                    "tls_config": {"server_name_to_verify": "example.com"}}),
                vec![],
            ),
            (
                json!({"integration_type": "HTTP_PROXY", "payload_format_version": "2.0",
                    "timeout_in_millis": 40_000}),
                vec![
                    "timeout_in_millis: must be 50 to 30000 milliseconds, not 40000",
                    ": HTTP_PROXY needs `integration_method`",
                    ": HTTP_PROXY needs `integration_uri`",
                    "payload_format_version: HTTP_PROXY knows 1.0 only",
                ],
            ),
            (
                json!({"integration_type": "AWS_PROXY", "connection_type": "VPC_LINK",
                    "integration_uri": "http://a"}),
                vec![
                    "connection_type: a VPC link takes integration_type = \"HTTP_PROXY\" only",
                    ": VPC_LINK needs `connection_id`, the VPC link's id",
                    "integration_uri: a VPC link reaches a load balancer's listener or a Cloud Map service by \
                     its ARN, not `http://a`",
                ],
            ),
            (
                json!({"connection_id": "a", "integration_type": "AWS_PROXY"}),
                vec!["connection_id: is for connection_type = \"VPC_LINK\" only"],
            ),
        ];
        for (attributes, said) in cases {
            assert_eq!(problems_in::<Integration>(&table(attributes)), said);
        }
    }

    #[test]
    fn equal_integrations_are_refused_unless_they_may_differ() {
        let of = |api: Option<&str>, description: &str| {
            let origin = api.map(|api| Box::new(format!("apigatewayv2.api.{api}.id").parse().unwrap()));
            Attributes::from([
                ("api_id".into(), Value::Unknown(Unknown { origin })),
                ("description".into(), description.into()),
            ])
        };
        let cases = [
            (of(Some("a"), ""), of(Some("a"), ""), 1),
            (of(Some("a"), ""), of(Some("b"), ""), 0),
            (of(Some("a"), ""), of(Some("a"), "other"), 0),
            (of(None, ""), of(None, ""), 0),
        ];
        for (first, second, count) in cases {
            let stack = [("one", first), ("two", second)].map(|(name, attributes)| {
                (
                    format!("apigatewayv2.integration.{name}").parse().unwrap(),
                    attributes,
                )
            });
            assert_eq!(Integration::validate_together(&stack.into()).len(), count);
        }
    }
}
