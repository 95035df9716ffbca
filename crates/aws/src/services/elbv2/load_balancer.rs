//! `elbv2.load_balancer`: an application or network load balancer.
//!
//! Calls: CreateLoadBalancer, ModifyLoadBalancerAttributes, SetSubnets, SetSecurityGroups,
//! SetIpAddressType, DescribeLoadBalancers (20 ARNs), DescribeLoadBalancerAttributes (one each),
//! DescribeTags (20), AddTags, RemoveTags, DeleteLoadBalancer. It takes two to three minutes until it
//! works, but its ARN and DNS name are usable at once. Its network interfaces stay for minutes after it is
//! deleted, which is what subnets and security groups then wait for. Its file is long: a balancer of either kind, with
//! everything that can be set of it.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{self as sdk, LoadBalancerAttribute, LoadBalancerStateEnum};
use futures::future::try_join_all;
use infra_core::types::{Problem, Problems, known_str};
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ResourceAddress};
use infra_provider::{
    Call, Clashing, Created, Found, ProviderResult, ResourceType, Traits, Update, Wait, Waits,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{ARNS, check_made, for_create, full_name, tags_of_one, update_tags};
use super::load_balancer_parts::*;
use super::told_tags::ToldTags;
use super::{load_balancer_rules, settings};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::ownership::{Taken, made_by, taken};
use crate::read::{Observations, in_batches_that_exist};
use crate::tags::{Tags, without_reserved};
use crate::together::{Stack, of_type};

/// The type.
pub struct LoadBalancer {
    client: Client,
    told_tags: ToldTags,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name: at most 32 letters, digits and hyphens, unique in account and region.
    pub name: String,
    /// Whether it works on HTTP (`application`) or on connections (`network`). AWS's default is `application`.
    #[serde(rename = "type")]
    #[schemars(extend("default" = "application"))]
    pub kind: Option<LoadBalancerType>,
    /// Whether clients on the internet can reach it. AWS's default is `internet-facing`.
    #[schemars(extend("default" = "internet-facing"))]
    pub scheme: Option<Scheme>,
    /// The subnets that it stands in, one for each availability zone; an application load balancer needs two
    /// zones at least. Those of another VPC make a new load balancer.
    pub subnets: Option<BTreeSet<String>>,
    /// Subnets with addresses of their own, instead of `subnets`; network load balancers.
    pub subnet_mappings: Option<Vec<SubnetMapping>>,
    /// Its security groups. A network load balancer that was made without any can never get one.
    pub security_groups: Option<BTreeSet<String>>,
    /// Its addresses. AWS's default is `ipv4`.
    #[schemars(extend("default" = "ipv4"))]
    pub ip_address_type: Option<IpAddressType>,
    /// Seconds that a connection may be idle, 1 to 4000. AWS's default is 60. Application load balancers.
    #[schemars(extend("default" = 60))]
    pub idle_timeout_seconds: Option<i64>,
    /// Seconds that a client's connection is kept at most, 60 to 604800. AWS's default is 3600. Application
    /// load balancers.
    #[schemars(extend("default" = 3600))]
    pub client_keep_alive_seconds: Option<i64>,
    /// Whether AWS refuses to delete it. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub deletion_protection_enabled: Option<bool>,
    /// Whether traffic goes to targets of all zones. AWS's default is false for network load balancers;
    /// application load balancers always do.
    #[schemars(extend("default" = false))]
    pub load_balancing_cross_zone_enabled: Option<bool>,
    /// Whether HTTP/2 is spoken with clients. AWS's default is true. Application load balancers.
    #[schemars(extend("default" = true))]
    pub http2_enabled: Option<bool>,
    /// Whether header fields with invalid names are removed. AWS's default is false. Application load balancers.
    #[schemars(extend("default" = false))]
    pub drop_invalid_header_fields_enabled: Option<bool>,
    /// Whether the `Host` header is passed on unchanged. AWS's default is false. Application load balancers.
    #[schemars(extend("default" = false))]
    pub preserve_host_header_enabled: Option<bool>,
    /// What happens with `X-Forwarded-For`. AWS's default is `append`. Application load balancers.
    #[schemars(extend("default" = "append"))]
    pub xff_header_processing_mode: Option<HeaderProcessing>,
    /// Whether `X-Forwarded-For` has the client's port. AWS's default is false. Application load balancers.
    #[schemars(extend("default" = false))]
    pub xff_client_port_enabled: Option<bool>,
    /// Whether targets are told the TLS version and cipher. AWS's default is false. Application load balancers.
    #[schemars(extend("default" = false))]
    pub x_amzn_tls_version_and_cipher_suite_enabled: Option<bool>,
    /// How requests that may be smuggling are treated. AWS's default is `defensive`. Application load balancers.
    #[schemars(extend("default" = "defensive"))]
    pub desync_mitigation_mode: Option<DesyncMitigation>,
    /// Whether requests pass when AWS WAF cannot be asked. AWS's default is false. Application load balancers.
    #[schemars(extend("default" = false))]
    pub waf_fail_open_enabled: Option<bool>,
    /// Whether a zonal shift may move traffic away from a zone. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub zonal_shift_enabled: Option<bool>,
    /// Logs of requests, written to S3. The bucket's policy has to allow it.
    pub access_logs: Option<LogDelivery>,
    /// Logs of connections, written to S3. Application load balancers.
    pub connection_logs: Option<LogDelivery>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    scheme: Option<String>,
    subnets: BTreeSet<String>,
    subnet_mappings: Vec<SubnetMapping>,
    security_groups: BTreeSet<String>,
    ip_address_type: Option<String>,
    tags: Tags,
    /// The load balancer's ARN.
    arn: String,
    /// The name under which it is reached.
    dns_name: String,
    /// The hosted zone of its DNS name, which alias records name.
    canonical_hosted_zone_id: String,
    /// The VPC of its subnets.
    vpc_id: String,
    /// The end of its ARN, as metrics and scaling policies name it: `app/main/0123456789abcdef`.
    load_balancer_full_name: String,
    #[serde(flatten)]
    #[schemars(skip)]
    settings: serde_json::Map<String, serde_json::Value>,
}

impl FromClients for LoadBalancer {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.elbv2.clone(),
            told_tags: ToldTags::new(clients),
        }
    }
}

