//! Reading the rules of security groups: for themselves and for their groups at once.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use futures::future::try_join_all;
use infra_provider::ProviderResult;

use super::common::{FILTER_VALUES, filter};
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::joined::Everything;

/// The rules with these ids, all rules of the groups with these ids, and those that others ask for at the same
/// moment, by id.
///
/// # Errors
/// What DescribeSecurityGroupRules answers.
pub async fn read(
    aws: &Clients,
    ids: impl IntoIterator<Item = String>,
) -> ProviderResult<Everything<SecurityGroupRule>> {
    let client = aws.ec2.clone();
    let fetch = move |ids: Vec<String>| async move {
        let (groups, mut rules): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| is_group(id));
        let mut found = found_by(&client, "group-id", &groups).await?;
        // Nearly always none is left: groups and rules are read together, and most rules are in those groups.
        rules.retain(|id| !found.contains_key(id));
        found.extend(found_by(&client, "security-group-rule-id", &rules).await?);
        Ok(found)
    };
    aws.group_rules.read(ids, fetch).await
}

/// Rules are `sgr-…`, groups `sg-…`.
fn is_group(id: &str) -> bool {
    id.starts_with("sg-")
}

async fn found_by(
    client: &Client,
    name: &str,
    ids: &[String],
) -> ProviderResult<BTreeMap<String, SecurityGroupRule>> {
    let batches = ids
        .chunks(FILTER_VALUES)
        .map(|ids| describe(client, vec![filter(name, ids.to_vec())]));
    let rules = try_join_all(batches).await?.into_iter().flatten();
    Ok(rules
        .filter_map(|rule| Some((rule.security_group_rule_id.clone()?, rule)))
        .collect())
}

/// The rules that these filters find.
///
/// # Errors
/// What DescribeSecurityGroupRules answers.
pub async fn describe(client: &Client, by: Vec<Filter>) -> ProviderResult<Vec<SecurityGroupRule>> {
    let pages = client.describe_security_group_rules().set_filters(Some(by));
    let rules = pages.into_paginator().items().send();
    let rules = rules.collect::<Result<Vec<_>, _>>().await;
    rules.aws("ec2", "DescribeSecurityGroupRules")
}
