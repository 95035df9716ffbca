//! `apigatewayv2.stage`: an API as clients reach it, with logs and limits.
//!
//! Calls: CreateStage, GetStage, GetStages, UpdateStage, DeleteAccessLogSettings, DeleteRouteSettings, TagResource,
//! UntagResource, DeleteStage. Only the API and the name cannot be changed in place. The id is `<API>/<stage>`. With
//! `auto_deploy` AWS deploys every change of the API by itself.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigatewayv2::types as sdk;
use futures::future::try_join_all;

use super::common::{
    all_pages, all_tags, arn, execution_arn, tags_for_create, text, texts_by_key, turn, with_removals,
};
use super::service::ApiGateway;
use super::stage_rules;
use crate::prelude::*;
use crate::read::{by_parent, id_parts};
use crate::tags;
use crate::together::Stack;

/// A stage: an API as clients reach it, with logs and limits.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages.html")]
pub struct Stage {
    /// The API's id.
    #[attribute(immutable)]
    pub api_id: String,
    /// The name: `$default`, which is served without a path, or 1 to 128 letters, digits, `_` and `-`.
    #[attribute(
        immutable,
        pattern(
            "^([$]default|[A-Za-z0-9_-]{1,128})$",
            "is neither `$default` nor 1 to 128 letters, digits, `_` and `-`"
        )
    )]
    pub stage_name: String,
    /// Whether changes of the API are deployed at once.
    #[attribute(default = false)]
    pub auto_deploy: Option<bool>,
    /// Where requests are logged.
    pub access_log_settings: Option<AccessLogSettings>,
    /// Limits and metrics of all routes.
    pub default_route_settings: Option<RouteSettings>,
    /// Limits and metrics by route key, for routes that differ.
    pub route_settings: Option<BTreeMap<String, RouteSettings>>,
    /// Variables by name, which integrations may use.
    #[attribute(length = 0..=2048)]
    #[attribute(alphabet("A-Za-z0-9._~:/?#&=,-", "letters, digits and `-._~:/?#&=,`"))]
    pub stage_variables: Option<Tags>,
    /// What the stage is for.
    #[attribute(length = 0..=1024)]
    pub description: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The stage's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The ARN that permissions to call the stage name, without the route.
    #[attribute(computed)]
    pub execution_arn: Option<String>,
    /// The deployment that is served. With `auto_deploy` AWS changes it by itself.
    #[attribute(computed, changes_on_update)]
    pub deployment_id: Option<String>,
    /// How the last deployment by `auto_deploy` went, in AWS's words.
    #[attribute(computed, changes_on_update)]
    pub last_deployment_status_message: Option<String>,
}

use StageField as Field;

/// Access logs.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html"
)]
pub struct AccessLogSettings {
    /// The ARN of a log group, or of a Firehose stream.
    // DescribeLogGroups tells `arn` with and `logGroupArn` without its star; API Gateway takes either.
    // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
    #[attribute(same(optional_suffix(":*")), pattern("^arn:", "is no ARN"))]
    pub destination_arn: String,
    /// A line of the log with `$context` variables, of which `$context.requestId` must be one.
    #[attribute(pattern(
        "[$]context[.](extendedRequestId|requestId)",
        "must have `$context.requestId` in it"
    ))]
    #[attribute(except("\n.*[^\\s]", "has more than one line"))]
    pub format: String,
}

/// Limits and metrics.
#[derive(Debug, Clone, Default, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename.html"
)]
pub struct RouteSettings {
    /// Whether there are metrics for each route.
    #[attribute(default = false)]
    pub detailed_metrics_enabled: Option<bool>,
    /// How many requests may come at once.
    #[attribute(range = 0..=2_147_483_647)]
    pub throttling_burst_limit: Option<i32>,
    /// How many requests may come per second.
    pub throttling_rate_limit: Option<f64>,
    /// Whether whole messages are logged; of WebSocket APIs.
    pub data_trace_enabled: Option<bool>,
    /// What is logged of the execution; of WebSocket APIs.
    pub logging_level: Option<LoggingLevel>,
}

choices! {
    /// What is logged of the execution.
    LoggingLevel {
        /// Errors.
        Error = "ERROR",
        /// Everything.
        Info = "INFO",
        /// Nothing.
        Off = "OFF",
    }
}

