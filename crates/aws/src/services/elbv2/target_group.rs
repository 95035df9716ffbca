//! `elbv2.target_group`: where a load balancer sends traffic, and how it finds out what is healthy.
//!
//! Calls: CreateTargetGroup, ModifyTargetGroup, ModifyTargetGroupAttributes, DescribeTargetGroups (20
//! ARNs), DescribeTargetGroupAttributes (one each), DescribeTags (20), AddTags, RemoveTags,
//! DeleteTargetGroup. Usable at once. It cannot be deleted as long as a listener forwards to it.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{self as sdk, Matcher, TargetGroupAttribute};
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, PhysicalId};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{ARNS, Protocol, check_made, for_create, full_name, tags_of_one, update_tags};
use super::target_group_parts::*;
use super::told_tags::ToldTags;
use super::{settings, target_group_rules};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::ownership::{Taken, made_by, taken};
use crate::read::{Observations, in_batches_that_exist};
use crate::tags::{Tags, without_reserved};

/// The type.
pub struct TargetGroup {
    client: Client,
    told_tags: ToldTags,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name: at most 32 letters, digits and hyphens, unique in account and region.
    pub name: String,
    /// What targets are: `ip` for tasks on Fargate. AWS's default is `instance`.
    #[schemars(extend("default" = "instance"))]
    pub target_type: Option<TargetType>,
    /// The protocol between load balancer and targets. Needed for all but `lambda`.
    pub protocol: Option<Protocol>,
    /// The port of targets that name none themselves, 1 to 65535. Needed for all but `lambda`.
    pub port: Option<i64>,
    /// The version of HTTP. AWS's default is `HTTP1`. Protocols HTTP and HTTPS.
    #[schemars(extend("default" = "HTTP1"))]
    pub protocol_version: Option<ProtocolVersion>,
    /// The VPC of the targets. Needed for all but `lambda`.
    pub vpc_id: Option<String>,
    /// The targets' addresses. AWS's default is `ipv4`.
    #[schemars(extend("default" = "ipv4"))]
    pub ip_address_type: Option<TargetAddressType>,
    /// How it is found out whether a target is healthy.
    pub health_check: Option<HealthCheck>,
    /// Seconds that connections to a target that goes away may last, 0 to 3600. AWS's default is 300.
    #[schemars(extend("default" = 300))]
    pub deregistration_delay_seconds: Option<i64>,
    /// Whether connections are closed when that time is over. AWS's default is false. Network load balancers.
    #[schemars(extend("default" = false))]
    pub deregistration_delay_connection_termination_enabled: Option<bool>,
    /// Seconds in which a new target's share of requests rises, 30 to 900, or 0 for none. AWS's default is 0.
    /// Application load balancers.
    #[schemars(extend("default" = 0))]
    pub slow_start_seconds: Option<i64>,
    /// How a target is chosen. AWS's default is `round_robin`. Application load balancers.
    #[schemars(extend("default" = "round_robin"))]
    pub load_balancing_algorithm_type: Option<Algorithm>,
    /// Whether traffic goes to targets of all zones. AWS's default is `use_load_balancer_configuration`.
    #[schemars(extend("default" = "use_load_balancer_configuration"))]
    pub load_balancing_cross_zone_enabled: Option<CrossZone>,
    /// Whether targets see the client's address. AWS's default depends on protocol and target type. Network
    /// load balancers.
    pub preserve_client_ip_enabled: Option<bool>,
    /// Whether targets are told the client's address by proxy protocol version 2. AWS's default is false.
    /// Network load balancers.
    #[schemars(extend("default" = false))]
    pub proxy_protocol_v2_enabled: Option<bool>,
    /// Whether a client's requests stay with one target.
    pub stickiness: Option<Stickiness>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    name: String,
    target_type: Option<String>,
    protocol: Option<String>,
    port: Option<i64>,
    protocol_version: Option<String>,
    vpc_id: Option<String>,
    ip_address_type: Option<String>,
    health_check: HealthCheck,
    tags: Tags,
    /// The target group's ARN.
    arn: String,
    /// The end of its ARN, as metrics and scaling policies name it: `targetgroup/main/0123456789abcdef`.
    target_group_full_name: String,
    #[serde(flatten)]
    #[schemars(skip)]
    settings: serde_json::Map<String, serde_json::Value>,
}

