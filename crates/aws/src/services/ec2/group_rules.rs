//! Reading the rules of security groups: for themselves and for their groups at once.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, SecurityGroupRule};
use futures::future::try_join_all;
use infra_provider::ProviderResult;

use super::common::{FILTER_VALUES, filter};
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::joined::{Everything, Joined};

/// Reads rules.
pub struct GroupRules {
    client: Client,
    joined: Joined<SecurityGroupRule>,
}

impl GroupRules {
    /// With the clients of a run.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            joined: clients.group_rules.clone(),
        }
    }

    /// The rules with these ids, all rules of the groups with these ids, and those that others ask for at the same
    /// moment, by id.
    ///
    /// # Errors
    /// What DescribeSecurityGroupRules answers.
    pub async fn read(
        &self,
        ids: impl IntoIterator<Item = String>,
    ) -> ProviderResult<Everything<SecurityGroupRule>> {
        let client = self.client.clone();
        let fetch = move |ids: Vec<String>| async move {
            let (groups, mut rules): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| is_group(id));
            let mut found = found_by(&client, "group-id", &groups).await?;
            // Nearly always none is left: groups and rules are read together, and most rules are in those groups.
            rules.retain(|id| !found.contains_key(id));
            found.extend(found_by(&client, "security-group-rule-id", &rules).await?);
            Ok(found)
        };
        self.joined.read(ids, fetch).await
    }

    /// The rules that these filters find.
    ///
    /// # Errors
    /// What DescribeSecurityGroupRules answers.
    pub async fn found_by(&self, filters: Vec<Filter>) -> ProviderResult<Vec<SecurityGroupRule>> {
        described(&self.client, filters).await
    }
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
        .map(|ids| described(client, vec![filter(name, ids.to_vec())]));
    let rules = try_join_all(batches).await?.into_iter().flatten();
    Ok(rules
        .filter_map(|rule| Some((rule.security_group_rule_id.clone()?, rule)))
        .collect())
}

async fn described(client: &Client, filters: Vec<Filter>) -> ProviderResult<Vec<SecurityGroupRule>> {
    let pages = client
        .describe_security_group_rules()
        .set_filters(Some(filters))
        .into_paginator();
    pages
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .aws("ec2", "DescribeSecurityGroupRules")
}
