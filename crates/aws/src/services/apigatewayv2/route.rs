//! `apigatewayv2.route`: which requests of an API go where.
//!
//! Calls: CreateRoute, GetRoute, GetRoutes, UpdateRoute, DeleteRoute. Only the API cannot be changed in place. The id
//! is `<API>/<route>`. A route has no tags; its key is unique in the API.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::api::ApiField;
use super::common::{all_pages, text, turn};
use super::route_key;
use super::service::ApiGateway;
use crate::prelude::*;
use crate::read::{by_parent, id_parts};

/// A route: which requests of an API go where.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html")]
pub struct Route {
    /// The API's id.
    #[attribute(immutable)]
    pub api_id: String,
    /// Which requests: a method and a path such as `GET /pets/{id}` or `ANY /{proxy+}`, or `$default` for all
    /// that no other route takes.
    pub route_key: String,
    /// Where to: `integrations/` and the integration's id.
    #[attribute(length = 1..=128)]
    #[attribute(pattern(
        "^integrations/.",
        "is no target: it is \"integrations/${apigatewayv2.integration.<name>.id}\""
    ))]
    pub target: Option<String>,
    /// Who may call. AWS's default is `NONE`: anybody.
    #[attribute(default = "NONE")]
    pub authorization_type: Option<AuthorizationType>,
    /// The authorizer's id, for `JWT` and `CUSTOM`.
    #[attribute(
        only_where(authorization_type, "JWT", "CUSTOM"),
        needed_where(authorization_type, "JWT", "CUSTOM")
    )]
    pub authorizer_id: Option<String>,
    /// Scopes of which a token must have one, for `JWT`.
    #[attribute(length = 1..=64)]
    pub authorization_scopes: Option<BTreeSet<String>>,
    /// A name for the route.
    #[attribute(length = 1..=64)]
    pub operation_name: Option<String>,
    /// The route's id.
    #[attribute(computed)]
    pub id: Option<String>,
}

use RouteField as Field;

choices! {
    /// Who may call a route.
    AuthorizationType {
        /// Anybody.
        None = "NONE",
        /// Whoever IAM allows to.
        AwsIam = "AWS_IAM",
        /// Whoever a Lambda function allows to.
        Custom = "CUSTOM",
        /// Whoever has a JSON Web Token.
        Jwt = "JWT",
    }
}

/// The answers of CreateRoute, GetRoute and GetRoutes are types of their own with the same parts.
macro_rules! observe {
    ($api_id:expr, $route:expr) => {{
        let (api_id, route): (&str, _) = ($api_id, $route);
        let id = route.route_id().unwrap_or_default();
        let scopes: BTreeSet<String> = route.authorization_scopes().iter().cloned().collect();
        let observed = PartialRoute {
            api_id: api_id.into(),
            route_key: route.route_key().into(),
            target: text(route.target()).into(),
            authorization_type: told(route.authorization_type()),
            authorizer_id: text(route.authorizer_id()).into(),
            authorization_scopes: if scopes.is_empty() {
                Partial::Unset
            } else {
                scopes.into()
            },
            operation_name: text(route.operation_name()).into(),
            id: id.into(),
        };
        (PhysicalId::composite([api_id, id]), Found::ready(observed))
    }};
}

