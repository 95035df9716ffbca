//! `ec2.route_table_association`: which route table a subnet (or a gateway) follows.
//!
//! Calls: AssociateRouteTable, ReplaceRouteTableAssociation, DescribeRouteTables, DisassociateRouteTable.
//! The resource is known by the subnet or gateway, which has one association at most, and not by AWS's
//! `rtbassoc-…`: that changes whenever the route table is replaced. So a change of the route table is one
//! call, and the subnet never falls back to the VPC's main route table meanwhile.
//! Asked for the association that there is, AWS may answer as if it had made it: so a create looks first, unless the
//! subnet is new.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, RouteTableAssociationStateCode as State};
use infra_core::types::{Problem, Problems, known_str};
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{FILTER_VALUES, exactly_one, filter, identity, of_type, refusal};
use super::route_tables::RouteTables;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};

/// The type.
pub struct RouteTableAssociation {
    client: Client,
    tables: RouteTables,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The route table to follow, `rtb-…`.
    pub route_table_id: String,
    /// The subnet that follows it, `subnet-…`. Either this or `gateway_id`.
    pub subnet_id: Option<String>,
    /// The internet or virtual private gateway whose incoming traffic follows it, `igw-…` or `vgw-…`.
    pub gateway_id: Option<String>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    route_table_id: Option<String>,
    subnet_id: Option<String>,
    gateway_id: Option<String>,
    /// The id of what follows the route table: the subnet's or the gateway's.
    id: String,
    /// AWS's id of the association, `rtbassoc-…`. Another route table makes it another one.
    association_id: Option<String>,
}

impl FromClients for RouteTableAssociation {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            tables: RouteTables::new(clients),
        }
    }
}

impl ResourceType for RouteTableAssociation {
    const NAME: &'static str = "ec2.route_table_association";
    const DESCRIPTION: &'static str = "Which route table a subnet, or a gateway's incoming traffic, follows.\n\n\
        It is imported by the id of the subnet or gateway.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:AssociateRouteTable",
        "ec2:ReplaceRouteTableAssociation",
        "ec2:DescribeRouteTables",
        "ec2:DisassociateRouteTable",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.public]
vpc_id     = "${ec2.vpc.main.id}"
cidr_block = "10.0.0.0/24"

[ec2.route_table.public]
vpc_id = "${ec2.vpc.main.id}"

