//! What a listener does with a request, as the file says it and as AWS says it.

use aws_sdk_elasticloadbalancingv2::types as sdk;

use crate::prelude::*;

/// What a listener does.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html")]
pub struct Action {
    /// What is done.
    #[serde(rename = "type")]
    pub kind: ActionType,
    /// The target group to forward to, when it is one only.
    #[attribute(only_where(type, "forward"))]
    pub target_group_arn: Option<String>,
    /// Target groups to forward to, with weights.
    #[attribute(only_where(type, "forward"))]
    pub forward_config: Option<ForwardConfig>,
    /// Where to redirect to.
    #[attribute(only_where(type, "redirect"), needed_where(type, "redirect"))]
    pub redirect_config: Option<RedirectConfig>,
    /// What to answer.
    #[attribute(only_where(type, "fixed-response"), needed_where(type, "fixed-response"))]
    pub fixed_response_config: Option<FixedResponseConfig>,
    /// The position among several actions, from 1.
    #[attribute(range = 1..=50_000)]
    pub order: Option<i32>,
}

choices! {
    /// What a listener does with a request.
    ActionType {
        /// It sends it to a target group.
        Forward = "forward",
        /// It sends the client elsewhere.
        Redirect = "redirect",
        /// It answers by itself.
        FixedResponse = "fixed-response",
    }
}

/// Target groups to forward to.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ForwardActionConfig.html"
)]
pub struct ForwardConfig {
    /// The target groups: at most five, or one for network load balancers.
    #[attribute(key = "target_group_arn", count = 1..=5)]
    pub target_groups: Vec<WeightedTargetGroup>,
    /// Whether a client stays with its target group.
    pub target_group_stickiness_config: Option<GroupStickiness>,
}

/// A target group and its share.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html"
)]
pub struct WeightedTargetGroup {
    /// The target group.
    pub target_group_arn: String,
    /// Its share of the requests.
    #[attribute(default = 1, range = 0..=999)]
    pub weight: Option<i32>,
}

/// Whether a client stays with its target group.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupStickinessConfig.html"
)]
pub struct GroupStickiness {
    /// Whether it does.
    #[attribute(default = false)]
    pub enabled: Option<bool>,
    /// Seconds that it does.
    #[attribute(range = 1..=604_800)]
    #[attribute(needed_where(enabled, "true"))]
    pub duration_seconds: Option<i32>,
}

/// Where to redirect to. `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and `#{query}` stand for the parts of
/// the request.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html"
)]
#[block(at_least_one(protocol, port, host, path))]
pub struct RedirectConfig {
    /// `HTTP`, `HTTPS` or `#{protocol}`, which is AWS's default.
    #[attribute(default = "#{protocol}")]
    #[attribute(pattern("^(HTTPS?|#[{]protocol[}])$", "is none of HTTP, HTTPS and #{protocol}"))]
    pub protocol: Option<String>,
    /// The port.
    #[attribute(default = "#{port}")]
    #[attribute(pattern(
        "^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]|#[{]port[}])$",
        "is neither a port nor #{port}"
    ))]
    pub port: Option<String>,
    /// The host.
    #[attribute(default = "#{host}", length = 1..=128)]
    pub host: Option<String>,
    /// The path.
    #[attribute(default = "/#{path}", length = 1..=128)]
    #[attribute(pattern("^/", "does not start with `/`"))]
    pub path: Option<String>,
    /// The query, without `?`.
    #[attribute(default = "#{query}", length = 0..=128)]
    pub query: Option<String>,
    /// Whether the client may remember it (`HTTP_301`) or not (`HTTP_302`).
    pub status_code: RedirectCode,
}

choices! {
    /// The status of a redirect.
    RedirectCode {
        /// For ever.
        Permanent = "HTTP_301",
        /// For now.
        Found = "HTTP_302",
    }
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html"
)]
pub struct FixedResponseConfig {
    /// The status, 2xx, 4xx or 5xx.
    #[attribute(pattern("^[245][0-9][0-9]$", "is no status 2xx, 4xx or 5xx"))]
    pub status_code: String,
    /// The body's type: `text/plain` (AWS's default), `text/css`, `text/html`, `application/javascript` or
    /// `application/json`.
    #[attribute(length = 0..=32)]
    #[attribute(pattern(
        "^(text/plain|text/css|text/html|application/javascript|application/json|)$",
        "is none of text/plain, text/css, text/html, application/javascript and application/json"
    ))]
    pub content_type: Option<String>,
    /// The body.
    #[attribute(length = 0..=1024)]
    pub message_body: Option<String>,
}

/// For a create or modify call.
pub fn to_sdk(actions: &[Action]) -> Vec<sdk::Action> {
    actions
        .iter()
        .map(|action| {
            sdk::Action::builder()
                .r#type(action.kind.as_str().into())
                .set_target_group_arn(action.target_group_arn.clone())
                .set_forward_config(action.forward_config.as_ref().map(forward))
                .set_redirect_config(action.redirect_config.as_ref().map(redirect))
                .set_fixed_response_config(action.fixed_response_config.as_ref().map(fixed_response))
                .set_order(action.order)
                .build()
        })
        .collect()
}