impl Resource for Route {
    const NAME: &'static str = "apigatewayv2.route";
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

[apigatewayv2.route.main]
api_id    = "${apigatewayv2.api.main.id}"
route_key = "ANY /{proxy+}"
target    = "integrations/${apigatewayv2.integration.main.id}"
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::ApiId, Field::RouteKey],
        recognition: Recognition::NaturalKey,
        under: Some(("apigatewayv2.api", &[Field::ApiId])),
        ..Rules::NONE
    };
    type Service = ApiGateway;

    fn validate(given: &PartialRoute, problems: &mut Problems) {
        if let Some(key) = given.route_key.as_str() {
            route_key::check(Field::RouteKey.name(), key, problems);
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        for (address, attributes) in stack {
            if address.type_name().to_string() != Self::NAME {
                continue;
            }
            let Some(key) = known_str(attributes, Field::RouteKey) else {
                continue;
            };
            let api = match value_of(attributes, Field::ApiId) {
                Some(Value::Unknown(unknown)) => unknown.origin.as_ref(),
                _ => None,
            };
            let api = api.and_then(|origin| stack.get(&origin.address));
            let protocol = api.and_then(|api| known_str(api, ApiField::ProtocolType));
            if protocol == Some("HTTP") && !route_key::is_http(key) {
                let mut problems = Problems::default();
                problems.at_with_help(
                    Field::RouteKey.name(),
                    format!("`{key}` is no route key of an HTTP API"),
                    "`$default`, or a method and a path such as `GET /pets/{id}`",
                );
                let problems = problems.into_vec().into_iter();
                found.extend(problems.map(|problem| (address.clone(), problem)));
            }
        }
        found
    }

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialRoute>> {
        let _turn = turn(aws, &spec.api_id).await;
        let answer = aws
            .apigatewayv2
            .create_route()
            .api_id(&spec.api_id)
            .route_key(&spec.route_key)
            .set_target(spec.target)
            .set_authorization_type(to_aws(spec.authorization_type))
            .set_authorizer_id(spec.authorizer_id)
            .set_authorization_scopes(spec.authorization_scopes.map(Vec::from_iter))
            .set_operation_name(spec.operation_name)
            .send()
            .await
            .aws("apigatewayv2", "CreateRoute")?;
        Ok(observe!(&spec.api_id, &answer).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(api, wanted)| {
            let [(_, route)] = wanted.as_slice() else {
                return all(aws, api).await;
            };
            let answer = aws
                .apigatewayv2
                .get_route()
                .api_id(api)
                .route_id(*route)
                .send()
                .await;
            let answer = answer.aws("apigatewayv2", "GetRoute").absent_is_none()?;
            Ok(answer.iter().map(|found| observe!(api, found)).collect())
        }));
        let found = found.await?.into_iter().flatten();
        Ok(found.filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let [api, route] = id_parts(id)?;
        let _turn = turn(aws, api).await;
        let spec = update.spec.clone();
        // What is not sent stays as it is, so what is no longer set is sent as its default or empty.
        let authorization = spec.authorization_type.or(Some(AuthorizationType::None));
        let scopes = Vec::from_iter(spec.authorization_scopes.unwrap_or_default());
        let or_empty = |text: Option<String>| Some(text.unwrap_or_default());
        aws.apigatewayv2
            .update_route()
            .api_id(api)
            .route_id(route)
            .set_route_key(update.only(Field::RouteKey, Some(spec.route_key)))
            .set_target(update.only(Field::Target, or_empty(spec.target)))
            .set_authorization_type(to_aws(update.only(Field::AuthorizationType, authorization)))
            .set_authorizer_id(update.only(Field::AuthorizerId, or_empty(spec.authorizer_id)))
            .set_authorization_scopes(update.only(Field::AuthorizationScopes, Some(scopes)))
            .set_operation_name(update.only(Field::OperationName, or_empty(spec.operation_name)))
            .send()
            .await
            .aws("apigatewayv2", "UpdateRoute")
            .map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [api, route] = id_parts(id)?;
        let _turn = turn(aws, api).await;
        let call = aws.apigatewayv2.delete_route().api_id(api).route_id(route);
        call.send().await.aws("apigatewayv2", "DeleteRoute").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialRoute) -> ProviderResult<Observations<Self>> {
        let Some(api) = given.api_id.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let routes = all(aws, api).await?.into_iter();
        Ok(routes
            .filter(|(_, found)| found.observed.route_key == given.route_key)
            .collect())
    }
}

/// All routes of an API; none when there is no such API.
async fn all(aws: &Clients, api: &str) -> ProviderResult<Vec<Observation<Route>>> {
    let pages = all_pages!(aws.apigatewayv2.get_routes().api_id(api), "GetRoutes");
    let found = pages.await.absent_is_none()?.unwrap_or_default();
    Ok(found.iter().map(|found| observe!(api, found)).collect())
}

#[cfg(test)]
mod tests {
    use infra_core::Unknown;

    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn targets_and_authorizers_are_checked() {
        let fits = [("route_key", "GET /"), ("target", "integrations/abc")];
        assert_eq!(refused_texts::<Route>(&fits), Vec::<String>::new());
        let jwt_alone = [("authorization_type", "JWT")];
        let open_with_authorizer = [("authorization_type", "NONE"), ("authorizer_id", "a")];
        for (attributes, said) in [
            (
                &[("target", "abc")][..],
                "target: `abc` is no target: it is \"integrations/${apigatewayv2.integration.<name>.id}\"",
            ),
            (
                &jwt_alone[..],
                "authorizer_id: is needed where `authorization_type` is `JWT`",
            ),
            (
                &open_with_authorizer[..],
                "authorizer_id: is only for `authorization_type` `JWT` or `CUSTOM`, not `NONE`",
            ),
        ] {
            assert_eq!(refused_texts::<Route>(attributes), [said]);
        }
    }

    #[test]
    fn an_http_api_takes_no_key_of_a_websocket_api() {
        for (protocol, key, count) in [
            ("HTTP", "sendMessage", 1),
            ("HTTP", "$default", 0),
            ("HTTP", "GET /", 0),
            ("WEBSOCKET", "sendMessage", 0),
        ] {
            let origin = Some(Box::new("apigatewayv2.api.a.id".parse().unwrap()));
            let stack = BTreeMap::from([
                (
                    "apigatewayv2.api.a".parse().unwrap(),
                    Attributes::from([("protocol_type".into(), protocol.into())]),
                ),
                (
                    "apigatewayv2.route.a".parse().unwrap(),
                    Attributes::from([
                        ("api_id".into(), Value::Unknown(Unknown { origin })),
                        ("route_key".into(), key.into()),
                    ]),
                ),
            ]);
            assert_eq!(Route::validate_together(&stack).len(), count, "{protocol} {key}");
        }
    }
}
