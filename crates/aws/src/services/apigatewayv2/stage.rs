//! `apigatewayv2.stage`: an API as clients reach it, with logs and limits.
//!
//! Calls: CreateStage, GetStage, GetStages, UpdateStage, DeleteAccessLogSettings, DeleteRouteSettings,
//! TagResource, UntagResource, DeleteStage. Only the API and the name cannot be changed in place. The id is
//! `<API>/<stage>`. With `auto_deploy` AWS deploys every change of the API by itself.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html>

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigatewayv2::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known, known_str};
use infra_core::{Attributes, PhysicalId, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    Gateway, all_pages, check_length, in_use, ours, tags_for_create, text, texts_by_key, user_tags,
    with_removals,
};
use super::route_key;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::ownership::Taken;
use crate::read::{Observations, by_parent, holders_by_id, id_parts, wanted_among};
use crate::tags::Tags;
use crate::texts::texts;

/// The type.
pub struct Stage {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The API's id.
    pub api_id: String,
    /// The name: `$default`, which is served without a path, or 1 to 128 letters, digits, `_` and `-`.
    pub stage_name: String,
    /// Whether changes of the API are deployed at once. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub auto_deploy: Option<bool>,
    /// Where requests are logged.
    pub access_log_settings: Option<AccessLogSettings>,
    /// Limits and metrics of all routes.
    pub default_route_settings: Option<RouteSettings>,
    /// Limits and metrics by route key, for routes that differ.
    pub route_settings: Option<BTreeMap<String, RouteSettings>>,
    /// Variables by name, which integrations may use.
    pub stage_variables: Option<Tags>,
    /// What the stage is for, at most 1024 characters.
    pub description: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// Access logs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessLogSettings {
    /// The ARN of a log group, or of a Firehose stream.
    pub destination_arn: String,
    /// A line of the log with `$context` variables, of which `$context.requestId` must be one.
    pub format: String,
}

/// Limits and metrics.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteSettings {
    /// Whether there are metrics for each route. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub detailed_metrics_enabled: Option<bool>,
    /// How many requests may come at once.
    pub throttling_burst_limit: Option<i32>,
    /// How many requests may come per second.
    pub throttling_rate_limit: Option<f64>,
    /// Whether whole messages are logged; of WebSocket APIs.
    pub data_trace_enabled: Option<bool>,
    /// What is logged of the execution; of WebSocket APIs.
    pub logging_level: Option<LoggingLevel>,
}

