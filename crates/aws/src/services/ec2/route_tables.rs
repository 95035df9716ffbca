//! Reading route tables: for themselves, their routes and their associations at once.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, RouteTable};
use futures::future::try_join_all;
use infra_provider::ProviderResult;

use super::common::{FILTER_VALUES, filter};
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::joined::{Everything, Joined};

/// Reads route tables.
pub struct RouteTables {
    client: Client,
    joined: Joined<RouteTable>,
}

impl RouteTables {
    /// With the clients of a run.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            joined: clients.route_tables.clone(),
        }
    }

    /// The route tables with these ids, and those that others ask for at the same moment, by id.
    ///
    /// # Errors
    /// What DescribeRouteTables answers.
    pub async fn read(
        &self,
        ids: impl IntoIterator<Item = String>,
    ) -> ProviderResult<Everything<RouteTable>> {
        let client = self.client.clone();
        let fetch = move |ids: Vec<String>| async move {
            let batches = ids
                .chunks(FILTER_VALUES)
                .map(|ids| described(&client, vec![filter("route-table-id", ids.to_vec())]));
            let tables = try_join_all(batches).await?.into_iter().flatten();
            let by_id = tables.filter_map(|table| Some((table.route_table_id.clone()?, table)));
            Ok(by_id.collect::<BTreeMap<_, _>>())
        };
        self.joined.read(ids, fetch).await
    }

    /// The route tables that these filters find.
    ///
    /// # Errors
    /// What DescribeRouteTables answers.
    pub async fn found_by(&self, filters: Vec<Filter>) -> ProviderResult<Vec<RouteTable>> {
        described(&self.client, filters).await
    }
}

async fn described(client: &Client, filters: Vec<Filter>) -> ProviderResult<Vec<RouteTable>> {
    let pages = client
        .describe_route_tables()
        .set_filters(Some(filters))
        .into_paginator();
    pages
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .aws("ec2", "DescribeRouteTables")
}