impl ResourceType for LoadBalancer {
    const NAME: &'static str = "elbv2.load_balancer";
    const DESCRIPTION: &'static str = "An application or network load balancer.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:ModifyLoadBalancerAttributes",
        "elasticloadbalancing:SetSubnets",
        "elasticloadbalancing:SetSecurityGroups",
        "elasticloadbalancing:SetIpAddressType",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeTags",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:RemoveTags",
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
    const TRAITS: Traits = Traits {
        immutable: &["name", "type", "scheme"],
        set_after_create: &[
            "idle_timeout_seconds",
            "client_keep_alive_seconds",
            "deletion_protection_enabled",
            "load_balancing_cross_zone_enabled",
            "http2_enabled",
            "drop_invalid_header_fields_enabled",
            "preserve_host_header_enabled",
            "xff_header_processing_mode",
            "xff_client_port_enabled",
            "x_amzn_tls_version_and_cipher_suite_enabled",
            "desync_mitigation_mode",
            "waf_fail_open_enabled",
            "zonal_shift_enabled",
            "access_logs",
            "connection_logs",
        ],
        keyed: &[("subnet_mappings", "subnet_id")],
        natural_key: &["name"],
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SubnetMapping.html
        clashes: &[Clashing::Shared {
            same: &[],
            at: &["subnet_mappings.allocation_id"],
            owner: None,
        }],
        stays_in: load_balancer_rules::STAYS_IN,
        protected_by: Some("deletion_protection_enabled"),
        waits: Waits {
            create: Some(Wait::seconds("load balancer active", 150, 900)),
            update: Some(Wait::seconds("load balancer active", 10, 900)),
            delete: Some(Wait::seconds("load balancer gone", 5, 300)),
            ..Waits::NONE
        },
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        load_balancer_rules::check(attributes, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        of_type(stack, Self::NAME)
            .filter_map(|(address, attributes)| {
                let problem = load_balancer_rules::check_zones(attributes, stack)?;
                Some((address.clone(), problem))
            })
            .collect()
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let what = format!("the load balancer `{}`", spec.name);
        if let Some(there) = self.find(&spec.name).await? {
            let arn = there.load_balancer_arn().unwrap_or_default();
            let tags = tags_of_one(&self.client, arn).await?;
            if !made_by(call, tags.clone()) {
                return Err(taken(call, "elbv2", "CreateLoadBalancer", &what, arn));
            }
            let found = observe(&there, without_reserved(tags), serde_json::Map::new());
            return Ok(Created {
                id: PhysicalId::new(arn),
                found,
            });
        }
        let created = self
            .client
            .create_load_balancer()
            .name(&spec.name)
            .set_type(spec.kind.map(|kind| kind.as_str().into()))
            .set_scheme(spec.scheme.map(|scheme| scheme.as_str().into()))
            .set_subnets(spec.subnets.map(|subnets| subnets.into_iter().collect()))
            .set_subnet_mappings(spec.subnet_mappings.map(to_mappings))
            .set_security_groups(spec.security_groups.map(|groups| groups.into_iter().collect()))
            .set_ip_address_type(spec.ip_address_type.map(|kind| kind.as_str().into()))
            .set_tags(Some(for_create(call, spec.tags.as_ref())))
            .send()
            .await
            .aws("elbv2", "CreateLoadBalancer")
            .taken_by(call, &what)?;
        let made = created.load_balancers.unwrap_or_default().into_iter().next();
        let made = made.ok_or_else(|| missing("elbv2", "CreateLoadBalancer", "load balancer"))?;
        let found = observe(&made, spec.tags.unwrap_or_default(), serde_json::Map::new());
        check_made(
            &self.client,
            call,
            "CreateLoadBalancer",
            &what,
            &found.observed.arn,
        )
        .await?;
        Ok(Created {
            id: PhysicalId::new(&found.observed.arn),
            found,
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches_that_exist(ids, ARNS, async |arns| {
            let described = self
                .client
                .describe_load_balancers()
                .set_load_balancer_arns(Some(arns.clone()));
            let settings = try_join_all(arns.iter().map(async |arn| {
                let settings = self.settings(arn.clone()).await?;
                ProviderResult::Ok((arn.clone(), settings))
            }));
            let (described, tags, settings) = futures::try_join!(
                async { described.send().await.aws("elbv2", "DescribeLoadBalancers") },
                self.told_tags.read(arns.clone()),
                settings,
            )?;
            let settings: BTreeMap<String, _> = settings.into_iter().collect();
            let there = described.load_balancers.unwrap_or_default();
            let found = there.iter().map(|one| {
                let arn = one.load_balancer_arn().unwrap_or_default();
                let tags = without_reserved(tags.get(arn).cloned().unwrap_or_default());
                let settings = settings.get(arn).cloned().unwrap_or_default();
                (PhysicalId::new(arn), observe(one, tags, settings))
            });
            Ok(found.collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let (arn, spec) = (id.as_str(), &update.spec);
        if update.any(&["subnets", "subnet_mappings"]) {
            let subnets = spec.subnets.clone().map(|subnets| subnets.into_iter().collect());
            let call = self
                .client
                .set_subnets()
                .load_balancer_arn(arn)
                .set_subnets(subnets)
                .set_subnet_mappings(spec.subnet_mappings.clone().map(to_mappings));
            call.send().await.aws("elbv2", "SetSubnets")?;
        }
        if let (true, Some(groups)) = (update.any(&["security_groups"]), &spec.security_groups) {
            let call = self
                .client
                .set_security_groups()
                .load_balancer_arn(arn)
                .set_security_groups(Some(groups.iter().cloned().collect()));
            call.send().await.aws("elbv2", "SetSecurityGroups")?;
        }
        if update.any(&["ip_address_type"]) {
            let kind = spec.ip_address_type.unwrap_or(IpAddressType::Ipv4);
            let call = self
                .client
                .set_ip_address_type()
                .load_balancer_arn(arn)
                .ip_address_type(kind.as_str().into());
            call.send().await.aws("elbv2", "SetIpAddressType")?;
        }
        self.write_settings(arn, &update).await?;
        if update.any(&["tags"]) {
            update_tags(&self.client, arn, &update.prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_load_balancer()
            .load_balancer_arn(id.as_str())
            .send()
            .await
            .aws("elbv2", "DeleteLoadBalancer")
            .absent_is_none()
            .map_err(|error| match error.code.as_deref() {
                Some("OperationNotPermitted") => {
                    error.hint("set `deletion_protection_enabled = false` and apply that first")
                }
                _ => error,
            })?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "name") else {
            return Ok(None);
        };
        let Some(there) = self.find(name).await? else {
            return Ok(None);
        };
        let arn = there.load_balancer_arn().unwrap_or_default();
        let tags = tags_of_one(&self.client, arn).await.absent_is_none()?;
        Ok(tags
            .filter(|tags| made_by(call, tags.clone()))
            .map(|_| PhysicalId::new(arn)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(name) = known_str(attributes, "name") else {
            return Ok(Vec::new());
        };
        let arn = self.find(name).await?.and_then(|there| there.load_balancer_arn);
        Ok(arn.map(PhysicalId::new).into_iter().collect())
    }
}

impl LoadBalancer {
    async fn find(&self, name: &str) -> ProviderResult<Option<sdk::LoadBalancer>> {
        let described = self.client.describe_load_balancers().names(name).send().await;
        let described = described.aws("elbv2", "DescribeLoadBalancers").absent_is_none()?;
        Ok(described
            .and_then(|described| described.load_balancers)
            .and_then(|all| all.into_iter().next()))
    }

    async fn settings(&self, arn: String) -> ProviderResult<serde_json::Map<String, serde_json::Value>> {
        let described = self
            .client
            .describe_load_balancer_attributes()
            .load_balancer_arn(arn)
            .send()
            .await
            .aws("elbv2", "DescribeLoadBalancerAttributes")?;
        let told = described.attributes().iter();
        Ok(settings::observed(
            SETTINGS,
            told.map(|one| (one.key(), one.value())),
        ))
    }

    async fn write_settings(&self, arn: &str, update: &Update<Spec>) -> ProviderResult<()> {
        let spec = serde_json::to_value(&update.spec).unwrap_or_default();
        let written = settings::to_write(SETTINGS, &spec, &update.prior, &update.changed);
        if written.is_empty() {
            return Ok(());
        }
        let written = written
            .into_iter()
            .map(|(key, text)| LoadBalancerAttribute::builder().key(key).value(text).build());
        self.client
            .modify_load_balancer_attributes()
            .load_balancer_arn(arn)
            .set_attributes(Some(written.collect()))
            .send()
            .await
            .aws("elbv2", "ModifyLoadBalancerAttributes")
            .map_err(|error| match error.class {
                ErrorClass::Invalid if error.message.contains("Access Denied for bucket") => {
                    error.hint("the bucket's policy has to let Elastic Load Balancing write to it")
                }
                _ => error,
            })?;
        Ok(())
    }
}

fn to_mappings(mappings: Vec<SubnetMapping>) -> Vec<sdk::SubnetMapping> {
    mappings
        .into_iter()
        .map(|mapping| {
            sdk::SubnetMapping::builder()
                .subnet_id(mapping.subnet_id)
                .set_allocation_id(mapping.allocation_id)
                .set_private_ipv4_address(mapping.private_ipv4_address)
                .build()
        })
        .collect()
}

fn observe(
    one: &sdk::LoadBalancer,
    tags: Tags,
    settings: serde_json::Map<String, serde_json::Value>,
) -> Found<Observed> {
    let arn = one.load_balancer_arn().unwrap_or_default().to_owned();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let subnet_mappings: Vec<SubnetMapping> = one.availability_zones().iter().filter_map(mapping).collect();
    let observed = Observed {
        name: text(one.load_balancer_name()),
        kind: one.r#type().map(|kind| kind.as_str().to_owned()),
        scheme: one.scheme().map(|scheme| scheme.as_str().to_owned()),
        subnets: subnet_mappings.iter().map(|one| one.subnet_id.clone()).collect(),
        subnet_mappings,
        security_groups: one.security_groups().iter().cloned().collect(),
        ip_address_type: one.ip_address_type().map(|kind| kind.as_str().to_owned()),
        tags,
        dns_name: text(one.dns_name()),
        canonical_hosted_zone_id: text(one.canonical_hosted_zone_id()),
        vpc_id: text(one.vpc_id()),
        load_balancer_full_name: full_name(&arn),
        arn,
        settings,
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
    Found { observed, health }
}

fn mapping(zone: &sdk::AvailabilityZone) -> Option<SubnetMapping> {
    let address = zone.load_balancer_addresses().first();
    Some(SubnetMapping {
        subnet_id: zone.subnet_id()?.to_owned(),
        allocation_id: address.and_then(|address| address.allocation_id.clone()),
        private_ipv4_address: address.and_then(|address| address.private_ipv4_address.clone()),
    })
}
