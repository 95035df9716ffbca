//! `ec2.nat_gateway`: lets private subnets reach out.
//!
//! Calls: CreateNatGateway (with a client token), DescribeNatGateways, CreateTags, DeleteTags,
//! DeleteNatGateway. It takes one to two minutes until it works and about one until it is gone. A gateway
//! whose making failed stays visible as `failed`, with the reason, for about an hour.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html>

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, NatGatewayState};
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, Health, PhysicalId};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update, Wait, Waits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    FILTER_VALUES, Place, filter, is_ours, is_set, ours, refusal, tag_specification, update_tags, user_tags,
};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};
use crate::tags::Tags;

/// The type.
pub struct NatGateway {
    client: Client,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The subnet that it stands in, `subnet-…`; for a public gateway one with a route to an internet gateway.
    pub subnet_id: String,
    /// The elastic IP of a public gateway, `eipalloc-…`.
    pub allocation_id: Option<String>,
    /// Whether it reaches the internet (`public`, AWS's default) or other networks only (`private`).
    pub connectivity_type: Option<ConnectivityType>,
    /// Its private IPv4 address. AWS picks one of the subnet when this is not set.
    pub private_ip_address: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What a NAT gateway reaches.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectivityType {
    /// Other VPCs and networks of yours.
    Private,
    /// The internet.
    Public,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    subnet_id: Option<String>,
    allocation_id: Option<String>,
    connectivity_type: String,
    private_ip_address: Option<String>,
    tags: Tags,
    /// The gateway's id, `nat-…`.
    id: String,
    /// The gateway's ARN.
    arn: String,
    /// The VPC that it is in.
    vpc_id: Option<String>,
    /// The address that the internet sees.
    public_ip: Option<String>,
    /// Its network interface, `eni-…`.
    network_interface_id: Option<String>,
}

impl FromClients for NatGateway {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for NatGateway {
    const NAME: &'static str = "ec2.nat_gateway";
    const DESCRIPTION: &'static str = "Lets private subnets reach out, and nobody in.\n\n\
        A public one fails when its VPC has no internet gateway by then: name that in `depends_on`.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateNatGateway",
        "ec2:DescribeNatGateways",
        "ec2:CreateTags",
        "ec2:DeleteTags",
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
    const TRAITS: Traits = Traits {
        immutable: &[
            "subnet_id",
            "allocation_id",
            "connectivity_type",
            "private_ip_address",
        ],
        natural_key: &["allocation_id"],
        waits: Waits {
            create: Some(Wait::seconds("NAT gateway available", 90, 600)),
            delete: Some(Wait::seconds("NAT gateway deleted", 60, 900)),
            ..Waits::NONE
        },
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        let has_address = is_set(attributes, "allocation_id");
        let kind = match attributes.get("connectivity_type") {
            Some(kind) if kind.has_unknown() => return,
            _ => known_str(attributes, "connectivity_type").unwrap_or("public"),
        };
        match kind {
            "private" if has_address => problems.at(
                "allocation_id",
                "a private NAT gateway takes no elastic IP".to_owned(),
            ),
            "public" if !has_address => problems.at_with_help(
                "",
                "a public NAT gateway needs `allocation_id`",
                "declare an `ec2.eip` and set `allocation_id` to its id, or set `connectivity_type` to `private`",
            ),
            _ => {}
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_nat_gateway()
            .client_token(call.token.to_string())
            .subnet_id(&spec.subnet_id)
            .set_allocation_id(spec.allocation_id)
            .set_connectivity_type(spec.connectivity_type.map(Into::into))
            .set_private_ip_address(spec.private_ip_address)
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::Natgateway,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "CreateNatGateway")
            .map_err(refusal(call, "the gateway's, nat-…"))?;
        let gateway = answer
            .nat_gateway
            .ok_or_else(|| missing("ec2", "CreateNatGateway", "natGateway"))?;
        let (id, found) = self.observe(&gateway);
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, FILTER_VALUES, async |ids| {
            let pages = self
                .client
                .describe_nat_gateways()
                .filter(filter("nat-gateway-id", ids))
                .into_paginator()
                .items()
                .send();
            let gateways = pages
                .collect::<Result<Vec<_>, _>>()
                .await
                .aws("ec2", "DescribeNatGateways")?;
            Ok(gateways
                .iter()
                .filter(|gateway| gateway.state() != Some(&NatGatewayState::Deleted))
                .map(|gateway| self.observe(gateway))
                .collect())
        })
        .await
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
            .delete_nat_gateway()
            .nat_gateway_id(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteNatGateway")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_nat_gateways()
            .set_filter(Some(ours(call)))
            .send()
            .await;
        let gateways = found
            .aws("ec2", "DescribeNatGateways")?
            .nat_gateways
            .unwrap_or_default();
        Ok(gateways
            .into_iter()
            .filter(|gateway| is_ours(call, gateway.tags()))
            .filter(|gateway| {
                !matches!(
                    gateway.state(),
                    Some(NatGatewayState::Deleted | NatGatewayState::Deleting)
                )
            })
            .find_map(|gateway| gateway.nat_gateway_id)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(allocation) = known_str(attributes, "allocation_id") else {
            return Ok(Vec::new());
        };
        // There is no filter by address. One that failed has let go of it.
        let states = [
            NatGatewayState::Pending,
            NatGatewayState::Available,
            NatGatewayState::Deleting,
        ];
        let states = states.map(|state| state.as_str().to_owned());
        let pages = self
            .client
            .describe_nat_gateways()
            .filter(filter("state", states));
        let pages = pages.into_paginator().items().send();
        let gateways = pages.collect::<Result<Vec<_>, _>>().await;
        let gateways = gateways.aws("ec2", "DescribeNatGateways")?.into_iter();
        let has_it = |gateway: &sdk::NatGateway| {
            let mut addresses = gateway.nat_gateway_addresses().iter();
            addresses.any(|address| address.allocation_id() == Some(allocation))
        };
        let ids = gateways
            .filter(has_it)
            .filter_map(|gateway| gateway.nat_gateway_id);
        Ok(ids.map(PhysicalId::new).collect())
    }
}

impl NatGateway {
    fn observe(&self, gateway: &sdk::NatGateway) -> (PhysicalId, Found<Observed>) {
        let id = gateway.nat_gateway_id().unwrap_or_default().to_owned();
        let addresses = gateway.nat_gateway_addresses();
        let primary = addresses
            .iter()
            .find(|address| address.is_primary() == Some(true))
            .or(addresses.first());
        let of_primary =
            |part: fn(&sdk::NatGatewayAddress) -> Option<&str>| primary.and_then(part).map(str::to_owned);
        let observed = Observed {
            subnet_id: gateway.subnet_id().map(str::to_owned),
            allocation_id: of_primary(sdk::NatGatewayAddress::allocation_id),
            connectivity_type: gateway
                .connectivity_type()
                .unwrap_or(&sdk::ConnectivityType::Public)
                .as_str()
                .to_owned(),
            private_ip_address: of_primary(sdk::NatGatewayAddress::private_ip),
            tags: user_tags(gateway.tags()),
            arn: self.place.arn("natgateway", &id),
            vpc_id: gateway.vpc_id().map(str::to_owned),
            public_ip: of_primary(sdk::NatGatewayAddress::public_ip),
            network_interface_id: of_primary(sdk::NatGatewayAddress::network_interface_id),
            id,
        };
        let health = match gateway.state() {
            Some(NatGatewayState::Pending) => Health::Pending("pending".into()),
            Some(NatGatewayState::Failed) => Health::Failed(failure(gateway)),
            Some(state @ (NatGatewayState::Deleting | NatGatewayState::Deleted)) => {
                Health::Deleting(state.as_str().to_owned())
            }
            _ => Health::Ready,
        };
        (PhysicalId::new(&observed.id), Found { observed, health })
    }
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

impl From<ConnectivityType> for sdk::ConnectivityType {
    fn from(kind: ConnectivityType) -> Self {
        match kind {
            ConnectivityType::Private => Self::Private,
            ConnectivityType::Public => Self::Public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn a_public_gateway_has_an_elastic_ip_and_a_private_one_none() {
        for (attributes, said) in [
            (vec![("allocation_id", "eipalloc-1")], vec![]),
            (vec![("connectivity_type", "private")], vec![]),
            (vec![], vec![": a public NAT gateway needs `allocation_id`"]),
            (
                vec![("connectivity_type", "private"), ("allocation_id", "eipalloc-1")],
                vec!["allocation_id: a private NAT gateway takes no elastic IP"],
            ),
        ] {
            assert_eq!(problems::<NatGateway>(&attributes), said);
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
