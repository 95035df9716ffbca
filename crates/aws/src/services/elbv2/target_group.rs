//! `elbv2.target_group`: where a load balancer sends traffic, and how it finds out what is healthy.
//!
//! Usable at once. It cannot be deleted as long as a listener forwards to it.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{self as sdk, Matcher, TargetGroupAttribute};
use futures::future::try_join_all;

use super::common::{ARNS, Protocol, check_made, for_create, full_name, tags_of_one};
use super::health_checks::Checked;
use super::service::Elbv2;
use super::target_group_parts::*;
use super::told_tags;
use super::{settings, target_group_rules};
use crate::prelude::*;
use crate::read::in_batches_that_exist;

/// Where a load balancer sends traffic, and what it takes for healthy.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"
)]
pub struct TargetGroup {
    /// Its name, unique in account and region.
    #[attribute(immutable, length = 1..=32, alphabet("A-Za-z0-9-", "letters, digits and hyphens"))]
    #[attribute(pattern("^[^-](.*[^-])?$", "may neither start nor end with a hyphen"))]
    pub name: String,
    /// What targets are: `ip` for tasks on Fargate.
    #[attribute(immutable, default = "instance")]
    pub target_type: Option<TargetType>,
    /// The protocol between load balancer and targets. Needed for all but `lambda`.
    #[attribute(immutable)]
    #[attribute(
        needed_where(target_type, "instance", "ip", "alb"),
        not_where(target_type, "lambda")
    )]
    pub protocol: Option<Protocol>,
    /// The port of targets that name none themselves. Needed for all but `lambda`.
    #[attribute(immutable, range = 1..=65_535)]
    #[attribute(
        needed_where(target_type, "instance", "ip", "alb"),
        not_where(target_type, "lambda")
    )]
    pub port: Option<i32>,
    /// The version of HTTP. Protocols HTTP and HTTPS.
    #[attribute(immutable, default = "HTTP1")]
    #[attribute(only_where(protocol, "HTTP", "HTTPS"))]
    pub protocol_version: Option<ProtocolVersion>,
    /// The VPC of the targets. Needed for all but `lambda`.
    #[attribute(immutable)]
    #[attribute(
        needed_where(target_type, "instance", "ip", "alb"),
        not_where(target_type, "lambda")
    )]
    pub vpc_id: Option<String>,
    /// The targets' addresses.
    #[attribute(immutable, default = "ipv4")]
    pub ip_address_type: Option<TargetAddressType>,
    /// How it is found out whether a target is healthy.
    pub health_check: Option<HealthCheck>,
    /// Seconds that connections to a target that goes away may last.
    #[attribute(set_after_create, setting = "deregistration_delay.timeout_seconds", default = 300, range = 0..=3600)]
    #[attribute(not_where(target_type, "lambda"))]
    pub deregistration_delay_seconds: Option<i64>,
    /// Whether connections are closed when that time is over. AWS's default is true for `UDP` and `TCP_UDP`, and false
    /// for other protocols of network load balancers.
    #[attribute(
        set_after_create,
        setting = "deregistration_delay.connection_termination.enabled"
    )]
    #[attribute(not_where(protocol, "HTTP", "HTTPS"))]
    pub deregistration_delay_connection_termination_enabled: Option<bool>,
    /// Seconds in which a new target's share of requests rises, 30 to 900, or 0 for none. Application load balancers.
    #[attribute(set_after_create, setting = "slow_start.duration_seconds", default = 0)]
    #[attribute(only_where(protocol, "HTTP", "HTTPS"), not_where(target_type, "lambda"))]
    pub slow_start_seconds: Option<i64>,
    /// How a target is chosen. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "load_balancing.algorithm.type",
        default = "round_robin"
    )]
    #[attribute(only_where(protocol, "HTTP", "HTTPS"), not_where(target_type, "lambda"))]
    pub load_balancing_algorithm_type: Option<Algorithm>,
    /// Whether traffic goes to targets of all zones.
    #[attribute(
        set_after_create,
        setting = "load_balancing.cross_zone.enabled",
        default = "use_load_balancer_configuration"
    )]
    pub load_balancing_cross_zone_enabled: Option<CrossZone>,
    /// Whether targets see the client's address. AWS's default depends on protocol and target type. Network
    /// load balancers.
    #[attribute(set_after_create, setting = "preserve_client_ip.enabled")]
    #[attribute(not_where(protocol, "HTTP", "HTTPS"))]
    pub preserve_client_ip_enabled: Option<bool>,
    /// Whether targets are told the client's address by proxy protocol version 2. Network load balancers.
    #[attribute(set_after_create, setting = "proxy_protocol_v2.enabled", default = false)]
    #[attribute(not_where(protocol, "HTTP", "HTTPS"))]
    pub proxy_protocol_v2_enabled: Option<bool>,
    /// Whether a client's requests stay with one target.
    #[attribute(set_after_create, setting = "stickiness")]
    pub stickiness: Option<Stickiness>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The target group's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The end of its ARN, as metrics and scaling policies name it: `targetgroup/main/0123456789abcdef`.
    #[attribute(computed)]
    pub target_group_full_name: Option<String>,
}

