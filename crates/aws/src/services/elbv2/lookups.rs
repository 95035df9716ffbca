//! Lookup of a load balancer that exists.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use futures::future::try_join_all;
use infra_core::PhysicalId;
use infra_provider::{LookupType, ProviderResult, ResourceType, Traits};
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::{ARNS, tags_of};
use super::load_balancer::{self, LoadBalancer};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::lookups::{FoundThings, has_tags, read_as};
use crate::tags::Tags;

/// The lookup.
pub struct LoadBalancerLookup {
    client: Client,
    resource_type: LoadBalancer,
}

/// What a load balancer is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancerArguments {
    /// Its ARN.
    pub arn: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The VPC that it is in, `vpc-…`.
    pub vpc_id: Option<String>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl FromClients for LoadBalancerLookup {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.elbv2.clone(),
            resource_type: LoadBalancer::from_clients(clients),
        }
    }
}

impl LookupType for LoadBalancerLookup {
    const NAME: &'static str = "elbv2.load_balancer";
    const DESCRIPTION: &'static str = "An application or network load balancer that exists.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeTags",
    ];
    const EXAMPLE: &'static str = r#"
[lookup.elbv2.load_balancer.shared]
name = "shared"

[elbv2.listener.more]
load_balancer_arn = "${lookup.elbv2.load_balancer.shared.arn}"
port              = 8080
protocol          = "HTTP"
default_actions   = [{ type = "fixed-response", fixed_response_config = { status_code = "404" } }]
"#;
    const TRAITS: Traits = LoadBalancer::TRAITS;
    type Arguments = LoadBalancerArguments;
    type Observed = load_balancer::Observed;

    async fn find(
        &self,
        arguments: LoadBalancerArguments,
    ) -> ProviderResult<FoundThings<load_balancer::Observed>> {
        let LoadBalancerArguments {
            arn,
            name,
            vpc_id,
            tags,
        } = &arguments;
        let call = self.client.describe_load_balancers();
        let call = match (arn, name) {
            (Some(arn), _) => call.load_balancer_arns(arn),
            (None, Some(name)) => call.names(name),
            (None, None) => call,
        };
        let found = call
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        let found = found.aws("elbv2", "DescribeLoadBalancers").absent_is_none()?;
        let arns: Vec<String> = found
            .into_iter()
            .flatten()
            .filter(|one| name.is_none() || one.load_balancer_name == *name)
            .filter(|one| vpc_id.is_none() || one.vpc_id == *vpc_id)
            .filter_map(|one| one.load_balancer_arn)
            .collect();
        let arns = match tags {
            Some(tags) => self.with_tags(arns, tags).await?,
            None => arns,
        };
        read_as(
            &self.resource_type,
            arns.into_iter().map(PhysicalId::new).collect(),
        )
        .await
    }
}

impl LoadBalancerLookup {
    /// Those that have all these tags.
    async fn with_tags(&self, arns: Vec<String>, wanted: &Tags) -> ProviderResult<Vec<String>> {
        let lists = arns.chunks(ARNS).map(|arns| tags_of(&self.client, arns.to_vec()));
        let tags: BTreeMap<String, Tags> = try_join_all(lists).await?.into_iter().flatten().collect();
        Ok(arns
            .into_iter()
            .filter(|arn| tags.get(arn).is_some_and(|tags| has_tags(Some(wanted), tags)))
            .collect())
    }
}
