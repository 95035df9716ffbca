//! What is the same for all types of ECS.

use infra_provider::{Service, TagRules};

use super::common::to_sdk;
use crate::prelude::*;

/// ECS. Things are named by their ARN.
pub struct Ecs;

impl Service for Ecs {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &["ecs:TagResource", "ecs:UntagResource"];
    const TAG_RULES: TagRules = TagRules {
        plain: true,
        caseless: false,
        source: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html",
    };

    async fn tag(aws: &Clients, arn: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws
            .ecs
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(to_sdk(tags)));
        call.send().await.aws("ecs", "TagResource").map(drop)
    }

    async fn untag(aws: &Clients, arn: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws
            .ecs
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        call.send().await.aws("ecs", "UntagResource").map(drop)
    }
}
