//! `applicationautoscaling.scalable_target`: between which bounds the number of tasks of a service may be scaled.
//!
//! Registering one that is there changes it, so a look comes first. Deregistering takes the scaling policies with it;
//! deleting the ECS service takes the target with it.

use aws_sdk_applicationautoscaling::operation::register_scalable_target::builders::RegisterScalableTargetFluentBuilder;
use aws_sdk_applicationautoscaling::types as sdk;
use futures::future::try_join_all;

use super::common::{Scalable, by_namespace, describe_targets, find_target, parts, tags_of};
use super::service::AutoScaling;
use crate::prelude::*;
use crate::tags;

/// DescribeScalableTargets takes at most 50 resources.
const RESOURCES: usize = 50;
const ID_FORM: &str = "ecs/ecs:service:DesiredCount/service/CLUSTER/NAME";

/// Bounds between which Application Auto Scaling may scale something.
///
/// As long as a service of ECS has one, its `desired_count` belongs to auto scaling.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html"
)]
pub struct ScalableTarget {
    /// The AWS service, such as `ecs`.
    #[attribute(
        immutable,
        pattern(
            "^(ecs|elasticmapreduce|ec2|appstream|dynamodb|rds|sagemaker|custom-resource|comprehend|lambda|cassandra|kafka|elasticache|neptune|workspaces)$",
            "is none of the services that Application Auto Scaling scales"
        )
    )]
    pub service_namespace: String,
    /// What is scaled, for ECS `service/CLUSTER/NAME`.
    #[attribute(immutable, length = 1..=1600)]
    pub resource_id: String,
    /// What of it, for ECS `ecs:service:DesiredCount`.
    #[attribute(immutable)]
    pub scalable_dimension: String,
    /// The least that it is scaled to.
    #[attribute(range = 0..=2_147_483_647)]
    pub min_capacity: i32,
    /// The most that it is scaled to.
    #[attribute(range = 0..=2_147_483_647)]
    pub max_capacity: i32,
    /// The role that scales. AWS's default is its service-linked role, the only one that ECS takes.
    #[attribute(length = 1..=1600)]
    #[attribute(
        only_where(service_namespace, "elasticmapreduce"),
        source = "https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_service-with-iam.html"
    )]
    pub role_arn: Option<String>,
    /// What scaling is switched off.
    pub suspended_state: Option<SuspendedState>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The scalable target's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use ScalableTargetField as Field;

/// What scaling is switched off.
#[derive(Debug, Clone, Default, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html")]
pub struct SuspendedState {
    /// Whether policies may not remove anything.
    #[attribute(default = false)]
    pub dynamic_scaling_in_suspended: Option<bool>,
    /// Whether policies may not add anything.
    #[attribute(default = false)]
    pub dynamic_scaling_out_suspended: Option<bool>,
    /// Whether scheduled actions do nothing.
    #[attribute(default = false)]
    pub scheduled_scaling_suspended: Option<bool>,
}

impl Resource for ScalableTarget {
    const NAME: &'static str = "applicationautoscaling.scalable_target";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
        "application-autoscaling:DeregisterScalableTarget",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
    ];
    const EXAMPLE: &'static str = r#"