use TargetGroupField as Field;

impl Resource for TargetGroup {
    const NAME: &'static str = "elbv2.target_group";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:CreateTargetGroup",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTags",
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::Name],
        looks_first: true,
        ..Rules::UNIQUE_IDS
    };
    type Service = Elbv2;

    fn validate(given: &PartialTargetGroup, problems: &mut Problems) {
        target_group_rules::check(given, problems);
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialTargetGroup>> {
        let check = spec.health_check.unwrap_or_default();
        let created = aws
            .elbv2
            .create_target_group()
            .name(&spec.name)
            .set_target_type(to_aws(spec.target_type))
            .set_protocol(to_aws(spec.protocol))
            .set_port(spec.port)
            .set_protocol_version(to_aws(spec.protocol_version))
            .set_vpc_id(spec.vpc_id)
            .set_ip_address_type(to_aws(spec.ip_address_type))
            .set_matcher(check.matcher.map(|codes| matcher(codes, spec.protocol_version)))
            .set_health_check_enabled(check.enabled)
            .set_health_check_protocol(to_aws(check.protocol))
            .set_health_check_port(check.port)
            .set_health_check_path(check.path)
            .set_health_check_interval_seconds(check.interval_seconds)
            .set_health_check_timeout_seconds(check.timeout_seconds)
            .set_healthy_threshold_count(check.healthy_threshold_count)
            .set_unhealthy_threshold_count(check.unhealthy_threshold_count)
            .set_tags(Some(for_create(call, spec.tags)))
            .send()
            .await
            .aws("elbv2", "CreateTargetGroup")?;
        let made = created.target_groups.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateTargetGroup", "target group"))?;
        let (id, found) = observe(&made, None, PartialTargetGroup::default());
        let what = format!("the target group `{}`", spec.name);
        check_made(aws, call, "CreateTargetGroup", &what, id.as_str()).await?;
        Ok(Created { id, found })
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let call = aws.elbv2.describe_target_groups();
            let call = call.set_target_group_arns(Some(arns.clone())).send();
            let (described, tags, settings) = futures::try_join!(
                async { call.await.aws("elbv2", "DescribeTargetGroups") },
                told_tags::read(aws, arns.clone()),
                try_join_all(arns.iter().map(|arn| settings_of(aws, arn))),
            )?;
            let mut settings: BTreeMap<_, _> = arns.into_iter().zip(settings).collect();
            let found = described.target_groups().iter().map(|one| {
                let arn = one.target_group_arn().unwrap_or_default();
                observe(
                    one,
                    tags.get(arn).cloned(),
                    settings.remove(arn).unwrap_or_default(),
                )
            });
            Ok(found.collect())
        })
        .await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        if update.changes(Field::HealthCheck) {
            write_health_check(aws, id, update).await?;
        }
        let written = settings::to_write(update, &own_defaults(&update.spec));
        if written.is_empty() {
            return Ok(());
        }
        let written = written.into_iter();
        let written = written.map(|(key, text)| TargetGroupAttribute::builder().key(key).value(text).build());
        let call = aws
            .elbv2
            .modify_target_group_attributes()
            .target_group_arn(id.as_str());
        let modified = call.set_attributes(Some(written.collect())).send().await;
        modified.aws("elbv2", "ModifyTargetGroupAttributes").map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.elbv2.delete_target_group().target_group_arn(id.as_str());
        call.send().await.aws("elbv2", "DeleteTargetGroup").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialTargetGroup) -> ProviderResult<Observations<Self>> {
        let Some(name) = given.name.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let described = aws.elbv2.describe_target_groups().names(name).send().await;
        let described = described.aws("elbv2", "DescribeTargetGroups").absent_is_none()?;
        let Some(group) = described.as_ref().and_then(|all| all.target_groups().first()) else {
            return Ok(Observations::<Self>::new());
        };
        let tags = tags_of_one(&aws.elbv2, group.target_group_arn().unwrap_or_default()).await;
        let found = observe(group, tags.absent_is_none()?, PartialTargetGroup::default());
        Ok(Observations::<Self>::from([found]))
    }
}

