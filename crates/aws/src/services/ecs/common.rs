//! What the ECS types share: tags, service ARNs, and reading services.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, CapacityProviderStrategyItem, ServiceField, Tag};
use futures::future::try_join_all;
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError};
use infra_provider::{Call, ProviderResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::errors::{AwsResult, Tolerate};
use crate::joined::Joined;
use crate::tags::{self, Tags};

/// DescribeServices takes at most 10 services of one cluster.
const SERVICES: usize = 10;

/// The tags of a create call.
pub fn for_create(call: &Call, user: Option<&Tags>) -> Vec<Tag> {
    to_sdk(tags::for_create(call, user))
}

fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// All tags, ours included.
pub fn all_tags(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

/// Brings the user's tags of a thing to what is wanted.
///
/// # Errors
/// What TagResource and UntagResource answer.
pub async fn update_tags(
    client: &Client,
    arn: &str,
    prior: &Attributes,
    wanted: Option<&Tags>,
) -> ProviderResult<()> {
    let (set, removed) = tags::difference(prior, wanted);
    if !set.is_empty() {
        let call = client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(to_sdk(set)));
        call.send().await.aws("ecs", "TagResource")?;
    }
    if !removed.is_empty() {
        let call = client
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(removed));
        call.send().await.aws("ecs", "UntagResource")?;
    }
    Ok(())
}

/// A share of the tasks for a capacity provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityProviderShare {
    /// The capacity provider: `FARGATE`, `FARGATE_SPOT`, or one of the account's own.
    pub capacity_provider: String,
    /// Its share of the tasks beyond all bases, 0 to 1000. AWS's default is 0.
    #[schemars(extend("default" = 0))]
    pub weight: Option<i32>,
    /// Tasks that it gets before any share counts. AWS's default is 0. One provider only may have a base.
    #[schemars(extend("default" = 0))]
    pub base: Option<i32>,
}

/// For a call.
///
/// # Errors
/// A share without a capacity provider, which no decoded one is.
pub fn strategy_to_sdk(
    shares: &[CapacityProviderShare],
) -> ProviderResult<Vec<CapacityProviderStrategyItem>> {
    shares
        .iter()
        .map(|share| {
            CapacityProviderStrategyItem::builder()
                .capacity_provider(&share.capacity_provider)
                .weight(share.weight.unwrap_or(0))
                .base(share.base.unwrap_or(0))
                .build()
                .map_err(incomplete)
        })
        .collect()
}

/// As AWS tells them.
pub fn strategy_from_sdk(shares: &[CapacityProviderStrategyItem]) -> Vec<CapacityProviderShare> {
    shares
        .iter()
        .map(|share| CapacityProviderShare {
            capacity_provider: share.capacity_provider().to_owned(),
            weight: Some(share.weight()),
            base: Some(share.base()),
        })
        .collect()
}

/// A request that the SDK refuses to build because a required part is missing.
pub fn incomplete(error: impl std::error::Error) -> ProviderError {
    ProviderError::new(ErrorClass::Invalid, error.to_string())
}

/// The cluster's name in a service's ARN, `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME`.
///
/// # Errors
/// [`ErrorClass::Invalid`] when it is none, or one of the old form without the cluster.
pub fn cluster_of(service_arn: &str) -> ProviderResult<&str> {
    service_name_and_cluster(service_arn).map(|(cluster, _)| cluster)
}

/// Cluster and name in a service's ARN.
///
/// # Errors
/// See [`cluster_of`].
pub fn service_name_and_cluster(service_arn: &str) -> ProviderResult<(&str, &str)> {
    service_arn
        .split_once(":service/")
        .filter(|(before, _)| before.starts_with("arn:"))
        .and_then(|(_, path)| path.split_once('/'))
        .filter(|(cluster, name)| !cluster.is_empty() && !name.is_empty())
        .ok_or_else(|| {
            let message = format!("`{service_arn}` is not the ARN of an ECS service");
            ProviderError::new(ErrorClass::Invalid, message)
                .hint("it looks like arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME")
        })
}

