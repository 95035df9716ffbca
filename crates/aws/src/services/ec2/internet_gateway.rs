//! `ec2.internet_gateway`: the way between a VPC and the internet.
//!
//! Calls: CreateInternetGateway, AttachInternetGateway, DetachInternetGateway, DescribeInternetGateways,
//! CreateTags, DeleteTags, DeleteInternetGateway. A gateway is made without a VPC and attached afterwards.
//! It cannot be detached while public addresses are mapped in the VPC: DependencyViolation, until the NAT
//! gateways and load balancers that have them are gone.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html>

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{self as sdk, AttachmentStatus};
use infra_core::types::known_str;
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, Value};
use infra_provider::{Call, Created, Found, Obstacle, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    FILTER_VALUES, Place, filter, is_ours, ours, refusal, tag_specification, update_tags, user_tags,
};
use super::obstacles::{interfaces, of_interfaces};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::{Observations, in_batches};
use crate::tags::Tags;

/// The type.
pub struct InternetGateway {
    client: Client,
    place: Place,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC that it is attached to, `vpc-…`; one VPC takes one internet gateway. Without it the gateway is
    /// attached to none.
    pub vpc_id: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
    tags: Tags,
    /// The gateway's id, `igw-…`.
    id: String,
    /// The gateway's ARN.
    arn: String,
}

impl FromClients for InternetGateway {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ec2.clone(),
            place: Place::of(clients),
        }
    }
}

impl ResourceType for InternetGateway {
    const NAME: &'static str = "ec2.internet_gateway";
    const DESCRIPTION: &'static str = "The way between a VPC and the internet.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ec2:CreateInternetGateway",
        "ec2:AttachInternetGateway",
        "ec2:DetachInternetGateway",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:CreateTags",
        "ec2:DeleteTags",
        "ec2:DeleteInternetGateway",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.internet_gateway.main]
vpc_id = "${ec2.vpc.main.id}"
tags   = { Name = "main" }
"#;
    const TRAITS: Traits = Traits {
        set_after_create: &["vpc_id"],
        natural_key: &["vpc_id"],
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_internet_gateway()
            .tag_specifications(tag_specification(
                call,
                sdk::ResourceType::InternetGateway,
                spec.tags.as_ref(),
            ))
            .send()
            .await
            .aws("ec2", "CreateInternetGateway")?;
        let gateway = answer
            .internet_gateway
            .ok_or_else(|| missing("ec2", "CreateInternetGateway", "internetGateway"))?;
        let (id, found) = self.observe(&gateway);
        Ok(Created { id, found })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, FILTER_VALUES, async |ids| {
            let gateways = self.describe(filter("internet-gateway-id", ids)).await?;
            Ok(gateways.iter().map(|gateway| self.observe(gateway)).collect())
        })
        .await
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if update.any(&["vpc_id"]) {
            let wanted = update.spec.vpc_id.as_deref();
            // One that was just made is attached to nothing, and a look would only take time.
            let there = match update.prior.get("vpc_id") {
                None | Some(Value::Null) => Vec::new(),
                _ => self.attached(id).await?,
            };
            for vpc in there.iter().filter(|vpc| Some(vpc.as_str()) != wanted) {
                self.detach(id, vpc).await?;
            }
            if let Some(vpc) = wanted.filter(|vpc| !there.iter().any(|there| there == vpc)) {
                self.attach(call, id, vpc).await?;
            }
        }
        if update.any(&["tags"]) {
            update_tags(
                &self.client,
                id.as_str(),
                &update.prior,
                update.spec.tags.as_ref(),
            )
            .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        for vpc in self.attached(id).await? {
            self.detach(id, &vpc).await?;
        }
        self.client
            .delete_internet_gateway()
            .internet_gateway_id(id.as_str())
            .send()
            .await
            .aws("ec2", "DeleteInternetGateway")
            .absent_is_none()?;
        Ok(())
    }

    /// It is detached once no interface of the VPC has a public address any more.
    async fn in_the_way(&self, _: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let Some(vpc) = known_str(last, "vpc_id") else {
            return Ok(Vec::new());
        };
        let mut found = interfaces(&self.client, filter("vpc-id", [vpc.to_owned()])).await?;
        found.retain(|interface| interface.association().is_some());
        Ok(of_interfaces(&found))
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let found = self
            .client
            .describe_internet_gateways()
            .set_filters(Some(ours(call)))
            .send()
            .await
            .aws("ec2", "DescribeInternetGateways")?;
        let gateways = found.internet_gateways.unwrap_or_default();
        Ok(gateways
            .into_iter()
            .filter(|gateway| is_ours(call, gateway.tags()))
            .find_map(|gateway| gateway.internet_gateway_id)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(vpc) = known_str(attributes, "vpc_id") else {
            return Ok(Vec::new());
        };
        let gateways = self
            .describe(filter("attachment.vpc-id", [vpc.to_owned()]))
            .await?;
        let ids = gateways
            .into_iter()
            .filter_map(|gateway| gateway.internet_gateway_id);
        Ok(ids.map(PhysicalId::new).collect())
    }
}

