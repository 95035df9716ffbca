//! `apigatewayv2.api`: an HTTP or WebSocket API.
//!
//! Calls: CreateApi, GetApi, GetApis, UpdateApi, DeleteCorsConfiguration, TagResource, UntagResource,
//! DeleteApi. A change of the protocol makes a new API. Deleting an API deletes everything under it, which AWS
//! refuses as long as a domain name maps to it.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html>

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known, known_str};
use infra_core::{Attributes, PhysicalId, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Gateway, all_pages, check_length, in_use, ours, tags_for_create, text, user_tags};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::Observations;
use crate::tags::Tags;
use crate::texts::texts;

/// Up to so many APIs are asked for one by one; for more, all of the account are listed.
const FEW: usize = 3;

/// How an HTTP API selects a route: the only way that it knows.
const HTTP_SELECTION: &str = "${request.method} ${request.path}";

/// The type.
pub struct Api {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name: 1 to 128 characters, not unique.
    pub name: String,
    /// `HTTP` or `WEBSOCKET`.
    pub protocol_type: ProtocolType,
    /// What the API is for, at most 1024 characters.
    pub description: Option<String>,
    /// A version of your own, at most 64 characters.
    pub version: Option<String>,
    /// Which pages of other origins may call the API from a browser; of HTTP APIs only.
    pub cors_configuration: Option<Cors>,
    /// Whether clients must use a custom domain name, since the API's own address does not answer. AWS's
    /// default is false.
    #[schemars(extend("default" = false))]
    pub disable_execute_api_endpoint: Option<bool>,
    /// What of a message selects its route, such as `$request.body.action`. A WebSocket API needs it; an HTTP
    /// API takes only AWS's default, the method and the path.
    pub route_selection_expression: Option<String>,
    /// Whether the API's own address answers over IPv4 or over IPv6 as well. AWS's default is `ipv4`.
    #[schemars(extend("default" = "ipv4"))]
    pub ip_address_type: Option<IpAddressType>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

texts! {
    /// What clients speak.
    ProtocolType => sdk::ProtocolType {
        /// Requests and answers.
        Http = "HTTP",
        /// Messages both ways.
        WebSocket = "WEBSOCKET",
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

/// Cross-origin resource sharing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Whether credentials may be sent. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub allow_credentials: Option<bool>,
    /// Headers that may be sent, in lower case; `*` for any.
    pub allow_headers: Option<BTreeSet<String>>,
    /// Methods that may be used; `*` for any.
    pub allow_methods: Option<BTreeSet<String>>,
    /// Origins that may call, such as `https://example.com`; `*` for any.
    pub allow_origins: Option<BTreeSet<String>>,
    /// Headers of answers that pages may read, in lower case; `*` for any.
    pub expose_headers: Option<BTreeSet<String>>,
    /// For how many seconds a browser may keep the answer to its preflight request, -1 to 86400.
    pub max_age: Option<i32>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    name: Option<String>,
    protocol_type: Option<String>,
    description: Option<String>,
    version: Option<String>,
    cors_configuration: Option<ObservedCors>,
    disable_execute_api_endpoint: bool,
    route_selection_expression: Option<String>,
    ip_address_type: Option<String>,
    tags: Tags,
    /// The API's id.
    id: String,
    /// The API's ARN.
    arn: String,
    /// The ARN that permissions to call the API name, without stage and route.
    execution_arn: String,
    /// The API's own address, `https://<id>.execute-api.<region>.amazonaws.com`.
    api_endpoint: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedCors {
    allow_credentials: Option<bool>,
    allow_headers: Option<BTreeSet<String>>,
    allow_methods: Option<BTreeSet<String>>,
    allow_origins: Option<BTreeSet<String>>,
    expose_headers: Option<BTreeSet<String>>,
    max_age: Option<i32>,
}

/// The answers of CreateApi, GetApi and GetApis are types of their own with the same parts.
macro_rules! observe {
    ($gateway:expr, $api:expr) => {{
        let api = $api;
        let id = api.api_id().unwrap_or_default().to_owned();
        Observed {
            name: text(api.name()),
            protocol_type: api.protocol_type().map(|kind| kind.as_str().to_owned()),
            description: text(api.description()),
            version: text(api.version()),
            cors_configuration: api.cors_configuration().map(observe_cors),
            disable_execute_api_endpoint: api.disable_execute_api_endpoint().unwrap_or(false),
            route_selection_expression: text(api.route_selection_expression()),
            ip_address_type: api.ip_address_type().map(|kind| kind.as_str().to_owned()),
            tags: user_tags(api.tags()),
            arn: $gateway.arn(&format!("/apis/{id}")),
            execution_arn: $gateway.execution_arn(&id),
            api_endpoint: text(api.api_endpoint()),
            id,
        }
    }};
}

impl FromClients for Api {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for Api {
    const NAME: &'static str = "apigatewayv2.api";
    const DESCRIPTION: &'static str = "An HTTP or WebSocket API.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
    ];
    const EXAMPLE: &'static str = r#"
[apigatewayv2.api.main]
name          = "example"
protocol_type = "HTTP"

[apigatewayv2.api.main.cors_configuration]
allow_origins = ["https://example.com"]
allow_methods = ["GET", "POST"]
max_age       = 300
"#;
    const TRAITS: Traits = Traits {
        immutable: &["protocol_type"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_length(attributes, "name", 1, 128, problems);
        check_length(attributes, "description", 0, 1024, problems);
        check_length(attributes, "version", 1, 64, problems);
        if let Some(cors) = known(attributes, "cors_configuration").and_then(Value::as_map) {
            check_cors(cors, problems);
        }
        let is_set = |name: &str| attributes.get(name).is_some_and(|value| !value.is_null());
        match known_str(attributes, "protocol_type") {
            Some("WEBSOCKET") => {
                if !is_set("route_selection_expression") {
                    problems.at_with_help(
                        "",
                        "a WebSocket API needs `route_selection_expression`",
                        "such as `$request.body.action`",
                    );
                }
                if is_set("cors_configuration") {
                    problems.at(
                        "cors_configuration",
                        "a WebSocket API takes no CORS configuration",
                    );
                }
            }
            Some("HTTP") => {
                if let Some(expression) = known_str(attributes, "route_selection_expression")
                    && expression != HTTP_SELECTION
                {
                    problems.at(
                        "route_selection_expression",
                        "an HTTP API always selects by method and path: leave it out",
                    );
                }
            }
            _ => {}
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .gateway
            .client
            .create_api()
            .name(&spec.name)
            .protocol_type(spec.protocol_type.into())
            .set_description(spec.description)
            .set_version(spec.version)
            .set_cors_configuration(spec.cors_configuration.map(Into::into))
            .set_disable_execute_api_endpoint(spec.disable_execute_api_endpoint)
            .set_route_selection_expression(spec.route_selection_expression)
            .set_ip_address_type(spec.ip_address_type.map(Into::into))
            .set_tags(tags_for_create(call, spec.tags.as_ref()))
            .send()
            .await
            .aws("apigatewayv2", "CreateApi")?;
        let id = answer
            .api_id()
            .ok_or_else(|| missing("apigatewayv2", "CreateApi", "apiId"))?;
        Ok(Created::new(id, observe!(self.gateway, &answer)))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found: Vec<Observed> = if ids.len() <= FEW {
            let one_by_one = ids.iter().map(async |id| {
                let answer = self.gateway.client.get_api().api_id(id.as_str()).send().await;
                let answer = answer.aws("apigatewayv2", "GetApi").absent_is_none()?;
                ProviderResult::Ok(answer.map(|api| observe!(self.gateway, &api)))
            });
            try_join_all(one_by_one).await?.into_iter().flatten().collect()
        } else {
            let apis = all_pages!(self.gateway.client.get_apis(), "GetApis").await?;
            apis.iter().map(|api| observe!(self.gateway, api)).collect()
        };
        let wanted: BTreeSet<&str> = ids.iter().map(PhysicalId::as_str).collect();
        Ok(found
            .into_iter()
            .filter(|observed| wanted.contains(observed.id.as_str()))
            .map(|observed| (PhysicalId::new(&observed.id), Found::ready(observed)))
            .collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let _turn = self.gateway.turn(id.as_str()).await;
        let spec = update.spec;
        if update.changed.contains("cors_configuration") && spec.cors_configuration.is_none() {
            let call = self.gateway.client.delete_cors_configuration();
            call.api_id(id.as_str())
                .send()
                .await
                .aws("apigatewayv2", "DeleteCorsConfiguration")
                .absent_is_none()?;
        }
        let changed = |name: &str| update.changed.contains(name);
        if update.changed.iter().any(|name| name != "tags") {
            // What is not sent stays as it is, so what is no longer set is sent as its default.
            let selection = spec
                .route_selection_expression
                .or_else(|| (spec.protocol_type == ProtocolType::Http).then(|| HTTP_SELECTION.to_owned()));
            let addresses = spec.ip_address_type.unwrap_or(IpAddressType::Ipv4);
            let disabled = spec.disable_execute_api_endpoint.unwrap_or(false);
            self.gateway
                .client
                .update_api()
                .api_id(id.as_str())
                .name(spec.name)
                .set_description(changed("description").then(|| spec.description.unwrap_or_default()))
                .set_version(changed("version").then(|| spec.version.unwrap_or_default()))
                .set_cors_configuration(spec.cors_configuration.map(Into::into))
                .set_disable_execute_api_endpoint(changed("disable_execute_api_endpoint").then_some(disabled))
                .set_route_selection_expression(selection.filter(|_| changed("route_selection_expression")))
                .set_ip_address_type(changed("ip_address_type").then(|| addresses.into()))
                .send()
                .await
                .aws("apigatewayv2", "UpdateApi")?;
        }
        if update.changed.contains("tags") {
            let path = format!("/apis/{id}");
            self.gateway
                .update_tags(&path, &update.prior, spec.tags.as_ref())
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let _turn = self.gateway.turn(id.as_str()).await;
        let answer = self.gateway.client.delete_api().api_id(id.as_str()).send().await;
        answer
            .aws("apigatewayv2", "DeleteApi")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let apis = all_pages!(self.gateway.client.get_apis(), "GetApis").await?;
        let found = apis.into_iter().find(|api| ours(call, api.tags()));
        Ok(found.and_then(|api| api.api_id).map(PhysicalId::new))
    }
}

/// API Gateway tells headers back in lower and methods in upper case: other spellings would differ for ever.
fn check_cors(cors: &Attributes, problems: &mut Problems) {
    for (list, upper) in [
        ("allow_headers", false),
        ("expose_headers", false),
        ("allow_methods", true),
        ("allow_origins", false),
    ] {
        let texts = cors.get(list).and_then(Value::as_list).unwrap_or_default();
        for text in texts.iter().filter_map(Value::as_str) {
            let (spelled, case) = if upper {
                (text.to_ascii_uppercase(), "upper")
            } else {
                (text.to_ascii_lowercase(), "lower")
            };
            if spelled != text {
                problems.at_with_help(
                    format!("cors_configuration.{list}").as_str(),
                    format!("`{text}` must be in {case} case, which is how AWS tells it back"),
                    format!("write \"{spelled}\""),
                );
            }
        }
    }
    if let Some(age) = cors.get("max_age").and_then(Value::as_integer)
        && !(-1..=86400).contains(&age)
    {
        problems.at(
            "cors_configuration.max_age",
            format!("must be -1 to 86400 seconds, not {age}"),
        );
    }
    let has_any_origin = cors
        .get("allow_origins")
        .and_then(Value::as_list)
        .is_some_and(|origins| origins.iter().any(|origin| origin.as_str() == Some("*")));
    if has_any_origin && cors.get("allow_credentials").and_then(Value::as_bool) == Some(true) {
        problems.at(
            "cors_configuration.allow_credentials",
            "credentials cannot be allowed for any origin `*`: name the origins",
        );
    }
}

fn observe_cors(cors: &sdk::Cors) -> ObservedCors {
    let set = |texts: &[String], spell: fn(&str) -> String| {
        (!texts.is_empty()).then(|| texts.iter().map(|text| spell(text)).collect())
    };
    let lower = |text: &str| text.to_ascii_lowercase();
    ObservedCors {
        allow_credentials: cors.allow_credentials(),
        allow_headers: set(cors.allow_headers(), lower),
        allow_methods: set(cors.allow_methods(), |text| text.to_ascii_uppercase()),
        allow_origins: set(cors.allow_origins(), lower),
        expose_headers: set(cors.expose_headers(), lower),
        max_age: cors.max_age(),
    }
}

impl From<Cors> for sdk::Cors {
    fn from(cors: Cors) -> Self {
        let list = |set: Option<BTreeSet<String>>| set.map(|set| set.into_iter().collect());
        Self::builder()
            .set_allow_credentials(cors.allow_credentials)
            .set_allow_headers(list(cors.allow_headers))
            .set_allow_methods(list(cors.allow_methods))
            .set_allow_origins(list(cors.allow_origins))
            .set_expose_headers(list(cors.expose_headers))
            .set_max_age(cors.max_age)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::problems_in;

    #[test]
    fn each_protocol_has_its_own_rules() {
        let cases = [
            (json!({"name": "a", "protocol_type": "HTTP"}), vec![]),
            (
                json!({"name": "", "protocol_type": "HTTP"}),
                vec!["name: AWS takes 1 to 128 characters, these are 0"],
            ),
            (
                json!({"protocol_type": "WEBSOCKET", "cors_configuration": {}}),
                vec![
                    ": a WebSocket API needs `route_selection_expression`",
                    "cors_configuration: a WebSocket API takes no CORS configuration",
                ],
            ),
            (
                json!({"protocol_type": "HTTP", "route_selection_expression": "$request.body.action"}),
                vec![
                    "route_selection_expression: an HTTP API always selects by method and path: leave it out",
                ],
            ),
            (
                json!({"cors_configuration": {
                    "allow_headers": ["Content-Type"], "allow_methods": ["get"], "max_age": 100_000,
                    "allow_origins": ["*"], "allow_credentials": true,
                }}),
                vec![
                    "cors_configuration.allow_headers: `Content-Type` must be in lower case, which is how AWS \
                     tells it back",
                    "cors_configuration.allow_methods: `get` must be in upper case, which is how AWS tells it \
                     back",
                    "cors_configuration.max_age: must be -1 to 86400 seconds, not 100000",
                    "cors_configuration.allow_credentials: credentials cannot be allowed for any origin `*`: \
                     name the origins",
                ],
            ),
        ];
        for (attributes, said) in cases {
            let Value::Map(attributes) = Value::from(attributes) else {
                panic!("no table")
            };
            assert_eq!(problems_in::<Api>(&attributes), said);
        }
    }
}
