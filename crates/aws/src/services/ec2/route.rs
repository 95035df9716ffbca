//! `ec2.route`: one route of a route table.
//!
//! Calls: CreateRoute, ReplaceRoute, DescribeRouteTables, DeleteRoute. AWS gives routes no id and no tags: a
//! route is known by its table and its destination, and counts as ours after a lost answer when its target is
//! the wanted one. A route whose target is gone (a blackhole) is there, with that target.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, RouteOrigin};
use infra_core::types::{Problem, Problems, known_str};
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError, ResourceAddress};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{check_cidr, check_cidr_v6, exactly_one, identity, of_type, refusal};
use super::route_tables::RouteTables;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::read::Observations;

/// The attributes of which one says where to.
const DESTINATIONS: &[&str] = &[
    "destination_cidr_block",
    "destination_ipv6_cidr_block",
    "destination_prefix_list_id",
];

/// The attributes of which one says through what.
const TARGETS: &[&str] = &[
    "gateway_id",
    "nat_gateway_id",
    "egress_only_internet_gateway_id",
    "vpc_endpoint_id",
    "transit_gateway_id",
    "vpc_peering_connection_id",
    "network_interface_id",
];

/// The type.
pub struct Route {
    client: Client,
    tables: RouteTables,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The route table, `rtb-…`.
    pub route_table_id: String,
    /// The IPv4 network that the route leads to, such as `0.0.0.0/0`. One destination is set.
    pub destination_cidr_block: Option<String>,
    /// The IPv6 network that the route leads to, such as `::/0`.
    pub destination_ipv6_cidr_block: Option<String>,
    /// The prefix list whose networks the route leads to, `pl-…`.
    pub destination_prefix_list_id: Option<String>,
    /// The target: an internet or virtual private gateway, `igw-…` or `vgw-…`. One target is set.
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
}

/// What AWS tells.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Observed {
    route_table_id: String,
    destination_cidr_block: Option<String>,
    destination_ipv6_cidr_block: Option<String>,
    destination_prefix_list_id: Option<String>,
    #[serde(flatten)]
    target: Target,
    /// The route table and the destination, `rtb-…/0.0.0.0/0`.
    id: String,
}

/// Through what a route leads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Target {
    gateway_id: Option<String>,
    nat_gateway_id: Option<String>,
    egress_only_internet_gateway_id: Option<String>,
    vpc_endpoint_id: Option<String>,
    transit_gateway_id: Option<String>,
    vpc_peering_connection_id: Option<String>,
    network_interface_id: Option<String>,
}

impl FromClients for Route {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            tables: RouteTables::new(clients),
        }
    }
}

