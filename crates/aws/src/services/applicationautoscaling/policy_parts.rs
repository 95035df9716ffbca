//! Parts of a scaling policy, as the file says them and as AWS says them.

use aws_sdk_applicationautoscaling::types as sdk;
use infra_core::AttributePath;

use crate::errors::built;
use crate::prelude::*;

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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html"
)]
#[block(exactly_one(predefined_metric_specification, customized_metric_specification))]
pub struct TargetTracking {
    /// The value, in the metric's unit: percent for those of CPU and memory.
    pub target_value: f64,
    /// A metric that AWS knows for the service.
    pub predefined_metric_specification: Option<PredefinedMetric>,
    /// Any other metric of CloudWatch.
    pub customized_metric_specification: Option<CustomizedMetric>,
    /// Seconds after a scale-out in which there is no other. AWS's default for ECS is 300.
    #[attribute(range = 0..=2_147_483_647)]
    pub scale_out_cooldown: Option<i32>,
    /// Seconds after a scale-in in which there is no other. AWS's default for ECS is 300.
    #[attribute(range = 0..=2_147_483_647)]
    pub scale_in_cooldown: Option<i32>,
    /// Whether it only ever adds.
    #[attribute(default = false)]
    pub disable_scale_in: Option<bool>,
}

/// A metric that AWS knows for the service.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html"
)]
pub struct PredefinedMetric {
    /// For ECS `ECSServiceAverageCPUUtilization`, `ECSServiceAverageMemoryUtilization` or
    /// `ALBRequestCountPerTarget`.
    #[attribute(pattern(
        "^(DynamoDBReadCapacityUtilization|DynamoDBWriteCapacityUtilization|ALBRequestCountPerTarget|RDSReaderAverageCPUUtilization|RDSReaderAverageDatabaseConnections|EC2SpotFleetRequestAverageCPUUtilization|EC2SpotFleetRequestAverageNetworkIn|EC2SpotFleetRequestAverageNetworkOut|SageMakerVariantInvocationsPerInstance|ECSServiceAverageCPUUtilization|ECSServiceAverageMemoryUtilization|AppStreamAverageCapacityUtilization|ComprehendInferenceUtilization|LambdaProvisionedConcurrencyUtilization|CassandraReadCapacityUtilization|CassandraWriteCapacityUtilization|KafkaBrokerStorageUtilization|ElastiCacheEngineCPUUtilization|ElastiCacheDatabaseMemoryUsagePercentage|ElastiCachePrimaryEngineCPUUtilization|ElastiCacheReplicaEngineCPUUtilization|ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage|NeptuneReaderAverageCPUUtilization|SageMakerVariantProvisionedConcurrencyUtilization|ElastiCacheDatabaseCapacityUsageCountedForEvictPercentage|SageMakerInferenceComponentInvocationsPerCopy|WorkSpacesAverageUserSessionsCapacityUtilization|SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution|SageMakerVariantConcurrentRequestsPerModelHighResolution|ECSServiceAverageCPUUtilizationHighResolution|ECSServiceAverageMemoryUtilizationHighResolution)$",
        "is no metric that Application Auto Scaling knows"
    ))]
    pub predefined_metric_type: String,
    /// For `ALBRequestCountPerTarget` the full names of load balancer and target group, joined by `/`.
    #[attribute(length = 1..=1023)]
    pub resource_label: Option<String>,
}

/// A metric of CloudWatch.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_CustomizedMetricSpecification.html"
)]
pub struct CustomizedMetric {
    /// Its name.
    pub metric_name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its dimensions.
    #[attribute(key = "name")]
    pub dimensions: Option<Vec<MetricDimension>>,
    /// What of its values.
    pub statistic: Statistic,
    /// Its unit.
    pub unit: Option<String>,
}

