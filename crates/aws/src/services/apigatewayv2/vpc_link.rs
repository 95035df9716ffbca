//! `apigatewayv2.vpc_link`: the way from an API into a VPC.
//!
//! Calls: CreateVpcLink, GetVpcLink, GetVpcLinks, UpdateVpcLink, TagResource, UntagResource, DeleteVpcLink. Everything
//! but the name and the tags makes a new link. It takes 1 to 5 minutes to come and to go, since AWS makes network
//! interfaces; its id is usable at once. A link without traffic for 60 days becomes inactive and wakes up with the next
//! request: that is no fault.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::VpcLinkStatus;
use futures::future::try_join_all;

use super::common::{all_pages, all_tags, arn, tags_for_create, text};
use super::service::ApiGateway;
use crate::prelude::*;
use crate::tags;

/// Up to so many links are asked for one by one; for more, all of the account are listed.
const FEW: usize = 3;

/// A VPC link: the way from an API into a VPC.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-vpc-links.html")]
pub struct VpcLink {
    /// The name, not unique.
    #[attribute(length = 1..=128)]
    pub name: String,
    /// Subnets that the link has network interfaces in; in two zones at least, for availability.
    #[attribute(immutable, count = 1..=10)]
    pub subnet_ids: BTreeSet<String>,
    /// Security groups of these network interfaces. They have to let the traffic out to the target.
    #[attribute(immutable)]
    pub security_group_ids: Option<BTreeSet<String>>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The link's id.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The link's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

/// The answers of CreateVpcLink, GetVpcLink and GetVpcLinks are types of their own with the same parts.
macro_rules! observe {
    ($aws:expr, $link:expr) => {{
        let link = $link;
        let id = link.vpc_link_id().unwrap_or_default();
        let observed = PartialVpcLink {
            name: text(link.name()).into(),
            subnet_ids: Vec::from_iter(link.subnet_ids().iter().cloned()).into(),
            security_group_ids: Vec::from_iter(link.security_group_ids().iter().cloned()).into(),
            tags: all_tags(link.tags()).into(),
            id: id.into(),
            arn: arn($aws, &format!("/vpclinks/{id}")).into(),
        };
        let health = health(link.vpc_link_status(), link.vpc_link_status_message());
        (PhysicalId::new(id), Found { observed, health })
    }};
}

impl Resource for VpcLink {
    const NAME: &'static str = "apigatewayv2.vpc_link";
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
    const RULES: Rules<VpcLinkField> = Rules {
        waits: Waits {
            create: Some(Wait::seconds("VPC link available", 120, 900)),
            delete: Some(Wait::seconds("VPC link deleted", 120, 900)),
            ..Waits::NONE
        },
        ..Rules::UNIQUE_IDS
    };
    type Service = ApiGateway;

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialVpcLink>> {
        let answer = aws
            .apigatewayv2
            .create_vpc_link()
            .name(spec.name)
            .set_subnet_ids(Some(Vec::from_iter(spec.subnet_ids)))
            .set_security_group_ids(spec.security_group_ids.map(Vec::from_iter))
            .set_tags(tags_for_create(call, spec.tags))
            .send()
            .await
            .aws("apigatewayv2", "CreateVpcLink")?;
        Ok(observe!(aws, &answer).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found: Vec<Observation<Self>> = if ids.len() <= FEW {
            let one_by_one = ids.iter().map(async |id| {
                let answer = aws
                    .apigatewayv2
                    .get_vpc_link()
                    .vpc_link_id(id.as_str())
                    .send()
                    .await;
                let answer = answer.aws("apigatewayv2", "GetVpcLink").absent_is_none()?;
                ProviderResult::Ok(answer.map(|link| observe!(aws, &link)))
            });
            try_join_all(one_by_one).await?.into_iter().flatten().collect()
        } else {
            all(aws).await?
        };
        Ok(found.into_iter().filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let call = aws.apigatewayv2.update_vpc_link().vpc_link_id(id.as_str());
        let updated = call.name(&update.spec.name).send().await;
        updated.aws("apigatewayv2", "UpdateVpcLink").map(drop)
    }

    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        tags::arn_in(id, prior)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.apigatewayv2.delete_vpc_link().vpc_link_id(id.as_str());
        call.send().await.aws("apigatewayv2", "DeleteVpcLink").map(drop)
    }

    async fn left(aws: &Clients, _: &Call, _: &PartialVpcLink) -> ProviderResult<Observations<Self>> {
        Ok(all(aws).await?.into_iter().collect())
    }
}

async fn all(aws: &Clients) -> ProviderResult<Vec<Observation<VpcLink>>> {
    let links = all_pages!(aws.apigatewayv2.get_vpc_links(), "GetVpcLinks").await?;
    Ok(links.iter().map(|link| observe!(aws, link)).collect())
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
