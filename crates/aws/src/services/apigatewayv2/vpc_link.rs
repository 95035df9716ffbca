//! `apigatewayv2.vpc_link`: the way from an API into a VPC.
//!
//! Calls: CreateVpcLink, GetVpcLink, GetVpcLinks, UpdateVpcLink, TagResource, UntagResource, DeleteVpcLink.
//! Everything but the name and the tags makes a new link. It takes 1 to 5 minutes to come and to go, since AWS
//! makes network interfaces; its id is usable at once. A link without traffic for 60 days becomes inactive and
//! wakes up with the next request: that is no fault.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-vpc-links.html>

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::VpcLinkStatus;
use futures::future::try_join_all;
use infra_core::types::{Problems, known};
use infra_core::{Attributes, Health, PhysicalId, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update, Wait, Waits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Gateway, all_pages, check_length, in_use, ours, tags_for_create, text, user_tags};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::read::Observations;
use crate::tags::Tags;

/// Up to so many links are asked for one by one; for more, all of the account are listed.
const FEW: usize = 3;

/// The type.
pub struct VpcLink {
    gateway: Gateway,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name: 1 to 128 characters, not unique.
    pub name: String,
    /// Subnets that the link has network interfaces in; in two zones at least, for availability.
    pub subnet_ids: BTreeSet<String>,
    /// Security groups of these network interfaces. They have to let the traffic out to the target.
    pub security_group_ids: Option<BTreeSet<String>>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    name: Option<String>,
    subnet_ids: BTreeSet<String>,
    security_group_ids: BTreeSet<String>,
    tags: Tags,
    /// The link's id.
    id: String,
    /// The link's ARN.
    arn: String,
}

/// The answers of CreateVpcLink, GetVpcLink and GetVpcLinks are types of their own with the same parts.
macro_rules! observe {
    ($gateway:expr, $link:expr) => {{
        let link = $link;
        let id = link.vpc_link_id().unwrap_or_default().to_owned();
        let observed = Observed {
            name: text(link.name()),
            subnet_ids: link.subnet_ids().iter().cloned().collect(),
            security_group_ids: link.security_group_ids().iter().cloned().collect(),
            tags: user_tags(link.tags()),
            arn: $gateway.arn(&format!("/vpclinks/{id}")),
            id,
        };
        Found {
            observed,
            health: health(link.vpc_link_status(), link.vpc_link_status_message()),
        }
    }};
}

impl FromClients for VpcLink {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            gateway: Gateway::new(clients),
        }
    }
}

impl ResourceType for VpcLink {
    const NAME: &'static str = "apigatewayv2.vpc_link";
    const DESCRIPTION: &'static str = "A VPC link: the way from an API into a VPC.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        "iam:CreateServiceLinkedRole",
    ];
    const EXAMPLE: &'static str = r#"
[ec2.vpc.main]
cidr_block = "10.0.0.0/16"

[ec2.subnet.private]
vpc_id     = "${ec2.vpc.main.id}"
cidr_block = "10.0.10.0/24"

[apigatewayv2.vpc_link.main]
name       = "example"
subnet_ids = ["${ec2.subnet.private.id}"]
"#;
    const TRAITS: Traits = Traits {
        immutable: &["subnet_ids", "security_group_ids"],
        waits: Waits {
            create: Some(Wait::seconds("VPC link available", 120, 900)),
            delete: Some(Wait::seconds("VPC link deleted", 120, 900)),
            ..Waits::NONE
        },
        unique_ids: true,
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_length(attributes, "name", 1, 128, problems);
        let is_empty = known(attributes, "subnet_ids")
            .and_then(Value::as_list)
            .is_some_and(<[Value]>::is_empty);
        if is_empty {
            problems.at("subnet_ids", "a VPC link needs a subnet at least");
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .gateway
            .client
            .create_vpc_link()
            .name(spec.name)
            .set_subnet_ids(Some(spec.subnet_ids.into_iter().collect()))
            .set_security_group_ids(spec.security_group_ids.map(|ids| ids.into_iter().collect()))
            .set_tags(tags_for_create(call, spec.tags.as_ref()))
            .send()
            .await
            .aws("apigatewayv2", "CreateVpcLink")?;
        let found: Found<Observed> = observe!(self.gateway, &answer);
        if found.observed.id.is_empty() {
            return Err(missing("apigatewayv2", "CreateVpcLink", "vpcLinkId"));
        }
        Ok(Created {
            id: PhysicalId::new(&found.observed.id),
            found,
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found: Vec<Found<Observed>> = if ids.len() <= FEW {
            let one_by_one = ids.iter().map(async |id| {
                let call = self.gateway.client.get_vpc_link().vpc_link_id(id.as_str());
                let answer = call.send().await;
                let answer = answer.aws("apigatewayv2", "GetVpcLink").absent_is_none()?;
                ProviderResult::Ok(answer.map(|link| observe!(self.gateway, &link)))
            });
            try_join_all(one_by_one).await?.into_iter().flatten().collect()
        } else {
            let links = all_pages!(self.gateway.client.get_vpc_links(), "GetVpcLinks").await?;
            links.iter().map(|link| observe!(self.gateway, link)).collect()
        };
        let wanted: BTreeSet<&str> = ids.iter().map(PhysicalId::as_str).collect();
        Ok(found
            .into_iter()
            .filter(|found| wanted.contains(found.observed.id.as_str()))
            .map(|found| (PhysicalId::new(&found.observed.id), found))
            .collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if update.any(&["name"]) {
            self.gateway
                .client
                .update_vpc_link()
                .vpc_link_id(id.as_str())
                .name(&update.spec.name)
                .send()
                .await
                .aws("apigatewayv2", "UpdateVpcLink")?;
        }
        if update.any(&["tags"]) {
            let path = format!("/vpclinks/{id}");
            self.gateway
                .update_tags(&path, &update.prior, update.spec.tags.as_ref())
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = self.gateway.client.delete_vpc_link().vpc_link_id(id.as_str());
        call.send()
            .await
            .aws("apigatewayv2", "DeleteVpcLink")
            .absent_is_none()
            .map_err(in_use)?;
        Ok(())
    }

    async fn recover(&self, call: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let links = all_pages!(self.gateway.client.get_vpc_links(), "GetVpcLinks").await?;
        let found = links
            .into_iter()
            .find(|link| ours(call, link.tags()) && link.vpc_link_status() != Some(&VpcLinkStatus::Deleting));
        Ok(found.and_then(|link| link.vpc_link_id).map(PhysicalId::new))
    }
}

fn health(status: Option<&VpcLinkStatus>, message: Option<&str>) -> Health {
    match status {
        Some(VpcLinkStatus::Pending) => Health::Pending("PENDING".into()),
        Some(VpcLinkStatus::Deleting) => Health::Deleting("DELETING".into()),
        Some(VpcLinkStatus::Failed) => Health::Failed(match message {
            Some(reason) if !reason.is_empty() => format!("FAILED: {reason}"),
            _ => "FAILED".into(),
        }),
        _ => Health::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_link_works_and_a_failed_one_says_why() {
        let cases = [
            (VpcLinkStatus::Available, Health::Ready),
            (VpcLinkStatus::Inactive, Health::Ready),
            (VpcLinkStatus::Pending, Health::Pending("PENDING".into())),
            (VpcLinkStatus::Deleting, Health::Deleting("DELETING".into())),
            (
                VpcLinkStatus::Failed,
                Health::Failed("FAILED: no addresses".into()),
            ),
        ];
        for (status, expected) in cases {
            assert_eq!(health(Some(&status), Some("no addresses")), expected);
        }
    }
}
