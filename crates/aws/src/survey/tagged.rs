//! What carries the tags of the stack.
//!
//! Asked are the index of tags of the Resource Groups Tagging API (one list for all services), EC2's own list of
//! tags, and IAM, which neither knows: roles whose name begins with the stack's name. Route 53 records and what has
//! no tags of its own (routes, integrations, policies of a role) go with what they belong to.
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use aws_sdk_ecs::types::TaskDefinitionStatus;
use aws_sdk_iam::types::Role;
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::try_join_all;
use infra_core::{Health, PhysicalId, Value};
use infra_provider::{Provider, ProviderResult, Providers, Standing, TAG_STACK, stack_tag};

use super::arns::{type_and_id, type_of_ec2_id};
use super::{Look, Thing, claim};
use crate::errors::{AwsResult, Tolerate};
use crate::services::ec2::common::{FILTER_VALUES, filter};
use crate::tags::Tags;

/// Things that are to be looked at, by type and id, with their tags.
type Candidates = BTreeMap<(&'static str, PhysicalId), Tags>;

/// Roles whose tags are asked for at the same time.
const ROLES_AT_ONCE: usize = 8;
/// What the ARN of a scalable target has in front of its id, which no read takes.
const SCALABLE_TARGET: &str = ":scalable-target/";

/// Everything that carries the stack's tags and that the state does not know.
pub async fn find(look: &Look<'_>) -> ProviderResult<Vec<Standing>> {
    let (indexed, of_ec2, roles) = futures::try_join!(indexed(look), of_ec2(look), roles(look))?;
    let mut candidates = of_ec2;
    candidates.extend(indexed);
    let mut found = those_that_are_there(look, candidates).await?;
    found.extend(roles);
    Ok(found)
}

/// Of that, what the index of tags has.
pub async fn in_index(look: &Look<'_>) -> ProviderResult<Vec<Standing>> {
    let candidates = indexed(look).await?;
    those_that_are_there(look, candidates).await
}

/// What the index of tags has and the state has not.
async fn indexed(look: &Look<'_>) -> ProviderResult<Candidates> {
    let ours = TagFilter::builder()
        .key(TAG_STACK)
        .values(stack_tag(look.request.stack))
        .build();
    let pages = look
        .clients
        .tagging
        .get_resources()
        .tag_filters(ours)
        .into_paginator();
    let things = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let things = things.aws("tagging", "GetResources")?;
    let (mut found, mut targets) = (Candidates::new(), BTreeMap::new());
    for thing in things {
        let arn = thing.resource_arn().unwrap_or_default();
        let tags = thing.tags().iter();
        let tags: Tags = tags
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect();
        if arn.contains(SCALABLE_TARGET) {
            targets.insert(arn.to_owned(), tags);
        } else if let Some((resource_type, id)) = type_and_id(arn)
            && !look.knows(resource_type, id.as_str())
        {
            found.insert((resource_type, id), tags);
        }
    }
    without_inactive_task_definitions(look, &mut found).await?;
    found.extend(scalable_targets(look, targets).await?);
    Ok(found)
}

/// Takes deregistered revisions away, which AWS keeps with their tags for ever: reading each of them would take
/// more and more requests.
async fn without_inactive_task_definitions(look: &Look<'_>, found: &mut Candidates) -> ProviderResult<()> {
    let families: BTreeSet<String> = found
        .keys()
        .filter(|(resource_type, _)| *resource_type == "ecs.task_definition")
        .filter_map(|(_, arn)| {
            let revision = arn.as_str().rsplit('/').next()?;
            Some(revision.split_once(':')?.0.to_owned())
        })
        .collect();
    let lists = families.into_iter().map(async |family| {
        let pages = look
            .clients
            .ecs
            .list_task_definitions()
            .family_prefix(family)
            .status(TaskDefinitionStatus::Active)
            .into_paginator();
        let arns = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        arns.aws("ecs", "ListTaskDefinitions")
    });
    let active: BTreeSet<String> = try_join_all(lists).await?.into_iter().flatten().collect();
    found.retain(|(resource_type, id), _| {
        *resource_type != "ecs.task_definition" || active.contains(id.as_str())
    });
    Ok(())
}

/// Scalable targets are read by what they scale, which their ARN does not tell.
async fn scalable_targets(look: &Look<'_>, mut arns: BTreeMap<String, Tags>) -> ProviderResult<Candidates> {
    for thing in look.request.managed {
        if let Some(arn) = thing.observed.get("arn").and_then(Value::as_str) {
            arns.remove(arn);
        }
    }
    if arns.is_empty() {
        return Ok(Candidates::new());
    }
    let pages = look
        .clients
        .applicationautoscaling
        .describe_scalable_targets()
        .service_namespace(ServiceNamespace::Ecs)
        .into_paginator();
    let targets = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let targets = targets.aws("applicationautoscaling", "DescribeScalableTargets")?;
    Ok(targets
        .iter()
        .filter_map(|target| {
            let tags = arns.remove(target.scalable_target_arn()?)?;
            let id = PhysicalId::composite([
                target.service_namespace().as_str(),
                target.scalable_dimension().as_str(),
                target.resource_id(),
            ]);
            Some((("applicationautoscaling.scalable_target", id), tags))
        })
        .filter(|((resource_type, id), _)| !look.knows(resource_type, id.as_str()))
        .collect())
}

/// What EC2's own list of tags has and the state has not: it knows at once what the index knows minutes later.
async fn of_ec2(look: &Look<'_>) -> ProviderResult<Candidates> {
    let of_stack = vec![
        filter("key", [TAG_STACK.to_owned()]),
        filter("value", [stack_tag(look.request.stack)]),
    ];
    let ids: BTreeSet<String> = described_tags(look, of_stack)
        .await?
        .into_iter()
        .map(|(id, _, _)| id)
        .filter(|id| type_of_ec2_id(id).is_some_and(|resource_type| !look.knows(resource_type, id)))
        .collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let lists = ids
        .chunks(FILTER_VALUES)
        .map(|ids| described_tags(look, vec![filter("resource-id", ids.to_vec())]));
    let mut found = Candidates::new();
    for (id, key, value) in try_join_all(lists).await?.into_iter().flatten() {
        if let Some(resource_type) = type_of_ec2_id(&id) {
            let tags = found.entry((resource_type, PhysicalId::new(id))).or_default();
            tags.insert(key, value);
        }
    }
    Ok(found)
}

/// Id, key and value of the tags that these filters find.
async fn described_tags(
    look: &Look<'_>,
    filters: Vec<aws_sdk_ec2::types::Filter>,
) -> ProviderResult<Vec<(String, String, String)>> {
    let pages = look
        .clients
        .ec2
        .describe_tags()
        .set_filters(Some(filters))
        .into_paginator();
    let tags = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    Ok(tags
        .aws("ec2", "DescribeTags")?
        .into_iter()
        .filter_map(|tag| Some((tag.resource_id?, tag.key?, tag.value.unwrap_or_default())))
        .collect())
}

/// Those that a read of their type finds, and that are not on their way out.
async fn those_that_are_there(look: &Look<'_>, candidates: Candidates) -> ProviderResult<Vec<Standing>> {
    let mut by_type: BTreeMap<&'static str, Vec<PhysicalId>> = BTreeMap::new();
    for (resource_type, id) in candidates.keys() {
        by_type.entry(resource_type).or_default().push(id.clone());
    }
    let reads = by_type.iter().map(async |(resource_type, ids)| {
        let name = resource_type.parse().ok();
        let provider: Option<&dyn Provider> = name.and_then(|name| look.providers.provider(&name));
        match provider {
            Some(provider) => Ok((*resource_type, provider.read(ids).await?)),
            None => Ok((*resource_type, BTreeMap::new())),
        }
    });
    let mut found = Vec::new();
    for (resource_type, read) in try_join_all(reads).await? {
        for (id, thing) in read {
            if matches!(thing.health, Health::Deleting(_)) {
                continue;
            }
            let key = (resource_type, id);
            let parent = [
                "vpc_id",
                "load_balancer_arn",
                "cluster",
                "api_id",
                "security_group_id",
            ]
            .iter()
            .find_map(|name| thing.observed.get(*name).and_then(Value::as_str));
            found.extend(look.standing(Thing {
                resource_type,
                id: Some(key.1.as_str()),
                tags: candidates.get(&key).cloned().unwrap_or_default(),
                near: parent,
                ..Thing::default()
            }));
        }
    }
    Ok(found)
}

/// Roles that carry the stack's tags. A list of roles tells no tags, so only those are asked for whose names begin
/// with the stack's name, and that the state does not know.
async fn roles(look: &Look<'_>) -> ProviderResult<Vec<Standing>> {
    let pages = look.clients.iam.list_roles().max_items(1000).into_paginator();
    let roles = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let roles = roles.aws("iam", "ListRoles")?;
    let start = look.request.name.to_lowercase();
    let candidates: Vec<Role> = roles
        .into_iter()
        .filter(|role| {
            let is_of_aws = role.path().starts_with("/aws-service-role/");
            let begins_so = role.role_name().to_lowercase().starts_with(&start);
            begins_so && !is_of_aws && !look.knows("iam.role", role.role_name())
        })
        .collect();
    let mut found = Vec::new();
    for some in candidates.chunks(ROLES_AT_ONCE) {
        let tags = try_join_all(some.iter().map(|role| role_tags(look, role.role_name()))).await?;
        for (role, tags) in some.iter().zip(tags) {
            if claim(&tags).is_some_and(|claim| claim.stack == stack_tag(look.request.stack)) {
                found.extend(look.standing(Thing {
                    resource_type: "iam.role",
                    id: Some(role.role_name()),
                    tags,
                    created: Some(role.create_date()),
                    ..Thing::default()
                }));
            }
        }
    }
    Ok(found)
}

/// The tags of a role; none when it went meanwhile.
async fn role_tags(look: &Look<'_>, role: &str) -> ProviderResult<Tags> {
    let pages = look.clients.iam.list_role_tags().role_name(role).into_paginator();
    let tags = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let tags = tags
        .aws("iam", "ListRoleTags")
        .absent_is_none()?
        .unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
