//! Values for attributes, of which there are as many as are needed.

use infra_core::{AttributeKind, AttributePath, AttributeSchema, Attributes, PathSegment, Value};
use serde_json::{Value as Json, json};

/// Attributes whose values the calls look into.
fn own(of: &str, place: &str, variant: usize) -> Option<Json> {
    Some(match (of, place) {
        ("ec2.route_table_association", "route_table_id") => json!(format!("rtb-{variant}")),
        ("ec2.security_group_rule", "ip_protocol") => json!(["tcp", "udp", "icmp"][variant]),
        ("ecr.repository", "image_tag_mutability") => json!(
            [
                "MUTABLE_WITH_EXCLUSION",
                "IMMUTABLE_WITH_EXCLUSION",
                "MUTABLE_WITH_EXCLUSION"
            ][variant]
        ),
        ("elbv2.listener", "protocol") => json!(["TLS", "HTTPS", "TLS"][variant]),
        _ => return None,
    })
}

/// Attributes that AWS does not take beside others, and that are left out where all are set.
const UNLIKE: &[(&str, &str)] = &[
    (
        "applicationautoscaling.scaling_policy",
        "target_tracking_scaling_policy_configuration.customized_metric_specification",
    ),
    (
        "applicationautoscaling.scaling_policy",
        "step_scaling_policy_configuration.min_adjustment_magnitude",
    ),
    ("ec2.route", "egress_only_internet_gateway_id"),
    ("ec2.route", "nat_gateway_id"),
    ("ec2.route", "network_interface_id"),
    ("ec2.route", "transit_gateway_id"),
    ("ec2.route", "vpc_endpoint_id"),
    ("ec2.route", "vpc_peering_connection_id"),
    ("elbv2.load_balancer", "subnet_mappings"),
    ("route53.record", "alias_target"),
    ("route53.record", "failover"),
    ("route53.record", "multi_value_answer"),
    ("route53.record", "region"),
];

/// Whether an attribute is not set where others are.
pub fn unlike(of: &str, name: &str) -> bool {
    let is_in = |table: &str| {
        name.strip_prefix(table)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    UNLIKE.iter().any(|(other, table)| *other == of && is_in(table))
}

/// A value of this kind.
pub fn sample(of: &str, place: &AttributePath, kind: &AttributeKind, variant: usize) -> Value {
    if let Some(own) = own(of, &place.to_string(), variant) {
        return Value::from(own);
    }
    let last = match place.segments().last() {
        Some(PathSegment::Name(name)) => name.as_str(),
        _ => "",
    };
    match kind {
        AttributeKind::Bool => Value::Bool(variant % 2 == 1),
        AttributeKind::Integer => Value::Integer(100 + i64::try_from(variant).unwrap()),
        AttributeKind::Number => Value::from(json!(100.5 + f64::from(u8::try_from(variant).unwrap()))),
        AttributeKind::Enum(choices) => Value::from(choices[variant % choices.len()].as_str()),
        AttributeKind::Json { .. } | AttributeKind::Any => Value::from(json!({ "Statement": variant })),
        AttributeKind::String | AttributeKind::Spelled(_) => Value::from(format!("{last}-{variant}")),
        AttributeKind::List(inner) | AttributeKind::Set(inner) => {
            Value::List(vec![sample(of, place, inner, variant)])
        }
        AttributeKind::Map(inner) => Value::Map(Attributes::from([(
            "key".to_owned(),
            sample(of, place, inner, variant),
        )])),
        AttributeKind::Object(table) => {
            let all = |_: &AttributeSchema| true;
            Value::Map(of_table(of, place, table.iter(), all, variant))
        }
        AttributeKind::KeyedList { element, .. } => {
            let all = |_: &AttributeSchema| true;
            Value::List(vec![Value::Map(of_table(
                of,
                place,
                element.iter(),
                all,
                variant,
            ))])
        }
    }
}

/// A value for each attribute of a table that is wanted.
pub fn of_table<'a>(
    of: &str,
    place: &AttributePath,
    table: impl Iterator<Item = (&'a String, &'a AttributeSchema)>,
    is_wanted: impl Fn(&AttributeSchema) -> bool,
    variant: usize,
) -> Attributes {
    let inside = unlike(of, &place.to_string());
    let is_like = |name: &str| inside || !unlike(of, &place.name(name).to_string());
    table
        .filter(|(name, attribute)| is_wanted(attribute) && is_like(name))
        .map(|(name, attribute)| {
            (
                name.clone(),
                sample(of, &place.name(name.as_str()), &attribute.kind, variant),
            )
        })
        .collect()
}
