//! What the ECS types share: tags, service ARNs, and reading services.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, CapacityProviderStrategyItem, ServiceField, Tag};
use futures::future::try_join_all;

use crate::errors::built;
use crate::prelude::*;
use crate::tags;

/// DescribeServices takes at most 10 services of one cluster.
const SERVICES: usize = 10;

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

/// All tags, ours included.
pub fn all_tags(tags: &[Tag]) -> Tags {
    tags.iter()
        .filter_map(|tag| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default())))
        .collect()
}

/// A share of the tasks for a capacity provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html"
)]
pub struct CapacityProviderShare {
    /// The capacity provider: `FARGATE`, `FARGATE_SPOT`, or one of the account's own.
    #[attribute(length = 1..=255)]
    #[attribute(
        except(
            "^(aws|ecs|fargate)",
            "begins as no name of the account's own may, and AWS's own are `FARGATE` and `FARGATE_SPOT`"
        ),
        source = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html"
    )]
    pub capacity_provider: String,
    /// Its share of the tasks beyond all bases.
    #[attribute(default = 0, range = 0..=1000)]
    pub weight: Option<i32>,
    /// Tasks that it gets before any share counts. One provider only may have a base.
    #[attribute(default = 0, range = 0..=100_000)]
    pub base: Option<i32>,
}

/// Checks that one capacity provider at most has a base, that one at least has a share, and that those of Fargate and
/// those of the account are apart.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-capacity-providers.html>
pub fn check_strategy(
    attribute: &str,
    shares: &Partial<Vec<Partial<PartialCapacityProviderShare>>>,
    problems: &mut Problems,
) {
    let with_base = shares
        .known_elements()
        .filter(|(_, share)| share.base.known() > Some(&0));
    if with_base.count() > 1 {
        problems.at(attribute, "one capacity provider only may have a base");
    }
    let has_no_share = |share: &Partial<PartialCapacityProviderShare>| {
        let weight = share.known().map(|share| share.weight);
        matches!(weight, Some(Partial::Unset | Partial::Known(0)))
    };
    let all = shares.elements();
    if all.len() > 1 && all.iter().all(has_no_share) {
        problems.at(
            attribute,
            "one of several capacity providers at least needs a `weight` above 0",
        );
    }
    let names = || {
        let names = shares.known_elements();
        names.filter_map(|(_, share)| share.capacity_provider.as_str())
    };
    let is_fargate = |name: &str| name.starts_with("FARGATE");
    if let (Some(fargate), Some(own)) = (
        names().find(|name| is_fargate(name)),
        names().find(|name| !is_fargate(name)),
    ) {
        let message = format!("`{fargate}` and `{own}` are not for one strategy: Fargate's stand alone");
        problems.at(attribute, message);
    }
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
            let item = CapacityProviderStrategyItem::builder()
                .capacity_provider(&share.capacity_provider)
                .weight(share.weight.unwrap_or(0))
                .base(share.base.unwrap_or(0));
            built(item.build())
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
pub async fn describe_services(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Vec<sdk::Service>> {
    let client = aws.ecs.clone();
    let fetch = move |arns: Vec<String>| async move {
        let ids: Vec<PhysicalId> = arns.into_iter().map(PhysicalId::new).collect();
        let there = described(&client, &ids).await?.into_iter();
        Ok(there
            .filter_map(|service| Some((service.service_arn.clone()?, service)))
            .collect::<BTreeMap<_, _>>())
    };
    let there = aws
        .services
        .read(ids.iter().map(ToString::to_string), fetch)
        .await?;
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
