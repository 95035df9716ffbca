//! `ec2.nat_gateway`: lets private subnets reach out.
//!
//! It takes one to two minutes until it works and about one until it is gone. A gateway whose making failed stays
//! visible as `failed`, with the reason, for about an hour.

use aws_sdk_ec2::types::{self as sdk, Filter, NatGatewayState, ResourceType};

use super::common::{all_tags, arn, by_ids, filter, ours, tags_of};
use super::service::Ec2;
use crate::prelude::*;

/// Lets private subnets reach out, and nobody in.
///
/// A public one fails when its VPC has no internet gateway by then: name that in `depends_on`.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html")]
pub struct NatGateway {
    /// The subnet that it stands in, `subnet-…`; for a public gateway one with a route to an internet gateway.
    #[attribute(immutable)]
    pub subnet_id: String,
    /// The elastic IP of a public gateway, `eipalloc-…`.
    #[attribute(immutable)]
    #[attribute(not_where(connectivity_type, "private"))]
    pub allocation_id: Option<String>,
    /// Whether it reaches the internet (`public`, AWS's default) or other networks only (`private`).
    #[attribute(immutable)]
    pub connectivity_type: Option<ConnectivityType>,
    /// Its private IPv4 address. AWS picks one of the subnet when this is not set.
    #[attribute(immutable)]
    pub private_ip_address: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The gateway's id, `nat-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The gateway's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The VPC that it is in.
    #[attribute(computed)]
    pub vpc_id: Option<String>,
    /// The address that the internet sees.
    #[attribute(computed)]
    pub public_ip: Option<String>,
    /// Its network interface, `eni-…`.
    #[attribute(computed)]
    pub network_interface_id: Option<String>,
}

use NatGatewayField as Field;

choices! {
    /// What a NAT gateway reaches.
    ConnectivityType {
        /// Other VPCs and networks of yours.
        Private = "private",
        /// The internet.
        Public = "public",
    }
}