fn forward(config: &ForwardConfig) -> sdk::ForwardActionConfig {
    let groups = config.target_groups.iter().map(|group| {
        sdk::TargetGroupTuple::builder()
            .target_group_arn(&group.target_group_arn)
            .weight(group.weight.unwrap_or(1))
            .build()
    });
    let stickiness = config.target_group_stickiness_config.as_ref().map(|config| {
        sdk::TargetGroupStickinessConfig::builder()
            .enabled(config.enabled.unwrap_or(false))
            .set_duration_seconds(config.duration_seconds)
            .build()
    });
    sdk::ForwardActionConfig::builder()
        .set_target_groups(Some(groups.collect()))
        .set_target_group_stickiness_config(stickiness)
        .build()
}

fn redirect(config: &RedirectConfig) -> sdk::RedirectActionConfig {
    sdk::RedirectActionConfig::builder()
        .set_protocol(config.protocol.clone())
        .set_port(config.port.clone())
        .set_host(config.host.clone())
        .set_path(config.path.clone())
        .set_query(config.query.clone())
        .status_code(config.status_code.as_str().into())
        .build()
}

fn fixed_response(config: &FixedResponseConfig) -> sdk::FixedResponseActionConfig {
    sdk::FixedResponseActionConfig::builder()
        .status_code(&config.status_code)
        .set_content_type(config.content_type.clone())
        .set_message_body(config.message_body.clone())
        .build()
}

/// As AWS tells them, in their order. AWS says one target group in two ways, or in one of them, as it was
/// once told; here it is always said in both, so that whichever the file uses is found. Actions of other
/// types, which no file can set, are left out and so show as a difference.
pub fn from_sdk(actions: &[sdk::Action]) -> Vec<Action> {
    let mut actions: Vec<Action> = actions.iter().filter_map(one_from_sdk).collect();
    actions.sort_by_key(|action| action.order.unwrap_or(0));
    actions
}

fn one_from_sdk(action: &sdk::Action) -> Option<Action> {
    let kind: ActionType = action.r#type()?.as_str().parse().ok()?;
    let mut forward_config = action.forward_config().map(forward_from_sdk);
    let mut target_group_arn = action.target_group_arn().map(str::to_owned);
    match (&mut forward_config, &mut target_group_arn) {
        (Some(config), arn @ None) => {
            if let [only] = config.target_groups.as_slice() {
                *arn = Some(only.target_group_arn.clone());
            }
        }
        (config @ None, Some(arn)) => {
            *config = Some(ForwardConfig {
                target_groups: vec![WeightedTargetGroup {
                    target_group_arn: arn.clone(),
                    weight: Some(1),
                }],
                target_group_stickiness_config: Some(GroupStickiness {
                    enabled: Some(false),
                    duration_seconds: None,
                }),
            });
        }
        _ => {}
    }
    let text = |text: Option<&str>| text.map(str::to_owned);
    Some(Action {
        kind,
        target_group_arn,
        forward_config,
        redirect_config: action.redirect_config().and_then(|config| {
            Some(RedirectConfig {
                protocol: text(config.protocol()),
                port: text(config.port()),
                host: text(config.host()),
                path: text(config.path()),
                query: text(config.query()),
                status_code: config.status_code()?.as_str().parse().ok()?,
            })
        }),
        fixed_response_config: action.fixed_response_config().map(|config| FixedResponseConfig {
            status_code: config.status_code().unwrap_or_default().to_owned(),
            content_type: text(config.content_type()),
            message_body: text(config.message_body()),
        }),
        order: action.order(),
    })
}

fn forward_from_sdk(config: &sdk::ForwardActionConfig) -> ForwardConfig {
    let groups = config.target_groups().iter().map(|group| WeightedTargetGroup {
        target_group_arn: group.target_group_arn().unwrap_or_default().to_owned(),
        weight: group.weight().or(Some(1)),
    });
    let stickiness = config.target_group_stickiness_config();
    ForwardConfig {
        target_groups: groups.collect(),
        target_group_stickiness_config: Some(GroupStickiness {
            enabled: Some(stickiness.and_then(|config| config.enabled()).unwrap_or(false)),
            duration_seconds: stickiness.and_then(|config| config.duration_seconds()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_group_is_said_in_both_ways_however_aws_says_it() {
        let by_arn = sdk::Action::builder()
            .r#type(sdk::ActionTypeEnum::Forward)
            .target_group_arn("arn:a")
            .build();
        let group = sdk::TargetGroupTuple::builder().target_group_arn("arn:a").build();
        let by_config = sdk::Action::builder()
            .r#type(sdk::ActionTypeEnum::Forward)
            .forward_config(sdk::ForwardActionConfig::builder().target_groups(group).build())
            .build();
        let [by_arn, by_config] = [by_arn, by_config].map(|action| from_sdk(&[action]));
        assert_eq!(by_arn, by_config);
        assert_eq!(by_arn[0].target_group_arn.as_deref(), Some("arn:a"));
        let config = by_arn[0].forward_config.as_ref().unwrap();
        assert_eq!(config.target_groups[0].weight, Some(1));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wanted: Vec<Action> = serde_json::from_value(serde_json::json!([{
            "type": "redirect", "order": 1,
            "redirect_config": { "protocol": "HTTPS", "port": "443", "status_code": "HTTP_301" },
        }]))
        .unwrap();
        assert_eq!(from_sdk(&to_sdk(&wanted)), wanted);
    }
}
