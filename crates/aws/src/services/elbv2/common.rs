//! What the load balancing types share: tags, names, protocols.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use infra_core::Attributes;
use infra_core::types::{Problems, known_str};
use infra_provider::{Call, ProviderResult};

use crate::choices::choices;
use crate::errors::{AwsResult, Tolerate};
use crate::ownership;
use crate::tags::{self, Tags};

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
pub fn known_protocol(attributes: &Attributes, name: &str) -> Option<Protocol> {
    known_str(attributes, name)?.parse().ok()
}

/// The tags of a create call.
pub fn for_create(call: &Call, user: Option<&Tags>) -> Vec<Tag> {
    to_sdk(tags::for_create(call, user))
}

fn to_sdk(tags: Tags) -> Vec<Tag> {
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
    client: &Client,
    call: &Call,
    operation: &str,
    what: &str,
    arn: &str,
) -> ProviderResult<()> {
    let tags = tags_of_one(client, arn).await.absent_is_none()?;
    ownership::check_made(call, "elbv2", operation, what, arn, tags.unwrap_or_default())
}

/// Brings the user's tags of a thing to what is wanted.
///
/// # Errors
/// What AddTags and RemoveTags answer.
pub async fn update_tags(
    client: &Client,
    arn: &str,
    prior: &Attributes,
    wanted: Option<&Tags>,
) -> ProviderResult<()> {
    let (set, removed) = tags::difference(prior, wanted);
    if !set.is_empty() {
        let call = client.add_tags().resource_arns(arn).set_tags(Some(to_sdk(set)));
        call.send().await.aws("elbv2", "AddTags")?;
    }
    if !removed.is_empty() {
        let call = client
            .remove_tags()
            .resource_arns(arn)
            .set_tag_keys(Some(removed));
        call.send().await.aws("elbv2", "RemoveTags")?;
    }
    Ok(())
}

/// Checks the name of a load balancer or target group: at most 32 letters, digits and hyphens, the first
/// and last no hyphen.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>
pub fn check_name(attributes: &Attributes, problems: &mut Problems) {
    let Some(name) = known_str(attributes, "name") else {
        return;
    };
    let length = name.chars().count();
    if length == 0 || length > 32 {
        problems.at(
            "name",
            format!("`{name}` has {length} characters: AWS takes 1 to 32"),
        );
    } else if let Some(wrong) = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        problems.at(
            "name",
            format!("`{name}` has `{wrong}` in it: AWS takes letters, digits and hyphens"),
        );
    } else if name.starts_with('-') || name.ends_with('-') {
        problems.at(
            "name",
            format!("`{name}` may neither start nor end with a hyphen"),
        );
    }
}

/// Checks that a whole number lies between two bounds, both included.
pub fn check_range(path: &str, value: Option<i64>, lowest: i64, highest: i64, problems: &mut Problems) {
    if let Some(value) = value.filter(|value| !(lowest..=highest).contains(value)) {
        problems.at(path, format!("{value} is not between {lowest} and {highest}"));
    }
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
