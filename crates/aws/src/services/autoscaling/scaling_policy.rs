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
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Scalable, by_namespace, find_target, not_yet, parts, tags_of};
use crate::catalogue::FromClients;
use crate::choices::choices;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::gaps::Optional;
use crate::read::Observations;
use crate::taken::taken;
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

choices! {
    /// The kind of policy.
    PolicyType {
        /// Keeps a metric at a value.
        TargetTracking = "TargetTrackingScaling",
        /// Takes steps when an alarm goes off.
        Step = "StepScaling",
    }
}

/// Keeps a metric at a value.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetTracking {
    /// The value, in the metric's unit: percent for those of CPU and memory.
    pub target_value: f64,
    /// A metric that AWS knows for the service.
    pub predefined_metric_specification: Option<PredefinedMetric>,
    /// Any other metric of CloudWatch.
    pub customized_metric_specification: Option<CustomizedMetric>,
    /// Seconds after a scale-out in which there is no other. AWS's default for ECS is 300.
    pub scale_out_cooldown: Option<i32>,
    /// Seconds after a scale-in in which there is no other. AWS's default for ECS is 300.
    pub scale_in_cooldown: Option<i32>,
    /// Whether it only ever adds. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub disable_scale_in: Option<bool>,
}

/// A metric that AWS knows for the service.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredefinedMetric {
    /// For ECS `ECSServiceAverageCPUUtilization`, `ECSServiceAverageMemoryUtilization` or
    /// `ALBRequestCountPerTarget`.
    pub predefined_metric_type: String,
    /// For `ALBRequestCountPerTarget` the full names of load balancer and target group, joined by `/`.
    pub resource_label: Option<String>,
}

/// A metric of CloudWatch.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomizedMetric {
    /// Its name.
    pub metric_name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its dimensions.
    pub dimensions: Option<Vec<MetricDimension>>,
    /// What of its values.
    pub statistic: Statistic,
    /// Its unit.
    pub unit: Option<String>,
}

/// A dimension of a metric.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricDimension {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

choices! {
    /// What of a metric's values.
    Statistic {
        /// Their average.
        Average = "Average",
        /// The least.
        Minimum = "Minimum",
        /// The greatest.
        Maximum = "Maximum",
        /// How many there are.
        SampleCount = "SampleCount",
        /// Their sum.
        Sum = "Sum",
    }
}

/// Takes steps when an alarm goes off.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepScaling {
    /// What the steps are.
    pub adjustment_type: AdjustmentType,
    /// The steps, by how far the metric is from the alarm's threshold.
    pub step_adjustments: Vec<StepAdjustment>,
    /// The least that is added or removed, with `PercentChangeInCapacity`.
    pub min_adjustment_magnitude: Option<i32>,
    /// Seconds after a step in which there is no other. AWS's default for ECS is 300.
    pub cooldown: Option<i32>,
    /// What of the metric's values. AWS's default is `Average`.
    #[schemars(extend("default" = "Average"))]
    pub metric_aggregation_type: Option<Aggregation>,
}

choices! {
    /// What steps are.
    AdjustmentType {
        /// A number that is added.
        Change = "ChangeInCapacity",
        /// Percent that are added.
        PercentChange = "PercentChangeInCapacity",
        /// A number that it is set to.
        Exact = "ExactCapacity",
    }
}

