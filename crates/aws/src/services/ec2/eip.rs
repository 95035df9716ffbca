//! `ec2.eip`. What has the address (a NAT gateway, a load balancer) holds it until it is gone; meanwhile AWS refuses to
//! release it, often as if permission were missing.

use aws_sdk_ec2::types::{Address, Filter, ResourceType};

use super::common::{all_tags, arn, by_ids, filter, ours, tags_of};
use super::obstacles::in_interfaces;
use super::service::Ec2;
use crate::prelude::*;

/// An elastic IP: a public IPv4 address that stays the same until it is released.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html")]
pub struct ElasticIp {
    /// Where the address is for: `vpc`, which is also AWS's default.
    #[attribute(immutable)]
    pub domain: Option<Domain>,
    /// Where AWS announces the address from: a region, or a local zone's group. AWS's default is the region.
    #[attribute(immutable)]
    pub network_border_group: Option<String>,
    /// The pool that the address is taken from: one of AWS's (`amazon`, the default) or of your own.
    #[attribute(immutable)]
    pub public_ipv4_pool: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The allocation id, `eipalloc-…`: what NAT gateways and load balancers take.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The address itself, such as 203.0.113.7.
    #[attribute(computed)]
    pub public_ip: Option<String>,
    /// The address's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

choices! {
    /// Where an address is for.
    Domain {
        /// For VPCs.
        Vpc = "vpc",
    }
}

impl Resource for ElasticIp {
    const NAME: &'static str = "ec2.eip";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:AllocateAddress",
        "ec2:DescribeAddresses",
        "ec2:DescribeNetworkInterfaces",
        "ec2:ReleaseAddress",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.eip.nat]
domain = "vpc"
tags   = { Name = "nat" }
"#;
    const RULES: Rules<ElasticIpField> = Rules::UNIQUE_IDS;
    type Service = Ec2;

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialElasticIp>> {
        let made = aws
            .ec2
            .allocate_address()
            .set_domain(to_aws(spec.domain.or(Some(Domain::Vpc))))
            .set_network_border_group(spec.network_border_group)
            .set_public_ipv4_pool(spec.public_ipv4_pool)
            .tag_specifications(tags_of(call, ResourceType::ElasticIp, spec.tags))
            .send()
            .await
            .aws("ec2", "AllocateAddress")?;
        let address = Address::builder()
            .set_allocation_id(made.allocation_id)
            .set_public_ip(made.public_ip)
            .set_domain(made.domain)
            .set_network_border_group(made.network_border_group)
            .set_public_ipv4_pool(made.public_ipv4_pool);
        Ok(observe(aws, &address.build()).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        by_ids(ids, "allocation-id", |by| describe(aws, by)).await
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ec2.release_address().allocation_id(id.as_str());
        call.send().await.aws("ec2", "ReleaseAddress").map(drop)
    }

    /// The interface that has it.
    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        in_interfaces(aws, filter("association.allocation-id", [id.as_str()])).await
    }

    async fn left(aws: &Clients, call: &Call, _: &PartialElasticIp) -> ProviderResult<Observations<Self>> {
        Ok(describe(aws, ours(call)).await?.into_iter().collect())
    }
}

async fn describe(aws: &Clients, by: Vec<Filter>) -> ProviderResult<Vec<Observation<ElasticIp>>> {
    let call = aws.ec2.describe_addresses().set_filters(Some(by));
    let found = call.send().await.aws("ec2", "DescribeAddresses")?;
    Ok(found.addresses().iter().map(|one| observe(aws, one)).collect())
}

fn observe(aws: &Clients, address: &Address) -> Observation<ElasticIp> {
    let id = address.allocation_id().unwrap_or_default();
    let observed = PartialElasticIp {
        domain: told(address.domain()),
        network_border_group: address.network_border_group().into(),
        public_ipv4_pool: address.public_ipv4_pool().into(),
        tags: all_tags(address.tags()).into(),
        id: id.into(),
        public_ip: address.public_ip().into(),
        arn: arn(aws, "elastic-ip", id).into(),
    };
    (PhysicalId::new(id), Found::ready(observed))
}
