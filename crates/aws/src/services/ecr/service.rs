//! What is the same for all types of ECR.

use aws_sdk_ecr::types::Tag;
use infra_provider::{Service, TagRules};

use crate::errors::built;
use crate::prelude::*;

/// ECR. Repositories are named by their name, and tagged by their ARN.
pub struct Ecr;

impl Service for Ecr {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &["ecr:TagResource", "ecr:UntagResource"];
    const TAG_RULES: TagRules = TagRules {
        plain: true,
        caseless: false,
        source: "https://github.com/aprin-labs/archimedes/pull/1054",
    };

    async fn tag(aws: &Clients, arn: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws
            .ecr
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(to_sdk(tags)?));
        call.send().await.aws("ecr", "TagResource").map(drop)
    }

    async fn untag(aws: &Clients, arn: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws
            .ecr
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        call.send().await.aws("ecr", "UntagResource").map(drop)
    }
}

/// Tags for a call.
///
/// # Errors
/// None, with keys and values.
pub fn to_sdk(tags: Tags) -> ProviderResult<Vec<Tag>> {
    let tags = tags.into_iter();
    tags.map(|(key, value)| built(Tag::builder().key(key).value(value).build()))
        .collect()
}
