//! `autoscaling.scalable_target`: between which bounds the number of tasks of a service may be scaled.
//!
//! Calls: RegisterScalableTarget (both to create and to change), DescribeScalableTargets (50 resources of
//! a namespace), ListTagsForResource (one each), TagResource, UntagResource, DeregisterScalableTarget.
//! Registering one that is there changes it, so a look comes first. Deregistering takes the scaling
//! policies with it; deleting the ECS service takes the target with it.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_integer};
use infra_core::{Attributes, PhysicalId};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Scalable, by_namespace, describe_targets, find_target, not_yet, parts, tags_of};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::gaps::Optional;
use crate::ownership::{made_by, taken};
use crate::read::{Observations, holders_by_id};
use crate::tags::{self, Tags, without_reserved};

/// DescribeScalableTargets takes at most 50 resources.
const RESOURCES: usize = 50;
const ID_FORM: &str = "ecs/ecs:service:DesiredCount/service/CLUSTER/NAME";

/// The type.
pub struct ScalableTarget {
    client: Client,
    list_tags: Optional,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The AWS service, such as `ecs`.
    pub service_namespace: String,
    /// What is scaled, for ECS `service/CLUSTER/NAME`.
    pub resource_id: String,
    /// What of it, for ECS `ecs:service:DesiredCount`.
    pub scalable_dimension: String,
    /// The least that it is scaled to.
    pub min_capacity: i32,
    /// The most that it is scaled to.
    pub max_capacity: i32,
    /// The role that scales. AWS's default is its service-linked role, the only one that ECS takes.
    pub role_arn: Option<String>,
    /// What scaling is switched off.
    pub suspended_state: Option<SuspendedState>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What scaling is switched off.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendedState {
    /// Whether policies may not remove anything. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub dynamic_scaling_in_suspended: Option<bool>,
    /// Whether policies may not add anything. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub dynamic_scaling_out_suspended: Option<bool>,
    /// Whether scheduled actions do nothing. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub scheduled_scaling_suspended: Option<bool>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
    min_capacity: i32,
    max_capacity: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    suspended_state: SuspendedState,
    /// `None`: an emulator that knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    /// The scalable target's ARN.
    arn: Option<String>,
}

impl FromClients for ScalableTarget {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.autoscaling.clone(),
            list_tags: Optional::default(),
        }
    }
}

impl ResourceType for ScalableTarget {
    const NAME: &'static str = "autoscaling.scalable_target";
    const DESCRIPTION: &'static str = "Bounds between which Application Auto Scaling may scale something.

As long as a service of ECS has one, its `desired_count` belongs to auto scaling.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
        "application-autoscaling:TagResource",
        "application-autoscaling:UntagResource",
        "application-autoscaling:DeregisterScalableTarget",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    ];
    const EXAMPLE: &'static str = r#"