impl InternetGateway {
    async fn describe(&self, by: sdk::Filter) -> ProviderResult<Vec<sdk::InternetGateway>> {
        let pages = self
            .client
            .describe_internet_gateways()
            .filters(by)
            .into_paginator();
        pages
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .aws("ec2", "DescribeInternetGateways")
    }

    /// The VPCs that the gateway is attached to now: none or one.
    async fn attached(&self, id: &PhysicalId) -> ProviderResult<Vec<String>> {
        let gateways = self
            .describe(filter("internet-gateway-id", [id.to_string()]))
            .await?;
        Ok(gateways
            .iter()
            .flat_map(sdk::InternetGateway::attachments)
            .filter(|attachment| !is_gone(attachment))
            .filter_map(|attachment| attachment.vpc_id().map(str::to_owned))
            .collect())
    }

    async fn attach(&self, call: &Call, id: &PhysicalId, vpc: &str) -> ProviderResult<()> {
        let attached = self
            .client
            .attach_internet_gateway()
            .internet_gateway_id(id.as_str())
            .vpc_id(vpc)
            .send()
            .await
            .aws("ec2", "AttachInternetGateway");
        match attached {
            // An attachment that an earlier attempt made and DescribeInternetGateways did not show yet.
            Err(error)
                if error.class == ErrorClass::AlreadyExists
                    && self.attached(id).await?.iter().any(|there| there == vpc) =>
            {
                Ok(())
            }
            Err(error) => Err(taken(refusal(call, "the gateway's, igw-…")(error), vpc)),
            Ok(_) => Ok(()),
        }
    }

    async fn detach(&self, id: &PhysicalId, vpc: &str) -> ProviderResult<()> {
        self.client
            .detach_internet_gateway()
            .internet_gateway_id(id.as_str())
            .vpc_id(vpc)
            .send()
            .await
            .aws("ec2", "DetachInternetGateway")
            .absent_is_none()?;
        Ok(())
    }

    fn observe(&self, gateway: &sdk::InternetGateway) -> (PhysicalId, Found<Observed>) {
        let id = gateway.internet_gateway_id().unwrap_or_default().to_owned();
        let (vpc_id, health) = attachment(gateway);
        let observed = Observed {
            vpc_id,
            tags: user_tags(gateway.tags()),
            arn: self.place.arn("internet-gateway", &id),
            id,
        };
        (PhysicalId::new(&observed.id), Found { observed, health })
    }
}

/// The VPC that the gateway is attached to, and whether that works.
fn attachment(gateway: &sdk::InternetGateway) -> (Option<String>, Health) {
    let attachment = gateway
        .attachments()
        .iter()
        .find(|attachment| !is_gone(attachment));
    let vpc = attachment.and_then(|attachment| attachment.vpc_id());
    let health = match attachment.and_then(|attachment| attachment.state()) {
        Some(AttachmentStatus::Attaching) => Health::Pending("attaching".into()),
        _ => Health::Ready,
    };
    (vpc.map(str::to_owned), health)
}

/// Whether an attachment is on its way out. The state of one that is there is `available`, which is none of
/// the documented ones.
fn is_gone(attachment: &sdk::InternetGatewayAttachment) -> bool {
    matches!(
        attachment.state(),
        Some(AttachmentStatus::Detaching | AttachmentStatus::Detached)
    )
}

/// AWS answers InvalidParameterValue when the VPC has another gateway already.
fn taken(error: ProviderError, vpc: &str) -> ProviderError {
    if error.message.contains("already has an internet gateway attached") {
        return ProviderError {
            class: ErrorClass::AlreadyExists,
            ..error
        }
        .hint(format!("{vpc} has another internet gateway, and takes only one"));
    }
    error
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
            assert_eq!(attachment(&gateway), (vpc.map(str::to_owned), health), "{state}");
        }
    }

    #[test]
    fn a_vpc_that_has_another_gateway_is_taken() {
        let error = |message: &str| taken(ProviderError::new(ErrorClass::Invalid, message), "vpc-1");
        let there = error("Network vpc-1 already has an internet gateway attached");
        assert_eq!(there.class, ErrorClass::AlreadyExists);
        assert_eq!(error("no").class, ErrorClass::Invalid);
    }
}
