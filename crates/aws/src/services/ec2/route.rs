//! `ec2.route`: one route of a route table.
//!
//! AWS gives routes no id and no tags: a route is known by its table and its destination, and counts as ours after a
//! lost answer when its target is the wanted one. A route whose target is gone (a blackhole) is there, with that
//! target.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{self as sdk, RouteOrigin};

use super::common::identity;
use super::route_tables;
use super::service::Ec2;
use crate::prelude::*;
use crate::together::of_type;

/// One route of a route table: where to, and through what.
///
/// It is imported as `ROUTE_TABLE_ID/DESTINATION`, such as `rtb-0123/0.0.0.0/0`.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html")]
#[block(exactly_one(
    destination_cidr_block,
    destination_ipv6_cidr_block,
    destination_prefix_list_id
))]
#[block(exactly_one(
    gateway_id,
    nat_gateway_id,
    egress_only_internet_gateway_id,
    vpc_endpoint_id,
    transit_gateway_id,
    vpc_peering_connection_id,
    network_interface_id
))]
#[block(at_most_one(destination_cidr_block, egress_only_internet_gateway_id))]
pub struct Route {
    /// The route table, `rtb-…`.
    #[attribute(immutable)]
    pub route_table_id: String,
    /// The IPv4 network that the route leads to, such as `0.0.0.0/0`. One destination is set.
    #[attribute(immutable, cidr(4, 0..=32))]
    pub destination_cidr_block: Option<String>,
    /// The IPv6 network that the route leads to, such as `::/0`.
    #[attribute(immutable, cidr(6, 0..=128))]
    pub destination_ipv6_cidr_block: Option<String>,
    /// The prefix list whose networks the route leads to, `pl-…`.
    #[attribute(immutable)]
    pub destination_prefix_list_id: Option<String>,
    /// The target: an internet or virtual private gateway, `igw-…` or `vgw-…`. One target is set.
    #[attribute(except("^local$", "is AWS's own route, and there already"))]
    pub gateway_id: Option<String>,
    /// The target: a NAT gateway, `nat-…`.
    pub nat_gateway_id: Option<String>,
    /// The target: an egress-only internet gateway, `eigw-…`; for IPv6.
    pub egress_only_internet_gateway_id: Option<String>,
    /// The target: a Gateway Load Balancer endpoint, `vpce-…`. Gateway endpoints make their routes themselves.
    pub vpc_endpoint_id: Option<String>,
    /// The target: a transit gateway, `tgw-…`.
    pub transit_gateway_id: Option<String>,
    /// The target: a VPC peering connection, `pcx-…`.
    pub vpc_peering_connection_id: Option<String>,
    /// The target: a network interface, `eni-…`.
    pub network_interface_id: Option<String>,
    /// The route table and the destination, `rtb-…/0.0.0.0/0`.
    #[attribute(computed)]
    pub id: Option<String>,
}

use RouteField as Field;

