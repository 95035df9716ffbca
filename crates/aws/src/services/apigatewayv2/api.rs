//! `apigatewayv2.api`: an HTTP or WebSocket API.
//!
//! Calls: CreateApi, GetApi, GetApis, UpdateApi, DeleteCorsConfiguration, TagResource, UntagResource, DeleteApi. A
//! change of the protocol makes a new API. Deleting an API deletes everything under it, which AWS refuses as long as a
//! domain name maps to it.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types as sdk;
use futures::future::try_join_all;

use super::common::{all_pages, all_tags, arn, execution_arn, tags_for_create, text, turn};
use super::service::ApiGateway;
use crate::prelude::*;
use crate::tags;

/// Up to so many APIs are asked for one by one; for more, all of the account are listed.
const FEW: usize = 3;

/// How an HTTP API selects a route: the only way that it knows.
const HTTP_SELECTION: &str = "$request.method $request.path";
/// The same as AWS documents it.
const DOCUMENTED_SELECTION: &str = "${request.method} ${request.path}";

/// An HTTP or WebSocket API.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html")]
pub struct Api {
    /// The name, not unique.
    #[attribute(length = 1..=128)]
    pub name: String,
    /// `HTTP` or `WEBSOCKET`.
    #[attribute(immutable)]
    pub protocol_type: ProtocolType,
    /// What the API is for.
    #[attribute(length = 0..=1024)]
    pub description: Option<String>,
    /// A version of your own.
    #[attribute(length = 1..=64)]
    pub version: Option<String>,
    /// Which pages of other origins may call the API from a browser; of HTTP APIs only.
    #[attribute(not_where(protocol_type, "WEBSOCKET"))]
    pub cors_configuration: Option<Cors>,
    /// Whether clients must use a custom domain name, since the API's own address does not answer.
    #[attribute(default = false)]
    pub disable_execute_api_endpoint: Option<bool>,
    /// What of a message selects its route, such as `$request.body.action`. A WebSocket API needs it; an HTTP
    /// API takes only AWS's default, the method and the path.
    #[attribute(same(also("${request.method} ${request.path}" = "$request.method $request.path")))]
    pub route_selection_expression: Option<String>,
    /// Whether the API's own address answers over IPv4 or over IPv6 as well.
    #[attribute(default = "ipv4")]
    pub ip_address_type: Option<IpAddressType>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The API's id.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The API's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The ARN that permissions to call the API name, without stage and route.
    #[attribute(computed)]
    pub execution_arn: Option<String>,
    /// The API's own address, `https://<id>.execute-api.<region>.amazonaws.com`.
    #[attribute(computed)]
    pub api_endpoint: Option<String>,
}

use ApiField as Field;

