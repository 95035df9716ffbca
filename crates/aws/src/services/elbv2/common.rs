//! What the load balancing types share: tags, names, protocols.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;

use crate::ownership;
use crate::prelude::*;
use crate::tags;

/// Describe calls take at most 20 ARNs.
pub const ARNS: usize = 20;

choices! {
    /// A protocol of listeners and target groups.
    Protocol {
        /// HTTP; application load balancers.
        Http = "HTTP",
        /// HTTP over TLS; application load balancers.
        Https = "HTTPS",
        /// TCP; network load balancers.
        Tcp = "TCP",
        /// TLS that the network load balancer ends.
        Tls = "TLS",
        /// UDP; network load balancers.
        Udp = "UDP",
        /// TCP and UDP on one port; network load balancers.
        TcpUdp = "TCP_UDP",
    }
}

impl Protocol {
    /// Whether application load balancers speak it; network load balancers speak the others.
    pub const fn is_of_application(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether a listener of it has a certificate.
    pub const fn has_certificate(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }
}

/// The known protocol of an attribute.
pub fn known_protocol(attributes: &Attributes, field: impl FieldName) -> Option<Protocol> {
    known_str(attributes, field)?.parse().ok()
}

/// The tags of a create call.
pub fn for_create(call: &Call, user: Option<Tags>) -> Vec<Tag> {
    to_sdk(tags::for_create(call, user.as_ref()))
}

/// Tags for a call.
pub fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// All tags of things, ours included, by ARN. At most [`ARNS`] things.
///
/// # Errors
/// What DescribeTags answers; it refuses all when one is not there.
pub async fn tags_of(client: &Client, arns: Vec<String>) -> ProviderResult<BTreeMap<String, Tags>> {
    if arns.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer = client
        .describe_tags()
        .set_resource_arns(Some(arns))
        .send()
        .await
        .aws("elbv2", "DescribeTags")?;
    let described = answer.tag_descriptions.unwrap_or_default();
    Ok(described
        .into_iter()
        .map(|thing| {
            let tags = thing.tags.unwrap_or_default().into_iter();
            let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())));
            (thing.resource_arn.unwrap_or_default(), tags.collect())
        })
        .collect())
}

/// All tags of one thing.
///
/// # Errors
/// What DescribeTags answers.
pub async fn tags_of_one(client: &Client, arn: &str) -> ProviderResult<Tags> {
    let mut tags = tags_of(client, vec![arn.to_owned()]).await?;
    Ok(tags.remove(arn).unwrap_or_default())
}

/// Whether a create call made what it has answered with: with the settings of one that exists AWS answers with that one.
///
/// # Errors
/// Those of [`ownership::check_made`], and what DescribeTags answers.
pub async fn check_made(
    aws: &Clients,
    call: &Call,
    operation: &str,
    what: &str,
    arn: &str,
) -> ProviderResult<()> {
    let tags = tags_of_one(&aws.elbv2, arn).await.absent_is_none()?;
    ownership::check_made(call, "elbv2", operation, what, arn, tags.unwrap_or_default())
}

/// The part of an ARN that CloudWatch and Application Auto Scaling call the full name: `app/main/0123456789abcdef`
/// of a load balancer, `targetgroup/main/0123456789abcdef` of a target group.
pub fn full_name(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    resource
        .strip_prefix("loadbalancer/")
        .unwrap_or(resource)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_are_the_ends_of_arns() {
        for (arn, name) in [
            (
                "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/main/0123456789abcdef",
                "app/main/0123456789abcdef",
            ),
            (
                "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/main/0123456789abcdef",
                "targetgroup/main/0123456789abcdef",
            ),
            ("nonsense", ""),
        ] {
            assert_eq!(full_name(arn), name);
        }
    }
}