/// The defaults of settings that depend on the target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html>
fn own_defaults(spec: &TargetGroup) -> BTreeMap<&'static str, String> {
    let has_no_connections = matches!(spec.protocol, Some(Protocol::Udp | Protocol::TcpUdp));
    let closes = Field::DeregistrationDelayConnectionTerminationEnabled.name();
    let keeps = match spec.target_type {
        None | Some(TargetType::Instance) => Some(true),
        Some(TargetType::Ip) => Some(has_no_connections),
        // Those cannot be set.
        Some(TargetType::Alb | TargetType::Lambda) => None,
    };
    let keeps = keeps.map(|keeps| (Field::PreserveClientIpEnabled.name(), keeps.to_string()));
    let closes = (closes, has_no_connections.to_string());
    [closes].into_iter().chain(keeps).collect()
}

async fn settings_of(aws: &Clients, arn: &str) -> ProviderResult<PartialTargetGroup> {
    let call = aws.elbv2.describe_target_group_attributes().target_group_arn(arn);
    let described = call.send().await.aws("elbv2", "DescribeTargetGroupAttributes")?;
    let told = described.attributes().iter();
    Ok(settings::told::<TargetGroup>(
        told.map(|one| (one.key(), one.value())),
    ))
}

/// Writes what of the health check changed. ModifyTargetGroup can set a value but not take one away, so what the file no
/// longer says is sent as AWS's default.
async fn write_health_check(
    aws: &Clients,
    id: &PhysicalId,
    update: &Update<TargetGroup>,
) -> ProviderResult<()> {
    use HealthCheckField as Key;
    let check = with_defaults(&update.spec);
    let matcher_of = |codes| matcher(codes, update.spec.protocol_version);
    macro_rules! only {
        ($key:ident, $value:expr) => {
            update.only_in(Field::HealthCheck, Key::$key, $value)
        };
    }
    aws.elbv2
        .modify_target_group()
        .target_group_arn(id.as_str())
        .set_matcher(only!(Matcher, check.matcher.map(matcher_of)))
        .set_health_check_enabled(only!(Enabled, check.enabled))
        .set_health_check_protocol(only!(Protocol, to_aws(check.protocol)))
        .set_health_check_port(only!(Port, check.port))
        .set_health_check_path(only!(Path, check.path))
        .set_health_check_interval_seconds(only!(IntervalSeconds, check.interval_seconds))
        .set_health_check_timeout_seconds(only!(TimeoutSeconds, check.timeout_seconds))
        .set_healthy_threshold_count(only!(HealthyThresholdCount, check.healthy_threshold_count))
        .set_unhealthy_threshold_count(only!(UnhealthyThresholdCount, check.unhealthy_threshold_count))
        .send()
        .await
        .aws("elbv2", "ModifyTargetGroup")
        .map(drop)
}

