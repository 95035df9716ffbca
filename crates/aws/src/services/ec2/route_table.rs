//! `ec2.route_table`: where a subnet's traffic goes. Its routes are `ec2.route`, its subnets
//! `ec2.route_table_association`.
//!
//! Calls: CreateRouteTable (with a client token), DescribeRouteTables, CreateTags, DeleteTags,
//! DeleteRouteTable. AWS puts the VPC's local routes in it, and gateway endpoints theirs: neither is shown.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html>

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types as sdk;
use infra_core::{Attributes, PhysicalId};
use infra_provider::{Call, Created, Found, Obstacle, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Place, filter, is_ours, ours, refusal, tag_specification, update_tags, user_tags};
use super::obstacles::of_others;
use super::route_tables::RouteTables;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::Observations;
use crate::tags::Tags;

/// The type.
pub struct RouteTable {
    client: Client,
    tables: RouteTables,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC, `vpc-…`.
    pub vpc_id: String,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    vpc_id: Option<String>,
    tags: Tags,
    /// The route table's id, `rtb-…`.
    id: String,
    /// The route table's ARN.
    arn: String,
}

impl FromClients for RouteTable {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            tables: RouteTables::new(clients),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for RouteTable {
    const NAME: &'static str = "ec2.route_table";
    const DESCRIPTION: &'static str = "Says where the traffic of subnets goes.\n\n\
        Its routes are resources of their own (`ec2.route`), and so are its subnets \
        (`ec2.route_table_association`).";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateRouteTable",
        "ec2:DescribeRouteTables",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DeleteRouteTable",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.route_table.public]
vpc_id = "${ec2.vpc.main.id}"
tags   = { Name = "public" }
"#;
    const TRAITS: Traits = Traits {
        immutable: &["vpc_id"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_route_table()
            .client_token(call.token.to_string())
            .vpc_id(&spec.vpc_id)
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::RouteTable,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "CreateRouteTable")
            .map_err(refusal(call, "the route table's, rtb-…"))?;
        let table = answer
            .route_table
            .ok_or_else(|| missing("ec2", "CreateRouteTable", "routeTable"))?;
        let (id, found) = self.observe(&table);
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let tables = self.tables.read(ids.iter().map(ToString::to_string)).await?;
        let wanted = ids.iter().filter_map(|id| tables.get(id.as_str()));
        Ok(wanted.map(|table| self.observe(table)).collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if update.any(&["tags"]) {
            let wanted = update.spec.tags.as_ref();
            update_tags(&self.client, id.as_str(), &update.prior, wanted).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_route_table()
            .route_table_id(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteRouteTable")
            .absent_is_none()?;
        Ok(())
    }

    /// The subnets and gateways that still follow it. They go on to follow the main table once they are taken off it.
    async fn in_the_way(&self, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let tables = self
            .tables
            .found_by(vec![filter("route-table-id", [id.to_string()])])
            .await?;
        let followers = tables.iter().flat_map(|table| table.associations());
        let followers =
            followers.filter_map(|association| association.subnet_id().or(association.gateway_id()));
        Ok(followers
            .map(|follower| of_others("the association of", Some(follower)))
            .collect())
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let tables = self.tables.found_by(ours(call)).await?;
        Ok(tables
            .into_iter()
            .filter(|table| is_ours(call, table.tags()))
            .find_map(|table| table.route_table_id)
            .map(PhysicalId::new))
    }
}

impl RouteTable {
    fn observe(&self, table: &sdk::RouteTable) -> (PhysicalId, Found<Observed>) {
        let id = table.route_table_id().unwrap_or_default().to_owned();
        let observed = Observed {
            vpc_id: table.vpc_id().map(str::to_owned),
            tags: user_tags(table.tags()),
            arn: self.place.arn("route-table", &id),
            id,
        };
        (PhysicalId::new(&observed.id), Found::ready(observed))
    }
}
