//! `applicationautoscaling.scaling_policy`: when a scalable target is scaled.
//!
//! A policy has no tags: it is ours when its target is. Putting one that is there changes it, so a look comes first.

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types as sdk;
use futures::future::try_join_all;
use infra_core::AttributePath;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::common::{Scalable, by_namespace, find_target, parts, tags_of};
use super::policy_parts::*;
use super::service::AutoScaling;
use crate::prelude::*;

/// DescribeScalingPolicies takes at most 50 names.
const NAMES: usize = 50;
const ID_FORM: &str =
    "ecs/ecs:service:DesiredCount/POLICY/service/CLUSTER/NAME, with %2F for a `/` in POLICY";
/// What would break an id into other parts.
const IN_IDS: &AsciiSet = &CONTROLS.add(b'/').add(b'%');

/// When a scalable target is scaled: by a metric that is kept at a value, or in steps.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html")]
pub struct ScalingPolicy {
    /// Its name: at most 256 characters, unique for its target.
    #[attribute(immutable, length = 1..=256, alphabet(" -~", "printable characters of ASCII"))]
    pub policy_name: String,
    /// The kind of policy.
    #[attribute(immutable)]
    pub policy_type: PolicyType,
    /// The AWS service of the target, such as `ecs`.
    #[attribute(
        immutable,
        pattern(
            "^(ecs|elasticmapreduce|ec2|appstream|dynamodb|rds|sagemaker|custom-resource|comprehend|lambda|cassandra|kafka|elasticache|neptune|workspaces)$",
            "is none of the services that Application Auto Scaling scales"
        )
    )]
    pub service_namespace: String,
    /// What the target scales, for ECS `service/CLUSTER/NAME`.
    #[attribute(immutable, length = 1..=1600)]
    pub resource_id: String,
    /// What of it, for ECS `ecs:service:DesiredCount`.
    #[attribute(immutable)]
    pub scalable_dimension: String,
    /// The metric and the value that it is kept at; for `TargetTrackingScaling`.
    #[attribute(
        only_where(policy_type, "TargetTrackingScaling"),
        needed_where(policy_type, "TargetTrackingScaling")
    )]
    pub target_tracking_scaling_policy_configuration: Option<TargetTracking>,
    /// The steps that are taken when an alarm goes off; for `StepScaling`.
    #[attribute(
        only_where(policy_type, "StepScaling"),
        needed_where(policy_type, "StepScaling")
    )]
    pub step_scaling_policy_configuration: Option<StepScaling>,
    /// The policy's ARN, which alarms of a step scaling policy name.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use ScalingPolicyField as Field;

impl Resource for ScalingPolicy {
    const NAME: &'static str = "applicationautoscaling.scaling_policy";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
    ];
    const EXAMPLE: &'static str = r#"
[applicationautoscaling.scalable_target.app]
service_namespace  = "ecs"
resource_id        = "service/appname-ecs-cluster-dev02/appname-ecs-service-dev02"
scalable_dimension = "ecs:service:DesiredCount"
min_capacity       = 2
max_capacity       = 10

[applicationautoscaling.scaling_policy.cpu]
policy_name        = "cpu"
policy_type        = "TargetTrackingScaling"
service_namespace  = "${applicationautoscaling.scalable_target.app.service_namespace}"
resource_id        = "${applicationautoscaling.scalable_target.app.resource_id}"
scalable_dimension = "${applicationautoscaling.scalable_target.app.scalable_dimension}"