/// The answers of CreateStage, GetStage and GetStages are types of their own with the same parts.
macro_rules! observe {
    ($aws:expr, $api_id:expr, $stage:expr) => {{
        let (api_id, stage): (&str, _) = ($api_id, $stage);
        let name = stage.stage_name().unwrap_or_default();
        let settings = stage.route_settings().filter(|settings| !settings.is_empty());
        let settings = settings.map(|settings| {
            let settings = settings.iter();
            settings
                .map(|(key, settings)| (key.clone(), observe_settings(settings)))
                .collect::<BTreeMap<_, _>>()
        });
        let observed = PartialStage {
            api_id: api_id.into(),
            stage_name: name.into(),
            auto_deploy: stage.auto_deploy().unwrap_or(false).into(),
            access_log_settings: stage.access_log_settings().and_then(observe_logs).into(),
            default_route_settings: stage.default_route_settings().map(observe_settings).into(),
            route_settings: settings.map_or(Partial::Unset, Into::into),
            stage_variables: texts_by_key(stage.stage_variables()).map_or(Partial::Unset, Into::into),
            description: text(stage.description()).into(),
            tags: all_tags(stage.tags()).into(),
            arn: arn($aws, &format!("/apis/{api_id}/stages/{name}")).into(),
            execution_arn: format!("{}/{name}", execution_arn($aws, api_id)).into(),
            deployment_id: text(stage.deployment_id()).into(),
            last_deployment_status_message: text(stage.last_deployment_status_message()).into(),
        };
        (PhysicalId::composite([api_id, name]), Found::ready(observed))
    }};
}

impl Resource for Stage {
    const NAME: &'static str = "apigatewayv2.stage";
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
    const RULES: Rules<Field> = Rules {
        // DescribeLogGroups tells `arn` with and `logGroupArn` without its star; API Gateway takes either.
        // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        natural_key: &[Field::ApiId, Field::StageName],
        ..Rules::NONE
    };
    type Service = ApiGateway;

