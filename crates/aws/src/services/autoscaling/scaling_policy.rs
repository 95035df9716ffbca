//! `autoscaling.scaling_policy`: when a scalable target is scaled.
//!
//! Calls: PutScalingPolicy (both to create and to change), DescribeScalingPolicies (50 names of a
//! namespace), DeleteScalingPolicy; to find a lost one again also DescribeScalableTargets and
//! ListTagsForResource. A policy has no tags: it is ours when its target is. Putting one that is there
//! changes it, so a look comes first.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::Client;
use aws_sdk_applicationautoscaling::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, PhysicalId, Value};
use infra_provider::{
    Call, Clashing, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Scalable, by_namespace, find_target, not_yet, parts, tags_of};
use super::policy_parts::*;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::gaps::Optional;
use crate::read::Observations;
use crate::together::{member, member_integer};

/// DescribeScalingPolicies takes at most 50 names.
const NAMES: usize = 50;
const ID_FORM: &str = "ecs/ecs:service:DesiredCount/POLICY/service/CLUSTER/NAME";

/// The type.
pub struct ScalingPolicy {
    client: Client,
    list_tags: Optional,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name: at most 256 characters without `/`, unique for its target.
    pub policy_name: String,
    /// The kind of policy.
    pub policy_type: PolicyType,
    /// The AWS service of the target, such as `ecs`.
    pub service_namespace: String,
    /// What the target scales, for ECS `service/CLUSTER/NAME`.
    pub resource_id: String,
    /// What of it, for ECS `ecs:service:DesiredCount`.
    pub scalable_dimension: String,
    /// The metric and the value that it is kept at; for `TargetTrackingScaling`.
    pub target_tracking_scaling_policy_configuration: Option<TargetTracking>,
    /// The steps that are taken when an alarm goes off; for `StepScaling`.
    pub step_scaling_policy_configuration: Option<StepScaling>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    policy_name: String,
    policy_type: String,
    service_namespace: String,
    resource_id: String,
    scalable_dimension: String,
    target_tracking_scaling_policy_configuration: Option<TargetTracking>,
    step_scaling_policy_configuration: Option<StepScaling>,
    /// The policy's ARN, which alarms of a step scaling policy name.
    arn: String,
}

impl FromClients for ScalingPolicy {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.autoscaling.clone(),
            list_tags: Optional::default(),
        }
    }
}

impl ResourceType for ScalingPolicy {
    const NAME: &'static str = "autoscaling.scaling_policy";
    const DESCRIPTION: &'static str =
        "When a scalable target is scaled: by a metric that is kept at a value, or in steps.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DeleteScalingPolicy",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:ListTagsForResource",
    ];
    const EXAMPLE: &'static str = r#"
[autoscaling.scalable_target.app]
service_namespace  = "ecs"
resource_id        = "service/appname-ecs-cluster-dev02/appname-ecs-service-dev02"
scalable_dimension = "ecs:service:DesiredCount"
min_capacity       = 2
max_capacity       = 10

[autoscaling.scaling_policy.cpu]
policy_name        = "cpu"
policy_type        = "TargetTrackingScaling"
service_namespace  = "${autoscaling.scalable_target.app.service_namespace}"
resource_id        = "${autoscaling.scalable_target.app.resource_id}"
scalable_dimension = "${autoscaling.scalable_target.app.scalable_dimension}"

