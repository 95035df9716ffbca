//! `ec2.route_table`: where a subnet's traffic goes. Its routes are `ec2.route`, its subnets
//! `ec2.route_table_association`.
//!
//! AWS puts the VPC's local routes in it, and gateway endpoints theirs: neither is shown.

use aws_sdk_ec2::types::{self as sdk, ResourceType};

use super::common::{all_tags, arn, filter, ours, tags_of};
use super::obstacles::of_others;
use super::route_tables;
use super::service::Ec2;
use crate::prelude::*;

/// Says where the traffic of subnets goes.
///
/// Its routes are resources of their own (`ec2.route`), and so are its subnets
/// (`ec2.route_table_association`).
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html")]
pub struct RouteTable {
    /// The VPC, `vpc-…`.
    #[attribute(immutable)]
    pub vpc_id: String,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The route table's id, `rtb-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The route table's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

impl Resource for RouteTable {
    const NAME: &'static str = "ec2.route_table";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateRouteTable",
        "ec2:DescribeRouteTables",
        "ec2:DeleteRouteTable",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.route_table.public]
vpc_id = "${ec2.vpc.main.id}"
tags   = { Name = "public" }
"#;
    const RULES: Rules<RouteTableField> = Rules::UNIQUE_IDS;
    type Service = Ec2;

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialRouteTable>> {
        let answer = aws
            .ec2
            .create_route_table()
            .client_token(call.token.to_string())
            .vpc_id(&spec.vpc_id)
            .tag_specifications(tags_of(call, ResourceType::RouteTable, spec.tags))
            .send()
            .await
            .aws("ec2", "CreateRouteTable")?;
        let made = answer.route_table;
        let made = made.ok_or_else(|| missing("ec2", "CreateRouteTable", "routeTable"))?;
        Ok(observe(aws, &made).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let tables = route_tables::read(aws, ids.iter().map(ToString::to_string)).await?;
        let wanted = ids.iter().filter_map(|id| tables.get(id.as_str()));
        Ok(wanted.map(|table| observe(aws, table)).collect())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.delete_route_table().route_table_id(id.as_str());
        call.send().await.aws("ec2", "DeleteRouteTable").map(drop)
    }

    /// The subnets and gateways that still follow it. They go on to follow the main table once they are taken off it.
    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let by = filter("route-table-id", [id.as_str()]);
        let tables = route_tables::describe(&aws.ec2, vec![by]).await?;
        let followers = tables.iter().flat_map(|table| table.associations());
        let followers = followers.filter_map(|one| one.subnet_id().or(one.gateway_id()));
        Ok(followers
            .map(|follower| of_others("the association of", Some(follower)))
            .collect())
    }

    async fn left(aws: &Clients, call: &Call, _: &PartialRouteTable) -> ProviderResult<Observations<Self>> {
        let tables = route_tables::describe(&aws.ec2, ours(call)).await?;
        Ok(tables.iter().map(|table| observe(aws, table)).collect())
    }
}

fn observe(aws: &Clients, table: &sdk::RouteTable) -> Observation<RouteTable> {
    let id = table.route_table_id().unwrap_or_default();
    let observed = PartialRouteTable {
        vpc_id: table.vpc_id().into(),
        tags: all_tags(table.tags()).into(),
        id: id.into(),
        arn: arn(aws, "route-table", id).into(),
    };
    (PhysicalId::new(id), Found::ready(observed))
}
