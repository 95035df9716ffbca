//! Lookup of a load balancer that exists.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use infra_provider::{Lookup, Things};

use super::common::{ARNS, tags_of};
use super::load_balancer::LoadBalancer;
use crate::lookups::{has_tags, things};
use crate::prelude::*;

/// An application or network load balancer that exists.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct LoadBalancerLookup {
    /// Its ARN.
    pub arn: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The VPC that it is in, `vpc-…`.
    pub vpc_id: Option<String>,
    /// Tags that it has, by key; it may have more.
    pub tags: Option<Tags>,
}

impl Lookup for LoadBalancerLookup {
    const NAME: &'static str = "elbv2.load_balancer";
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
    type Clients = Clients;
    type Found = LoadBalancer;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<LoadBalancer>> {
        let Self {
            arn,
            name,
            vpc_id,
            tags,
        } = &arguments;
        let call = aws.elbv2.describe_load_balancers();
        let call = match (arn, name) {
            (Some(arn), _) => call.load_balancer_arns(arn),
            (None, Some(name)) => call.names(name),
            (None, None) => call,
        };
        let found = call.into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.aws("elbv2", "DescribeLoadBalancers").absent_is_none()?;
        let found = found.into_iter().flatten();
        let mut arns: Vec<String> = found
            .filter(|one| name.is_none() || one.load_balancer_name == *name)
            .filter(|one| vpc_id.is_none() || one.vpc_id == *vpc_id)
            .filter_map(|one| one.load_balancer_arn)
            .collect();
        if tags.is_some() {
            let lists = arns.chunks(ARNS).map(|arns| tags_of(&aws.elbv2, arns.to_vec()));
            let told: BTreeMap<String, _> = try_join_all(lists).await?.into_iter().flatten().collect();
            arns.retain(|arn| has_tags(tags.as_ref(), |key| told.get(arn)?.get(key)));
        }
        things::<LoadBalancer>(aws, arns.into_iter()).await
    }
}
