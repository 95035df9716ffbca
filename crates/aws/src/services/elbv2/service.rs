//! What is the same for all types of Elastic Load Balancing.

use infra_provider::{Service, TagRules};

use super::common::to_sdk;
use crate::prelude::*;

/// Elastic Load Balancing, version 2. Things are named by their ARN.
pub struct Elbv2;

impl Service for Elbv2 {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] =
        &["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"];
    const TAG_RULES: TagRules = TagRules {
        plain: true,
        caseless: false,
        source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Tag.html",
    };

    async fn tag(clients: &Clients, arn: &str, tags: Tags) -> ProviderResult<()> {
        let call = clients
            .elbv2
            .add_tags()
            .resource_arns(arn)
            .set_tags(Some(to_sdk(tags)));
        call.send().await.aws("elbv2", "AddTags").map(drop)
    }

    async fn untag(clients: &Clients, arn: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = clients
            .elbv2
            .remove_tags()
            .resource_arns(arn)
            .set_tag_keys(Some(keys));
        call.send().await.aws("elbv2", "RemoveTags").map(drop)
    }
}