impl ResourceType for Route {
    const NAME: &'static str = "ec2.route";
    const DESCRIPTION: &'static str = "One route of a route table: where to, and through what.\n\n\
        It is imported as `ROUTE_TABLE_ID/DESTINATION`, such as `rtb-0123/0.0.0.0/0`.";
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
    const TRAITS: Traits = Traits {
        immutable: &[
            "route_table_id",
            "destination_cidr_block",
            "destination_ipv6_cidr_block",
            "destination_prefix_list_id",
        ],
        natural_key: &[
            "route_table_id",
            "destination_cidr_block",
            "destination_ipv6_cidr_block",
            "destination_prefix_list_id",
        ],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "ec2.route_table",
            id: &["route_table_id"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        exactly_one(attributes, DESTINATIONS, "a destination", problems);
        exactly_one(attributes, TARGETS, "a target", problems);
        if let Some(text) = known_str(attributes, "destination_cidr_block") {
            check_cidr("destination_cidr_block", text, 0, 32, problems);
        }
        if let Some(text) = known_str(attributes, "destination_ipv6_cidr_block") {
            check_cidr_v6("destination_ipv6_cidr_block", text, problems);
        }
        if known_str(attributes, "gateway_id") == Some("local") {
            problems.at("gateway_id", "the local route is AWS's own, and there already");
        }
    }

    fn validate_together(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<(ResourceAddress, Problem)> {
        let mut found = Vec::new();
        let mut first: BTreeMap<(String, String), &ResourceAddress> = BTreeMap::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let destination = DESTINATIONS
                .iter()
                .find_map(|name| Some((name, identity(attributes, name)?)));
            let (Some(table), Some((name, destination))) =
                (identity(attributes, "route_table_id"), destination)
            else {
                continue;
            };
            if let Some(other) = first.get(&(table.clone(), destination.clone())) {
                let problem = Problem {
                    path: (*name).into(),
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

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let observed = wanted(&spec)?;
        self.client
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
            .aws("ec2", "CreateRoute")
            .map_err(refusal(call, "ROUTE_TABLE_ID/DESTINATION"))
            .map_err(target_not_ready)?;
        Ok(Created::new(observed.id.clone(), observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let mut tables = BTreeSet::new();
        for id in ids {
            tables.insert(parts(id)?.0.to_owned());
        }
        let there = self.tables.read(tables.iter().cloned()).await?;
        let wanted: BTreeSet<&PhysicalId> = ids.iter().collect();
        Ok(tables
            .iter()
            .filter_map(|table| there.get(table))
            .flat_map(observe)
            .map(|observed| (PhysicalId::new(&observed.id), Found::ready(observed)))
            .filter(|(id, _)| wanted.contains(id))
            .collect())
    }

    async fn update(&self, call: &Call, _: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if !update.any(TARGETS) {
            return Ok(());
        }
        let spec = update.spec;
        self.client
            .replace_route()
            .route_table_id(spec.route_table_id)
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
            .aws("ec2", "ReplaceRoute")
            .map_err(refusal(call, "ROUTE_TABLE_ID/DESTINATION"))
            .map_err(target_not_ready)?;
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let (table, destination) = parts(id)?;
        let call = self.client.delete_route().route_table_id(table);
        let call = if destination.starts_with("pl-") {
            call.destination_prefix_list_id(destination)
        } else if destination.contains(':') {
            call.destination_ipv6_cidr_block(destination)
        } else {
            call.destination_cidr_block(destination)
        };
        call.send().await.aws("ec2", "DeleteRoute").absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let table = known_str(attributes, "route_table_id");
        let destination = DESTINATIONS.iter().find_map(|name| known_str(attributes, name));
        let (Some(table), Some(destination)) = (table, destination) else {
            return Ok(None);
        };
        let id = PhysicalId::composite([table, destination]);
        let found = self.read(std::slice::from_ref(&id)).await?;
        let is_ours = found
            .get(&id)
            .is_some_and(|found| found.observed.target == target_of(attributes));
        Ok(is_ours.then_some(id))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let table = known_str(attributes, "route_table_id");
        let destination = DESTINATIONS.iter().find_map(|name| known_str(attributes, name));
        let (Some(table), Some(destination)) = (table, destination) else {
            return Ok(Vec::new());
        };
        let id = PhysicalId::composite([table, destination]);
        let found = self.read(std::slice::from_ref(&id)).await?;
        Ok(found.into_keys().collect())
    }
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
fn observe(table: &sdk::RouteTable) -> impl Iterator<Item = Observed> {
    let table_id = table.route_table_id().unwrap_or_default();
    table
        .routes()
        .iter()
        .filter(|route| !matches!(route.origin(), Some(RouteOrigin::CreateRouteTable)))
        .filter_map(move |route| {
            let destination = route
                .destination_cidr_block()
                .or(route.destination_ipv6_cidr_block())
                .or(route.destination_prefix_list_id())?;
            let text = |text: Option<&str>| text.map(str::to_owned);
            let gateway = route.gateway_id();
            // DescribeRouteTables tells endpoints as gateways.
            let endpoint = gateway.filter(|gateway| gateway.starts_with("vpce-"));
            Some(Observed {
                route_table_id: table_id.to_owned(),
                destination_cidr_block: text(route.destination_cidr_block()),
                destination_ipv6_cidr_block: text(route.destination_ipv6_cidr_block()),
                destination_prefix_list_id: text(route.destination_prefix_list_id()),
                target: Target {
                    gateway_id: text(gateway.filter(|_| endpoint.is_none())),
                    nat_gateway_id: text(route.nat_gateway_id()),
                    egress_only_internet_gateway_id: text(route.egress_only_internet_gateway_id()),
                    vpc_endpoint_id: text(endpoint),
                    transit_gateway_id: text(route.transit_gateway_id()),
                    vpc_peering_connection_id: text(route.vpc_peering_connection_id()),
                    network_interface_id: text(route.network_interface_id()),
                },
                id: PhysicalId::composite([table_id, destination]).to_string(),
            })
        })
}

/// The route that a spec makes.
fn wanted(spec: &Spec) -> ProviderResult<Observed> {
    let destination = spec
        .destination_cidr_block
        .as_ref()
        .or(spec.destination_ipv6_cidr_block.as_ref())
        .or(spec.destination_prefix_list_id.as_ref())
        .ok_or_else(|| ProviderError::new(ErrorClass::Invalid, "the route has no destination"))?;
    Ok(Observed {
        route_table_id: spec.route_table_id.clone(),
        destination_cidr_block: spec.destination_cidr_block.clone(),
        destination_ipv6_cidr_block: spec.destination_ipv6_cidr_block.clone(),
        destination_prefix_list_id: spec.destination_prefix_list_id.clone(),
        target: Target {
            gateway_id: spec.gateway_id.clone(),
            nat_gateway_id: spec.nat_gateway_id.clone(),
            egress_only_internet_gateway_id: spec.egress_only_internet_gateway_id.clone(),
            vpc_endpoint_id: spec.vpc_endpoint_id.clone(),
            transit_gateway_id: spec.transit_gateway_id.clone(),
            vpc_peering_connection_id: spec.vpc_peering_connection_id.clone(),
            network_interface_id: spec.network_interface_id.clone(),
        },
        id: PhysicalId::composite([&spec.route_table_id, destination]).to_string(),
    })
}

/// The target that attributes ask for.
fn target_of(attributes: &Attributes) -> Target {
    let text = |name: &str| known_str(attributes, name).map(str::to_owned);
    Target {
        gateway_id: text("gateway_id"),
        nat_gateway_id: text("nat_gateway_id"),
        egress_only_internet_gateway_id: text("egress_only_internet_gateway_id"),
        vpc_endpoint_id: text("vpc_endpoint_id"),
        transit_gateway_id: text("transit_gateway_id"),
        vpc_peering_connection_id: text("vpc_peering_connection_id"),
        network_interface_id: text("network_interface_id"),
    }
}

/// A target that is there but does not take routes yet: an internet gateway before it is attached (its
/// network is then no network), or a gateway, endpoint or attachment that is still pending.
fn target_not_ready(error: ProviderError) -> ProviderError {
    let is_not_ready = matches!(
        error.code.as_deref(),
        Some("IncorrectState" | "InvalidState" | "IncorrectInstanceState")
    ) || error.message.contains("network gateway")
        && error.message.contains("belong to different networks");
    if is_not_ready {
        return ProviderError {
            class: ErrorClass::DependencyNotReady,
            ..error
        };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::{problems, stack, together};

    #[test]
    fn a_route_has_one_destination_and_one_target() {
        let to = ("destination_cidr_block", "0.0.0.0/0");
        for (attributes, said) in [
            (vec![to, ("gateway_id", "igw-1")], vec![]),
            (
                vec![to],
                vec![
                    ": set a target: one of gateway_id, nat_gateway_id, egress_only_internet_gateway_id, \
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
                    "gateway_id: the local route is AWS's own, and there already",
                ],
            ),
        ] {
            assert_eq!(problems::<Route>(&attributes), said);
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
            together::<Route>(&stack),
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
        let found: Vec<Observed> = observe(&table).collect();
        let [endpoint, blackhole] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(endpoint.id, "rtb-1/::/0");
        assert_eq!(
            endpoint.target,
            Target {
                vpc_endpoint_id: Some("vpce-1".into()),
                ..Target::default()
            }
        );
        assert_eq!(blackhole.id, "rtb-1/pl-1");
        assert_eq!(blackhole.target.nat_gateway_id.as_deref(), Some("nat-1"));
    }

    #[test]
    fn a_target_that_is_not_ready_is_waited_for() {
        for (code, message, class) in [
            (
                "InvalidParameterValue",
                "route table rtb-1 and network gateway igw-1 belong to different networks",
                ErrorClass::DependencyNotReady,
            ),
            (
                "IncorrectState",
                "Transit Gateway tgw-1 is in invalid state",
                ErrorClass::DependencyNotReady,
            ),
            ("InvalidParameterValue", "no", ErrorClass::Invalid),
        ] {
            let error = ProviderError {
                code: Some(code.into()),
                ..ProviderError::new(ErrorClass::Invalid, message)
            };
            assert_eq!(target_not_ready(error).class, class, "{message}");
        }
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