[autoscaling.scalable_target.app]
service_namespace  = "ecs"
resource_id        = "service/appname-ecs-cluster-dev02/appname-ecs-service-dev02"
scalable_dimension = "ecs:service:DesiredCount"
min_capacity       = 2
max_capacity       = 10
"#;
    const TRAITS: Traits = Traits {
        immutable: &["service_namespace", "resource_id", "scalable_dimension"],
        natural_key: &["service_namespace", "resource_id", "scalable_dimension"],
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        Scalable::validate(attributes, problems);
        let [least, most] = ["min_capacity", "max_capacity"].map(|name| known_integer(attributes, name));
        for (name, value) in [("min_capacity", least), ("max_capacity", most)] {
            if let Some(value) = value.filter(|value| *value < 0) {
                problems.at(name, format!("{value} is less than none"));
            }
        }
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            problems.at(
                "max_capacity",
                format!("{most} is less than `min_capacity`, {least}"),
            );
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let of = scalable(&spec);
        let id = id_of(&of);
        if let Some(there) = find_target(&self.client, &of).await? {
            let tags = tags_of(&self.client, &self.list_tags, &there).await?;
            if !tags.is_some_and(|tags| made_by(call, tags.clone())) {
                let what = format!("a scalable target for {}", of.resource);
                let error = taken(call, "autoscaling", "RegisterScalableTarget", &what, id.as_str());
                return Err(error);
            }
            let (id, observed) = self.observe(&there).await?;
            return Ok(Created {
                id,
                found: Found::ready(observed),
            });
        }
        let registered = self
            .register(&spec)
            .set_tags(Some(
                tags::for_create(call, spec.tags.as_ref()).into_iter().collect(),
            ))
            .send()
            .await
            .aws("autoscaling", "RegisterScalableTarget")
            .map_err(not_yet)?;
        let observed = Observed {
            service_namespace: spec.service_namespace,
            resource_id: spec.resource_id,
            scalable_dimension: spec.scalable_dimension,
            min_capacity: spec.min_capacity,
            max_capacity: spec.max_capacity,
            role_arn: spec.role_arn,
            suspended_state: spec.suspended_state.unwrap_or_default(),
            tags: Some(spec.tags.unwrap_or_default()),
            arn: registered.scalable_target_arn,
        };
        Ok(Created {
            id,
            found: Found::ready(observed),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let by_namespace = by_namespace::<3>(ids, ID_FORM)?;
        let batches = by_namespace
            .iter()
            .flat_map(|(namespace, ids)| ids.chunks(RESOURCES).map(move |ids| (*namespace, ids)));
        let found = try_join_all(batches.map(async |(namespace, wanted)| {
            let resources = wanted.iter().map(|[_, _, resource]| (*resource).to_owned());
            let targets = describe_targets(&self.client, namespace, resources.collect()).await?;
            let targets = targets.iter().filter(|target| {
                let is_it = |[_, dimension, resource]: &[&str; 3]| {
                    target.scalable_dimension().as_str() == *dimension && target.resource_id() == *resource
                };
                wanted.iter().any(is_it)
            });
            try_join_all(targets.map(|target| self.observe(target))).await
        }));
        let found = found.await?.into_iter().flatten();
        Ok(found.map(|(id, observed)| (id, Found::ready(observed))).collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if update.any(&["min_capacity", "max_capacity", "role_arn", "suspended_state"]) {
            let call = self.register(&update.spec).send().await;
            call.aws("autoscaling", "RegisterScalableTarget")?;
        }
        if update.any(&["tags"]) {
            self.update_tags(id, &update).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [namespace, dimension, resource] = parts(id, ID_FORM)?;
        self.client
            .deregister_scalable_target()
            .service_namespace(namespace.into())
            .scalable_dimension(dimension.into())
            .resource_id(resource)
            .send()
            .await
            .aws("autoscaling", "DeregisterScalableTarget")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(of) = Scalable::in_attributes(attributes) else {
            return Ok(None);
        };
        let Some(there) = find_target(&self.client, &of).await? else {
            return Ok(None);
        };
        // Without tags (an emulator) the look before the create is what keeps foreign ones apart.
        let tags = tags_of(&self.client, &self.list_tags, &there).await?;
        Ok(tags
            .is_none_or(|tags| made_by(call, tags.clone()))
            .then(|| id_of(&of)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        holders_by_id(self, Scalable::in_attributes(attributes).map(|of| id_of(&of))).await
    }
}

impl ScalableTarget {
    fn register(
        &self,
        spec: &Spec,
    ) -> aws_sdk_applicationautoscaling::operation::register_scalable_target::builders::RegisterScalableTargetFluentBuilder
    {
        // Left out unless the file sets it: what somebody suspended by hand stays so when the bounds change.
        let suspended = spec.suspended_state.as_ref().map(|suspended| {
            sdk::SuspendedState::builder()
                .dynamic_scaling_in_suspended(suspended.dynamic_scaling_in_suspended.unwrap_or(false))
                .dynamic_scaling_out_suspended(suspended.dynamic_scaling_out_suspended.unwrap_or(false))
                .scheduled_scaling_suspended(suspended.scheduled_scaling_suspended.unwrap_or(false))
                .build()
        });
        self.client
            .register_scalable_target()
            .service_namespace(spec.service_namespace.as_str().into())
            .resource_id(&spec.resource_id)
            .scalable_dimension(spec.scalable_dimension.as_str().into())
            .min_capacity(spec.min_capacity)
            .max_capacity(spec.max_capacity)
            .set_role_arn(spec.role_arn.clone())
            .set_suspended_state(suspended)
    }

    async fn observe(&self, target: &sdk::ScalableTarget) -> ProviderResult<(PhysicalId, Observed)> {
        let tags = tags_of(&self.client, &self.list_tags, target).await?;
        let of = Scalable {
            namespace: target.service_namespace().as_str().to_owned(),
            dimension: target.scalable_dimension().as_str().to_owned(),
            resource: target.resource_id().to_owned(),
        };
        let suspended = target.suspended_state();
        let is_off =
            |of: fn(&sdk::SuspendedState) -> Option<bool>| Some(suspended.and_then(of).unwrap_or(false));
        let id = id_of(&of);
        let observed = Observed {
            service_namespace: of.namespace,
            resource_id: of.resource,
            scalable_dimension: of.dimension,
            min_capacity: target.min_capacity(),
            max_capacity: target.max_capacity(),
            role_arn: Some(target.role_arn().to_owned()).filter(|role| !role.is_empty()),
            suspended_state: SuspendedState {
                dynamic_scaling_in_suspended: is_off(sdk::SuspendedState::dynamic_scaling_in_suspended),
                dynamic_scaling_out_suspended: is_off(sdk::SuspendedState::dynamic_scaling_out_suspended),
                scheduled_scaling_suspended: is_off(sdk::SuspendedState::scheduled_scaling_suspended),
            },
            tags: tags.map(without_reserved),
            arn: target.scalable_target_arn().map(str::to_owned),
        };
        Ok((id, observed))
    }

    async fn update_tags(&self, id: &PhysicalId, update: &Update<Spec>) -> ProviderResult<()> {
        let (set, removed) = tags::difference(&update.prior, update.spec.tags.as_ref());
        let there = find_target(&self.client, &scalable(&update.spec)).await?;
        let arn = there.and_then(|target| target.scalable_target_arn);
        let Some(arn) = arn else {
            return Err(crate::errors::missing(
                "autoscaling",
                "DescribeScalableTargets",
                &format!("ARN of {id}"),
            ));
        };
        if !set.is_empty() {
            let call = self
                .client
                .tag_resource()
                .resource_arn(&arn)
                .set_tags(Some(set.into_iter().collect()));
            call.send().await.aws("autoscaling", "TagResource")?;
        }
        if !removed.is_empty() {
            let call = self
                .client
                .untag_resource()
                .resource_arn(&arn)
                .set_tag_keys(Some(removed));
            call.send().await.aws("autoscaling", "UntagResource")?;
        }
        Ok(())
    }
}

fn scalable(spec: &Spec) -> Scalable {
    Scalable {
        namespace: spec.service_namespace.clone(),
        dimension: spec.scalable_dimension.clone(),
        resource: spec.resource_id.clone(),
    }
}

/// The resource comes last: it has slashes in it.
fn id_of(of: &Scalable) -> PhysicalId {
    PhysicalId::composite([&of.namespace, &of.dimension, &of.resource])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::check;

    #[test]
    fn bounds_and_names_are_checked() {
        let with = |resource: &str, dimension: &str, least: i64, most: i64| {
            check::<ScalableTarget>(json!({
                "service_namespace": "ecs", "resource_id": resource, "scalable_dimension": dimension,
                "min_capacity": least, "max_capacity": most,
            }))
        };
        let count = "ecs:service:DesiredCount";
        assert_eq!(with("service/main/app", count, 1, 1), Vec::<String>::new());
        for (found, said) in [
            (
                with("service/main/app", count, 3, 2),
                "max_capacity: 2 is less than `min_capacity`, 3",
            ),
            (
                with("service/main/app", count, -1, 2),
                "min_capacity: -1 is less than none",
            ),
            (
                with("main/app", count, 1, 2),
                "resource_id: `main/app` is not of the form `service/CLUSTER/NAME`, with both names",
            ),
            (
                with("service/main/app", "ecs:service:Count", 1, 2),
                "scalable_dimension: `ecs:service:Count` is none of ECS: it has only `ecs:service:DesiredCount`",
            ),
        ] {
            assert_eq!(found, [said]);
        }
    }

    #[test]
    fn an_id_comes_apart_although_the_resource_has_slashes() {
        let of = Scalable {
            namespace: "ecs".into(),
            dimension: "ecs:service:DesiredCount".into(),
            resource: "service/main/app".into(),
        };
        let id = id_of(&of);
        let found: [&str; 3] = parts(&id, ID_FORM).unwrap();
        assert_eq!(found, ["ecs", "ecs:service:DesiredCount", "service/main/app"]);
        assert!(parts::<3>(&PhysicalId::new("ecs"), ID_FORM).is_err());
    }
}