/// A dimension of a metric.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_MetricDimension.html")]
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html"
)]
pub struct StepScaling {
    /// What the steps are.
    pub adjustment_type: AdjustmentType,
    /// The steps, by how far the metric is from the alarm's threshold.
    #[attribute(set)]
    #[attribute(count = 1..=20)]
    pub step_adjustments: Vec<StepAdjustment>,
    /// The least that is added or removed, with `PercentChangeInCapacity`.
    #[attribute(only_where(adjustment_type, "PercentChangeInCapacity"))]
    pub min_adjustment_magnitude: Option<i32>,
    /// Seconds after a step in which there is no other. AWS's default for ECS is 300.
    #[attribute(range = 0..=2_147_483_647)]
    pub cooldown: Option<i32>,
    /// What of the metric's values.
    #[attribute(default = "Average")]
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
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html")]
pub struct StepAdjustment {
    /// The distance from the threshold at which it begins; none for minus infinity.
    pub metric_interval_lower_bound: Option<f64>,
    /// The distance from the threshold at which it ends; none for infinity.
    pub metric_interval_upper_bound: Option<f64>,
    /// How much is added, negative for removed.
    pub scaling_adjustment: i32,
}

/// Steps lie one beside the other, from minus infinity where one is below the threshold, to infinity where one is above.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepAdjustment.html>
pub fn check_steps(path: &AttributePath, policy: &PartialStepScaling, problems: &mut Problems) {
    let path = path.name(StepScalingField::StepAdjustments.name());
    let all = policy.step_adjustments.elements();
    let bound = |bound: Partial<f64>, open: f64| match bound {
        Partial::Known(bound) => Some(bound),
        Partial::Unset => Some(open),
        Partial::Unknown => None,
    };
    for (position, step) in policy.step_adjustments.known_elements() {
        let sets_to = policy.adjustment_type == Partial::Known(AdjustmentType::Exact);
        if sets_to && step.scaling_adjustment.known() < Some(&0) && step.scaling_adjustment.known().is_some()
        {
            let path = path
                .index(position)
                .name(StepAdjustmentField::ScalingAdjustment.name());
            problems.at(path, "a number that it is set to is not negative");
        }
    }
    let ranges = all.iter().map(|step| {
        let step = step.known()?;
        let lower = bound(step.metric_interval_lower_bound, f64::NEG_INFINITY)?;
        Some((lower, bound(step.metric_interval_upper_bound, f64::INFINITY)?))
    });
    let Some(mut ranges) = ranges.collect::<Option<Vec<(f64, f64)>>>() else {
        return;
    };
    ranges.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
        return;
    };
    let message = if ranges
        .iter()
        .any(|(lower, upper)| lower.is_infinite() && upper.is_infinite())
    {
        "a step has one bound at least"
    } else if ranges.iter().any(|(lower, upper)| lower >= upper) {
        "the upper bound of a step is above its lower one"
    } else if ranges
        .windows(2)
        .any(|pair| pair[0].1.total_cmp(&pair[1].0).is_ne())
    {
        "the steps overlap, or leave a gap between them"
    } else if first.0 < 0.0 && first.0.is_finite() {
        "a step below the threshold needs one without a lower bound"
    } else if last.1 > 0.0 && last.1.is_finite() {
        "a step above the threshold needs one without an upper bound"
    } else {
        return;
    };
    problems.at(path, message);
}

pub fn tracking_to_sdk(
    config: &TargetTracking,
) -> ProviderResult<sdk::TargetTrackingScalingPolicyConfiguration> {
    let predefined = config.predefined_metric_specification.as_ref().map(|metric| {
        sdk::PredefinedMetricSpecification::builder()
            .predefined_metric_type(metric.predefined_metric_type.as_str().into())
            .set_resource_label(metric.resource_label.clone())
            .build()
    });
    let customized = config.customized_metric_specification.as_ref().map(metric_to_sdk);
    let tracking = sdk::TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(config.target_value)
        .set_predefined_metric_specification(predefined.map(built).transpose()?)
        .set_customized_metric_specification(customized.transpose()?)
        .set_scale_out_cooldown(config.scale_out_cooldown)
        .set_scale_in_cooldown(config.scale_in_cooldown)
        .set_disable_scale_in(config.disable_scale_in);
    built(tracking.build())
}

pub fn metric_to_sdk(metric: &CustomizedMetric) -> ProviderResult<sdk::CustomizedMetricSpecification> {
    let dimensions = metric.dimensions.as_ref().map(|all| {
        let all = all.iter().map(|one| {
            let dimension = sdk::MetricDimension::builder().name(&one.name).value(&one.value);
            built(dimension.build())
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

pub fn steps_to_sdk(config: &StepScaling) -> ProviderResult<sdk::StepScalingPolicyConfiguration> {
    let steps = config.step_adjustments.iter().map(|step| {
        let step = sdk::StepAdjustment::builder()
            .set_metric_interval_lower_bound(step.metric_interval_lower_bound)
            .set_metric_interval_upper_bound(step.metric_interval_upper_bound)
            .scaling_adjustment(step.scaling_adjustment);
        built(step.build())
    });
    Ok(sdk::StepScalingPolicyConfiguration::builder()
        .adjustment_type(config.adjustment_type.as_str().into())
        .set_step_adjustments(Some(steps.collect::<ProviderResult<_>>()?))
        .set_min_adjustment_magnitude(config.min_adjustment_magnitude)
        .set_cooldown(config.cooldown)
        .set_metric_aggregation_type(to_aws(config.metric_aggregation_type))
        .build())
}

pub fn tracking_from_sdk(config: &sdk::TargetTrackingScalingPolicyConfiguration) -> TargetTracking {
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

pub fn metric_from_sdk(metric: &sdk::CustomizedMetricSpecification) -> Option<CustomizedMetric> {
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

pub fn steps_from_sdk(config: &sdk::StepScalingPolicyConfiguration) -> Option<StepScaling> {
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