[applicationautoscaling.scaling_policy.cpu.target_tracking_scaling_policy_configuration]
target_value                    = 60.0
predefined_metric_specification = { predefined_metric_type = "ECSServiceAverageCPUUtilization" }
scale_in_cooldown               = 300
scale_out_cooldown              = 60
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[
            Field::PolicyName,
            Field::ServiceNamespace,
            Field::ResourceId,
            Field::ScalableDimension,
        ],
        // https://github.com/cdklabs/cdk-ecs-service-extensions/issues/35
        clashes: &[Clash::Shared {
            same: &[
                Field::ServiceNamespace,
                Field::ResourceId,
                Field::ScalableDimension,
            ],
            at: &[
                "target_tracking_scaling_policy_configuration.predefined_metric_specification",
                "target_tracking_scaling_policy_configuration.customized_metric_specification",
            ],
            owner: None,
        }],
        recognition: Recognition::NaturalKey,
        under: Some((
            "applicationautoscaling.scalable_target",
            &[
                Field::ServiceNamespace,
                Field::ScalableDimension,
                Field::ResourceId,
            ],
        )),
        ..Rules::NONE
    };
    type Service = AutoScaling;

    fn validate(given: &PartialScalingPolicy, problems: &mut Problems) {
        Scalable::check(
            &given.service_namespace,
            &given.scalable_dimension,
            &given.resource_id,
            problems,
        );
        if let Some(steps) = given.step_scaling_policy_configuration.known() {
            let path = AttributePath::attribute(Field::StepScalingPolicyConfiguration.name());
            check_steps(&path, steps, problems);
        }
        let tracking = &given.target_tracking_scaling_policy_configuration;
        let metric = tracking
            .known()
            .and_then(|tracking| tracking.predefined_metric_specification.known());
        if metric.is_some_and(|metric| {
            metric.predefined_metric_type.as_str() == Some("ALBRequestCountPerTarget")
                && !metric.resource_label.is_set()
        }) {
            let path = AttributePath::attribute(Field::TargetTrackingScalingPolicyConfiguration.name())
                .name(TargetTrackingField::PredefinedMetricSpecification.name())
                .name(PredefinedMetricField::ResourceLabel.name());
            problems.at_with_help(
                path,
                "ALBRequestCountPerTarget needs it",
                "join `load_balancer_full_name` of the load balancer and `target_group_full_name` of the target \
                 group by `/`",
            );
        }
    }

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialScalingPolicy>> {
        let arn = put(aws, &spec).await?;
        let of = Scalable {
            namespace: spec.service_namespace.clone(),
            dimension: spec.scalable_dimension.clone(),
            resource: spec.resource_id.clone(),
        };
        let id = id_of(&of, &spec.policy_name);
        let tracking = spec.target_tracking_scaling_policy_configuration;
        let steps = spec.step_scaling_policy_configuration;
        let observed = PartialScalingPolicy {
            policy_name: spec.policy_name.into(),
            policy_type: spec.policy_type.into(),
            service_namespace: spec.service_namespace.into(),
            resource_id: spec.resource_id.into(),
            scalable_dimension: spec.scalable_dimension.into(),
            target_tracking_scaling_policy_configuration: tracking.map_or(Partial::Unset, |it| whole(&it)),
            step_scaling_policy_configuration: steps.map_or(Partial::Unset, |it| whole(&it)),
            arn: arn.into(),
        };
        Ok((id, Found::ready(observed)).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let by_namespace = by_namespace::<4>(ids, ID_FORM)?;
        let batches = by_namespace.iter().flat_map(|(namespace, ids)| {
            // Policies of different targets may share a name.
            let names: BTreeSet<String> = ids.iter().map(|[_, _, name, _]| name_in(name)).collect();
            let names: Vec<String> = names.into_iter().collect();
            let batches: Vec<Vec<String>> = names.chunks(NAMES).map(<[String]>::to_vec).collect();
            batches.into_iter().map(move |names| (*namespace, names))
        });
        let found = try_join_all(batches.map(|(namespace, names)| describe(aws, namespace, names))).await?;
        Ok(found
            .into_iter()
            .flatten()
            .filter(|(id, _)| ids.contains(id))
            .collect())
    }

    async fn update(aws: &Clients, _: &Call, _: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        if !update.changed.is_empty() {
            // What is not said is not changed.
            let (tracks, steps) = (
                Field::TargetTrackingScalingPolicyConfiguration,
                Field::StepScalingPolicyConfiguration,
            );
            let mut spec = update.spec.clone();
            let tracking = update.only(tracks, spec.target_tracking_scaling_policy_configuration);
            let stepping = update.only(steps, spec.step_scaling_policy_configuration);
            spec.target_tracking_scaling_policy_configuration =
                tracking.map(|tracking| update.whole(tracks, tracking));
            spec.step_scaling_policy_configuration = stepping.map(|stepping| update.whole(steps, stepping));
            put(aws, &spec).await?;
        }
        Ok(())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [namespace, dimension, name, resource] = parts(id, ID_FORM)?;
        aws.applicationautoscaling
            .delete_scaling_policy()
            .policy_name(name_in(name))
            .service_namespace(namespace.into())
            .scalable_dimension(dimension.into())
            .resource_id(resource)
            .send()
            .await
            .aws("applicationautoscaling", "DeleteScalingPolicy")
            .map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialScalingPolicy) -> ProviderResult<Observations<Self>> {
        let (Some(of), Some(name)) = (of(given), given.policy_name.as_str()) else {
            return Ok(Observations::<Self>::new());
        };
        let there = describe(aws, &of.namespace, vec![name.to_owned()]).await?;
        let id = id_of(&of, name);
        Ok(there.into_iter().filter(|(found, _)| *found == id).collect())
    }

    /// A policy is ours when its target is.
    async fn left(
        aws: &Clients,
        call: &Call,
        given: &PartialScalingPolicy,
    ) -> ProviderResult<Observations<Self>> {
        let found = Self::holders(aws, given).await?;
        let Some(of) = of(given).filter(|_| !found.is_empty()) else {
            return Ok(found);
        };
        let Some(target) = find_target(&aws.applicationautoscaling, &of).await? else {
            return Ok(Observations::<Self>::new());
        };
        let tags = tags_of(aws, &target).await?;
        let [(stack_tag, stack), ..] = call.tags();
        let is_ours = tags.is_none_or(|tags| tags.get(stack_tag) == Some(&stack));
        Ok(if is_ours {
            found
        } else {
            Observations::<Self>::new()
        })
    }
}

