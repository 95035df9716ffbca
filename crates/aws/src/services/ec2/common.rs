//! What the EC2 types share: tags and filters.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use infra_core::Attributes;
use infra_core::types::Problems;
use infra_provider::{Call, ProviderResult};
use ipnet::Ipv4Net;

use crate::errors::AwsResult;
use crate::tags::{self, Tags};

/// A describe call takes at most 200 values in one filter.
pub const FILTER_VALUES: usize = 200;

/// The tags of a create call.
pub fn tag_specification(call: &Call, kind: ResourceType, user: Option<&Tags>) -> TagSpecification {
    let tags = tags::for_create(call, user)
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.collect()))
        .build()
}

/// The user's tags among those that AWS tells.
pub fn user_tags(tags: &[Tag]) -> Tags {
    tags::of_user(
        tags.iter()
            .map(|tag| (tag.key().map(str::to_owned), tag.value().map(str::to_owned))),
    )
}

/// A filter by name with values. A filter finds what is there; ids given as such fail when one is missing.
pub fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().collect()))
        .build()
}

/// The filters that find what the create call of this intent left.
pub fn ours(call: &Call) -> Vec<Filter> {
    call.tags()
        .into_iter()
        .map(|(key, value)| filter(&format!("tag:{key}"), [value]))
        .collect()
}

/// Brings the user's tags of a resource to what is wanted.
///
/// # Errors
/// What CreateTags and DeleteTags answer.
pub async fn update_tags(
    client: &Client,
    id: &str,
    prior: &Attributes,
    wanted: Option<&Tags>,
) -> ProviderResult<()> {
    let (set, removed) = tags::difference(prior, wanted);
    if !set.is_empty() {
        let tags = set
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        client
            .create_tags()
            .resources(id)
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .aws("ec2", "CreateTags")?;
    }
    if !removed.is_empty() {
        let tags = removed.into_iter().map(|key| Tag::builder().key(key).build());
        client
            .delete_tags()
            .resources(id)
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .aws("ec2", "DeleteTags")?;
    }
    Ok(())
}

/// Checks that `text` is an IPv4 network whose prefix is between `widest` and `narrowest` bits, both
/// included. AWS itself would silently cut bits behind the prefix off, which then shows as drift for ever.
pub fn check_cidr(path: &str, text: &str, widest: u8, narrowest: u8, problems: &mut Problems) {
    let Ok(network) = text.parse::<Ipv4Net>() else {
        return problems.at(path, format!("`{text}` is no IPv4 network such as 10.0.0.0/16"));
    };
    let bits = network.prefix_len();
    if network.trunc() != network {
        problems.at(
            path,
            format!(
                "{text} has bits behind its prefix: did you mean {}?",
                network.trunc()
            ),
        );
    } else if !(widest..=narrowest).contains(&bits) {
        let size = if bits < widest { "large" } else { "small" };
        problems.at(
            path,
            format!("{text} is too {size}: AWS takes /{widest} to /{narrowest}"),
        );
    }
}
