//! `ec2.route_table_association`: which route table a subnet (or a gateway) follows.
//!
//! The resource is known by the subnet or gateway, which has one association at most, and not by AWS's `rtbassoc-…`:
//! that changes whenever the route table is replaced. So a change of the route table is one call, and the subnet never
//! falls back to the VPC's main route table meanwhile. Asked for the association that there is, AWS may answer as if it
//! had made it: so a create looks first, unless the subnet is new.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self as sdk, RouteTableAssociationStateCode as State};

use super::common::{FILTER_VALUES, filter, identity};
use super::route_tables;
use super::service::Ec2;
use crate::prelude::*;
use crate::read::in_batches;
use crate::together::of_type;

/// Which route table a subnet, or a gateway's incoming traffic, follows.
///
/// It is imported by the id of the subnet or gateway.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html")]
#[block(exactly_one(subnet_id, gateway_id))]
pub struct RouteTableAssociation {
    /// The route table to follow, `rtb-…`.
    pub route_table_id: String,
    /// The subnet that follows it, `subnet-…`. Either this or `gateway_id`.
    #[attribute(immutable)]
    pub subnet_id: Option<String>,
    /// The internet or virtual private gateway whose incoming traffic follows it, `igw-…` or `vgw-…`.
    #[attribute(immutable)]
    pub gateway_id: Option<String>,
    /// The id of what follows the route table: the subnet's or the gateway's.
    #[attribute(computed)]
    pub id: Option<String>,
    /// AWS's id of the association, `rtbassoc-…`. Another route table makes it another one.
    #[attribute(computed, changes_on_update)]
    pub association_id: Option<String>,
}

use RouteTableAssociationField as Field;