choices! {
    /// What of a metric's values.
    Aggregation {
        /// Their average.
        Average = "Average",
        /// The least.
        Minimum = "Minimum",
        /// The greatest.
        Maximum = "Maximum",
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepAdjustment {
    /// The distance from the threshold at which it begins; none for minus infinity.
    pub metric_interval_lower_bound: Option<f64>,
    /// The distance from the threshold at which it ends; none for infinity.
    pub metric_interval_upper_bound: Option<f64>,
    /// How much is added, negative for removed.
    pub scaling_adjustment: i32,
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

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let of = scalable(&spec);
        let id = id_of(&of, &spec.policy_name);
        if self.find(&of, &spec.policy_name).await?.is_some() {
            let what = format!("a scaling policy `{}` for {}", spec.policy_name, of.resource);
            return Err(taken("autoscaling", "PutScalingPolicy", call, &what, id.as_str()));
        }
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

fn incomplete(error: impl std::error::Error) -> ProviderError {
    ProviderError::new(ErrorClass::Invalid, error.to_string())
}

fn tracking_to_sdk(config: &TargetTracking) -> ProviderResult<sdk::TargetTrackingScalingPolicyConfiguration> {
    let predefined = config.predefined_metric_specification.as_ref().map(|metric| {
        sdk::PredefinedMetricSpecification::builder()
            .predefined_metric_type(metric.predefined_metric_type.as_str().into())
            .set_resource_label(metric.resource_label.clone())
            .build()
    });
    let customized = config.customized_metric_specification.as_ref().map(metric_to_sdk);
    sdk::TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(config.target_value)
        .set_predefined_metric_specification(predefined.transpose().map_err(incomplete)?)
        .set_customized_metric_specification(customized.transpose()?)
        .set_scale_out_cooldown(config.scale_out_cooldown)
        .set_scale_in_cooldown(config.scale_in_cooldown)
        .set_disable_scale_in(config.disable_scale_in)
        .build()
        .map_err(incomplete)
}

fn metric_to_sdk(metric: &CustomizedMetric) -> ProviderResult<sdk::CustomizedMetricSpecification> {
    let dimensions = metric.dimensions.as_ref().map(|all| {
        let all = all.iter().map(|one| {
            let dimension = sdk::MetricDimension::builder().name(&one.name).value(&one.value);
            dimension.build().map_err(incomplete)
        });
        all.collect::<ProviderResult<Vec<_>>>()
    });
    Ok(sdk::CustomizedMetricSpecification::builder()
        .metric_name(&metric.metric_name)
        .namespace(&metric.namespace)
        .set_dimensions(dimensions.transpose()?)
        .statistic(metric.statistic.as_str().into())
        .set_unit(metric.unit.clone())
        .build())
}

fn steps_to_sdk(config: &StepScaling) -> ProviderResult<sdk::StepScalingPolicyConfiguration> {
    let steps = config.step_adjustments.iter().map(|step| {
        sdk::StepAdjustment::builder()
            .set_metric_interval_lower_bound(step.metric_interval_lower_bound)
            .set_metric_interval_upper_bound(step.metric_interval_upper_bound)
            .scaling_adjustment(step.scaling_adjustment)
            .build()
            .map_err(incomplete)
    });
    Ok(sdk::StepScalingPolicyConfiguration::builder()
        .adjustment_type(config.adjustment_type.as_str().into())
        .set_step_adjustments(Some(steps.collect::<ProviderResult<_>>()?))
        .set_min_adjustment_magnitude(config.min_adjustment_magnitude)
        .set_cooldown(config.cooldown)
        .set_metric_aggregation_type(config.metric_aggregation_type.map(|kind| kind.as_str().into()))
        .build())
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

fn tracking_from_sdk(config: &sdk::TargetTrackingScalingPolicyConfiguration) -> TargetTracking {
    TargetTracking {
        target_value: config.target_value(),
        predefined_metric_specification: config.predefined_metric_specification().map(|metric| {
            PredefinedMetric {
                predefined_metric_type: metric.predefined_metric_type().as_str().to_owned(),
                resource_label: metric.resource_label().map(str::to_owned),
            }
        }),
        customized_metric_specification: config.customized_metric_specification().and_then(metric_from_sdk),
        scale_out_cooldown: config.scale_out_cooldown(),
        scale_in_cooldown: config.scale_in_cooldown(),
        disable_scale_in: Some(config.disable_scale_in().unwrap_or(false)),
    }
}

fn metric_from_sdk(metric: &sdk::CustomizedMetricSpecification) -> Option<CustomizedMetric> {
    let dimensions = metric.dimensions().iter().map(|one| MetricDimension {
        name: one.name().to_owned(),
        value: one.value().to_owned(),
    });
    Some(CustomizedMetric {
        metric_name: metric.metric_name()?.to_owned(),
        namespace: metric.namespace()?.to_owned(),
        dimensions: Some(dimensions.collect()),
        statistic: metric.statistic()?.as_str().parse().ok()?,
        unit: metric.unit().map(str::to_owned),
    })
}

fn steps_from_sdk(config: &sdk::StepScalingPolicyConfiguration) -> Option<StepScaling> {
    let steps = config.step_adjustments().iter().map(|step| StepAdjustment {
        metric_interval_lower_bound: step.metric_interval_lower_bound(),
        metric_interval_upper_bound: step.metric_interval_upper_bound(),
        scaling_adjustment: step.scaling_adjustment(),
    });
    let aggregation = config.metric_aggregation_type();
    Some(StepScaling {
        adjustment_type: config.adjustment_type()?.as_str().parse().ok()?,
        step_adjustments: steps.collect(),
        min_adjustment_magnitude: config.min_adjustment_magnitude(),
        cooldown: config.cooldown(),
        metric_aggregation_type: aggregation
            .map_or(Some(Aggregation::Average), |kind| kind.as_str().parse().ok()),
    })
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
