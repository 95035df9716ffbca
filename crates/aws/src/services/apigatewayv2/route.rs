//! `apigatewayv2.route`: which requests of an API go where.
//!
//! Calls: CreateRoute, GetRoute, GetRoutes, UpdateRoute, DeleteRoute. Only the API cannot be changed in place.
//! The id is `<API>/<route>`. A route has no tags; its key is unique in the API.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problem, Problems, known_str};
use infra_core::{Attributes, PhysicalId, ResourceAddress, Value};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Gateway, all_pages, check_length, in_use, text};
use super::route_key;
use crate::alike::alike;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, by_parent, id_parts, wanted_among};
use crate::texts::texts;

/// The type.
pub struct Route {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The API's id.
    pub api_id: String,
    /// Which requests: a method and a path such as `GET /pets/{id}` or `ANY /{proxy+}`, or `$default` for all
    /// that no other route takes.
    pub route_key: String,
    /// Where to: `integrations/` and the integration's id.
    pub target: Option<String>,
    /// Who may call. AWS's default is `NONE`: anybody.
    #[schemars(extend("default" = "NONE"))]
    pub authorization_type: Option<AuthorizationType>,
    /// The authorizer's id, for `JWT` and `CUSTOM`.
    pub authorizer_id: Option<String>,
    /// Scopes of which a token must have one, for `JWT`.
    pub authorization_scopes: Option<BTreeSet<String>>,
    /// A name for the route, at most 64 characters.
    pub operation_name: Option<String>,
}