async fn describe(
    aws: &Clients,
    namespace: &str,
    names: Vec<String>,
) -> ProviderResult<Vec<Observation<ScalingPolicy>>> {
    let call = aws
        .applicationautoscaling
        .describe_scaling_policies()
        .service_namespace(namespace.into());
    let pages = call.set_policy_names(Some(names)).into_paginator().items().send();
    let policies = pages.collect::<Result<Vec<_>, _>>().await;
    let policies = policies.aws("applicationautoscaling", "DescribeScalingPolicies")?;
    Ok(policies.iter().map(observe).collect())
}

/// Creates it, or changes what is there; returns its ARN.
async fn put(aws: &Clients, spec: &ScalingPolicy) -> ProviderResult<String> {
    let tracking = spec.target_tracking_scaling_policy_configuration.as_ref();
    let steps = spec.step_scaling_policy_configuration.as_ref();
    let answer = aws
        .applicationautoscaling
        .put_scaling_policy()
        .policy_name(&spec.policy_name)
        .policy_type(spec.policy_type.as_str().into())
        .service_namespace(spec.service_namespace.as_str().into())
        .resource_id(&spec.resource_id)
        .scalable_dimension(spec.scalable_dimension.as_str().into())
        .set_target_tracking_scaling_policy_configuration(tracking.map(tracking_to_sdk).transpose()?)
        .set_step_scaling_policy_configuration(steps.map(steps_to_sdk).transpose()?)
        .send()
        .await
        .aws("applicationautoscaling", "PutScalingPolicy")?;
    Ok(answer.policy_arn)
}

fn of(policy: &PartialScalingPolicy) -> Option<Scalable> {
    Scalable::given(
        &policy.service_namespace,
        &policy.scalable_dimension,
        &policy.resource_id,
    )
}

/// The resource comes last: it has slashes in it. Those of the name, and its `%`, are percent-encoded.
fn id_of(of: &Scalable, name: &str) -> PhysicalId {
    let name = utf8_percent_encode(name, IN_IDS).to_string();
    PhysicalId::composite([&of.namespace, &of.dimension, &name, &of.resource])
}