/// Reads services by ARN, 10 of a cluster in a call. What is not there, or deleted and only remembered, is
/// left out; so is everything of a cluster that is gone.
///
/// # Errors
/// A malformed ARN, and what DescribeServices answers.
pub async fn describe_services(
    client: &Client,
    joined: &Joined<sdk::Service>,
    ids: &[PhysicalId],
) -> ProviderResult<Vec<sdk::Service>> {
    let client = client.clone();
    let fetch = move |arns: Vec<String>| async move {
        let ids: Vec<PhysicalId> = arns.into_iter().map(PhysicalId::new).collect();
        let there = described(&client, &ids).await?.into_iter();
        Ok(there
            .filter_map(|service| Some((service.service_arn.clone()?, service)))
            .collect::<BTreeMap<_, _>>())
    };
    let there = joined.read(ids.iter().map(ToString::to_string), fetch).await?;
    Ok(ids
        .iter()
        .filter_map(|id| there.get(id.as_str()).cloned())
        .collect())
}

async fn described(client: &Client, ids: &[PhysicalId]) -> ProviderResult<Vec<sdk::Service>> {
    let mut by_cluster: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for id in ids {
        by_cluster
            .entry(cluster_of(id.as_str())?)
            .or_default()
            .push(id.as_str());
    }
    let batches = by_cluster
        .iter()
        .flat_map(|(cluster, arns)| arns.chunks(SERVICES).map(move |arns| (*cluster, arns)));
    let found = try_join_all(batches.map(async |(cluster, arns)| {
        let names = arns.iter().map(ToString::to_string).collect();
        describe_some(client, cluster, names).await
    }))
    .await?;
    Ok(found.into_iter().flatten().collect())
}

/// Reads one service by cluster and name or ARN; `None` when it is not there or deleted.
///
/// # Errors
/// What DescribeServices answers.
pub async fn describe_service(
    client: &Client,
    cluster: &str,
    service: &str,
) -> ProviderResult<Option<sdk::Service>> {
    let found = describe_some(client, cluster, vec![service.to_owned()]).await?;
    Ok(found.into_iter().next())
}

async fn describe_some(
    client: &Client,
    cluster: &str,
    services: Vec<String>,
) -> ProviderResult<Vec<sdk::Service>> {
    let answer = client
        .describe_services()
        .cluster(cluster)
        .set_services(Some(services))
        .include(ServiceField::Tags)
        .send()
        .await
        .aws("ecs", "DescribeServices")
        .absent_is_none()?;
    let services = answer.and_then(|answer| answer.services).unwrap_or_default();
    Ok(services
        .into_iter()
        .filter(|service| service.status() != Some("INACTIVE"))
        .collect())
}

/// Checks that a known text is an ARN of ECS with this resource, such as `:cluster/`. AWS takes names as
/// well, but always tells ARNs, so that a name would show as a difference for ever.
pub fn check_arn(
    attributes: &Attributes,
    name: &str,
    part: &str,
    example: &str,
    problems: &mut infra_core::types::Problems,
) {
    let text = infra_core::types::known_str(attributes, name);
    if let Some(text) = text.filter(|text| !text.starts_with("arn:") || !text.contains(part)) {
        let message = format!("`{text}` is no ARN with `{part}`");
        problems.at_with_help(name, message, format!("refer to it: {example}"));
    }
}

/// The same for a task definition, whose ARN has to end with the revision: AWS takes one without, runs the
/// newest revision, and tells that one's ARN.
pub fn check_task_definition_arn(attributes: &Attributes, problems: &mut infra_core::types::Problems) {
    const NAME: &str = "task_definition";
    const PART: &str = ":task-definition/";
    const EXAMPLE: &str = "\"${ecs.task_definition.app.arn}\"";
    check_arn(attributes, NAME, PART, EXAMPLE, problems);
    let text = infra_core::types::known_str(attributes, NAME);
    let Some((_, revision)) = text.and_then(|text| text.split_once(PART)) else {
        return;
    };
    let number = revision.split_once(':').map(|(_, number)| number);
    if number.is_none_or(|number| number.parse::<u32>().is_err()) {
        let message = format!("`{revision}` has no revision, such as `app:7`");
        problems.at_with_help(NAME, message, format!("refer to it: {EXAMPLE}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_arns_that_name_their_cluster() {
        let arn = "arn:aws:ecs:us-east-1:123456789012:service/main/app";
        assert_eq!(service_name_and_cluster(arn).unwrap(), ("main", "app"));
        for wrong in [
            "app",
            "main/app",
            "arn:aws:ecs:us-east-1:123456789012:service/app",
            "",
        ] {
            let error = cluster_of(wrong).unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid, "{wrong}");
        }
    }
}
