//! `ec2.internet_gateway`: the way between a VPC and the internet.
//!
//! A gateway is made without a VPC and attached afterwards. It cannot be detached while public addresses are mapped in
//! the VPC: DependencyViolation, until the NAT gateways and load balancers that have them are gone.

use aws_sdk_ec2::types::{self as sdk, AttachmentStatus, Filter, ResourceType};

use super::common::{all_tags, arn, by_ids, filter, ours, tags_of};
use super::obstacles::{interfaces, of_interfaces};
use super::service::Ec2;
use crate::prelude::*;

/// The way between a VPC and the internet.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html")]
pub struct InternetGateway {
    /// The VPC that it is attached to, `vpc-…`; one VPC takes one internet gateway. Without it the gateway is
    /// attached to none.
    #[attribute(set_after_create)]
    pub vpc_id: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The gateway's id, `igw-…`.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The gateway's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use InternetGatewayField as Field;

impl Resource for InternetGateway {
    const NAME: &'static str = "ec2.internet_gateway";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateInternetGateway",
        "ec2:AttachInternetGateway",
        "ec2:DetachInternetGateway",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DeleteInternetGateway",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"
tags   = { Name = "main" }
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::VpcId],
        ..Rules::UNIQUE_IDS
    };
    type Service = Ec2;

    async fn create(
        aws: &Clients,
        call: &Call,
        spec: Self,
    ) -> ProviderResult<Created<PartialInternetGateway>> {
        let call = aws.ec2.create_internet_gateway().tag_specifications(tags_of(
            call,
            ResourceType::InternetGateway,
            spec.tags,
        ));
        let answer = call.send().await.aws("ec2", "CreateInternetGateway")?;
        let made = answer.internet_gateway;
        let made = made.ok_or_else(|| missing("ec2", "CreateInternetGateway", "internetGateway"))?;
        Ok(observe(aws, &made).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        by_ids(ids, "internet-gateway-id", |by| describe(aws, by)).await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let wanted = update.spec.vpc_id.as_deref();
        // One that was just made is attached to nothing, and a look would only take time.
        let there = match value_of(&update.prior, Field::VpcId) {
            None | Some(Value::Null) => None,
            _ => attached(aws, id).await?,
        };
        if there.as_deref() == wanted {
            return Ok(());
        }
        if let Some(vpc) = there {
            detach(aws, id, &vpc).await?;
        }
        match wanted {
            Some(vpc) => attach(aws, id, vpc).await,
            None => Ok(()),
        }
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        if let Some(vpc) = attached(aws, id).await? {
            detach(aws, id, &vpc).await?;
        }
        let call = aws.ec2.delete_internet_gateway().internet_gateway_id(id.as_str());
        call.send().await.aws("ec2", "DeleteInternetGateway").map(drop)
    }

    /// It is detached once no interface of the VPC has a public address any more.
    async fn in_the_way(aws: &Clients, _: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let Some(vpc) = known_str(last, Field::VpcId) else {
            return Ok(Vec::new());
        };
        let mut found = interfaces(&aws.ec2, filter("vpc-id", [vpc])).await?;
        found.retain(|interface| interface.association().is_some());
        Ok(of_interfaces(&found))
    }

    async fn holders(aws: &Clients, given: &PartialInternetGateway) -> ProviderResult<Observations<Self>> {
        let Some(vpc) = given.vpc_id.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let there = describe(aws, vec![filter("attachment.vpc-id", [vpc])]).await?;
        Ok(there.into_iter().collect())
    }

    async fn left(
        aws: &Clients,
        call: &Call,
        _: &PartialInternetGateway,
    ) -> ProviderResult<Observations<Self>> {
        Ok(describe(aws, ours(call)).await?.into_iter().collect())
    }
}

async fn describe(aws: &Clients, by: Vec<Filter>) -> ProviderResult<Vec<Observation<InternetGateway>>> {
    let pages = aws.ec2.describe_internet_gateways().set_filters(Some(by));
    let gateways = pages.into_paginator().items().send();
    let gateways = gateways.collect::<Result<Vec<_>, _>>().await;
    let gateways = gateways.aws("ec2", "DescribeInternetGateways")?;
    Ok(gateways.iter().map(|gateway| observe(aws, gateway)).collect())
}

/// The VPC that the gateway is attached to now.
async fn attached(aws: &Clients, id: &PhysicalId) -> ProviderResult<Option<String>> {
    let found = describe(aws, vec![filter("internet-gateway-id", [id.as_str()])]).await?;
    let vpc = found.into_iter().next().map(|(_, found)| found.observed.vpc_id);
    Ok(vpc.and_then(|vpc| vpc.known().cloned()))
}

async fn attach(aws: &Clients, id: &PhysicalId, vpc: &str) -> ProviderResult<()> {
    let call = aws.ec2.attach_internet_gateway().internet_gateway_id(id.as_str());
    match call.vpc_id(vpc).send().await.aws("ec2", "AttachInternetGateway") {
        // An attachment that an earlier attempt made and DescribeInternetGateways did not show yet.
        Err(error)
            if error.class == ErrorClass::AlreadyExists
                && attached(aws, id).await?.as_deref() == Some(vpc) =>
        {
            Ok(())
        }
        attached => attached.map(drop),
    }
}

async fn detach(aws: &Clients, id: &PhysicalId, vpc: &str) -> ProviderResult<()> {
    let call = aws.ec2.detach_internet_gateway().internet_gateway_id(id.as_str());
    let detached = call.vpc_id(vpc).send().await.aws("ec2", "DetachInternetGateway");
    detached.absent_is_none().map(drop)
}

fn observe(aws: &Clients, gateway: &sdk::InternetGateway) -> Observation<InternetGateway> {
    let id = gateway.internet_gateway_id().unwrap_or_default();
    let (vpc_id, health) = attachment(gateway);
    let observed = PartialInternetGateway {
        vpc_id: vpc_id.into(),
        tags: all_tags(gateway.tags()).into(),
        id: id.into(),
        arn: arn(aws, "internet-gateway", id).into(),
    };
    (PhysicalId::new(id), Found { observed, health })
}

/// The VPC that the gateway is attached to, and whether that works. One that is on its way out does not count; the state
/// of one that is there is `available`, which is none of the documented ones.
fn attachment(gateway: &sdk::InternetGateway) -> (Option<&str>, Health) {
    use AttachmentStatus::{Attaching, Detached, Detaching};
    let is_gone = |one: &&sdk::InternetGatewayAttachment| matches!(one.state(), Some(Detaching | Detached));
    let attachment = gateway.attachments().iter().find(|one| !is_gone(one));
    let health = match attachment.and_then(|attachment| attachment.state()) {
        Some(Attaching) => Health::Pending("attaching".into()),
        _ => Health::Ready,
    };
    (attachment.and_then(|attachment| attachment.vpc_id()), health)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_counts_until_it_goes() {
        for (state, vpc, health) in [
            ("available", Some("vpc-1"), Health::Ready),
            ("attached", Some("vpc-1"), Health::Ready),
            ("attaching", Some("vpc-1"), Health::Pending("attaching".into())),
            ("detaching", None, Health::Ready),
        ] {
            let one = sdk::InternetGatewayAttachment::builder()
                .vpc_id("vpc-1")
                .state(state.into())
                .build();
            let gateway = sdk::InternetGateway::builder().attachments(one).build();
            assert_eq!(attachment(&gateway), (vpc, health), "{state}");
        }
    }
}