[autoscaling.scaling_policy.cpu.target_tracking_scaling_policy_configuration]
target_value                    = 60.0
predefined_metric_specification = { predefined_metric_type = "ECSServiceAverageCPUUtilization" }
scale_in_cooldown               = 300
scale_out_cooldown              = 60
"#;
    const TRAITS: Traits = Traits {
        immutable: &[
            "policy_name",
            "policy_type",
            "service_namespace",
            "resource_id",
            "scalable_dimension",
        ],
        sets: &["step_scaling_policy_configuration.step_adjustments"],
        keyed: &[(
            "target_tracking_scaling_policy_configuration.customized_metric_specification.dimensions",
            "name",
        )],
        natural_key: &[
            "policy_name",
            "service_namespace",
            "resource_id",
            "scalable_dimension",
        ],
        // https://github.com/cdklabs/cdk-ecs-service-extensions/issues/35
        clashes: &[Clashing::Shared {
            same: &["service_namespace", "resource_id", "scalable_dimension"],
            at: &[
                "target_tracking_scaling_policy_configuration.predefined_metric_specification",
                "target_tracking_scaling_policy_configuration.customized_metric_specification",
            ],
            owner: None,
        }],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "autoscaling.scalable_target",
            id: &["service_namespace", "scalable_dimension", "resource_id"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        Scalable::validate(attributes, problems);
        if let Some(name) = known_str(attributes, "policy_name") {
            let length = name.chars().count();
            if length == 0 || length > 256 {
                problems.at(
                    "policy_name",
                    format!("the name has {length} characters: AWS takes 1 to 256"),
                );
            } else if name.contains('/') {
                problems.at(
                    "policy_name",
                    format!("`{name}` has `/` in it, which ids of policies are cut at"),
                );
            }
        }
        let kind = known_str(attributes, "policy_type");
        for (of, name) in [
            (
                "TargetTrackingScaling",
                "target_tracking_scaling_policy_configuration",
            ),
            ("StepScaling", "step_scaling_policy_configuration"),
        ] {
            let is_set = attributes.get(name).is_some_and(|value| !value.is_null());
            match kind {
                Some(kind) if kind == of && !is_set => {
                    problems.at(name, format!("a policy of type {of} needs one"));
                }
                Some(kind) if kind != of && is_set => {
                    problems.at(name, format!("is for policies of type {of}"));
                }
                _ => {}
            }
        }
        if let Some(config) = attributes.get("target_tracking_scaling_policy_configuration") {
            validate_tracking(config, problems);
        }
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let of = scalable(&spec);
        let id = id_of(&of, &spec.policy_name);
        let arn = self.put(&spec).await.map_err(not_yet)?;
        let observed = Observed {
            policy_name: spec.policy_name,
            policy_type: spec.policy_type.as_str().to_owned(),
            service_namespace: of.namespace,
            resource_id: of.resource,
            scalable_dimension: of.dimension,
            target_tracking_scaling_policy_configuration: spec.target_tracking_scaling_policy_configuration,
            step_scaling_policy_configuration: spec.step_scaling_policy_configuration,
            arn,
        };
        Ok(Created {
            id,
            found: Found::ready(observed),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let by_namespace = by_namespace::<4>(ids, ID_FORM)?;
        let batches = by_namespace.iter().flat_map(|(namespace, ids)| {
            // Policies of different targets may share a name.
            let names: BTreeSet<&str> = ids.iter().map(|[_, _, name, _]| *name).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let batches: Vec<Vec<&str>> = names.chunks(NAMES).map(<[&str]>::to_vec).collect();
            batches.into_iter().map(move |names| (*namespace, names))
        });
        let found = try_join_all(batches.map(|(namespace, names)| self.describe(namespace, names))).await?;
        let found = found.into_iter().flatten().map(|policy| {
            let observed = observe(&policy);
            let of = Scalable {
                namespace: observed.service_namespace.clone(),
                dimension: observed.scalable_dimension.clone(),
                resource: observed.resource_id.clone(),
            };
            (id_of(&of, &observed.policy_name), Found::ready(observed))
        });
        Ok(found.filter(|(id, _)| ids.contains(id)).collect())
    }

    async fn update(&self, _: &Call, _: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        if !update.changed.is_empty() {
            self.put(&update.spec).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [namespace, dimension, name, resource] = parts(id, ID_FORM)?;
        self.client
            .delete_scaling_policy()
            .policy_name(name)
            .service_namespace(namespace.into())
            .scalable_dimension(dimension.into())
            .resource_id(resource)
            .send()
            .await
            .aws("autoscaling", "DeleteScalingPolicy")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let name = known_str(attributes, "policy_name");
        let (Some(of), Some(name)) = (Scalable::in_attributes(attributes), name) else {
            return Ok(None);
        };
        if self.find(&of, name).await?.is_none() {
            return Ok(None);
        }
        let Some(target) = find_target(&self.client, &of).await? else {
            return Ok(None);
        };
        let tags = tags_of(&self.client, &self.list_tags, &target).await?;
        let [(stack_tag, stack), ..] = call.tags();
        let is_ours = tags.is_none_or(|tags| tags.get(stack_tag) == Some(&stack));
        Ok(is_ours.then(|| id_of(&of, name)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let name = known_str(attributes, "policy_name");
        let (Some(of), Some(name)) = (Scalable::in_attributes(attributes), name) else {
            return Ok(Vec::new());
        };
        let there = self.find(&of, name).await?;
        Ok(there.map(|_| id_of(&of, name)).into_iter().collect())
    }
}

impl ScalingPolicy {
    async fn describe(&self, namespace: &str, names: Vec<&str>) -> ProviderResult<Vec<sdk::ScalingPolicy>> {
        let names = names.into_iter().map(str::to_owned).collect();
        let pages = self
            .client
            .describe_scaling_policies()
            .service_namespace(namespace.into())
            .set_policy_names(Some(names))
            .into_paginator()
            .items()
            .send();
        let policies = pages.collect::<Result<Vec<_>, _>>().await;
        policies.aws("autoscaling", "DescribeScalingPolicies")
    }

    async fn find(&self, of: &Scalable, name: &str) -> ProviderResult<Option<sdk::ScalingPolicy>> {
        let policies = self.describe(&of.namespace, vec![name]).await?;
        Ok(policies.into_iter().find(|policy| {
            policy.policy_name() == name
                && policy.resource_id() == of.resource
                && policy.scalable_dimension().as_str() == of.dimension
        }))
    }

    /// Creates it, or changes what is there; returns its ARN.
    async fn put(&self, spec: &Spec) -> ProviderResult<String> {
        let tracking = spec.target_tracking_scaling_policy_configuration.as_ref();
        let steps = spec.step_scaling_policy_configuration.as_ref();
        let answer = self
            .client
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
            .aws("autoscaling", "PutScalingPolicy")?;
        Ok(answer.policy_arn)
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
fn id_of(of: &Scalable, name: &str) -> PhysicalId {
    PhysicalId::composite([&of.namespace, &of.dimension, name, &of.resource])
}

fn observe(policy: &sdk::ScalingPolicy) -> Observed {
    let tracking = policy.target_tracking_scaling_policy_configuration();
    let steps = policy.step_scaling_policy_configuration();
    Observed {
        policy_name: policy.policy_name().to_owned(),
        policy_type: policy.policy_type().as_str().to_owned(),
        service_namespace: policy.service_namespace().as_str().to_owned(),
        resource_id: policy.resource_id().to_owned(),
        scalable_dimension: policy.scalable_dimension().as_str().to_owned(),
        target_tracking_scaling_policy_configuration: tracking.map(tracking_from_sdk),
        step_scaling_policy_configuration: steps.and_then(steps_from_sdk),
        arn: policy.policy_arn().to_owned(),
    }
}

fn validate_tracking(config: &Value, problems: &mut Problems) {
    let path = |name: &str| format!("target_tracking_scaling_policy_configuration.{name}");
    if config.as_map().is_none() {
        return;
    }
    let [predefined, customized] = [
        "predefined_metric_specification",
        "customized_metric_specification",
    ]
    .map(|name| member(config, name));
    if predefined.is_some() == customized.is_some() {
        problems.at(
            "target_tracking_scaling_policy_configuration",
            "needs either `predefined_metric_specification` or `customized_metric_specification`",
        );
    }
    for name in ["scale_in_cooldown", "scale_out_cooldown"] {
        if let Some(seconds) = member_integer(config, name).filter(|seconds| *seconds < 0) {
            problems.at(path(name).as_str(), format!("{seconds} is less than no seconds"));
        }
    }
    let Some(predefined) = predefined.and_then(Value::as_map) else {
        return;
    };
    let kind = known_str(predefined, "predefined_metric_type");
    let is_labelled = predefined
        .get("resource_label")
        .is_some_and(|label| !label.is_null());
    if kind == Some("ALBRequestCountPerTarget") && !is_labelled {
        problems.at_with_help(
            path("predefined_metric_specification.resource_label").as_str(),
            "ALBRequestCountPerTarget needs it",
            "join `load_balancer_full_name` of the load balancer and `target_group_full_name` of the target \
             group by `/`",
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::services::testing::check;

    fn with(more: Json) -> Vec<String> {
        let mut all = json!({
            "policy_name": "cpu", "policy_type": "TargetTrackingScaling", "service_namespace": "ecs",
            "resource_id": "service/main/app", "scalable_dimension": "ecs:service:DesiredCount",
        });
        let (Json::Object(all_of), Json::Object(more)) = (&mut all, more) else {
            unreachable!()
        };
        all_of.extend(more);
        check::<ScalingPolicy>(all)
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
                "target_tracking_scaling_policy_configuration: a policy of type TargetTrackingScaling needs one",
            ),
            (
                with(json!({ "target_tracking_scaling_policy_configuration": { "target_value": 1 } })),
                "target_tracking_scaling_policy_configuration: needs either `predefined_metric_specification` or \
                 `customized_metric_specification`",
            ),
            (
                with(tracking("ALBRequestCountPerTarget")),
                "target_tracking_scaling_policy_configuration.predefined_metric_specification.resource_label: \
                 ALBRequestCountPerTarget needs it",
            ),
            (
                with(json!({ "policy_type": "StepScaling", "policy_name": "a/b" })),
                "policy_name: `a/b` has `/` in it, which ids of policies are cut at",
            ),
        ] {
            assert_eq!(found.first().map(String::as_str), Some(said));
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