/// A policy's name from the part of an id.
fn name_in(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

fn observe(policy: &sdk::ScalingPolicy) -> Observation<ScalingPolicy> {
    let of = Scalable {
        namespace: policy.service_namespace().as_str().to_owned(),
        dimension: policy.scalable_dimension().as_str().to_owned(),
        resource: policy.resource_id().to_owned(),
    };
    let tracking = policy
        .target_tracking_scaling_policy_configuration()
        .map(tracking_from_sdk);
    let steps = policy
        .step_scaling_policy_configuration()
        .and_then(steps_from_sdk);
    let observed = PartialScalingPolicy {
        policy_name: policy.policy_name().into(),
        policy_type: told(Some(policy.policy_type())),
        service_namespace: of.namespace.as_str().into(),
        resource_id: of.resource.as_str().into(),
        scalable_dimension: of.dimension.as_str().into(),
        target_tracking_scaling_policy_configuration: tracking.map_or(Partial::Unset, |it| whole(&it)),
        step_scaling_policy_configuration: steps.map_or(Partial::Unset, |it| whole(&it)),
        arn: policy.policy_arn().into(),
    };
    (id_of(&of, policy.policy_name()), Found::ready(observed))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::services::testing::refused;

    fn with(more: Json) -> Vec<String> {
        let mut all = json!({
            "policy_name": "cpu", "policy_type": "TargetTrackingScaling", "service_namespace": "ecs",
            "resource_id": "service/main/app", "scalable_dimension": "ecs:service:DesiredCount",
        });
        let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
            unreachable!()
        };
        all_of.extend(more);
        refused::<ScalingPolicy>(all)
    }

    #[test]
    fn a_policy_has_what_its_type_needs() {
        let tracking = |metric: &str| {
            json!({ "target_tracking_scaling_policy_configuration": {
                "target_value": 60, "predefined_metric_specification": { "predefined_metric_type": metric },
            } })
        };
        assert_eq!(
            with(tracking("ECSServiceAverageCPUUtilization")),
            Vec::<String>::new()
        );
        for (found, said) in [
            (
                with(json!({})),
                "target_tracking_scaling_policy_configuration: is needed where `policy_type` is `TargetTrackingScaling`",
            ),
            (
                with(json!({ "target_tracking_scaling_policy_configuration": { "target_value": 1 } })),
                "target_tracking_scaling_policy_configuration: set one of predefined_metric_specification, \
                 customized_metric_specification",
            ),
            (
                with(tracking("ALBRequestCountPerTarget")),
                "target_tracking_scaling_policy_configuration.predefined_metric_specification.resource_label: \
                 ALBRequestCountPerTarget needs it",
            ),
            (
                with(json!({ "policy_type": "StepScaling", "policy_name": "é" })),
                "policy_name: `é` has `é` in it: AWS takes printable characters of ASCII",
            ),
            (
                with(json!({ "service_namespace": "eks" })),
                "service_namespace: `eks` is none of the services that Application Auto Scaling scales",
            ),
            (
                with(tracking("ECSServiceAverageCpu")),
                "target_tracking_scaling_policy_configuration.predefined_metric_specification.\
                 predefined_metric_type: `ECSServiceAverageCpu` is no metric that Application Auto Scaling knows",
            ),
        ] {
            assert_eq!(found.first().map(String::as_str), Some(said));
        }
    }

    /// AWS's own names are such.
    #[test]
    fn a_name_may_have_slashes() {
        let of = Scalable {
            namespace: "ecs".into(),
            dimension: "ecs:service:DesiredCount".into(),
            resource: "service/main/app".into(),
        };
        for (name, id) in [
            ("cpu", "ecs/ecs:service:DesiredCount/cpu/service/main/app"),
            (
                "ECSServiceAverageCPUUtilization:service/main/app",
                "ecs/ecs:service:DesiredCount/ECSServiceAverageCPUUtilization:service%2Fmain%2Fapp/service/main/app",
            ),
            ("50%", "ecs/ecs:service:DesiredCount/50%25/service/main/app"),
        ] {
            let made = id_of(&of, name);
            assert_eq!(made.as_str(), id);
            let [_, _, part, resource] = parts(&made, ID_FORM).unwrap();
            assert_eq!((name_in(part).as_str(), resource), (name, "service/main/app"));
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let tracking: TargetTracking = serde_json::from_value(json!({
            "target_value": 60.5, "scale_in_cooldown": 1, "scale_out_cooldown": 2, "disable_scale_in": true,
            "customized_metric_specification": {
                "metric_name": "depth", "namespace": "queue", "statistic": "Average", "unit": "Count",
                "dimensions": [{ "name": "queue", "value": "jobs" }],
            },
        }))
        .unwrap();
        assert_eq!(tracking_from_sdk(&tracking_to_sdk(&tracking).unwrap()), tracking);
        let steps: StepScaling = serde_json::from_value(json!({
            "adjustment_type": "ChangeInCapacity", "cooldown": 60, "metric_aggregation_type": "Maximum",
            "step_adjustments": [{ "metric_interval_lower_bound": 0.0, "scaling_adjustment": 2 }],
        }))
        .unwrap();
        assert_eq!(steps_from_sdk(&steps_to_sdk(&steps).unwrap()), Some(steps));
    }
}