texts! {
    /// What is logged of the execution.
    LoggingLevel => sdk::LoggingLevel {
        /// Errors.
        Error = "ERROR",
        /// Everything.
        Info = "INFO",
        /// Nothing.
        Off = "OFF",
    }
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    api_id: String,
    stage_name: String,
    auto_deploy: bool,
    access_log_settings: Option<ObservedAccessLogs>,
    default_route_settings: Option<ObservedRouteSettings>,
    route_settings: Option<BTreeMap<String, ObservedRouteSettings>>,
    stage_variables: Option<Tags>,
    description: Option<String>,
    tags: Tags,
    /// The stage's ARN.
    arn: String,
    /// The ARN that permissions to call the stage name, without the route.
    execution_arn: String,
    /// The deployment that is served. With `auto_deploy` AWS changes it by itself.
    deployment_id: Option<String>,
    /// How the last deployment by `auto_deploy` went, in AWS's words.
    last_deployment_status_message: Option<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedAccessLogs {
    destination_arn: String,
    format: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedRouteSettings {
    detailed_metrics_enabled: bool,
    throttling_burst_limit: Option<i32>,
    throttling_rate_limit: Option<f64>,
    data_trace_enabled: Option<bool>,
    logging_level: Option<String>,
}

/// The answers of CreateStage, GetStage and GetStages are types of their own with the same parts.
macro_rules! observe {
    ($gateway:expr, $api_id:expr, $stage:expr) => {{
        let (api_id, stage) = ($api_id, $stage);
        let name = stage.stage_name().unwrap_or_default().to_owned();
        Observed {
            api_id: api_id.to_owned(),
            auto_deploy: stage.auto_deploy().unwrap_or(false),
            access_log_settings: stage.access_log_settings().and_then(observe_logs),
            default_route_settings: stage.default_route_settings().map(observe_settings),
            route_settings: stage
                .route_settings()
                .filter(|settings| !settings.is_empty())
                .map(|settings| {
                    let settings = settings.iter();
                    settings
                        .map(|(key, settings)| (key.clone(), observe_settings(settings)))
                        .collect()
                }),
            stage_variables: texts_by_key(stage.stage_variables()),
            description: text(stage.description()),
            tags: user_tags(stage.tags()),
            arn: $gateway.arn(&path(api_id, &name)),
            execution_arn: format!("{}/{name}", $gateway.execution_arn(api_id)),
            deployment_id: text(stage.deployment_id()),
            last_deployment_status_message: text(stage.last_deployment_status_message()),
            stage_name: name,
        }
    }};
}

impl FromClients for Stage {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for Stage {
    const NAME: &'static str = "apigatewayv2.stage";
    const DESCRIPTION: &'static str = "A stage: an API as clients reach it, with logs and limits.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        // API Gateway sets the delivery of access logs up in the caller's name.
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ];
    const EXAMPLE: &'static str = r#"
[apigatewayv2.api.main]
name          = "example"
protocol_type = "HTTP"

[apigatewayv2.stage.main]
api_id      = "${apigatewayv2.api.main.id}"
stage_name  = "$default"
auto_deploy = true

[apigatewayv2.stage.main.default_route_settings]
throttling_burst_limit = 100
throttling_rate_limit  = 50
"#;
    const TRAITS: Traits = Traits {
        immutable: &["api_id", "stage_name"],
        changes_on_update: &["deployment_id", "last_deployment_status_message"],
        // DescribeLogGroups tells `arn` with and `logGroupArn` without its star; API Gateway takes either.
        // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        optional_suffixes: &[("access_log_settings.destination_arn", ":*")],
        natural_key: &["api_id", "stage_name"],
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_length(attributes, "description", 0, 1024, problems);
        if let Some(name) = known_str(attributes, "stage_name")
            && name != "$default"
            && !is_name(name)
        {
            problems.at(
                "stage_name",
                format!("`{name}` is neither `$default` nor 1 to 128 letters, digits, `_` and `-`"),
            );
        }
        if let Some(logs) = attributes.get("access_log_settings").and_then(Value::as_map) {
            check_access_logs(logs, problems);
        }
        let settings = attributes.get("route_settings").and_then(Value::as_map);
        for key in settings.into_iter().flat_map(BTreeMap::keys) {
            route_key::check("route_settings", key, problems);
        }
        let variables = known(attributes, "stage_variables").and_then(Value::as_map);
        for (name, value) in variables.into_iter().flatten() {
            let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
            if name.is_empty() || !name.chars().all(is_word) {
                problems.at(
                    "stage_variables",
                    format!("`{name}` is no name of letters, digits and `_`"),
                );
            }
            let is_plain =
                |character: char| character.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(character);
            if let Some(text) = value.as_str()
                && !text.chars().all(is_plain)
            {
                problems.at(
                    "stage_variables",
                    format!(
                        "the value of `{name}` has characters other than letters, digits and `-._~:/?#&=,`"
                    ),
                );
            }
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let _turn = self.gateway.turn(&spec.api_id).await;
        let id = PhysicalId::composite([&spec.api_id, &spec.stage_name]);
        let variables = spec.stage_variables.map(|entries| entries.into_iter().collect());
        let answer = self
            .gateway
            .client
            .create_stage()
            .api_id(&spec.api_id)
            .stage_name(&spec.stage_name)
            .set_auto_deploy(spec.auto_deploy)
            .set_access_log_settings(spec.access_log_settings.map(Into::into))
            .set_default_route_settings(spec.default_route_settings.map(Into::into))
            .set_route_settings(spec.route_settings.map(sdk_settings))
            .set_stage_variables(variables)
            .set_description(spec.description)
            .set_tags(tags_for_create(call, spec.tags.as_ref()))
            .send()
            .await
            .aws("apigatewayv2", "CreateStage")
            .taken(call, id.as_str())?;
        Ok(Created {
            id,
            found: Found::ready(observe!(self.gateway, &*spec.api_id, &answer)),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(api, wanted)| {
            let observed = match wanted.as_slice() {
                [(_, stage)] => self.one(api, stage).await?.into_iter().collect(),
                _ => self.all(api).await?,
            };
            ProviderResult::Ok(wanted_among(&wanted, observed, |observed| &observed.stage_name))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let [api, stage] = id_parts(id)?;
        let _turn = self.gateway.turn(api).await;
        if update.any(&["access_log_settings"]) && update.spec.access_log_settings.is_none() {
            let call = self.gateway.client.delete_access_log_settings();
            call.api_id(api)
                .stage_name(stage)
                .send()
                .await
                .aws("apigatewayv2", "DeleteAccessLogSettings")
                .absent_is_none()?;
        }
        if update.any(&["route_settings"]) {
            self.delete_route_settings(api, stage, &update).await?;
        }
        if update.changed.iter().any(|name| name != "tags") {
            let changed = |name: &str| update.changed.contains(name);
            let spec = update.spec.clone();
            let variables = changed("stage_variables")
                .then(|| with_removals(&update.prior, "stage_variables", spec.stage_variables.as_ref()));
            // What is not sent stays as it is, so what is no longer set is sent as its default or empty.
            let defaults = spec.default_route_settings.unwrap_or_default();
            self.gateway
                .client
                .update_stage()
                .api_id(api)
                .stage_name(stage)
                .auto_deploy(spec.auto_deploy.unwrap_or(false))
                .set_access_log_settings(spec.access_log_settings.map(Into::into))
                .set_default_route_settings(changed("default_route_settings").then(|| defaults.into()))
                .set_route_settings(spec.route_settings.map(sdk_settings))
                .set_stage_variables(variables.unwrap_or_default())
                .set_description(changed("description").then(|| spec.description.unwrap_or_default()))
                .send()
                .await
                .aws("apigatewayv2", "UpdateStage")?;
        }
        if update.any(&["tags"]) {
            self.gateway
                .update_tags(&path(api, stage), &update.prior, update.spec.tags.as_ref())
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [api, stage] = id_parts(id)?;
        let _turn = self.gateway.turn(api).await;
        let call = self.gateway.client.delete_stage().api_id(api).stage_name(stage);
        call.send()
            .await
            .aws("apigatewayv2", "DeleteStage")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let (Some(api), Some(stage)) = (
            known_str(attributes, "api_id"),
            known_str(attributes, "stage_name"),
        ) else {
            return Ok(None);
        };
        let get = self.gateway.client.get_stage().api_id(api).stage_name(stage);
        let answer = get
            .send()
            .await
            .aws("apigatewayv2", "GetStage")
            .absent_is_none()?;
        Ok(answer
            .filter(|found| ours(call, found.tags()))
            .map(|_| PhysicalId::composite([api, stage])))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let (api, stage) = (
            known_str(attributes, "api_id"),
            known_str(attributes, "stage_name"),
        );
        let id = api
            .zip(stage)
            .map(|(api, stage)| PhysicalId::composite([api, stage]));
        holders_by_id(self, id).await
    }
}

impl Stage {
    async fn one(&self, api: &str, stage: &str) -> ProviderResult<Option<Observed>> {
        let call = self.gateway.client.get_stage().api_id(api).stage_name(stage);
        let answer = call.send().await;
        let answer = answer.aws("apigatewayv2", "GetStage").absent_is_none()?;
        Ok(answer.map(|found| observe!(self.gateway, api, &found)))
    }

    /// All stages of an API; none when there is no such API.
    async fn all(&self, api: &str) -> ProviderResult<Vec<Observed>> {
        let pages = all_pages!(self.gateway.client.get_stages().api_id(api), "GetStages");
        let found = pages.await.absent_is_none()?.unwrap_or_default();
        Ok(found
            .iter()
            .map(|found| observe!(self.gateway, api, found))
            .collect())
    }

    /// Removes the settings of routes that have none of their own any more.
    async fn delete_route_settings(
        &self,
        api: &str,
        stage: &str,
        update: &Update<Spec>,
    ) -> ProviderResult<()> {
        let wanted = update.spec.route_settings.as_ref();
        let prior = update.prior.get("route_settings").and_then(Value::as_map);
        for key in prior.into_iter().flat_map(BTreeMap::keys) {
            if wanted.is_some_and(|wanted| wanted.contains_key(key)) {
                continue;
            }
            self.gateway
                .client
                .delete_route_settings()
                .api_id(api)
                .stage_name(stage)
                .route_key(key)
                .send()
                .await
                .aws("apigatewayv2", "DeleteRouteSettings")
                .absent_is_none()?;
        }
        Ok(())
    }
}

fn path(api: &str, stage: &str) -> String {
    format!("/apis/{api}/stages/{stage}")
}

fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_' || character == '-')
}

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html>
fn check_access_logs(logs: &Attributes, problems: &mut Problems) {
    if let Some(arn) = known_str(logs, "destination_arn")
        && !arn.starts_with("arn:")
    {
        problems.at(
            "access_log_settings.destination_arn",
            format!("`{arn}` is no ARN"),
        );
    }
    if let Some(format) = known_str(logs, "format") {
        if !["$context.requestId", "$context.extendedRequestId"]
            .iter()
            .any(|variable| format.contains(variable))
        {
            problems.at(
                "access_log_settings.format",
                "must have `$context.requestId` in it",
            );
        }
        if format.trim_end().contains('\n') {
            problems.at("access_log_settings.format", "must be a single line");
        }
    }
}

fn observe_logs(logs: &sdk::AccessLogSettings) -> Option<ObservedAccessLogs> {
    Some(ObservedAccessLogs {
        destination_arn: text(logs.destination_arn())?,
        format: logs.format().unwrap_or_default().to_owned(),
    })
}

fn observe_settings(settings: &sdk::RouteSettings) -> ObservedRouteSettings {
    ObservedRouteSettings {
        detailed_metrics_enabled: settings.detailed_metrics_enabled().unwrap_or(false),
        throttling_burst_limit: settings.throttling_burst_limit(),
        throttling_rate_limit: settings.throttling_rate_limit(),
        data_trace_enabled: settings.data_trace_enabled(),
        logging_level: settings.logging_level().map(|level| level.as_str().to_owned()),
    }
}

fn sdk_settings(settings: BTreeMap<String, RouteSettings>) -> HashMap<String, sdk::RouteSettings> {
    settings
        .into_iter()
        .map(|(key, settings)| (key, settings.into()))
        .collect()
}

impl From<AccessLogSettings> for sdk::AccessLogSettings {
    fn from(logs: AccessLogSettings) -> Self {
        Self::builder()
            .destination_arn(logs.destination_arn)
            .format(logs.format)
            .build()
    }
}

impl From<RouteSettings> for sdk::RouteSettings {
    fn from(settings: RouteSettings) -> Self {
        Self::builder()
            .detailed_metrics_enabled(settings.detailed_metrics_enabled.unwrap_or(false))
            .set_throttling_burst_limit(settings.throttling_burst_limit)
            .set_throttling_rate_limit(settings.throttling_rate_limit)
            .set_data_trace_enabled(settings.data_trace_enabled)
            .set_logging_level(settings.logging_level.map(Into::into))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::problems_in;

    #[test]
    fn names_logs_and_variables_are_checked() {
        let group = "arn:aws:logs:us-east-1:123456789012:log-group:/api";
        let cases = [
            (
                json!({"stage_name": "$default", "access_log_settings": {
                    "destination_arn": group, "format": "$context.requestId $context.status\n"}}),
                vec![],
            ),
            (json!({"stage_name": "dev_1-a"}), vec![]),
            (
                json!({"stage_name": "a b"}),
                vec!["stage_name: `a b` is neither `$default` nor 1 to 128 letters, digits, `_` and `-`"],
            ),
            (
                json!({"access_log_settings": {
                    "destination_arn": format!("{group}:*"), "format": "$context.requestId"}}),
                vec![],
            ),
            (
                json!({"access_log_settings": {"destination_arn": "/api", "format": "a\nb"}}),
                vec![
                    "access_log_settings.destination_arn: `/api` is no ARN",
                    "access_log_settings.format: must have `$context.requestId` in it",
                    "access_log_settings.format: must be a single line",
                ],
            ),
            (
                json!({"route_settings": {"/pets": {}}}),
                vec!["route_settings: `/pets` is no route key"],
            ),
            (
                json!({"stage_variables": {"a-b": "x", "c": "a b"}}),
                vec![
                    "stage_variables: `a-b` is no name of letters, digits and `_`",
                    "stage_variables: the value of `c` has characters other than letters, digits and \
                     `-._~:/?#&=,`",
                ],
            ),
        ];
        for (attributes, said) in cases {
            let Value::Map(attributes) = Value::from(attributes) else {
                panic!("no table")
            };
            assert_eq!(problems_in::<Stage>(&attributes), said);
        }
    }
}