/// The wanted health check with AWS's defaults where the file says nothing.
fn with_defaults(spec: &TargetGroup) -> HealthCheck {
    let wanted = spec.health_check.clone().unwrap_or_default();
    let checked = Checked {
        target_type: spec.target_type,
        protocol: spec.protocol,
        version: spec.protocol_version,
        by: wanted.protocol,
    };
    let default = checked.defaults();
    HealthCheck {
        enabled: wanted.enabled.or(default.enabled),
        protocol: wanted.protocol.or(default.protocol),
        port: wanted.port.or(default.port),
        path: wanted.path.or(default.path),
        interval_seconds: wanted.interval_seconds.or(default.interval_seconds),
        timeout_seconds: wanted.timeout_seconds.or(default.timeout_seconds),
        healthy_threshold_count: wanted.healthy_threshold_count.or(default.healthy_threshold_count),
        unhealthy_threshold_count: wanted
            .unhealthy_threshold_count
            .or(default.unhealthy_threshold_count),
        matcher: wanted.matcher.or(default.matcher),
    }
}

fn matcher(codes: String, version: Option<ProtocolVersion>) -> Matcher {
    match version {
        Some(ProtocolVersion::Grpc) => Matcher::builder().grpc_code(codes).build(),
        _ => Matcher::builder().http_code(codes).build(),
    }
}

fn observe(
    group: &sdk::TargetGroup,
    tags: Option<Tags>,
    settings: PartialTargetGroup,
) -> Observation<TargetGroup> {
    let arn = group.target_group_arn().unwrap_or_default();
    let codes = group.matcher();
    let health_check = PartialHealthCheck {
        enabled: group.health_check_enabled().into(),
        protocol: told(group.health_check_protocol()),
        port: group.health_check_port().into(),
        path: group.health_check_path().into(),
        interval_seconds: group.health_check_interval_seconds().into(),
        timeout_seconds: group.health_check_timeout_seconds().into(),
        healthy_threshold_count: group.healthy_threshold_count().into(),
        unhealthy_threshold_count: group.unhealthy_threshold_count().into(),
        matcher: codes
            .and_then(|codes| codes.http_code().or(codes.grpc_code()))
            .into(),
    };
    let observed = PartialTargetGroup {
        name: group.target_group_name().into(),
        target_type: told(group.target_type()),
        protocol: told(group.protocol()),
        port: group.port().into(),
        protocol_version: told(group.protocol_version()),
        vpc_id: group.vpc_id().into(),
        ip_address_type: told(group.ip_address_type()),
        health_check: health_check.into(),
        tags: tags.unwrap_or_default().into(),
        arn: arn.into(),
        target_group_full_name: full_name(arn).into(),
        ..settings
    };
    (PhysicalId::new(arn), Found::ready(observed))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn settings_go_back_to_the_defaults_of_their_protocol_and_targets() {
        for (protocol, target_type, closes, keeps) in [
            ("TCP", "instance", "false", Some("true")),
            ("TLS", "ip", "false", Some("false")),
            ("UDP", "ip", "true", Some("true")),
            ("TCP_UDP", "instance", "true", Some("true")),
            ("TCP", "alb", "false", None),
        ] {
            let spec = json!({ "name": "main", "protocol": protocol, "target_type": target_type });
            let found = own_defaults(&serde_json::from_value(spec).unwrap());
            let of = |name| found.get(name).map(String::as_str);
            assert_eq!(
                of("deregistration_delay_connection_termination_enabled"),
                Some(closes)
            );
            assert_eq!(
                of("preserve_client_ip_enabled"),
                keeps,
                "{protocol} {target_type}"
            );
        }
    }

    #[test]
    fn a_check_goes_back_to_the_defaults_of_its_protocol() {
        let spec = |json: Json| serde_json::from_value::<TargetGroup>(json).unwrap();
        let check = with_defaults(&spec(json!({ "name": "main", "protocol": "TCP" })));
        assert_eq!(
            (check.protocol, check.timeout_seconds),
            (Some(Protocol::Tcp), Some(10))
        );
        assert_eq!((check.path, check.matcher), (None, None));
        let check = with_defaults(&spec(json!({
            "name": "main", "protocol": "TCP", "health_check": { "protocol": "HTTP" },
        })));
        assert_eq!(
            (check.matcher.as_deref(), check.timeout_seconds),
            (Some("200-399"), Some(6))
        );
        let check = with_defaults(&spec(json!({ "name": "main", "target_type": "lambda" })));
        assert_eq!(
            (
                check.enabled,
                check.protocol,
                check.port,
                check.interval_seconds,
                check.timeout_seconds
            ),
            (Some(false), None, None, Some(35), Some(30))
        );
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
