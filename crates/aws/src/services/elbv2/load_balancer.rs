//! `elbv2.load_balancer`: an application or network load balancer.
//!
//! It takes two to three minutes until it works, but its ARN and DNS name are usable at once. Its network interfaces
//! stay for minutes after it is deleted, which is what subnets and security groups then wait for. Its file is long: a
//! balancer of either kind, with everything that can be set of it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{self as sdk, LoadBalancerAttribute, LoadBalancerStateEnum};
use futures::future::try_join_all;

use super::common::{ARNS, check_made, for_create, full_name, tags_of_one};
use super::load_balancer_parts::*;
use super::service::Elbv2;
use super::{load_balancer_rules, settings, told_tags};
use crate::prelude::*;
use crate::read::in_batches_that_exist;
use crate::together::{Stack, of_type};

/// An application or network load balancer.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"
)]
#[block(exactly_one(subnets, subnet_mappings))]
pub struct LoadBalancer {
    /// Its name, unique in account and region.
    #[attribute(immutable, length = 1..=32, alphabet("A-Za-z0-9-", "letters, digits and hyphens"))]
    #[attribute(pattern("^[^-](.*[^-])?$", "may neither start nor end with a hyphen"))]
    #[attribute(except("^internal-", "starts with `internal-`, which AWS keeps for itself"))]
    pub name: String,
    /// Whether it works on HTTP (`application`) or on connections (`network`). AWS's default is `application`.
    #[attribute(immutable, default = "application")]
    #[serde(rename = "type")]
    pub kind: Option<LoadBalancerType>,
    /// Whether clients on the internet can reach it.
    #[attribute(immutable, default = "internet-facing")]
    pub scheme: Option<Scheme>,
    /// The subnets that it stands in, one for each availability zone; an application load balancer needs two
    /// zones at least. Those of another VPC make a new load balancer.
    pub subnets: Option<BTreeSet<String>>,
    /// Subnets with addresses of their own, instead of `subnets`; network load balancers.
    #[attribute(key = "subnet_id")]
    pub subnet_mappings: Option<Vec<SubnetMapping>>,
    /// Its security groups. A network load balancer that was made without any can never get one.
    #[attribute(nothing = [])]
    pub security_groups: Option<BTreeSet<String>>,
    /// Its addresses.
    #[attribute(default = "ipv4", not_where("dualstack-without-public-ipv4", type, "network"))]
    pub ip_address_type: Option<IpAddressType>,
    /// Seconds that a connection may be idle. Application load balancers.
    #[attribute(set_after_create, setting = "idle_timeout.timeout_seconds", default = 60, range = 1..=4000)]
    #[attribute(only_where(type, "application"))]
    pub idle_timeout_seconds: Option<i32>,
    /// Seconds that a client's connection is kept at most. Application load balancers.
    #[attribute(set_after_create, setting = "client_keep_alive.seconds", default = 3600, range = 60..=604_800)]
    #[attribute(only_where(type, "application"))]
    pub client_keep_alive_seconds: Option<i32>,
    /// Whether AWS refuses to delete it.
    #[attribute(set_after_create, setting = "deletion_protection.enabled", default = false)]
    pub deletion_protection_enabled: Option<bool>,
    /// Whether traffic goes to targets of all zones. AWS's default is false for network load balancers;
    /// application load balancers always do.
    #[attribute(
        set_after_create,
        setting = "load_balancing.cross_zone.enabled",
        default = false
    )]
    #[attribute(only_where(type, "network"))]
    pub load_balancing_cross_zone_enabled: Option<bool>,
    /// Whether HTTP/2 is spoken with clients. Application load balancers.
    #[attribute(set_after_create, setting = "routing.http2.enabled", default = true)]
    #[attribute(only_where(type, "application"))]
    pub http2_enabled: Option<bool>,
    /// Whether header fields with invalid names are removed. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "routing.http.drop_invalid_header_fields.enabled",
        default = false
    )]
    #[attribute(only_where(type, "application"))]
    pub drop_invalid_header_fields_enabled: Option<bool>,
    /// Whether the `Host` header is passed on unchanged. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "routing.http.preserve_host_header.enabled",
        default = false
    )]
    #[attribute(only_where(type, "application"))]
    pub preserve_host_header_enabled: Option<bool>,
    /// What happens with `X-Forwarded-For`. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "routing.http.xff_header_processing.mode",
        default = "append"
    )]
    #[attribute(only_where(type, "application"))]
    pub xff_header_processing_mode: Option<HeaderProcessing>,
    /// Whether `X-Forwarded-For` has the client's port. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "routing.http.xff_client_port.enabled",
        default = false
    )]
    #[attribute(only_where(type, "application"))]
    pub xff_client_port_enabled: Option<bool>,
    /// Whether targets are told the TLS version and cipher. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        default = false
    )]
    #[attribute(only_where(type, "application"))]
    pub x_amzn_tls_version_and_cipher_suite_enabled: Option<bool>,
    /// How requests that may be smuggling are treated. Application load balancers.
    #[attribute(
        set_after_create,
        setting = "routing.http.desync_mitigation_mode",
        default = "defensive"
    )]
    #[attribute(only_where(type, "application"))]
    pub desync_mitigation_mode: Option<DesyncMitigation>,
    /// Whether requests pass when AWS WAF cannot be asked. Application load balancers.
    #[attribute(set_after_create, setting = "waf.fail_open.enabled", default = false)]
    #[attribute(only_where(type, "application"))]
    pub waf_fail_open_enabled: Option<bool>,
    /// Whether a zonal shift may move traffic away from a zone.
    #[attribute(set_after_create, setting = "zonal_shift.config.enabled", default = false)]
    pub zonal_shift_enabled: Option<bool>,
    /// Logs of requests, written to S3. The bucket's policy has to allow it.
    #[attribute(set_after_create, setting = "access_logs.s3")]
    pub access_logs: Option<LogDelivery>,
    /// Logs of connections, written to S3. Application load balancers.
    #[attribute(set_after_create, setting = "connection_logs.s3")]
    #[attribute(only_where(type, "application"))]
    pub connection_logs: Option<LogDelivery>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The load balancer's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The name under which it is reached.
    #[attribute(computed)]
    pub dns_name: Option<String>,
    /// The hosted zone of its DNS name, which alias records name.
    #[attribute(computed)]
    pub canonical_hosted_zone_id: Option<String>,
    /// The VPC of its subnets.
    #[attribute(computed)]
    pub vpc_id: Option<String>,
    /// The end of its ARN, as metrics and scaling policies name it: `app/main/0123456789abcdef`.
    #[attribute(computed)]
    pub load_balancer_full_name: Option<String>,
}

