//! What is the same for all types of CloudWatch Logs.

use infra_provider::{Service, TagRules};

use crate::prelude::*;

/// CloudWatch Logs. Log groups are named by their name, and tagged by their ARN.
pub struct Logs;

impl Service for Logs {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &["logs:TagResource", "logs:UntagResource"];
    const TAG_RULES: TagRules = TagRules {
        plain: true,
        caseless: false,
        source: "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html",
    };

    async fn tag(aws: &Clients, name: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws.logs.tag_resource().resource_arn(arn_of(aws, name));
        let tagged = call.set_tags(Some(tags.into_iter().collect())).send().await;
        tagged.aws("logs", "TagResource").map(drop)
    }

    async fn untag(aws: &Clients, name: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws.logs.untag_resource().resource_arn(arn_of(aws, name));
        let untagged = call.set_tag_keys(Some(keys)).send().await;
        untagged.aws("logs", "UntagResource").map(drop)
    }
}

/// The ARN of a log group, without `:*` at its end.
pub fn arn_of(aws: &Clients, name: &str) -> String {
    let (partition, account) = (&aws.identity.partition, &aws.identity.account_id);
    format!("arn:{partition}:logs:{}:{account}:log-group:{name}", aws.region)
}
