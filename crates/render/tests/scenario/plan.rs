//! The scenario's plan.

use std::collections::BTreeMap;

use infra_core::plan::{
    Forecast, ForecastStep, OutputChange, PLAN_FORMAT_VERSION, PlanMode, Reason, ReplaceOrder,
};
use infra_core::{
    Action, AttributeChange, AttributePath, Attributes, Change, DataAtStake, HeldData, Ownership, PhysicalId,
    Plan, Secret, StackId, StepOperation, Strength, Unknown, Value,
};
use serde_json::json;

use super::SECRET;

fn change(address: &str, action: Action, reason: Reason) -> Change {
    Change {
        address: address.parse().expect("an address"),
        action,
        reason,
        physical_id: None,
        attributes: Vec::new(),
        drift: Vec::new(),
        replace_order: None,
        data: None,
        ownership: Ownership::Ours,
        wanted: Attributes::new(),
    }
}

fn attribute(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> AttributeChange {
    AttributeChange {
        path: path.into(),
        before: before.into(),
        after: after.into(),
        forces_replacement: false,
    }
}

fn forcing(path: &str, before: impl Into<Value>, after: impl Into<Value>) -> AttributeChange {
    AttributeChange {
        forces_replacement: true,
        ..attribute(path, before, after)
    }
}

fn later(reference: &str) -> Value {
    Value::Unknown(Unknown {
        origin: Some(Box::new(reference.parse().expect("a reference"))),
    })
}

fn sealed(hash: &str) -> Value {
    Value::Secret(Secret::Sealed(format!("hmac-sha256:{hash}")))
}

fn immutable(names: &[&str]) -> Reason {
    Reason::Immutable {
        attributes: names.iter().map(|name| AttributePath::from(*name)).collect(),
    }
}

fn with_id(id: &str, change: Change) -> Change {
    Change {
        physical_id: Some(PhysicalId::new(id)),
        ..change
    }
}

const POLICY_BEFORE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
const POLICY_AFTER: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}"#;

fn creates() -> Vec<Change> {
    vec![
        Change {
            attributes: vec![
                attribute("cidr_block", Value::Null, "10.0.0.0/16"),
                attribute("enable_dns_hostnames", Value::Null, true),
                attribute(
                    "tags",
                    Value::Null,
                    json!({"Name": "app-dev", "cost centre": "4711"}),
                ),
            ],
            ..change("ec2.vpc.main", Action::Create, Reason::New)
        },
        Change {
            attributes: vec![
                attribute("cidr_block", Value::Null, "10.0.10.0/24"),
                attribute("vpc_id", Value::Null, later("ec2.vpc.main.id")),
            ],
            ..change("ec2.subnet.private[\"us-east-1a\"]", Action::Create, Reason::New)
        },
        Change {
            wanted: Attributes::from([
                ("allocation_id".to_owned(), later("ec2.eip.nat.allocation_id")),
                ("connectivity_type".to_owned(), Value::from("public")),
            ]),
            ..change("ec2.nat_gateway.main", Action::Create, Reason::New)
        },
        Change {
            attributes: vec![
                attribute("nat_gateway_id", Value::Null, later("ec2.nat_gateway.main.id")),
                attribute("destination_cidr_block", Value::Null, "0.0.0.0/0"),
            ],
            ..with_id(
                "rtb-9|0.0.0.0/0",
                change("ec2.route.private", Action::Create, Reason::Vanished),
            )
        },
        Change {
            attributes: vec![
                attribute("source", Value::Null, json!({"archive": "../app/image.tar"})),
                attribute("uri", Value::Null, Value::unknown()),
            ],
            ..change("ecr.image.app", Action::Create, Reason::New)
        },
    ]
}