impl Resource for Route {
    const NAME: &'static str = "ec2.route";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateRoute",
        "ec2:ReplaceRoute",
        "ec2:DescribeRouteTables",
        "ec2:DeleteRoute",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"

[ec2.route_table.public]
vpc_id = "${ec2.vpc.main.id}"

[ec2.route.internet]
route_table_id         = "${ec2.route_table.public.id}"
destination_cidr_block = "0.0.0.0/0"
gateway_id             = "${ec2.internet_gateway.main.id}"
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[
            Field::RouteTableId,
            Field::DestinationCidrBlock,
            Field::DestinationIpv6CidrBlock,
            Field::DestinationPrefixListId,
        ],
        recognition: Recognition::NaturalKey,
        under: Some(("ec2.route_table", &[Field::RouteTableId])),
        ..Rules::NONE
    };
    type Service = Ec2;

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        let mut first: BTreeMap<(String, String), &ResourceAddress> = BTreeMap::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let mut fields = DESTINATIONS.iter();
            let destination = fields.find_map(|field| Some((field, identity(attributes, *field)?)));
            let table = identity(attributes, Field::RouteTableId);
            let (Some(table), Some((field, destination))) = (table, destination) else {
                continue;
            };
            if let Some(other) = first.get(&(table.clone(), destination.clone())) {
                let problem = Problem {
                    path: field.name().into(),
                    message: format!("{other} is a route to {destination} in the same route table"),
                    help: Some("a route table has one route to a destination".into()),
                };
                found.push((address.clone(), problem));
            } else {
                first.insert((table, destination), address);
            }
        }
        found
    }

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialRoute>> {
        let made = whole(&spec);
        let made = made
            .known()
            .and_then(|route| Some((id_of(route)?, route.clone())));
        aws.ec2
            .create_route()
            .route_table_id(&spec.route_table_id)
            .set_destination_cidr_block(spec.destination_cidr_block)
            .set_destination_ipv6_cidr_block(spec.destination_ipv6_cidr_block)
            .set_destination_prefix_list_id(spec.destination_prefix_list_id)
            .set_gateway_id(spec.gateway_id)
            .set_nat_gateway_id(spec.nat_gateway_id)
            .set_egress_only_internet_gateway_id(spec.egress_only_internet_gateway_id)
            .set_vpc_endpoint_id(spec.vpc_endpoint_id)
            .set_transit_gateway_id(spec.transit_gateway_id)
            .set_vpc_peering_connection_id(spec.vpc_peering_connection_id)
            .set_network_interface_id(spec.network_interface_id)
            .send()
            .await
            .aws("ec2", "CreateRoute")?;
        let (id, mut route) =
            made.ok_or_else(|| ProviderError::new(ErrorClass::Invalid, "the route has no destination"))?;
        route.id = id.as_str().into();
        Ok((id, Found::ready(route)).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let tables = ids.iter().map(|id| Ok(parts(id)?.0.to_owned()));
        let tables = tables.collect::<ProviderResult<BTreeSet<_>>>()?;
        let there = route_tables::read(aws, tables.iter().cloned()).await?;
        let found = tables
            .iter()
            .filter_map(|table| there.get(table))
            .flat_map(observe);
        Ok(found.filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, _: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let spec = update.spec.clone();
        let call = aws
            .ec2
            .replace_route()
            .route_table_id(spec.route_table_id)
            .set_destination_cidr_block(spec.destination_cidr_block)
            .set_destination_ipv6_cidr_block(spec.destination_ipv6_cidr_block)
            .set_destination_prefix_list_id(spec.destination_prefix_list_id)
            .set_gateway_id(update.only(Field::GatewayId, spec.gateway_id))
            .set_nat_gateway_id(update.only(Field::NatGatewayId, spec.nat_gateway_id))
            .set_egress_only_internet_gateway_id(update.only(
                Field::EgressOnlyInternetGatewayId,
                spec.egress_only_internet_gateway_id,
            ))
            .set_vpc_endpoint_id(update.only(Field::VpcEndpointId, spec.vpc_endpoint_id))
            .set_transit_gateway_id(update.only(Field::TransitGatewayId, spec.transit_gateway_id))
            .set_vpc_peering_connection_id(
                update.only(Field::VpcPeeringConnectionId, spec.vpc_peering_connection_id),
            )
            .set_network_interface_id(update.only(Field::NetworkInterfaceId, spec.network_interface_id));
        call.send().await.aws("ec2", "ReplaceRoute").map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let (table, destination) = parts(id)?;
        let call = aws.ec2.delete_route().route_table_id(table);
        let call = if destination.starts_with("pl-") {
            call.destination_prefix_list_id(destination)
        } else if destination.contains(':') {
            call.destination_ipv6_cidr_block(destination)
        } else {
            call.destination_cidr_block(destination)
        };
        call.send().await.aws("ec2", "DeleteRoute").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialRoute) -> ProviderResult<Observations<Self>> {
        match id_of(given) {
            Some(id) => Self::read(aws, &[id]).await,
            None => Ok(Observations::<Self>::new()),
        }
    }
}

const DESTINATIONS: [Field; 3] = [
    Field::DestinationCidrBlock,
    Field::DestinationIpv6CidrBlock,
    Field::DestinationPrefixListId,
];

/// The id of a route, as far as its table and destination are known.
fn id_of(route: &PartialRoute) -> Option<PhysicalId> {
    let destination = route.destination_cidr_block.as_str();
    let destination = destination.or(route.destination_ipv6_cidr_block.as_str());
    let destination = destination.or(route.destination_prefix_list_id.as_str())?;
    Some(PhysicalId::composite([
        route.route_table_id.as_str()?,
        destination,
    ]))
}

/// The route table and the destination of a route.
fn parts(id: &PhysicalId) -> ProviderResult<(&str, &str)> {
    match id.parts::<2>() {
        Some([table, destination]) if table.starts_with("rtb-") => Ok((table, destination)),
        _ => Err(ProviderError::new(
            ErrorClass::Invalid,
            format!("`{id}` is no route: expected ROUTE_TABLE_ID/DESTINATION, such as rtb-0123/0.0.0.0/0"),
        )),
    }
}

/// The routes of a table that may be ours: not those that AWS makes itself.
fn observe(table: &sdk::RouteTable) -> impl Iterator<Item = Observation<Route>> {
    let routes = table.routes().iter();
    let routes = routes.filter(|route| route.origin() != Some(&RouteOrigin::CreateRouteTable));
    routes.filter_map(|route| {
        // DescribeRouteTables tells endpoints as gateways.
        let is_endpoint = |gateway: &&str| gateway.starts_with("vpce-");
        let mut observed = PartialRoute {
            route_table_id: table.route_table_id().into(),
            destination_cidr_block: route.destination_cidr_block().into(),
            destination_ipv6_cidr_block: route.destination_ipv6_cidr_block().into(),
            destination_prefix_list_id: route.destination_prefix_list_id().into(),
            gateway_id: route.gateway_id().filter(|id| !is_endpoint(id)).into(),
            nat_gateway_id: route.nat_gateway_id().into(),
            egress_only_internet_gateway_id: route.egress_only_internet_gateway_id().into(),
            vpc_endpoint_id: route.gateway_id().filter(is_endpoint).into(),
            transit_gateway_id: route.transit_gateway_id().into(),
            vpc_peering_connection_id: route.vpc_peering_connection_id().into(),
            network_interface_id: route.network_interface_id().into(),
            id: Partial::Unset,
        };
        let id = id_of(&observed)?;
        observed.id = id.as_str().into();
        Some((id, Found::ready(observed)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{refused_texts, refused_together, stack};

    #[test]
    fn a_route_has_one_destination_and_one_target() {
        let to = ("destination_cidr_block", "0.0.0.0/0");
        for (attributes, said) in [
            (vec![to, ("gateway_id", "igw-1")], vec![]),
            (
                vec![to],
                vec![
                    ": set one of gateway_id, nat_gateway_id, egress_only_internet_gateway_id, \
                     vpc_endpoint_id, transit_gateway_id, vpc_peering_connection_id, network_interface_id",
                ],
            ),
            (
                vec![to, ("gateway_id", "igw-1"), ("nat_gateway_id", "nat-1")],
                vec!["nat_gateway_id: only one of gateway_id, nat_gateway_id may be set"],
            ),
            (
                vec![
                    to,
                    ("destination_ipv6_cidr_block", "::/0"),
                    ("gateway_id", "igw-1"),
                ],
                vec![
                    "destination_ipv6_cidr_block: only one of destination_cidr_block, \
                     destination_ipv6_cidr_block may be set",
                ],
            ),
            (
                vec![("destination_cidr_block", "10.0.0.1/8"), ("gateway_id", "local")],
                vec![
                    "destination_cidr_block: 10.0.0.1/8 has bits behind its prefix: did you mean 10.0.0.0/8?",
                    "gateway_id: `local` is AWS's own route, and there already",
                ],
            ),
        ] {
            assert_eq!(refused_texts::<Route>(&attributes), said);
        }
    }

    #[test]
    fn a_table_has_one_route_to_a_destination() {
        let in_table = ("route_table_id", "${ec2.route_table.a.id}");
        let to = ("destination_cidr_block", "0.0.0.0/0");
        let elsewhere = ("destination_cidr_block", "10.0.0.0/8");
        let stack = stack(&[
            ("ec2.route.a", &[in_table, to]),
            ("ec2.route.b", &[in_table, to]),
            ("ec2.route.c", &[in_table, elsewhere]),
            ("ec2.route.d", &[("route_table_id", "rtb-1"), to]),
        ]);
        assert_eq!(
            refused_together::<Route>(&stack),
            ["ec2.route.b: ec2.route.a is a route to 0.0.0.0/0 in the same route table"]
        );
    }

    #[test]
    fn endpoints_are_told_as_such_and_awss_own_routes_are_left_out() {
        let route = sdk::Route::builder;
        let table = sdk::RouteTable::builder()
            .route_table_id("rtb-1")
            .routes(
                route()
                    .destination_cidr_block("10.0.0.0/16")
                    .gateway_id("local")
                    .origin(RouteOrigin::CreateRouteTable)
                    .build(),
            )
            .routes(
                route()
                    .destination_ipv6_cidr_block("::/0")
                    .gateway_id("vpce-1")
                    .origin(RouteOrigin::CreateRoute)
                    .build(),
            )
            .routes(
                route()
                    .destination_prefix_list_id("pl-1")
                    .nat_gateway_id("nat-1")
                    .state(sdk::RouteState::Blackhole)
                    .build(),
            )
            .build();
        let found: Vec<_> = observe(&table).collect();
        let [(id, endpoint), (other, blackhole)] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((id.as_str(), other.as_str()), ("rtb-1/::/0", "rtb-1/pl-1"));
        assert_eq!(endpoint.observed.vpc_endpoint_id, "vpce-1".into());
        assert_eq!(endpoint.observed.gateway_id, Partial::Unset);
        assert_eq!(blackhole.observed.nat_gateway_id, "nat-1".into());
    }

    #[test]
    fn an_id_that_is_none_is_refused() {
        assert_eq!(
            parts(&PhysicalId::new("rtb-1/10.0.0.0/8")).unwrap(),
            ("rtb-1", "10.0.0.0/8")
        );
        for wrong in ["rtb-1", "0.0.0.0/0", ""] {
            assert_eq!(
                parts(&PhysicalId::new(wrong)).unwrap_err().class,
                ErrorClass::Invalid,
                "{wrong}"
            );
        }
    }
}