use LoadBalancerField as Field;

impl Resource for LoadBalancer {
    const NAME: &'static str = "elbv2.load_balancer";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:SetSubnets",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetIpAddressType",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:DeleteLoadBalancer",
        "iam:CreateServiceLinkedRole",
    ];
    const EXAMPLE: &'static str = r#"
[elbv2.load_balancer.main]
name                               = "appname-dev02"
type                               = "application"
scheme                             = "internal"
subnets                            = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
security_groups                    = ["sg-0123456789abcdef0"]
idle_timeout_seconds               = 65
drop_invalid_header_fields_enabled = true
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::Name],
        looks_first: true,
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SubnetMapping.html
        clashes: &[Clash::Shared {
            same: &[],
            at: &["subnet_mappings.allocation_id"],
            owner: None,
        }],
        stays_in: load_balancer_rules::STAYS_IN,
        protected_by: Some(Field::DeletionProtectionEnabled),
        waits: Waits {
            create: Some(Wait::seconds("load balancer active", 150, 900)),
            update: Some(Wait::seconds("load balancer active", 10, 900)),
            delete: Some(Wait::seconds("load balancer gone", 5, 300)),
            ..Waits::NONE
        },
        ..Rules::UNIQUE_IDS
    };
    type Service = Elbv2;

    fn validate(given: &PartialLoadBalancer, problems: &mut Problems) {
        load_balancer_rules::check(given, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        of_type(stack, Self::NAME)
            .filter_map(|(address, attributes)| {
                let problem = load_balancer_rules::check_zones(attributes, stack)?;
                Some((address.clone(), problem))
            })
            .collect()
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialLoadBalancer>> {
        let created = aws
            .elbv2
            .create_load_balancer()
            .name(&spec.name)
            .set_type(to_aws(spec.kind))
            .set_scheme(to_aws(spec.scheme))
            .set_subnets(spec.subnets.map(Vec::from_iter))
            .set_subnet_mappings(spec.subnet_mappings.map(to_mappings))
            .set_security_groups(spec.security_groups.map(Vec::from_iter))
            .set_ip_address_type(to_aws(spec.ip_address_type))
            .set_tags(Some(for_create(call, spec.tags)))
            .send()
            .await
            .aws("elbv2", "CreateLoadBalancer")?;
        let made = created.load_balancers.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateLoadBalancer", "load balancer"))?;
        let (id, found) = observe(&made, None, PartialLoadBalancer::default());
        let what = format!("the load balancer `{}`", spec.name);
        check_made(aws, call, "CreateLoadBalancer", &what, id.as_str()).await?;
        Ok(Created { id, found })
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let call = aws.elbv2.describe_load_balancers();
            let call = call.set_load_balancer_arns(Some(arns.clone())).send();
            let (described, tags, settings) = futures::try_join!(
                async { call.await.aws("elbv2", "DescribeLoadBalancers") },
                told_tags::read(aws, arns.clone()),
                try_join_all(arns.iter().map(|arn| settings_of(aws, arn))),
            )?;
            let mut settings: BTreeMap<_, _> = arns.into_iter().zip(settings).collect();
            let found = described.load_balancers().iter().map(|one| {
                let arn = one.load_balancer_arn().unwrap_or_default();
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
        let (arn, spec) = (id.as_str(), &update.spec);
        if update.changes(Field::Subnets) || update.changes(Field::SubnetMappings) {
            let call = aws
                .elbv2
                .set_subnets()
                .load_balancer_arn(arn)
                .set_subnets(
                    update
                        .only(Field::Subnets, spec.subnets.clone())
                        .map(Vec::from_iter),
                )
                .set_subnet_mappings(
                    update
                        .only(Field::SubnetMappings, spec.subnet_mappings.clone())
                        .map(to_mappings),
                );
            call.send().await.aws("elbv2", "SetSubnets")?;
        }
        if let Some(groups) = update.only(Field::SecurityGroups, spec.security_groups.clone()) {
            let call = aws.elbv2.set_security_groups().load_balancer_arn(arn);
            let call = call.set_security_groups(Some(Vec::from_iter(groups)));
            call.send().await.aws("elbv2", "SetSecurityGroups")?;
        }
        if update.changes(Field::IpAddressType) {
            let kind = spec.ip_address_type.or(Some(IpAddressType::Ipv4));
            let call = aws.elbv2.set_ip_address_type().load_balancer_arn(arn);
            let call = call.set_ip_address_type(to_aws(kind));
            call.send().await.aws("elbv2", "SetIpAddressType")?;
        }
        let written = settings::to_write(update, &BTreeMap::new());
        if written.is_empty() {
            return Ok(());
        }
        let written = written.into_iter();
        let written =
            written.map(|(key, text)| LoadBalancerAttribute::builder().key(key).value(text).build());
        let call = aws.elbv2.modify_load_balancer_attributes().load_balancer_arn(arn);
        let modified = call.set_attributes(Some(written.collect())).send().await;
        modified.aws("elbv2", "ModifyLoadBalancerAttributes").map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.elbv2.delete_load_balancer().load_balancer_arn(id.as_str());
        call.send().await.aws("elbv2", "DeleteLoadBalancer").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialLoadBalancer) -> ProviderResult<Observations<Self>> {
        let Some(name) = given.name.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let described = aws.elbv2.describe_load_balancers().names(name).send().await;
        let described = described.aws("elbv2", "DescribeLoadBalancers").absent_is_none()?;
        let Some(one) = described.as_ref().and_then(|all| all.load_balancers().first()) else {
            return Ok(Observations::<Self>::new());
        };
        let tags = tags_of_one(&aws.elbv2, one.load_balancer_arn().unwrap_or_default()).await;
        let found = observe(one, tags.absent_is_none()?, PartialLoadBalancer::default());
        Ok(Observations::<Self>::from([found]))
    }
}

async fn settings_of(aws: &Clients, arn: &str) -> ProviderResult<PartialLoadBalancer> {
    let call = aws
        .elbv2
        .describe_load_balancer_attributes()
        .load_balancer_arn(arn);
    let described = call.send().await.aws("elbv2", "DescribeLoadBalancerAttributes")?;
    let told = described.attributes().iter();
    Ok(settings::told::<LoadBalancer>(
        told.map(|one| (one.key(), one.value())),
    ))
}

fn to_mappings(mappings: Vec<SubnetMapping>) -> Vec<sdk::SubnetMapping> {
    let mappings = mappings.into_iter().map(|mapping| {
        sdk::SubnetMapping::builder()
            .subnet_id(mapping.subnet_id)
            .set_allocation_id(mapping.allocation_id)
            .set_private_ipv4_address(mapping.private_ipv4_address)
            .build()
    });
    mappings.collect()
}

fn observe(
    one: &sdk::LoadBalancer,
    tags: Option<Tags>,
    settings: PartialLoadBalancer,
) -> Observation<LoadBalancer> {
    let arn = one.load_balancer_arn().unwrap_or_default();
    let subnet_mappings: Vec<SubnetMapping> = one.availability_zones().iter().filter_map(mapping).collect();
    let subnets = subnet_mappings.iter().map(|one| one.subnet_id.clone());
    let observed = PartialLoadBalancer {
        name: one.load_balancer_name().into(),
        kind: told(one.r#type()),
        scheme: told(one.scheme()),
        subnets: BTreeSet::from_iter(subnets).into(),
        subnet_mappings: whole(&subnet_mappings),
        security_groups: BTreeSet::from_iter(one.security_groups().iter().cloned()).into(),
        ip_address_type: told(one.ip_address_type()),
        tags: tags.unwrap_or_default().into(),
        arn: arn.into(),
        dns_name: one.dns_name().into(),
        canonical_hosted_zone_id: one.canonical_hosted_zone_id().into(),
        vpc_id: one.vpc_id().into(),
        load_balancer_full_name: full_name(arn).into(),
        ..settings
    };
    let state = one.state();
    let health = match state.and_then(|state| state.code()) {
        Some(LoadBalancerStateEnum::Provisioning) => Health::Pending("provisioning".into()),
        Some(LoadBalancerStateEnum::Failed) => {
            let reason = state.and_then(|state| state.reason());
            Health::Failed(reason.map_or_else(|| "failed".to_owned(), |reason| format!("failed: {reason}")))
        }
        _ => Health::Ready,
    };
    (PhysicalId::new(arn), Found { observed, health })
}

fn mapping(zone: &sdk::AvailabilityZone) -> Option<SubnetMapping> {
    let address = zone.load_balancer_addresses().first();
    Some(SubnetMapping {
        subnet_id: zone.subnet_id()?.to_owned(),
        allocation_id: address.and_then(|address| address.allocation_id.clone()),
        private_ipv4_address: address.and_then(|address| address.private_ipv4_address.clone()),
    })
}