fn updates_and_replacements() -> Vec<Change> {
    vec![
        Change {
            attributes: vec![
                attribute("assume_role_policy", POLICY_BEFORE, POLICY_AFTER),
                attribute("description", "by hand", "The task's role"),
                attribute("tags.Owner", "me", Value::Null),
            ],
            drift: vec![attribute("description", "The task's role", "by hand")],
            ..with_id(
                "app-dev-task",
                change("iam.role.task", Action::Update, Reason::Differs),
            )
        },
        Change {
            attributes: vec![
                attribute(
                    "container_definitions[0]",
                    json!({"name": "app", "cpu": 256, "environment": {"STAGE": "dev"}}),
                    json!({"name": "app", "cpu": 512, "environment": {"STAGE": "dev", "DEBUG": "1"}}),
                ),
                attribute(
                    "container_definitions[0].image",
                    "app@sha256:01",
                    later("ecr.image.app.uri"),
                ),
                attribute(
                    "container_definitions[0].environment.TOKEN",
                    sealed("01"),
                    sealed("02"),
                ),
                attribute(
                    "container_definitions[0].environment.NEW",
                    Value::Null,
                    Value::secret(SECRET.into()),
                ),
            ],
            ..with_id(
                "app:7",
                change("ecs.task_definition.app", Action::Update, Reason::Differs),
            )
        },
        Change {
            attributes: vec![
                forcing("port", 80, 8080),
                attribute("health_check.path", "/", "/health"),
            ],
            replace_order: Some(ReplaceOrder::DeleteThenCreate),
            ..with_id(
                "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/app/0123",
                change("elbv2.target_group.app", Action::Replace, immutable(&["port"])),
            )
        },
        Change {
            attributes: vec![forcing("vpc_id", "vpc-0old", later("ec2.vpc.main.id"))],
            replace_order: Some(ReplaceOrder::CreateThenDelete),
            ..with_id(
                "sg-0123",
                change(
                    "ec2.security_group.lb",
                    Action::Replace,
                    Reason::DependencyReplaced {
                        address: "ec2.vpc.main".parse().expect("an address"),
                    },
                ),
            )
        },
    ]
}

/// A repository that goes; what becomes of its images.
fn repository(name: &str, held: HeldData, allowed: bool) -> Change {
    let going = change(
        &format!("ecr.repository.{name}"),
        Action::Delete,
        Reason::Undeclared,
    );
    Change {
        data: Some(DataAtStake {
            what: "images".to_owned(),
            held,
            allowed,
        }),
        ownership: Ownership::Ours,
        ..with_id(name, going)
    }
}

fn the_rest() -> Vec<Change> {
    let denied = HeldData::Unclear("ecr ListImages: AccessDeniedException: not allowed".to_owned());
    vec![
        repository("empty", HeldData::Nothing, false),
        repository("full", HeldData::Something, true),
        repository("unclear", denied, false),
        with_id(
            "sg-0456",
            change("ec2.security_group.old", Action::Delete, Reason::Undeclared),
        ),
        with_id(
            "sg-0111",
            change("ec2.security_group.lb", Action::Delete, Reason::Deposed),
        ),
        with_id(
            "/app/old",
            change("logs.log_group.old", Action::Forget, Reason::Undeclared),
        ),
        Change {
            drift: vec![
                attribute("retention_in_days", 14, 365),
                attribute("tags.by", Value::Null, "someone"),
            ],
            ..with_id(
                "/app/dev",
                change("logs.log_group.app", Action::NoOp, Reason::Unchanged),
            )
        },
        with_id(
            "eipalloc-1",
            change("ec2.eip.nat", Action::NoOp, Reason::Unchanged),
        ),
    ]
}

/// Creates, an update, replacements, deletes (with data, too), a forget, drift, secrets, unknowns, and something unchanged.
pub fn plan() -> Plan {
    let mut changes = creates();
    changes.extend(updates_and_replacements());
    changes.extend(the_rest());
    changes.sort_by(|left, right| left.address.cmp(&right.address));
    let output = |before: Value, after: Value| OutputChange { before, after };
    Plan {
        format_version: PLAN_FORMAT_VERSION,
        stack: StackId::new("app", "test", "dev", "us-east-1").expect("an identity"),
        lineage: "3f0c".to_owned(),
        serial: 41,
        mode: PlanMode::Apply,
        changes,
        steps: Vec::new(),
        outputs: BTreeMap::from([
            (
                "image".to_owned(),
                output(Value::Null, later("ecr.image.app.uri")),
            ),
            (
                "old_url".to_owned(),
                output("http://old.example.com".into(), Value::Null),
            ),
            (
                "password".to_owned(),
                output(Value::Null, Value::secret(SECRET.into())),
            ),
        ]),
    }
}

/// What carrying it out will probably take.
pub fn forecast() -> Forecast {
    let step = |name: &str, start_ms, end_ms, until| ForecastStep {
        address: name.parse().expect("an address"),
        operation: StepOperation::Create,
        start_ms,
        end_ms,
        until,
    };
    Forecast {
        duration_ms: 61_400,
        critical_path: vec![
            step("ec2.subnet.private[\"us-east-1a\"]", 0, 400, Strength::Exists),
            step("ec2.nat_gateway.main", 400, 60_900, Strength::Ready),
            step("ec2.route.private", 60_900, 61_400, Strength::Ready),
        ],
        measured_steps: 9,
        typical_steps: 3,
    }
}