[applicationautoscaling.scalable_target.app]
service_namespace  = "ecs"
resource_id        = "service/appname-ecs-cluster-dev02/appname-ecs-service-dev02"
scalable_dimension = "ecs:service:DesiredCount"
min_capacity       = 2
max_capacity       = 10
"#;
    const RULES: Rules<Field> = Rules {
        looks_first: true,
        natural_key: &[
            Field::ServiceNamespace,
            Field::ResourceId,
            Field::ScalableDimension,
        ],
        under: Some(("ecs.service", &[Field::ResourceId])),
        ..Rules::NONE
    };
    type Service = AutoScaling;

    fn validate(given: &PartialScalableTarget, problems: &mut Problems) {
        Scalable::check(
            &given.service_namespace,
            &given.scalable_dimension,
            &given.resource_id,
            problems,
        );
        if let (Some(least), Some(most)) = (given.min_capacity.known(), given.max_capacity.known())
            && least > most
        {
            let message = format!("{most} is less than `min_capacity`, {least}");
            problems.at(Field::MaxCapacity.name(), message);
        }
    }

    async fn create(
        aws: &Clients,
        call: &Call,
        spec: Self,
    ) -> ProviderResult<Created<PartialScalableTarget>> {
        let tags = tags::for_create(call, spec.tags.as_ref());
        let call = register(aws, &spec).set_tags(Some(tags.into_iter().collect()));
        let registered = call
            .send()
            .await
            .aws("applicationautoscaling", "RegisterScalableTarget")?;
        let observed = PartialScalableTarget {
            service_namespace: spec.service_namespace.into(),
            resource_id: spec.resource_id.into(),
            scalable_dimension: spec.scalable_dimension.into(),
            min_capacity: spec.min_capacity.into(),
            max_capacity: spec.max_capacity.into(),
            role_arn: spec.role_arn.into(),
            suspended_state: suspended(None).into(),
            arn: registered.scalable_target_arn.into(),
            ..PartialScalableTarget::default()
        };
        let id = of(&observed)
            .map(|of| id_of(&of))
            .unwrap_or_else(|| PhysicalId::new(""));
        Ok((id, Found::ready(observed)).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let by_namespace = by_namespace::<3>(ids, ID_FORM)?;
        let batches = by_namespace
            .iter()
            .flat_map(|(namespace, ids)| ids.chunks(RESOURCES).map(move |ids| (*namespace, ids)));
        let found = try_join_all(batches.map(async |(namespace, wanted)| {
            let resources = wanted.iter().map(|[_, _, resource]| (*resource).to_owned());
            let targets =
                describe_targets(&aws.applicationautoscaling, namespace, resources.collect()).await?;
            let targets = targets.iter().filter(|target| {
                let is_it = |[_, dimension, resource]: &[&str; 3]| {
                    target.scalable_dimension().as_str() == *dimension && target.resource_id() == *resource
                };
                wanted.iter().any(is_it)
            });
            try_join_all(targets.map(|target| observe(aws, target))).await
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn update(aws: &Clients, _: &Call, _: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let spec = &update.spec;
        let suspended = spec.suspended_state.clone().unwrap_or_default();
        let suspended = suspended_to_sdk(&update.whole(Field::SuspendedState, suspended));
        let (least, most) = (Some(spec.min_capacity), Some(spec.max_capacity));
        named(aws, spec)
            .set_min_capacity(update.only(Field::MinCapacity, least))
            .set_max_capacity(update.only(Field::MaxCapacity, most))
            .set_role_arn(update.only(Field::RoleArn, spec.role_arn.clone()))
            .set_suspended_state(update.only(Field::SuspendedState, Some(suspended)))
            .send()
            .await
            .aws("applicationautoscaling", "RegisterScalableTarget")
            .map(drop)
    }

    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        tags::arn_in(id, prior)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [namespace, dimension, resource] = parts(id, ID_FORM)?;
        aws.applicationautoscaling
            .deregister_scalable_target()
            .service_namespace(namespace.into())
            .scalable_dimension(dimension.into())
            .resource_id(resource)
            .send()
            .await
            .aws("applicationautoscaling", "DeregisterScalableTarget")
            .map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialScalableTarget) -> ProviderResult<Observations<Self>> {
        let Some(of) = of(given) else {
            return Ok(Observations::<Self>::new());
        };
        match find_target(&aws.applicationautoscaling, &of).await? {
            Some(there) => Ok(Observations::<Self>::from([observe(aws, &there).await?])),
            None => Ok(Observations::<Self>::new()),
        }
    }

    /// Where an endpoint has no tags (an emulator), the look before the create is what keeps foreign ones apart.
    async fn left(
        aws: &Clients,
        call: &Call,
        given: &PartialScalableTarget,
    ) -> ProviderResult<Observations<Self>> {
        let mut found = Self::holders(aws, given).await?;
        for found in found.values_mut().filter(|found| !found.observed.tags.is_set()) {
            found.observed.tags = tags::for_create(call, None).into();
        }
        Ok(found)
    }
}

fn register(aws: &Clients, spec: &ScalableTarget) -> RegisterScalableTargetFluentBuilder {
    named(aws, spec)
        .min_capacity(spec.min_capacity)
        .max_capacity(spec.max_capacity)
        .set_role_arn(spec.role_arn.clone())
        .set_suspended_state(spec.suspended_state.as_ref().map(suspended_to_sdk))
}

/// A call that says which target it is for.
fn named(aws: &Clients, spec: &ScalableTarget) -> RegisterScalableTargetFluentBuilder {
    aws.applicationautoscaling
        .register_scalable_target()
        .service_namespace(spec.service_namespace.as_str().into())
        .resource_id(&spec.resource_id)
        .scalable_dimension(spec.scalable_dimension.as_str().into())
}

fn suspended_to_sdk(suspended: &SuspendedState) -> sdk::SuspendedState {
    sdk::SuspendedState::builder()
        .dynamic_scaling_in_suspended(suspended.dynamic_scaling_in_suspended.unwrap_or(false))
        .dynamic_scaling_out_suspended(suspended.dynamic_scaling_out_suspended.unwrap_or(false))
        .scheduled_scaling_suspended(suspended.scheduled_scaling_suspended.unwrap_or(false))
        .build()
}

async fn observe(aws: &Clients, target: &sdk::ScalableTarget) -> ProviderResult<Observation<ScalableTarget>> {
    let tags = tags_of(aws, target).await?;
    let observed = PartialScalableTarget {
        service_namespace: target.service_namespace().as_str().into(),
        resource_id: target.resource_id().into(),
        scalable_dimension: target.scalable_dimension().as_str().into(),
        min_capacity: target.min_capacity().into(),
        max_capacity: target.max_capacity().into(),
        role_arn: Some(target.role_arn()).filter(|role| !role.is_empty()).into(),
        suspended_state: suspended(target.suspended_state()).into(),
        tags: tags.map_or(Partial::Unset, Into::into),
        arn: target.scalable_target_arn().into(),
    };
    let id = of(&observed)
        .map(|of| id_of(&of))
        .unwrap_or_else(|| PhysicalId::new(""));
    Ok((id, Found::ready(observed)))
}

fn suspended(state: Option<&sdk::SuspendedState>) -> PartialSuspendedState {
    let is_off = |of: fn(&sdk::SuspendedState) -> Option<bool>| state.and_then(of).unwrap_or(false).into();
    PartialSuspendedState {
        dynamic_scaling_in_suspended: is_off(sdk::SuspendedState::dynamic_scaling_in_suspended),
        dynamic_scaling_out_suspended: is_off(sdk::SuspendedState::dynamic_scaling_out_suspended),
        scheduled_scaling_suspended: is_off(sdk::SuspendedState::scheduled_scaling_suspended),
    }
}

fn of(target: &PartialScalableTarget) -> Option<Scalable> {
    Scalable::given(
        &target.service_namespace,
        &target.scalable_dimension,
        &target.resource_id,
    )
}

/// The resource comes last: it has slashes in it.
fn id_of(of: &Scalable) -> PhysicalId {
    PhysicalId::composite([&of.namespace, &of.dimension, &of.resource])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::refused;

    #[test]
    fn bounds_and_names_are_checked() {
        let with = |resource: &str, dimension: &str, least: i64, most: i64| {
            refused::<ScalableTarget>(json!({
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
                "min_capacity: -1 is not between 0 and 2147483647",
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