choices! {
    /// What clients speak.
    ProtocolType {
        /// Requests and answers.
        Http = "HTTP",
        /// Messages both ways.
        WebSocket = "WEBSOCKET",
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

/// Cross-origin resource sharing.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-cors.html")]
pub struct Cors {
    /// Whether credentials may be sent.
    #[attribute(default = false)]
    pub allow_credentials: Option<bool>,
    /// Headers that may be sent, in lower case; `*` for any.
    #[attribute(same(any_case))]
    pub allow_headers: Option<BTreeSet<String>>,
    /// Methods that may be used; `*` for any.
    pub allow_methods: Option<BTreeSet<String>>,
    /// Origins that may call, such as `https://example.com`; `*` for any.
    pub allow_origins: Option<BTreeSet<String>>,
    /// Headers of answers that pages may read, in lower case; `*` for any.
    #[attribute(same(any_case))]
    pub expose_headers: Option<BTreeSet<String>>,
    /// For how many seconds a browser may keep the answer to its preflight request.
    #[attribute(range = -1..=86_400)]
    pub max_age: Option<i32>,
}

/// The answers of CreateApi, GetApi and GetApis are types of their own with the same parts.
macro_rules! observe {
    ($aws:expr, $api:expr) => {{
        let api = $api;
        let id = api.api_id().unwrap_or_default();
        let observed = PartialApi {
            name: text(api.name()).into(),
            protocol_type: told(api.protocol_type()),
            description: text(api.description()).into(),
            version: text(api.version()).into(),
            cors_configuration: api.cors_configuration().map(observe_cors).into(),
            disable_execute_api_endpoint: api.disable_execute_api_endpoint().unwrap_or(false).into(),
            route_selection_expression: text(api.route_selection_expression()).into(),
            ip_address_type: told(api.ip_address_type()),
            tags: all_tags(api.tags()).into(),
            id: id.into(),
            arn: arn($aws, &format!("/apis/{id}")).into(),
            execution_arn: execution_arn($aws, id).into(),
            api_endpoint: text(api.api_endpoint()).into(),
        };
        (PhysicalId::new(id), Found::ready(observed))
    }};
}

impl Resource for Api {
    const NAME: &'static str = "apigatewayv2.api";
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
    const RULES: Rules<ApiField> = Rules::UNIQUE_IDS;
    type Service = ApiGateway;

    fn validate(given: &PartialApi, problems: &mut Problems) {
        if let Some(cors) = given.cors_configuration.known() {
            check_cors(cors, problems);
        }
        match given.protocol_type.known() {
            Some(ProtocolType::WebSocket) if !given.route_selection_expression.is_set() => {
                problems.at_with_help(
                    "",
                    "a WebSocket API needs `route_selection_expression`",
                    "such as `$request.body.action`",
                );
            }
            Some(ProtocolType::Http) => {
                let expression = given.route_selection_expression.as_str();
                if expression.is_some_and(|told| ![HTTP_SELECTION, DOCUMENTED_SELECTION].contains(&told)) {
                    let message = "an HTTP API always selects by method and path: leave it out";
                    problems.at(Field::RouteSelectionExpression.name(), message);
                }
            }
            _ => {}
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialApi>> {
        let answer = aws
            .apigatewayv2
            .create_api()
            .name(&spec.name)
            .set_protocol_type(to_aws(Some(spec.protocol_type)))
            .set_description(spec.description)
            .set_version(spec.version)
            .set_cors_configuration(spec.cors_configuration.map(cors_to_sdk))
            .set_disable_execute_api_endpoint(spec.disable_execute_api_endpoint)
            .set_route_selection_expression(spec.route_selection_expression)
            .set_ip_address_type(to_aws(spec.ip_address_type))
            .set_tags(tags_for_create(call, spec.tags))
            .send()
            .await
            .aws("apigatewayv2", "CreateApi")?;
        if answer.api_id().is_none() {
            return Err(missing("apigatewayv2", "CreateApi", "apiId"));
        }
        Ok(observe!(aws, &answer).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found: Vec<Observation<Self>> = if ids.len() <= FEW {
            let one_by_one = ids.iter().map(async |id| {
                let answer = aws.apigatewayv2.get_api().api_id(id.as_str()).send().await;
                let answer = answer.aws("apigatewayv2", "GetApi").absent_is_none()?;
                ProviderResult::Ok(answer.map(|api| observe!(aws, &api)))
            });
            try_join_all(one_by_one).await?.into_iter().flatten().collect()
        } else {
            all(aws).await?
        };
        Ok(found.into_iter().filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let _turn = turn(aws, id.as_str()).await;
        let spec = update.spec.clone();
        let ends_cors = update.changes(Field::CorsConfiguration) && spec.cors_configuration.is_none();
        if ends_cors {
            let call = aws.apigatewayv2.delete_cors_configuration().api_id(id.as_str());
            let deleted = call.send().await.aws("apigatewayv2", "DeleteCorsConfiguration");
            deleted.absent_is_none()?;
            if update.changes_only(&[Field::CorsConfiguration]) {
                return Ok(());
            }
        }
        // What is not sent stays as it is, so what is no longer set is sent as its default.
        let description = spec.description.or_else(|| Some(String::new()));
        let version = spec.version.or_else(|| Some(String::new()));
        let selection = spec.route_selection_expression;
        let is_http = spec.protocol_type == ProtocolType::Http;
        let selection = selection.or_else(|| is_http.then(|| HTTP_SELECTION.to_owned()));
        let addresses = spec.ip_address_type.or(Some(IpAddressType::Ipv4));
        let disabled = spec.disable_execute_api_endpoint.or(Some(false));
        let cors = update.only(Field::CorsConfiguration, spec.cors_configuration);
        let cors = cors.map(|cors| cors_to_sdk(update.whole(Field::CorsConfiguration, cors)));
        aws.apigatewayv2
            .update_api()
            .api_id(id.as_str())
            .set_name(update.only(Field::Name, Some(spec.name)))
            .set_description(update.only(Field::Description, description))
            .set_version(update.only(Field::Version, version))
            .set_cors_configuration(cors)
            .set_disable_execute_api_endpoint(update.only(Field::DisableExecuteApiEndpoint, disabled))
            .set_route_selection_expression(update.only(Field::RouteSelectionExpression, selection))
            .set_ip_address_type(to_aws(update.only(Field::IpAddressType, addresses)))
            .send()
            .await
            .aws("apigatewayv2", "UpdateApi")
            .map(drop)
    }

    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        tags::arn_in(id, prior)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let _turn = turn(aws, id.as_str()).await;
        let call = aws.apigatewayv2.delete_api().api_id(id.as_str());
        call.send().await.aws("apigatewayv2", "DeleteApi").map(drop)
    }

    async fn left(aws: &Clients, _: &Call, _: &PartialApi) -> ProviderResult<Observations<Self>> {
        Ok(all(aws).await?.into_iter().collect())
    }
}

async fn all(aws: &Clients) -> ProviderResult<Vec<Observation<Api>>> {
    let apis = all_pages!(aws.apigatewayv2.get_apis(), "GetApis").await?;
    Ok(apis.iter().map(|api| observe!(aws, api)).collect())
}

/// Methods are compared by letter, and written in upper case.
fn check_cors(cors: &PartialCors, problems: &mut Problems) {
    let path = |key: CorsField| format!("{}.{}", Field::CorsConfiguration.name(), key.name());
    for (key, texts, upper) in [
        (CorsField::AllowMethods, &cors.allow_methods, true),
        (CorsField::AllowOrigins, &cors.allow_origins, false),
    ] {
        for (_, text) in texts.known_elements() {
            let (spelled, case) = if upper {
                (text.to_ascii_uppercase(), "upper")
            } else {
                (text.to_ascii_lowercase(), "lower")
            };
            if spelled != *text {
                problems.at_with_help(
                    path(key).as_str(),
                    format!("`{text}` must be in {case} case, which is how AWS tells it back"),
                    format!("write \"{spelled}\""),
                );
            }
        }
    }
    let has_any_origin = cors
        .allow_origins
        .known_elements()
        .any(|(_, origin)| origin == "*");
    if has_any_origin && cors.allow_credentials == Partial::Known(true) {
        let message = "credentials cannot be allowed for any origin `*`: name the origins";
        problems.at(path(CorsField::AllowCredentials).as_str(), message);
    }
}

fn observe_cors(cors: &sdk::Cors) -> PartialCors {
    let set = |texts: &[String], spell: fn(&str) -> String| {
        let texts: BTreeSet<String> = texts.iter().map(|text| spell(text)).collect();
        if texts.is_empty() {
            Partial::Unset
        } else {
            texts.into()
        }
    };
    let lower = |text: &str| text.to_ascii_lowercase();
    PartialCors {
        allow_credentials: cors.allow_credentials().into(),
        allow_headers: set(cors.allow_headers(), lower),
        allow_methods: set(cors.allow_methods(), |text| text.to_ascii_uppercase()),
        allow_origins: set(cors.allow_origins(), lower),
        expose_headers: set(cors.expose_headers(), lower),
        max_age: cors.max_age().into(),
    }
}

fn cors_to_sdk(cors: Cors) -> sdk::Cors {
    sdk::Cors::builder()
        .set_allow_credentials(cors.allow_credentials)
        .set_allow_headers(cors.allow_headers.map(Vec::from_iter))
        .set_allow_methods(cors.allow_methods.map(Vec::from_iter))
        .set_allow_origins(cors.allow_origins.map(Vec::from_iter))
        .set_expose_headers(cors.expose_headers.map(Vec::from_iter))
        .set_max_age(cors.max_age)
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::refused;

    #[test]
    fn each_protocol_has_its_own_rules() {
        let cases = [
            (json!({"name": "a", "protocol_type": "HTTP"}), vec![]),
            (
                json!({"name": "", "protocol_type": "HTTP"}),
                vec!["name: `` has 0 characters: AWS takes 1 to 128"],
            ),
            (
                json!({"protocol_type": "WEBSOCKET", "cors_configuration": {"max_age": 5}}),
                vec![
                    "cors_configuration: is not for `protocol_type` `WEBSOCKET`",
                    ": a WebSocket API needs `route_selection_expression`",
                ],
            ),
            (
                json!({"protocol_type": "HTTP", "route_selection_expression": "$request.method $request.path"}),
                vec![],
            ),
            (
                json!({"protocol_type": "HTTP", "route_selection_expression": "${request.method} ${request.path}"}),
                vec![],
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
                    "cors_configuration.max_age: 100000 is not between -1 and 86400",
                    "cors_configuration.allow_methods: `get` must be in upper case, which is how AWS tells it \
                     back",
                    "cors_configuration.allow_credentials: credentials cannot be allowed for any origin `*`: \
                     name the origins",
                ],
            ),
        ];
        for (attributes, said) in cases {
            assert_eq!(refused::<Api>(attributes), said);
        }
    }
}
