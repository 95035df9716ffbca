//! Reading route tables: for themselves, their routes and their associations at once.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, RouteTable};
use futures::future::try_join_all;
use infra_provider::ProviderResult;

use super::common::{FILTER_VALUES, filter};
use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::joined::Everything;

/// The route tables with these ids, and those that others ask for at the same moment, by id.
///
/// # Errors
/// What DescribeRouteTables answers.
pub async fn read(
    aws: &Clients,
    ids: impl IntoIterator<Item = String>,
) -> ProviderResult<Everything<RouteTable>> {
    let client = aws.ec2.clone();
    let fetch = move |ids: Vec<String>| async move {
        let batches = ids
            .chunks(FILTER_VALUES)
            .map(|ids| describe(&client, vec![filter("route-table-id", ids.to_vec())]));
        let tables = try_join_all(batches).await?.into_iter().flatten();
        let by_id = tables.filter_map(|table| Some((table.route_table_id.clone()?, table)));
        Ok(by_id.collect::<BTreeMap<_, _>>())
    };
    aws.route_tables.read(ids, fetch).await
}

/// The route tables that these filters find.
///
/// # Errors
/// What DescribeRouteTables answers.
pub async fn describe(client: &Client, by: Vec<Filter>) -> ProviderResult<Vec<RouteTable>> {
    let pages = client
        .describe_route_tables()
        .set_filters(Some(by))
        .into_paginator();
    let tables = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    tables.aws("ec2", "DescribeRouteTables")
}