impl Resource for RouteTableAssociation {
    const NAME: &'static str = "ec2.route_table_association";
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::SubnetId, Field::GatewayId],
        recognition: Recognition::NaturalKey,
        under: Some(("ec2.subnet", &[Field::SubnetId])),
        ..Rules::NONE
    };
    type Service = Ec2;

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        let mut first: BTreeMap<String, &ResourceAddress> = BTreeMap::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            for field in [Field::SubnetId, Field::GatewayId] {
                let Some(follower) = identity(attributes, field) else {
                    continue;
                };
                if let Some(other) = first.get(&follower) {
                    let problem = Problem {
                        path: field.name().into(),
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

    async fn create(
        aws: &Clients,
        _: &Call,
        spec: Self,
    ) -> ProviderResult<Created<PartialRouteTableAssociation>> {
        let answer = aws
            .ec2
            .associate_route_table()
            .route_table_id(&spec.route_table_id)
            .set_subnet_id(spec.subnet_id.clone())
            .set_gateway_id(spec.gateway_id.clone())
            .send()
            .await
            .aws("ec2", "AssociateRouteTable")?;
        let made = sdk::RouteTableAssociation::builder()
            .set_route_table_association_id(answer.association_id)
            .route_table_id(spec.route_table_id)
            .set_subnet_id(spec.subnet_id)
            .set_gateway_id(spec.gateway_id);
        let made = observe(&made.build());
        Ok(made
            .ok_or_else(|| missing("ec2", "AssociateRouteTable", "association"))?
            .into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let mut found = among_what_others_read(aws, ids).await?;
        let rest = ids.iter().filter(|id| !found.contains_key(*id)).cloned();
        let (subnets, gateways): (Vec<_>, Vec<_>) = rest.partition(|id| is_subnet(id.as_str()));
        let (of_subnets, of_gateways) = futures::try_join!(
            by(aws, "association.subnet-id", &subnets),
            by(aws, "association.gateway-id", &gateways)
        )?;
        found.extend(of_subnets);
        found.extend(of_gateways);
        Ok(found)
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let wanted = update.spec.route_table_id.as_str();
        let there = find(aws, id).await?.ok_or_else(|| {
            let message = format!("{id} is not associated with a route table any more");
            ProviderError::new(ErrorClass::NotFound, message)
        })?;
        if there.route_table_id.as_str() == Some(wanted) {
            return Ok(());
        }
        let call = aws.ec2.replace_route_table_association().route_table_id(wanted);
        let call = call.set_association_id(there.association_id.known().cloned());
        call.send()
            .await
            .aws("ec2", "ReplaceRouteTableAssociation")
            .map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let Some(there) = find(aws, id).await? else {
            return Ok(());
        };
        let call = aws.ec2.disassociate_route_table();
        let call = call.set_association_id(there.association_id.known().cloned());
        call.send().await.aws("ec2", "DisassociateRouteTable").map(drop)
    }

    async fn holders(
        aws: &Clients,
        given: &PartialRouteTableAssociation,
    ) -> ProviderResult<Observations<Self>> {
        match given.subnet_id.as_str().or(given.gateway_id.as_str()) {
            Some(follower) => one(aws, &PhysicalId::new(follower)).await,
            None => Ok(Observations::<Self>::new()),
        }
    }
}

/// Those of the associations that a read of route tables which is under way for others finds anyway.
async fn among_what_others_read(
    aws: &Clients,
    ids: &[PhysicalId],
) -> ProviderResult<Observations<RouteTableAssociation>> {
    let tables = route_tables::read(aws, []).await?;
    let found = tables
        .values()
        .flat_map(|table| table.associations())
        .filter_map(observe);
    Ok(found.filter(|(id, _)| ids.contains(id)).collect())
}

/// The associations of subnets or gateways, as the filter says. A table tells all its associations, not only those that
/// the filter found it by.
async fn by(
    aws: &Clients,
    name: &str,
    ids: &[PhysicalId],
) -> ProviderResult<Observations<RouteTableAssociation>> {
    let found = in_batches(ids, FILTER_VALUES, async |ids| {
        let tables = route_tables::describe(&aws.ec2, vec![filter(name, ids)]).await?;
        let found = tables.iter().flat_map(|table| table.associations());
        Ok(found.filter_map(observe).collect())
    });
    let mut found = found.await?;
    found.retain(|id, _| ids.contains(id));
    Ok(found)
}

async fn one(aws: &Clients, follower: &PhysicalId) -> ProviderResult<Observations<RouteTableAssociation>> {
    let kind = if is_subnet(follower.as_str()) {
        "subnet"
    } else {
        "gateway"
    };
    by(
        aws,
        &format!("association.{kind}-id"),
        std::slice::from_ref(follower),
    )
    .await
}

async fn find(aws: &Clients, follower: &PhysicalId) -> ProviderResult<Option<PartialRouteTableAssociation>> {
    let found = one(aws, follower).await?;
    Ok(found.into_values().next().map(|found| found.observed))
}

fn is_subnet(follower: &str) -> bool {
    follower.starts_with("subnet-")
}

/// `None`: the association of a VPC with its main table, or one that is on its way out.
fn observe(association: &sdk::RouteTableAssociation) -> Option<Observation<RouteTableAssociation>> {
    let id = association.subnet_id().or(association.gateway_id())?;
    let state = association.association_state();
    let health = match state.and_then(|state| state.state()) {
        Some(State::Disassociating | State::Disassociated) => return None,
        Some(State::Associating) => Health::Pending("associating".into()),
        Some(State::Failed) => {
            let reason = state.and_then(|state| state.status_message());
            Health::Failed(format!("failed: {}", reason.unwrap_or("AWS gives no reason")))
        }
        _ => Health::Ready,
    };
    let observed = PartialRouteTableAssociation {
        route_table_id: association.route_table_id().into(),
        subnet_id: association.subnet_id().into(),
        gateway_id: association.gateway_id().into(),
        id: id.into(),
        association_id: association.route_table_association_id().into(),
    };
    Some((PhysicalId::new(id), Found { observed, health }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{refused_texts, refused_together, stack};

    #[test]
    fn it_is_of_a_subnet_or_of_a_gateway() {
        for (attributes, said) in [
            (vec![("subnet_id", "subnet-1")], vec![]),
            (vec![], vec![": set one of subnet_id, gateway_id"]),
            (
                vec![("subnet_id", "subnet-1"), ("gateway_id", "igw-1")],
                vec!["gateway_id: only one of subnet_id, gateway_id may be set"],
            ),
        ] {
            assert_eq!(refused_texts::<RouteTableAssociation>(&attributes), said);
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
            refused_together::<RouteTableAssociation>(&stack),
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
        let going = sdk::RouteTableAssociation::builder()
            .gateway_id("igw-1")
            .association_state(state("disassociating"));
        assert!(observe(&going.build()).is_none());
    }
}