impl FromClients for TargetGroup {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.elbv2.clone(),
            told_tags: ToldTags::new(clients),
        }
    }
}

impl ResourceType for TargetGroup {
    const NAME: &'static str = "elbv2.target_group";
    const DESCRIPTION: &'static str = "Where a load balancer sends traffic, and what it takes for healthy.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
        "elasticloadbalancing:DeleteTargetGroup",
    ];
    const EXAMPLE: &'static str = r#"
[elbv2.target_group.app]
name                         = "appname-dev02"
target_type                  = "ip"
protocol                     = "HTTP"
port                         = 8080
vpc_id                       = "vpc-0123456789abcdef0"
health_check                 = { path = "/health", interval_seconds = 10, healthy_threshold_count = 2 }
deregistration_delay_seconds = 30
"#;
    const TRAITS: Traits = Traits {
        immutable: &[
            "name",
            "target_type",
            "protocol",
            "port",
            "protocol_version",
            "vpc_id",
            "ip_address_type",
        ],
        set_after_create: &[
            "deregistration_delay_seconds",
            "deregistration_delay_connection_termination_enabled",
            "slow_start_seconds",
            "load_balancing_algorithm_type",
            "load_balancing_cross_zone_enabled",
            "preserve_client_ip_enabled",
            "proxy_protocol_v2_enabled",
            "stickiness",
        ],
        natural_key: &["name"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        target_group_rules::check(attributes, problems);
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let what = format!("the target group `{}`", spec.name);
        if let Some(there) = self.find(&spec.name).await? {
            let arn = there.target_group_arn().unwrap_or_default();
            let tags = tags_of_one(&self.client, arn).await?;
            if !made_by(call, tags.clone()) {
                return Err(taken(call, "elbv2", "CreateTargetGroup", &what, arn));
            }
            let observed = observe(&there, without_reserved(tags), serde_json::Map::new());
            return Ok(Created::new(observed.arn.clone(), observed));
        }
        let check = spec.health_check.clone().unwrap_or_default();
        let created = self
            .client
            .create_target_group()
            .name(&spec.name)
            .set_target_type(spec.target_type.map(|kind| kind.as_str().into()))
            .set_protocol(spec.protocol.map(|protocol| protocol.as_str().into()))
            .set_port(spec.port.map(number))
            .set_protocol_version(spec.protocol_version.map(|version| version.as_str().to_owned()))
            .set_vpc_id(spec.vpc_id.clone())
            .set_ip_address_type(spec.ip_address_type.map(|kind| kind.as_str().into()))
            .set_matcher(check.matcher.map(|codes| matcher(codes, spec.protocol_version)))
            .set_health_check_enabled(check.enabled)
            .set_health_check_protocol(check.protocol.map(|protocol| protocol.as_str().into()))
            .set_health_check_port(check.port)
            .set_health_check_path(check.path)
            .set_health_check_interval_seconds(check.interval_seconds.map(number))
            .set_health_check_timeout_seconds(check.timeout_seconds.map(number))
            .set_healthy_threshold_count(check.healthy_threshold_count.map(number))
            .set_unhealthy_threshold_count(check.unhealthy_threshold_count.map(number))
            .set_tags(Some(for_create(call, spec.tags.as_ref())))
            .send()
            .await
            .aws("elbv2", "CreateTargetGroup")
            .taken_by(call, &what)?;
        let made = created.target_groups.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateTargetGroup", "target group"))?;
        let observed = observe(&made, spec.tags.unwrap_or_default(), serde_json::Map::new());
        check_made(&self.client, call, "CreateTargetGroup", &what, &observed.arn).await?;
        Ok(Created::new(observed.arn.clone(), observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let described = self
                .client
                .describe_target_groups()
                .set_target_group_arns(Some(arns.clone()));
            let settings = try_join_all(arns.iter().map(async |arn| {
                let settings = self.settings(arn.clone()).await?;
                ProviderResult::Ok((arn.clone(), settings))
            }));
            let (described, tags, settings) = futures::try_join!(
                async { described.send().await.aws("elbv2", "DescribeTargetGroups") },
                self.told_tags.read(arns.clone()),
                settings,
            )?;
            let settings: BTreeMap<String, _> = settings.into_iter().collect();
            let there = described.target_groups.unwrap_or_default();
            let found = there.iter().map(|one| {
                let arn = one.target_group_arn().unwrap_or_default();
                let tags = without_reserved(tags.get(arn).cloned().unwrap_or_default());
                let settings = settings.get(arn).cloned().unwrap_or_default();
                (PhysicalId::new(arn), Found::ready(observe(one, tags, settings)))
            });
            Ok(found.collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let (arn, spec) = (id.as_str(), &update.spec);
        if update.any(&["health_check"]) {
            self.write_health_check(arn, spec).await?;
        }
        let written = serde_json::to_value(spec).unwrap_or_default();
        let written = settings::to_write(SETTINGS, &written, &update.prior, &update.changed);
        if !written.is_empty() {
            let written = written
                .into_iter()
                .map(|(key, text)| TargetGroupAttribute::builder().key(key).value(text).build());
            let call = self
                .client
                .modify_target_group_attributes()
                .target_group_arn(arn)
                .set_attributes(Some(written.collect()));
            call.send().await.aws("elbv2", "ModifyTargetGroupAttributes")?;
        }
        if update.any(&["tags"]) {
            update_tags(&self.client, arn, &update.prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_target_group()
            .target_group_arn(id.as_str())
            .send()
            .await
            .aws("elbv2", "DeleteTargetGroup")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "name") else {
            return Ok(None);
        };
        let Some(there) = self.find(name).await? else {
            return Ok(None);
        };
        let arn = there.target_group_arn().unwrap_or_default();
        let tags = tags_of_one(&self.client, arn).await.absent_is_none()?;
        Ok(tags
            .filter(|tags| made_by(call, tags.clone()))
            .map(|_| PhysicalId::new(arn)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(name) = known_str(attributes, "name") else {
            return Ok(Vec::new());
        };
        let arn = self.find(name).await?.and_then(|there| there.target_group_arn);
        Ok(arn.map(PhysicalId::new).into_iter().collect())
    }
}

impl TargetGroup {
    async fn find(&self, name: &str) -> ProviderResult<Option<sdk::TargetGroup>> {
        let described = self.client.describe_target_groups().names(name).send().await;
        let described = described.aws("elbv2", "DescribeTargetGroups").absent_is_none()?;
        Ok(described
            .and_then(|described| described.target_groups)
            .and_then(|all| all.into_iter().next()))
    }

    async fn settings(&self, arn: String) -> ProviderResult<serde_json::Map<String, serde_json::Value>> {
        let described = self
            .client
            .describe_target_group_attributes()
            .target_group_arn(arn)
            .send()
            .await
            .aws("elbv2", "DescribeTargetGroupAttributes")?;
        let told = described.attributes().iter();
        Ok(settings::observed(
            SETTINGS,
            told.map(|one| (one.key(), one.value())),
        ))
    }

    /// Writes the whole health check: ModifyTargetGroup can set a value but not take one away, so what the
    /// file does not say is sent as AWS's default.
    async fn write_health_check(&self, arn: &str, spec: &Spec) -> ProviderResult<()> {
        let check = with_defaults(spec);
        let codes = check.matcher.map(|codes| matcher(codes, spec.protocol_version));
        self.client
            .modify_target_group()
            .target_group_arn(arn)
            .set_matcher(codes)
            .set_health_check_enabled(check.enabled)
            .set_health_check_protocol(check.protocol.map(|protocol| protocol.as_str().into()))
            .set_health_check_port(check.port)
            .set_health_check_path(check.path)
            .set_health_check_interval_seconds(check.interval_seconds.map(number))
            .set_health_check_timeout_seconds(check.timeout_seconds.map(number))
            .set_healthy_threshold_count(check.healthy_threshold_count.map(number))
            .set_unhealthy_threshold_count(check.unhealthy_threshold_count.map(number))
            .send()
            .await
            .aws("elbv2", "ModifyTargetGroup")?;
        Ok(())
    }
}

/// The wanted health check with AWS's defaults where the file says nothing.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>
fn with_defaults(spec: &Spec) -> HealthCheck {
    let wanted = spec.health_check.clone().unwrap_or_default();
    let is_application = spec.protocol.is_none_or(Protocol::is_of_application);
    let protocol = wanted.protocol.unwrap_or(if is_application {
        Protocol::Http
    } else {
        Protocol::Tcp
    });
    let is_http = protocol.is_of_application();
    let is_grpc = spec.protocol_version == Some(ProtocolVersion::Grpc);
    let path = if is_grpc { "/AWS.ALB/healthcheck" } else { "/" };
    let codes = if is_grpc { "12" } else { "200" };
    HealthCheck {
        enabled: wanted.enabled,
        protocol: Some(protocol),
        port: wanted.port.or_else(|| Some("traffic-port".into())),
        path: wanted.path.or_else(|| is_http.then(|| path.into())),
        interval_seconds: wanted.interval_seconds.or(Some(30)),
        timeout_seconds: wanted.timeout_seconds.or(Some(if is_http { 5 } else { 10 })),
        healthy_threshold_count: wanted.healthy_threshold_count.or(Some(5)),
        unhealthy_threshold_count: wanted.unhealthy_threshold_count.or(Some(2)),
        matcher: wanted.matcher.or_else(|| is_http.then(|| codes.into())),
    }
}

fn matcher(codes: String, version: Option<ProtocolVersion>) -> Matcher {
    match version {
        Some(ProtocolVersion::Grpc) => Matcher::builder().grpc_code(codes).build(),
        _ => Matcher::builder().http_code(codes).build(),
    }
}

/// Ports, seconds and counts are checked against far smaller bounds than this by AWS.
fn number(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn observe(
    group: &sdk::TargetGroup,
    tags: Tags,
    settings: serde_json::Map<String, serde_json::Value>,
) -> Observed {
    let arn = group.target_group_arn().unwrap_or_default().to_owned();
    let codes = group
        .matcher()
        .and_then(|matcher| matcher.http_code().or_else(|| matcher.grpc_code()));
    let health_check = HealthCheck {
        enabled: group.health_check_enabled(),
        protocol: group
            .health_check_protocol()
            .and_then(|protocol| protocol.as_str().parse().ok()),
        port: group.health_check_port().map(str::to_owned),
        path: group.health_check_path().map(str::to_owned),
        interval_seconds: group.health_check_interval_seconds().map(i64::from),
        timeout_seconds: group.health_check_timeout_seconds().map(i64::from),
        healthy_threshold_count: group.healthy_threshold_count().map(i64::from),
        unhealthy_threshold_count: group.unhealthy_threshold_count().map(i64::from),
        matcher: codes.map(str::to_owned),
    };
    Observed {
        name: group.target_group_name().unwrap_or_default().to_owned(),
        target_type: group.target_type().map(|kind| kind.as_str().to_owned()),
        protocol: group.protocol().map(|protocol| protocol.as_str().to_owned()),
        port: group.port().map(i64::from),
        protocol_version: group.protocol_version().map(str::to_owned),
        vpc_id: group.vpc_id().map(str::to_owned),
        ip_address_type: group.ip_address_type().map(|kind| kind.as_str().to_owned()),
        health_check,
        tags,
        target_group_full_name: full_name(&arn),
        arn,
        settings,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn a_check_goes_back_to_the_defaults_of_its_protocol() {
        let spec = |json: Json| serde_json::from_value::<Spec>(json).unwrap();
        let check = with_defaults(&spec(json!({ "name": "main", "protocol": "TCP" })));
        assert_eq!(
            (check.protocol, check.timeout_seconds),
            (Some(Protocol::Tcp), Some(10))
        );
        assert_eq!((check.path, check.matcher), (None, None));
        let check = with_defaults(&spec(json!({
            "name": "main", "protocol": "HTTP", "health_check": { "path": "/health" },
        })));
        assert_eq!(check.path.as_deref(), Some("/health"));
        assert_eq!(
            (check.matcher.as_deref(), check.timeout_seconds),
            (Some("200"), Some(5))
        );
    }
}