impl Resource for NatGateway {
    const NAME: &'static str = "ec2.nat_gateway";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateNatGateway",
        "ec2:DescribeNatGateways",
        "ec2:DeleteNatGateway",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"

[ec2.subnet.public]
vpc_id     = "${ec2.vpc.main.id}"
cidr_block = "10.0.0.0/24"

[ec2.eip.nat]

[ec2.nat_gateway.main]
subnet_id     = "${ec2.subnet.public.id}"
allocation_id = "${ec2.eip.nat.id}"
depends_on    = ["ec2.internet_gateway.main"]
tags          = { Name = "main" }
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::AllocationId],
        waits: Waits {
            create: Some(Wait::seconds("NAT gateway available", 90, 600)),
            delete: Some(Wait::seconds("NAT gateway deleted", 60, 900)),
            ..Waits::NONE
        },
        ..Rules::UNIQUE_IDS
    };
    type Service = Ec2;

    fn validate(given: &PartialNatGateway, problems: &mut Problems) {
        let is_public = matches!(
            given.connectivity_type,
            Partial::Unset | Partial::Known(ConnectivityType::Public)
        );
        if is_public && !given.allocation_id.is_set() {
            problems.at_with_help(
                "",
                "a public NAT gateway needs `allocation_id`",
                "declare an `ec2.eip` and set `allocation_id` to its id, or set `connectivity_type` to `private`",
            );
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialNatGateway>> {
        let answer = aws
            .ec2
            .create_nat_gateway()
            .client_token(call.token.to_string())
            .subnet_id(&spec.subnet_id)
            .set_allocation_id(spec.allocation_id)
            .set_connectivity_type(to_aws(spec.connectivity_type))
            .set_private_ip_address(spec.private_ip_address)
            .tag_specifications(tags_of(call, ResourceType::Natgateway, spec.tags))
            .send()
            .await
            .aws("ec2", "CreateNatGateway")?;
        let made = answer.nat_gateway;
        let made = made.ok_or_else(|| missing("ec2", "CreateNatGateway", "natGateway"))?;
        Ok(observe(aws, &made).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        by_ids(ids, "nat-gateway-id", |by| describe(aws, by)).await
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.delete_nat_gateway().nat_gateway_id(id.as_str());
        call.send().await.aws("ec2", "DeleteNatGateway").map(drop)
    }

    async fn left(aws: &Clients, call: &Call, _: &PartialNatGateway) -> ProviderResult<Observations<Self>> {
        Ok(describe(aws, ours(call)).await?.into_iter().collect())
    }

    async fn holders(aws: &Clients, given: &PartialNatGateway) -> ProviderResult<Observations<Self>> {
        if given.allocation_id.as_str().is_none() {
            return Ok(Observations::<Self>::new());
        }
        // There is no filter by address. One that failed has let go of it.
        let states = [
            NatGatewayState::Pending,
            NatGatewayState::Available,
            NatGatewayState::Deleting,
        ];
        let by = filter("state", states.iter().map(NatGatewayState::as_str));
        let mut gateways = describe(aws, vec![by]).await?;
        gateways.retain(|(_, found)| found.observed.allocation_id == given.allocation_id);
        Ok(gateways.into_iter().collect())
    }
}

async fn describe(aws: &Clients, by: Vec<Filter>) -> ProviderResult<Vec<Observation<NatGateway>>> {
    let pages = aws
        .ec2
        .describe_nat_gateways()
        .set_filter(Some(by))
        .into_paginator();
    let gateways = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let gateways = gateways.aws("ec2", "DescribeNatGateways")?;
    let there = gateways
        .iter()
        .filter(|gateway| gateway.state() != Some(&NatGatewayState::Deleted));
    Ok(there.map(|gateway| observe(aws, gateway)).collect())
}

fn observe(aws: &Clients, gateway: &sdk::NatGateway) -> Observation<NatGateway> {
    let id = gateway.nat_gateway_id().unwrap_or_default();
    let addresses = gateway.nat_gateway_addresses();
    let primary = addresses
        .iter()
        .find(|address| address.is_primary() == Some(true));
    let primary = primary.or(addresses.first());
    let connectivity = gateway
        .connectivity_type()
        .unwrap_or(&sdk::ConnectivityType::Public);
    let observed = PartialNatGateway {
        subnet_id: gateway.subnet_id().into(),
        allocation_id: primary.and_then(|address| address.allocation_id()).into(),
        connectivity_type: told(Some(connectivity)),
        private_ip_address: primary.and_then(|address| address.private_ip()).into(),
        tags: all_tags(gateway.tags()).into(),
        id: id.into(),
        arn: arn(aws, "natgateway", id).into(),
        vpc_id: gateway.vpc_id().into(),
        public_ip: primary.and_then(|address| address.public_ip()).into(),
        network_interface_id: primary.and_then(|address| address.network_interface_id()).into(),
    };
    let health = match gateway.state() {
        Some(NatGatewayState::Pending) => Health::Pending("pending".into()),
        Some(NatGatewayState::Failed) => Health::Failed(failure(gateway)),
        Some(NatGatewayState::Deleting) => Health::Deleting("deleting".into()),
        _ => Health::Ready,
    };
    (PhysicalId::new(id), Found { observed, health })
}

/// Why making it failed, in AWS's words, and what to do where that is known.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>
fn failure(gateway: &sdk::NatGateway) -> String {
    let code = gateway.failure_code().unwrap_or("no code");
    let message = gateway.failure_message().unwrap_or("AWS gives no reason");
    let advice = match code {
        "Gateway.NotAttached" => "; name the VPC's ec2.internet_gateway in `depends_on`",
        "Resource.AlreadyAssociated" => "; the elastic IP is in use by something else",
        "InsufficientFreeAddressesInSubnet" => "; the subnet has no free address left",
        _ => "",
    };
    format!("failed: {code}: {message}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn a_public_gateway_has_an_elastic_ip_and_a_private_one_none() {
        for (attributes, said) in [
            (vec![("allocation_id", "eipalloc-1")], vec![]),
            (vec![("connectivity_type", "private")], vec![]),
            (vec![], vec![": a public NAT gateway needs `allocation_id`"]),
            (
                vec![("connectivity_type", "private"), ("allocation_id", "eipalloc-1")],
                vec!["allocation_id: is not for `connectivity_type` `private`"],
            ),
        ] {
            assert_eq!(refused_texts::<NatGateway>(&attributes), said);
        }
    }

    #[test]
    fn a_failure_is_told_with_awss_reason() {
        let gateway = sdk::NatGateway::builder()
            .failure_code("Gateway.NotAttached")
            .failure_message("Network vpc-1 has no Internet gateway attached");
        assert_eq!(
            failure(&gateway.build()),
            "failed: Gateway.NotAttached: Network vpc-1 has no Internet gateway attached; \
             name the VPC's ec2.internet_gateway in `depends_on`"
        );
        assert_eq!(
            failure(&sdk::NatGateway::builder().build()),
            "failed: no code: AWS gives no reason"
        );
    }
}