texts! {
    /// Who may call a route.
    AuthorizationType => sdk::AuthorizationType {
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

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    api_id: String,
    route_key: String,
    target: Option<String>,
    authorization_type: Option<String>,
    authorizer_id: Option<String>,
    authorization_scopes: Option<BTreeSet<String>>,
    operation_name: Option<String>,
    /// The route's id.
    id: String,
}

/// The answers of CreateRoute, GetRoute and GetRoutes are types of their own with the same parts.
macro_rules! observe {
    ($api_id:expr, $route:expr) => {{
        let route = $route;
        let scopes: BTreeSet<String> = route.authorization_scopes().iter().cloned().collect();
        Observed {
            api_id: $api_id.to_owned(),
            route_key: route.route_key().unwrap_or_default().to_owned(),
            target: text(route.target()),
            authorization_type: route.authorization_type().map(|kind| kind.as_str().to_owned()),
            authorizer_id: text(route.authorizer_id()),
            authorization_scopes: (!scopes.is_empty()).then_some(scopes),
            operation_name: text(route.operation_name()),
            id: route.route_id().unwrap_or_default().to_owned(),
        }
    }};
}

impl FromClients for Route {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for Route {
    const NAME: &'static str = "apigatewayv2.route";
    const DESCRIPTION: &'static str = "A route: which requests of an API go where.";
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
    const TRAITS: Traits = Traits {
        immutable: &["api_id"],
        natural_key: &["api_id", "route_key"],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "apigatewayv2.api",
            id: &["api_id"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(key) = known_str(attributes, "route_key") {
            route_key::check("route_key", key, problems);
        }
        check_length(attributes, "operation_name", 1, 64, problems);
        if let Some(target) = known_str(attributes, "target")
            && target.strip_prefix("integrations/").is_none_or(str::is_empty)
        {
            problems.at_with_help(
                "target",
                format!("`{target}` is no target"),
                "\"integrations/${apigatewayv2.integration.<name>.id}\"",
            );
        }
        let has_authorizer = attributes
            .get("authorizer_id")
            .is_some_and(|value| !value.is_null());
        match known_str(attributes, "authorization_type") {
            Some(kind @ ("JWT" | "CUSTOM")) if !has_authorizer => {
                problems.at("authorization_type", format!("{kind} needs `authorizer_id`"));
            }
            Some(kind @ ("NONE" | "AWS_IAM")) if has_authorizer => {
                problems.at("authorizer_id", format!("{kind} takes no authorizer"));
            }
            _ => {}
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        for (address, attributes) in stack {
            if address.type_name().to_string() != Self::NAME {
                continue;
            }
            let Some(key) = known_str(attributes, "route_key") else {
                continue;
            };
            let api = match attributes.get("api_id") {
                Some(Value::Unknown(unknown)) => unknown.origin.as_ref(),
                _ => None,
            };
            let api = api.and_then(|origin| stack.get(&origin.address));
            let protocol = api.and_then(|api| known_str(api, "protocol_type"));
            if protocol == Some("HTTP") && !route_key::is_http(key) {
                let mut problems = Problems::default();
                problems.at_with_help(
                    "route_key",
                    format!("`{key}` is no route key of an HTTP API"),
                    "`$default`, or a method and a path such as `GET /pets/{id}`",
                );
                let problems = problems.into_vec().into_iter();
                found.extend(problems.map(|problem| (address.clone(), problem)));
            }
        }
        found
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let _turn = self.gateway.turn(&spec.api_id).await;
        let answer = self
            .gateway
            .client
            .create_route()
            .api_id(&spec.api_id)
            .route_key(&spec.route_key)
            .set_target(spec.target)
            .set_authorization_type(spec.authorization_type.map(Into::into))
            .set_authorizer_id(spec.authorizer_id)
            .set_authorization_scopes(
                spec.authorization_scopes
                    .map(|scopes| scopes.into_iter().collect()),
            )
            .set_operation_name(spec.operation_name)
            .send()
            .await
            .aws("apigatewayv2", "CreateRoute")?;
        let id = answer
            .route_id()
            .ok_or_else(|| missing("apigatewayv2", "CreateRoute", "routeId"))?;
        Ok(Created {
            id: PhysicalId::composite([&spec.api_id, id]),
            found: Found::ready(observe!(spec.api_id, &answer)),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(api, wanted)| {
            let observed = match wanted.as_slice() {
                [(_, route)] => self.one(api, route).await?.into_iter().collect(),
                _ => self.all(api).await?,
            };
            ProviderResult::Ok(wanted_among(&wanted, observed, |observed| &observed.id))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let [api, route] = id_parts(id)?;
        let _turn = self.gateway.turn(api).await;
        let changed = |name: &str| update.changed.contains(name);
        let spec = update.spec;
        // What is not sent stays as it is, so what is no longer set is sent as its default or empty.
        let authorization = spec.authorization_type.unwrap_or(AuthorizationType::None);
        let scopes = spec.authorization_scopes.unwrap_or_default();
        self.gateway
            .client
            .update_route()
            .api_id(api)
            .route_id(route)
            .route_key(spec.route_key)
            .set_target(changed("target").then(|| spec.target.unwrap_or_default()))
            .authorization_type(authorization.into())
            .set_authorizer_id(changed("authorizer_id").then(|| spec.authorizer_id.unwrap_or_default()))
            .set_authorization_scopes(changed("authorization_scopes").then(|| scopes.into_iter().collect()))
            .set_operation_name(changed("operation_name").then(|| spec.operation_name.unwrap_or_default()))
            .send()
            .await
            .aws("apigatewayv2", "UpdateRoute")?;
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [api, route] = id_parts(id)?;
        let _turn = self.gateway.turn(api).await;
        self.gateway
            .client
            .delete_route()
            .api_id(api)
            .route_id(route)
            .send()
            .await
            .aws("apigatewayv2", "DeleteRoute")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(api) = known_str(attributes, "api_id") else {
            return Ok(None);
        };
        let found = self.all(api).await?;
        let found = found.iter().find(|observed| alike(attributes, *observed, &[]));
        Ok(found.map(|observed| PhysicalId::composite([api, &observed.id])))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(api) = known_str(attributes, "api_id") else {
            return Ok(Vec::new());
        };
        let wanted_key = known_str(attributes, "route_key");
        let routes = self.all(api).await?.into_iter();
        Ok(routes
            .filter(|observed| Some(observed.route_key.as_str()) == wanted_key)
            .map(|observed| PhysicalId::composite([api, &observed.id]))
            .collect())
    }
}

impl Route {
    async fn one(&self, api: &str, route: &str) -> ProviderResult<Option<Observed>> {
        let call = self.gateway.client.get_route().api_id(api).route_id(route);
        let answer = call.send().await;
        let answer = answer.aws("apigatewayv2", "GetRoute").absent_is_none()?;
        Ok(answer.map(|found| observe!(api, &found)))
    }

    /// All routes of an API; none when there is no such API.
    async fn all(&self, api: &str) -> ProviderResult<Vec<Observed>> {
        let pages = all_pages!(self.gateway.client.get_routes().api_id(api), "GetRoutes");
        let found = pages.await.absent_is_none()?.unwrap_or_default();
        Ok(found.iter().map(|found| observe!(api, found)).collect())
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Unknown;

    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn targets_and_authorizers_are_checked() {
        let fits = [("route_key", "GET /"), ("target", "integrations/abc")];
        assert_eq!(problems::<Route>(&fits), Vec::<String>::new());
        let jwt_alone = [("authorization_type", "JWT")];
        let open_with_authorizer = [("authorization_type", "NONE"), ("authorizer_id", "a")];
        for (attributes, said) in [
            (&[("target", "abc")][..], "target: `abc` is no target"),
            (&jwt_alone[..], "authorization_type: JWT needs `authorizer_id`"),
            (
                &open_with_authorizer[..],
                "authorizer_id: NONE takes no authorizer",
            ),
        ] {
            assert_eq!(problems::<Route>(attributes), [said]);
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
