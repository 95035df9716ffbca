//! What is the same for all types of API Gateway.

use infra_provider::Service;

use crate::prelude::*;

/// API Gateway, version 2. What has tags is tagged by its ARN.
pub struct ApiGateway;

impl Service for ApiGateway {
    type Clients = Clients;

    async fn tag(aws: &Clients, arn: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws.apigatewayv2.tag_resource().resource_arn(arn);
        let tagged = call.set_tags(Some(tags.into_iter().collect())).send().await;
        tagged.aws("apigatewayv2", "TagResource").map(drop)
    }

    async fn untag(aws: &Clients, arn: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws
            .apigatewayv2
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys));
        let untagged = call.send().await.aws("apigatewayv2", "UntagResource");
        untagged.absent_is_none().map(drop)
    }
}
