//! What the auto scaling types share: the tags of scalable targets, and looking targets up.

use std::collections::BTreeMap;

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types::ScalableTarget;

use super::scalable_target::ScalableTargetField;
use crate::gaps::few_retries;
use crate::prelude::*;

/// What may be scaled: a dimension of a resource of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scalable {
    /// Such as `ecs`.
    pub namespace: String,
    /// Such as `ecs:service:DesiredCount`.
    pub dimension: String,
    /// Such as `service/CLUSTER/NAME`.
    pub resource: String,
}

impl Scalable {
    /// As a file names it; `None` when one part is not known.
    pub fn given(
        namespace: &Partial<String>,
        dimension: &Partial<String>,
        resource: &Partial<String>,
    ) -> Option<Self> {
        Some(Self {
            namespace: namespace.known()?.clone(),
            dimension: dimension.known()?.clone(),
            resource: resource.known()?.clone(),
        })
    }

    /// Checks what a file names, for the services of ECS.
    pub fn check(
        namespace: &Partial<String>,
        dimension: &Partial<String>,
        resource: &Partial<String>,
        problems: &mut Problems,
    ) {
        if namespace.as_str() != Some("ecs") {
            return;
        }
        let dimension = dimension.as_str();
        if let Some(dimension) = dimension.filter(|dimension| *dimension != "ecs:service:DesiredCount") {
            let message = format!("`{dimension}` is none of ECS: it has only `ecs:service:DesiredCount`");
            problems.at(ScalableTargetField::ScalableDimension.name(), message);
        }
        let is_service = |text: &str| {
            let parts: Vec<&str> = text.split('/').collect();
            matches!(parts.as_slice(), ["service", cluster, name] if !cluster.is_empty() && !name.is_empty())
        };
        if let Some(resource) = resource.as_str().filter(|text| !is_service(text)) {
            let message = format!("`{resource}` is not of the form `service/CLUSTER/NAME`, with both names");
            problems.at(ScalableTargetField::ResourceId.name(), message);
        }
    }
}

/// Ids by the namespace that they start with, which a describe call takes one of.
///
/// # Errors
/// [`ErrorClass::Invalid`] for an id that is none.
pub fn by_namespace<'i, const N: usize>(
    ids: &'i [PhysicalId],
    form: &str,
) -> ProviderResult<BTreeMap<&'i str, Vec<[&'i str; N]>>> {
    let mut found: BTreeMap<&str, Vec<[&str; N]>> = BTreeMap::new();
    for id in ids {
        let parts = parts::<N>(id, form)?;
        found.entry(parts[0]).or_default().push(parts);
    }
    Ok(found)
}

/// The parts of an id.
///
/// # Errors
/// [`ErrorClass::Invalid`] for an id that is none.
pub fn parts<'i, const N: usize>(id: &'i PhysicalId, form: &str) -> ProviderResult<[&'i str; N]> {
    id.parts::<N>().ok_or_else(|| {
        let message = format!("`{id}` is no id of this type");
        ProviderError::new(ErrorClass::Invalid, message).hint(format!("it looks like {form}"))
    })
}

/// The targets of a namespace among these resources, at most 50.
///
/// # Errors
/// What DescribeScalableTargets answers.
pub async fn describe_targets(
    client: &Client,
    namespace: &str,
    resources: Vec<String>,
) -> ProviderResult<Vec<ScalableTarget>> {
    let pages = client
        .describe_scalable_targets()
        .service_namespace(namespace.into())
        .set_resource_ids(Some(resources))
        .into_paginator()
        .items()
        .send();
    let targets = pages.collect::<Result<Vec<_>, _>>().await;
    targets.aws("applicationautoscaling", "DescribeScalableTargets")
}

/// One target; `None` when it is not there.
///
/// # Errors
/// What DescribeScalableTargets answers.
pub async fn find_target(client: &Client, of: &Scalable) -> ProviderResult<Option<ScalableTarget>> {
    let targets = describe_targets(client, &of.namespace, vec![of.resource.clone()]).await?;
    Ok(targets
        .into_iter()
        .find(|target| target.scalable_dimension().as_str() == of.dimension))
}

/// All tags of a target, ours included; `None` when the endpoint has no tags of targets, as some emulators.
///
/// # Errors
/// What ListTagsForResource answers.
pub async fn tags_of(aws: &Clients, target: &ScalableTarget) -> ProviderResult<Option<Tags>> {
    if aws.scaling_tags.is_missing() {
        return Ok(None);
    }
    // A target without an ARN cannot have tags, and so is none of ours.
    let Some(arn) = target.scalable_target_arn() else {
        return Ok(Some(Tags::new()));
    };
    let answer = aws
        .applicationautoscaling
        .list_tags_for_resource()
        .resource_arn(arn)
        .customize()
        .config_override(aws_sdk_applicationautoscaling::Config::builder().retry_config(few_retries()))
        .send()
        .await;
    let answer = aws
        .scaling_tags
        .answer(answer, "applicationautoscaling", "ListTagsForResource")?;
    Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
}
