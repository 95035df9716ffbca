//! `ec2.eip`: an elastic IP, a public IPv4 address that is ours until it is released.
//!
//! Calls: AllocateAddress, DescribeAddresses, CreateTags, DeleteTags, ReleaseAddress. What has the address
//! (a NAT gateway, a load balancer) holds it until it is gone; meanwhile AWS refuses to release it, often as
//! if permission were missing.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html>

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, DomainType};
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError};
use infra_provider::{Call, Created, Found, Obstacle, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{FILTER_VALUES, Place, filter, is_ours, ours, tag_specification, update_tags, user_tags};
use super::obstacles::{interfaces, of_interfaces};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};
use crate::tags::Tags;

/// The type.
pub struct ElasticIp {
    client: Client,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where the address is for: `vpc`, which is also AWS's default.
    pub domain: Option<Domain>,
    /// Where AWS announces the address from: a region, or a local zone's group. AWS's default is the region.
    pub network_border_group: Option<String>,
    /// The pool that the address is taken from: one of AWS's (`amazon`, the default) or of your own.
    pub public_ipv4_pool: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// Where an address is for.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// For VPCs.
    Vpc,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    domain: Option<String>,
    network_border_group: Option<String>,
    public_ipv4_pool: Option<String>,
    tags: Tags,
    /// The allocation id, `eipalloc-…`: what NAT gateways and load balancers take.
    id: String,
    /// The address itself, such as 203.0.113.7.
    public_ip: Option<String>,
    /// The address's ARN.
    arn: String,
}

impl FromClients for ElasticIp {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for ElasticIp {
    const NAME: &'static str = "ec2.eip";
    const DESCRIPTION: &'static str =
        "An elastic IP: a public IPv4 address that stays the same until it is released.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:AllocateAddress",
        "ec2:DescribeAddresses",
        "ec2:DescribeNetworkInterfaces",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:ReleaseAddress",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.eip.nat]
domain = "vpc"
tags   = { Name = "nat" }
"#;
    const TRAITS: Traits = Traits {
        immutable: &["domain", "network_border_group", "public_ipv4_pool"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .allocate_address()
            .domain(DomainType::Vpc)
            .set_network_border_group(spec.network_border_group)
            .set_public_ipv4_pool(spec.public_ipv4_pool)
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::ElasticIp,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "AllocateAddress")?;
        let address = sdk::Address::builder()
            .set_allocation_id(answer.allocation_id)
            .set_public_ip(answer.public_ip)
            .set_domain(answer.domain)
            .set_network_border_group(answer.network_border_group)
            .set_public_ipv4_pool(answer.public_ipv4_pool)
            .build();
        let (id, mut found) = self
            .observe(&address)
            .ok_or_else(|| missing("ec2", "AllocateAddress", "allocationId"))?;
        found.observed.tags = spec.tags.unwrap_or_default();
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, FILTER_VALUES, async |ids| {
            let found = self
                .client
                .describe_addresses()
                .filters(filter("allocation-id", ids))
                .send()
                .await
                .aws("ec2", "DescribeAddresses")?;
            Ok(found
                .addresses()
                .iter()
                .filter_map(|address| self.observe(address))
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
            .release_address()
            .allocation_id(id.as_str())
            .send()
            .await
            .aws("ec2", "ReleaseAddress")
            .map_err(still_in_use)
            .absent_is_none()?;
        Ok(())
    }

    /// The interface that has it.
    async fn in_the_way(&self, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let by = filter("association.allocation-id", [id.to_string()]);
        Ok(of_interfaces(&interfaces(&self.client, by).await?))
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_addresses()
            .set_filters(Some(ours(call)))
            .send()
            .await;
        let addresses = found
            .aws("ec2", "DescribeAddresses")?
            .addresses
            .unwrap_or_default();
        Ok(addresses
            .into_iter()
            .filter(|address| is_ours(call, address.tags()))
            .find_map(|address| address.allocation_id)
            .map(PhysicalId::new))
    }
}

impl ElasticIp {
    fn observe(&self, address: &sdk::Address) -> Option<(PhysicalId, Found<Observed>)> {
        let id = address.allocation_id()?.to_owned();
        let observed = Observed {
            domain: address.domain().map(|domain| domain.as_str().to_owned()),
            network_border_group: address.network_border_group().map(str::to_owned),
            public_ipv4_pool: address.public_ipv4_pool().map(str::to_owned),
            tags: user_tags(address.tags()),
            public_ip: address.public_ip().map(str::to_owned),
            arn: self.place.arn("elastic-ip", &id),
            id,
        };
        Some((PhysicalId::new(&observed.id), Found::ready(observed)))
    }
}

/// An address that a NAT gateway or load balancer still has belongs to AWS for as long, and ReleaseAddress
/// then speaks of permission. A permission that is really missing is UnauthorizedOperation.
fn still_in_use(error: ProviderError) -> ProviderError {
    let speaks_of_use = ["in use", "permission to access the specified resource"]
        .iter()
        .any(|part| error.message.contains(part));
    if error.code.as_deref() == Some("AuthFailure") && speaks_of_use {
        return ProviderError {
            class: ErrorClass::DependencyViolation,
            hint: Some(
                "the address is free once what uses it (a NAT gateway, a load balancer) is gone".into(),
            ),
            ..error
        };
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_waited_for() {
        for (code, message, class) in [
            (
                "AuthFailure",
                "You do not have permission to access the specified resource.",
                ErrorClass::DependencyViolation,
            ),
            (
                "AuthFailure",
                "The address is in use.",
                ErrorClass::DependencyViolation,
            ),
            (
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                ErrorClass::Denied,
            ),
            ("UnauthorizedOperation", "in use", ErrorClass::Denied),
        ] {
            let error = ProviderError {
                code: Some(code.into()),
                ..ProviderError::new(ErrorClass::Denied, message)
            };
            assert_eq!(still_in_use(error).class, class, "{code}: {message}");
        }
    }
}