[ec2.route_table_association.public]
subnet_id      = "${ec2.subnet.public.id}"
route_table_id = "${ec2.route_table.public.id}"
"#;
    const TRAITS: Traits = Traits {
        immutable: &["subnet_id", "gateway_id"],
        changes_on_update: &["association_id"],
        natural_key: &["subnet_id", "gateway_id"],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "ec2.subnet",
            id: &["subnet_id"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        let what = "what follows the route table";
        exactly_one(attributes, &["subnet_id", "gateway_id"], what, problems);
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        let mut first: BTreeMap<String, &ResourceAddress> = BTreeMap::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            for name in ["subnet_id", "gateway_id"] {
                let Some(follower) = identity(attributes, name) else {
                    continue;
                };
                if let Some(other) = first.get(&follower) {
                    let problem = Problem {
                        path: name.into(),
                        message: format!("{other} associates {follower} already"),
                        help: Some("a subnet or gateway follows one route table only".into()),
                    };
                    found.push((address.clone(), problem));
                } else {
                    first.insert(follower, address);
                }
            }
        }
        found
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let follower = spec.subnet_id.as_ref().or(spec.gateway_id.as_ref());
        let follower = follower.cloned().ok_or_else(|| {
            let message = "neither `subnet_id` nor `gateway_id` is set";
            ProviderError::new(ErrorClass::Invalid, message)
        })?;
        let refused = refusal(call, "the subnet's or gateway's, such as subnet-…");
        let answer = self
            .client
            .associate_route_table()
            .route_table_id(&spec.route_table_id)
            .set_subnet_id(spec.subnet_id.clone())
            .set_gateway_id(spec.gateway_id.clone())
            .send()
            .await
            .aws("ec2", "AssociateRouteTable")
            .map_err(refused)?;
        let association = answer
            .association_id
            .ok_or_else(|| missing("ec2", "AssociateRouteTable", "associationId"))?;
        let observed = Observed {
            route_table_id: Some(spec.route_table_id),
            subnet_id: spec.subnet_id,
            gateway_id: spec.gateway_id,
            id: follower.clone(),
            association_id: Some(association),
        };
        Ok(Created::new(follower, observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let mut found = self.among_what_others_read(ids).await?;
        let (subnets, gateways): (Vec<_>, Vec<_>) = ids
            .iter()
            .filter(|id| !found.contains_key(*id))
            .cloned()
            .partition(|id| is_subnet(id.as_str()));
        let read = |filter_name: &'static str, ids: Vec<PhysicalId>| async move {
            in_batches(&ids, FILTER_VALUES, async |ids| {
                self.associations(filter_name, ids).await.map(|found| {
                    found
                        .iter()
                        .filter(|association| !is_gone(association))
                        .filter_map(observe)
                        .collect()
                })
            })
            .await
        };
        let (of_subnets, of_gateways) = futures::try_join!(
            read("association.subnet-id", subnets),
            read("association.gateway-id", gateways)
        )?;
        found.extend(of_subnets);
        found.extend(of_gateways);
        Ok(found)
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let wanted = &update.spec.route_table_id;
        if !update.any(&["route_table_id"]) {
            return Ok(());
        }
        let association = self.find(id.as_str()).await?;
        if association
            .as_ref()
            .and_then(sdk::RouteTableAssociation::route_table_id)
            == Some(wanted)
        {
            return Ok(());
        }
        let association = association
            .and_then(|association| association.route_table_association_id)
            .ok_or_else(|| {
                let message = format!("{id} is not associated with a route table any more");
                ProviderError::new(ErrorClass::NotFound, message)
            })?;
        self.client
            .replace_route_table_association()
            .association_id(association)
            .route_table_id(wanted)
            .send()
            .await
            .aws("ec2", "ReplaceRouteTableAssociation")
            .map_err(refusal(call, "the subnet's or gateway's"))?;
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let association = self.find(id.as_str()).await?;
        if let Some(association) = association.and_then(|found| found.route_table_association_id) {
            self.client
                .disassociate_route_table()
                .association_id(association)
                .send()
                .await
                .aws("ec2", "DisassociateRouteTable")
                .absent_is_none()?;
        }
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let follower = known_str(attributes, "subnet_id").or(known_str(attributes, "gateway_id"));
        let Some(follower) = follower else {
            return Ok(None);
        };
        let found = self.find(follower).await?;
        let table = found
            .as_ref()
            .and_then(sdk::RouteTableAssociation::route_table_id);
        let is_ours = table.is_some() && table == known_str(attributes, "route_table_id");
        Ok(is_ours.then(|| PhysicalId::new(follower)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let follower = known_str(attributes, "subnet_id").or(known_str(attributes, "gateway_id"));
        let Some(follower) = follower else {
            return Ok(Vec::new());
        };
        let there = self.find(follower).await?;
        Ok(there.map(|_| PhysicalId::new(follower)).into_iter().collect())
    }
}

impl RouteTableAssociation {
    /// The associations of the route tables that are read at the same moment: nearly always all of a stack's.
    async fn among_what_others_read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let tables = self.tables.read([]).await?;
        let wanted: BTreeSet<&str> = ids.iter().map(PhysicalId::as_str).collect();
        Ok(tables
            .values()
            .flat_map(|table| table.associations())
            .filter(|association| follower(association).is_some_and(|id| wanted.contains(id)))
            .filter(|association| !is_gone(association))
            .filter_map(observe)
            .collect())
    }

    /// The association of a subnet or gateway.
    async fn find(&self, follower: &str) -> ProviderResult<Option<sdk::RouteTableAssociation>> {
        let by = if is_subnet(follower) {
            "association.subnet-id"
        } else {
            "association.gateway-id"
        };
        let found = self.associations(by, vec![follower.to_owned()]).await?;
        Ok(found.into_iter().find(|association| !is_gone(association)))
    }

    /// The associations of these subnets or gateways.
    async fn associations(
        &self,
        filter_name: &str,
        followers: Vec<String>,
    ) -> ProviderResult<Vec<sdk::RouteTableAssociation>> {
        let by = filter(filter_name, followers.clone());
        let tables = self.tables.found_by(vec![by]).await?;
        Ok(tables
            .into_iter()
            .flat_map(|table| table.associations.unwrap_or_default())
            .filter(|association| {
                // A table tells all its associations, not only those that the filter found it by.
                follower(association).is_some_and(|id| followers.iter().any(|wanted| wanted == id))
            })
            .collect())
    }
}

fn is_subnet(follower: &str) -> bool {
    follower.starts_with("subnet-")
}

/// The subnet or gateway of an association; `None` for a VPC's main one.
fn follower(association: &sdk::RouteTableAssociation) -> Option<&str> {
    association.subnet_id().or(association.gateway_id())
}

/// Whether it is on its way out or gone.
fn is_gone(association: &sdk::RouteTableAssociation) -> bool {
    matches!(
        association.association_state().and_then(|state| state.state()),
        Some(State::Disassociating | State::Disassociated)
    )
}

fn observe(association: &sdk::RouteTableAssociation) -> Option<(PhysicalId, Found<Observed>)> {
    let id = follower(association)?.to_owned();
    let state = association.association_state();
    let health = match state.and_then(|state| state.state()) {
        Some(State::Associating) => Health::Pending("associating".into()),
        Some(State::Failed) => {
            let reason = state.and_then(|state| state.status_message());
            Health::Failed(format!("failed: {}", reason.unwrap_or("AWS gives no reason")))
        }
        _ => Health::Ready,
    };
    let observed = Observed {
        route_table_id: association.route_table_id().map(str::to_owned),
        subnet_id: association.subnet_id().map(str::to_owned),
        gateway_id: association.gateway_id().map(str::to_owned),
        id: id.clone(),
        association_id: association.route_table_association_id().map(str::to_owned),
    };
    Some((PhysicalId::new(id), Found { observed, health }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{problems, stack, together};

    #[test]
    fn it_is_of_a_subnet_or_of_a_gateway() {
        for (attributes, said) in [
            (vec![("subnet_id", "subnet-1")], vec![]),
            (
                vec![],
                vec![": set what follows the route table: one of subnet_id, gateway_id"],
            ),
            (
                vec![("subnet_id", "subnet-1"), ("gateway_id", "igw-1")],
                vec!["gateway_id: only one of subnet_id, gateway_id may be set"],
            ),
        ] {
            assert_eq!(problems::<RouteTableAssociation>(&attributes), said);
        }
    }

    #[test]
    fn a_subnet_follows_one_route_table() {
        let stack = stack(&[
            (
                "ec2.route_table_association.a",
                &[("subnet_id", "${ec2.subnet.a.id}")],
            ),
            (
                "ec2.route_table_association.b",
                &[("subnet_id", "${ec2.subnet.a.id}")],
            ),
            (
                "ec2.route_table_association.c",
                &[("subnet_id", "${ec2.subnet.c.id}")],
            ),
        ]);
        assert_eq!(
            together::<RouteTableAssociation>(&stack),
            [
                "ec2.route_table_association.b: ec2.route_table_association.a associates ec2.subnet.a.id already"
            ]
        );
    }

    #[test]
    fn an_association_is_known_by_what_follows_the_table() {
        let state = |code: &str| {
            sdk::RouteTableAssociationState::builder()
                .state(code.into())
                .build()
        };
        let of_gateway = sdk::RouteTableAssociation::builder()
            .gateway_id("igw-1")
            .route_table_id("rtb-1")
            .association_state(state("associating"))
            .build();
        let (id, found) = observe(&of_gateway).unwrap();
        assert_eq!(id.as_str(), "igw-1");
        assert_eq!(found.health, Health::Pending("associating".into()));
        let main = sdk::RouteTableAssociation::builder().main(true).build();
        assert!(observe(&main).is_none());
        let going = sdk::RouteTableAssociation::builder().association_state(state("disassociating"));
        assert!(is_gone(&going.build()) && !is_gone(&main));
    }
}
