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

    /// The rules with these ids, and those that others ask for at the same moment, by id.
    ///
    /// # Errors
    /// What DescribeSecurityGroupRules answers.
    pub async fn read(
        &self,
        ids: impl IntoIterator<Item = String>,
    ) -> ProviderResult<Everything<SecurityGroupRule>> {
        let client = self.client.clone();
        let fetch = move |ids: Vec<String>| async move {
            let batches = ids
                .chunks(FILTER_VALUES)
                .map(|ids| described(&client, vec![filter("security-group-rule-id", ids.to_vec())]));
            let rules = try_join_all(batches).await?.into_iter().flatten();
            let by_id = rules.filter_map(|rule| Some((rule.security_group_rule_id.clone()?, rule)));
            Ok(by_id.collect::<BTreeMap<_, _>>())
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