    fn validate(given: &PartialStage, problems: &mut Problems) {
        stage_rules::check(given, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        stage_rules::check_together(stack)
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialStage>> {
        let _turn = turn(aws, &spec.api_id).await;
        let variables = spec.stage_variables.map(|entries| entries.into_iter().collect());
        let answer = aws
            .apigatewayv2
            .create_stage()
            .api_id(&spec.api_id)
            .stage_name(&spec.stage_name)
            .set_auto_deploy(spec.auto_deploy)
            .set_access_log_settings(spec.access_log_settings.map(logs_to_sdk))
            .set_default_route_settings(spec.default_route_settings.map(settings_to_sdk))
            .set_route_settings(spec.route_settings.map(all_settings))
            .set_stage_variables(variables)
            .set_description(spec.description)
            .set_tags(tags_for_create(call, spec.tags))
            .send()
            .await
            .aws("apigatewayv2", "CreateStage")?;
        Ok(observe!(aws, &spec.api_id, &answer).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(api, wanted)| {
            let [(_, stage)] = wanted.as_slice() else {
                return all(aws, api).await;
            };
            let answer = aws
                .apigatewayv2
                .get_stage()
                .api_id(api)
                .stage_name(*stage)
                .send()
                .await;
            let answer = answer.aws("apigatewayv2", "GetStage").absent_is_none()?;
            Ok(answer.iter().map(|found| observe!(aws, api, found)).collect())
        }));
        let found = found.await?.into_iter().flatten();
        Ok(found.filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let [api, stage] = id_parts(id)?;
        let _turn = turn(aws, api).await;
        let spec = update.spec.clone();
        if update.changes(Field::AccessLogSettings) && spec.access_log_settings.is_none() {
            let call = aws
                .apigatewayv2
                .delete_access_log_settings()
                .api_id(api)
                .stage_name(stage);
            let deleted = call.send().await.aws("apigatewayv2", "DeleteAccessLogSettings");
            deleted.absent_is_none()?;
        }
        if update.changes(Field::RouteSettings) {
            delete_route_settings(aws, [api, stage], update).await?;
        }
        // What is not sent stays as it is, so what is no longer set is sent as its default or empty.
        let defaults = spec.default_route_settings.unwrap_or_default();
        let defaults = settings_to_sdk(update.whole(Field::DefaultRouteSettings, defaults));
        let logs = update.only(Field::AccessLogSettings, spec.access_log_settings);
        let routes = update.only(Field::RouteSettings, spec.route_settings);
        let deploys = spec.auto_deploy.or(Some(false));
        let description = spec.description.or_else(|| Some(String::new()));
        let variables = Field::StageVariables;
        let sent = with_removals(&update.prior, variables.name(), spec.stage_variables.as_ref());
        aws.apigatewayv2
            .update_stage()
            .api_id(api)
            .stage_name(stage)
            .set_auto_deploy(update.only(Field::AutoDeploy, deploys))
            .set_access_log_settings(logs.map(logs_to_sdk))
            .set_default_route_settings(update.only(Field::DefaultRouteSettings, Some(defaults)))
            .set_route_settings(routes.map(all_settings))
            .set_stage_variables(update.only(variables, sent))
            .set_description(update.only(Field::Description, description))
            .send()
            .await
            .aws("apigatewayv2", "UpdateStage")
            .map(drop)
    }

    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        tags::arn_in(id, prior)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [api, stage] = id_parts(id)?;
        let _turn = turn(aws, api).await;
        let call = aws.apigatewayv2.delete_stage().api_id(api).stage_name(stage);
        call.send().await.aws("apigatewayv2", "DeleteStage").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialStage) -> ProviderResult<Observations<Self>> {
        match (given.api_id.as_str(), given.stage_name.as_str()) {
            (Some(api), Some(stage)) => Self::read(aws, &[PhysicalId::composite([api, stage])]).await,
            _ => Ok(Observations::<Self>::new()),
        }
    }
}

/// All stages of an API; none when there is no such API.
async fn all(aws: &Clients, api: &str) -> ProviderResult<Vec<Observation<Stage>>> {
    let pages = all_pages!(aws.apigatewayv2.get_stages().api_id(api), "GetStages");
    let found = pages.await.absent_is_none()?.unwrap_or_default();
    Ok(found.iter().map(|found| observe!(aws, api, found)).collect())
}

/// Removes the settings of routes that have none of their own any more.
async fn delete_route_settings(
    aws: &Clients,
    [api, stage]: [&str; 2],
    update: &Update<Stage>,
) -> ProviderResult<()> {
    let wanted = update.spec.route_settings.as_ref();
    let prior = update
        .prior
        .get(Field::RouteSettings.name())
        .and_then(Value::as_map);
    for key in prior.into_iter().flat_map(BTreeMap::keys) {
        if wanted.is_some_and(|wanted| wanted.contains_key(key)) {
            continue;
        }
        let call = aws
            .apigatewayv2
            .delete_route_settings()
            .api_id(api)
            .stage_name(stage);
        let deleted = call.route_key(key).send().await;
        deleted
            .aws("apigatewayv2", "DeleteRouteSettings")
            .absent_is_none()?;
    }
    Ok(())
}

fn observe_logs(logs: &sdk::AccessLogSettings) -> Option<PartialAccessLogSettings> {
    Some(PartialAccessLogSettings {
        destination_arn: text(logs.destination_arn())?.into(),
        format: logs.format().unwrap_or_default().into(),
    })
}

fn observe_settings(settings: &sdk::RouteSettings) -> PartialRouteSettings {
    PartialRouteSettings {
        detailed_metrics_enabled: settings.detailed_metrics_enabled().unwrap_or(false).into(),
        throttling_burst_limit: settings.throttling_burst_limit().into(),
        throttling_rate_limit: settings.throttling_rate_limit().into(),
        data_trace_enabled: settings.data_trace_enabled().into(),
        logging_level: told(settings.logging_level()),
    }
}

fn all_settings(settings: BTreeMap<String, RouteSettings>) -> HashMap<String, sdk::RouteSettings> {
    let settings = settings.into_iter();
    settings
        .map(|(key, settings)| (key, settings_to_sdk(settings)))
        .collect()
}

fn logs_to_sdk(logs: AccessLogSettings) -> sdk::AccessLogSettings {
    let made = sdk::AccessLogSettings::builder().destination_arn(logs.destination_arn);
    made.format(logs.format).build()
}

fn settings_to_sdk(settings: RouteSettings) -> sdk::RouteSettings {
    sdk::RouteSettings::builder()
        .detailed_metrics_enabled(settings.detailed_metrics_enabled.unwrap_or(false))
        .set_throttling_burst_limit(settings.throttling_burst_limit)
        .set_throttling_rate_limit(settings.throttling_rate_limit)
        .set_data_trace_enabled(settings.data_trace_enabled)
        .set_logging_level(to_aws(settings.logging_level))
        .build()
}
