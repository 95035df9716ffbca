//! What is the same for all types of Application Auto Scaling.

use infra_provider::Service;

use crate::prelude::*;

/// Application Auto Scaling. Scalable targets are tagged by their ARN.
pub struct AutoScaling;

impl Service for AutoScaling {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &[
        "application-autoscaling:TagResource",
        "application-autoscaling:UntagResource",
    ];

    async fn tag(aws: &Clients, arn: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws.applicationautoscaling.tag_resource().resource_arn(arn);
        let tagged = call.set_tags(Some(tags.into_iter().collect())).send().await;
        tagged.aws("applicationautoscaling", "TagResource").map(drop)
    }

    async fn untag(aws: &Clients, arn: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws
            .applicationautoscaling
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        call.send()
            .await
            .aws("applicationautoscaling", "UntagResource")
            .map(drop)
    }
}
