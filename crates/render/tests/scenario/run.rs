//! The scenario's run: waits, a retry, parking, bytes, a failure, what is skipped for it, and a cancellation.

use infra_core::plan::{ActionCounts, StepDependency};
use infra_core::{
    ErrorClass, Event, EventKind, PhysicalId, ProviderError, ResourceAddress, RunId, RunOutcome, RunSummary,
    StackId, StepId, StepOperation, Strength,
};

/// Events in order, numbered as they are added.
#[derive(Default)]
struct Script {
    events: Vec<Event>,
    sequence: u64,
}

fn address(text: &str) -> ResourceAddress {
    text.parse().expect("an address")
}

/// What a step needs of those before it.
fn before(step: StepId) -> Vec<StepDependency> {
    let (step, strength) = match step.0 {
        5 => (1, Strength::Exists),
        6 | 7 => (step.0 - 1, Strength::Exists),
        9 => (8, Strength::Ready),
        _ => return Vec::new(),
    };
    vec![StepDependency {
        step: StepId(step),
        strength,
    }]
}

impl Script {
    fn add(&mut self, at_ms: u64, kind: EventKind) {
        let sequence = (!kind.may_be_dropped()).then(|| {
            self.sequence += 1;
            self.sequence
        });
        self.events.push(Event {
            at_ms,
            sequence,
            kind,
        });
    }

    fn start(&mut self, at_ms: u64, step: u32, resource: &str, operation: StepOperation) {
        let (step, address) = (StepId(step), address(resource));
        self.add(
            at_ms,
            EventKind::StepStarted {
                step,
                address,
                operation,
                queued_ms: at_ms,
                after: before(step),
            },
        );
    }

    fn exists(&mut self, at_ms: u64, step: u32, resource: &str, id: &str) {
        self.add(
            at_ms,
            EventKind::StepExists {
                step: StepId(step),
                address: address(resource),
                physical_id: PhysicalId::new(id),
            },
        );
    }

    fn wait(&mut self, at_ms: u64, step: u32, resource: &str, waiter: &str) {
        self.add(
            at_ms,
            EventKind::WaitStarted {
                step: StepId(step),
                address: address(resource),
                waiter: waiter.to_owned(),
            },
        );
    }

    fn finish(
        &mut self,
        at_ms: u64,
        step: u32,
        resource: &str,
        operation: StepOperation,
        id: &str,
        took: u64,
    ) {
        self.add(
            at_ms,
            EventKind::StepFinished {
                step: StepId(step),
                address: address(resource),
                operation,
                changed: true,
                physical_id: (!id.is_empty()).then(|| PhysicalId::new(id)),
                duration_ms: took,
            },
        );
    }

    fn skip(&mut self, at_ms: u64, step: u32, resource: &str, operation: StepOperation, cause: Option<&str>) {
        self.add(
            at_ms,
            EventKind::StepSkipped {
                step: StepId(step),
                address: address(resource),
                operation,
                because_of: cause.map(address),
            },
        );
    }

    fn waiting(&mut self, at_ms: u64, resource: &str, status: &str) {
        self.add(
            at_ms,
            EventKind::Waiting {
                address: address(resource),
                status: status.to_owned(),
            },
        );
    }
}

fn aws_error(class: ErrorClass, operation: &str, code: &str, message: &str) -> ProviderError {
    ProviderError {
        service: "ec2".to_owned(),
        operation: operation.to_owned(),
        code: Some(code.to_owned()),
        request_id: Some("5b2c8a64-0000-4000-8000-000000000001".to_owned()),
        ..ProviderError::new(class, message)
    }
}

/// The whole run.
pub fn events() -> Vec<Event> {
    use StepOperation::{Confirm, Create, Delete, Forget, Update};
    let mut script = Script::default();
    script.add(
        0,
        EventKind::RunStarted {
            run: RunId("0194-run".into()),
            command: "apply".into(),
            steps: 15,
            stack: StackId::new("app", "test", "dev", "us-east-1").expect("an identity"),
            serial: 41,
            at_unix_ms: 1_738_324_805_000,
        },
    );
    settle(&mut script);
    script.start(20, 0, "logs.log_group.app", Confirm);
    script.finish(21, 0, "logs.log_group.app", Confirm, "/app/dev", 1);
    script.start(30, 1, "ec2.vpc.main", Create);
    script.start(30, 2, "iam.role.task", Update);
    script.start(30, 3, "ecr.image.app", Create);
    script.start(40, 4, "logs.log_group.old", Forget);
    script.finish(41, 4, "logs.log_group.old", Forget, "/app/old", 1);
    script.exists(400, 1, "ec2.vpc.main", "vpc-0abc");
    script.finish(430, 1, "ec2.vpc.main", Create, "vpc-0abc", 400);
    script.start(440, 5, "ec2.subnet.private[\"us-east-1a\"]", Create);
    script.add(
        700,
        EventKind::StepRetried {
            step: StepId(5),
            address: address("ec2.subnet.private[\"us-east-1a\"]"),
            attempt: 1,
            delay_ms: 1_500,
            error: aws_error(
                ErrorClass::Throttled,
                "CreateSubnet",
                "RequestLimitExceeded",
                "Request limit exceeded.",
            ),
        },
    );
    script.finish(900, 2, "iam.role.task", Update, "app-dev-task", 870);
    image_and_gateway(&mut script);
    the_failure(&mut script);
    script.add(41_000, EventKind::Cancelling { level: 1 });
    script.skip(41_010, 11, "ec2.security_group.lb", Create, None);
    script.skip(41_010, 12, "ec2.security_group.lb", Delete, None);
    script.skip(41_010, 13, "ec2.security_group.old", Delete, None);
    script.waiting(44_000, "ec2.nat_gateway.main", "pending");
    script.finish(62_000, 6, "ec2.nat_gateway.main", Create, "nat-0def", 59_500);
    finish(&mut script);
    script.events
}

fn settle(script: &mut Script) {
    script.add(1, EventKind::Settling { intents: 1 });
    script.add(
        15,
        EventKind::Settled {
            address: address("ec2.eip.nat"),
            outcome: "found what the lost call made, adopted".into(),
            physical_id: Some(PhysicalId::new("eipalloc-1")),
        },
    );
}

fn image_and_gateway(script: &mut Script) {
    use StepOperation::Create;
    let image = address("ecr.image.app");
    script.add(
        1_000,
        EventKind::Note {
            address: image.clone(),
            text: "7 layers, 2 of them are there already".into(),
        },
    );
    script.finish(
        2_450,
        5,
        "ec2.subnet.private[\"us-east-1a\"]",
        Create,
        "subnet-0aaa",
        2_010,
    );
    script.start(2_500, 6, "ec2.nat_gateway.main", Create);
    script.start(2_510, 7, "ec2.route.private", Create);
    script.exists(2_900, 6, "ec2.nat_gateway.main", "nat-0def");
    script.wait(2_900, 6, "ec2.nat_gateway.main", "NAT gateway available");
    script.add(
        3_000,
        EventKind::StepParked {
            step: StepId(7),
            address: address("ec2.route.private"),
            waits_for: vec![StepId(6)],
            error: aws_error(
                ErrorClass::DependencyNotReady,
                "CreateRoute",
                "InvalidNatGatewayID.NotFound",
                "NAT gateway nat-0def is not available.",
            ),
        },
    );
    for second in 3..=18_u64 {
        script.add(
            second * 1_000 + 100,
            EventKind::Bytes {
                address: image.clone(),
                done: (second - 2) * 7_500_000,
                total: 120_000_000,
            },
        );
        script.add(
            second * 1_000 + 150,
            EventKind::ApiCall {
                address: Some(address("ec2.nat_gateway.main")),
                service: "ec2".into(),
                operation: "DescribeNatGateways".into(),
                mutating: false,
                duration_ms: 90,
                error: None,
                throttled: false,
            },
        );
        script.waiting(second * 1_000 + 200, "ec2.nat_gateway.main", "pending");
    }
    script.finish(19_000, 3, "ecr.image.app", Create, "app@sha256:9f", 18_970);
}

fn the_failure(script: &mut Script) {
    use StepOperation::{Create, Delete, Update};
    let group = "elbv2.target_group.app";
    script.start(20_000, 8, group, Delete);
    script.finish(20_600, 8, group, Delete, "", 600);
    script.start(20_610, 9, group, Create);
    script.add(
        21_900,
        EventKind::StepFailed {
            step: StepId(9),
            address: address(group),
            operation: Create,
            error: ProviderError {
                service: "elbv2".into(),
                operation: "CreateTargetGroup".into(),
                code: Some("AccessDenied".into()),
                request_id: Some("5b2c8a64-0000-4000-8000-000000000002".into()),
                hint: Some("allow elasticloadbalancing:CreateTargetGroup for the role that runs this".into()),
                ..ProviderError::new(
                    ErrorClass::Denied,
                    "User: arn:aws:sts::123456789012:assumed-role/ci is not authorized",
                )
            },
            place: Some("stacks/dev.toml:8:1".into()),
            duration_ms: 1_290,
        },
    );
    script.skip(21_910, 10, "ecs.task_definition.app", Update, Some(group));
}

fn finish(script: &mut Script) {
    let route = "ec2.route.private";
    script.add(
        62_050,
        EventKind::StepResumed {
            step: StepId(7),
            address: address(route),
            queued_ms: 62_050,
        },
    );
    script.finish(62_400, 7, route, StepOperation::Create, "rtb-9/0.0.0.0/0", 59_890);
    script.add(
        62_450,
        EventKind::StepLeft {
            step: StepId(14),
            address: address("ec2.security_group.tasks"),
            operation: StepOperation::Delete,
            until: address("ecs.deployment.app"),
        },
    );
    script.add(
        62_500,
        EventKind::RunFinished {
            run: RunId("0194-run".into()),
            outcome: RunOutcome::Cancelled,
            summary: RunSummary {
                done: ActionCounts {
                    create: 5,
                    update: 1,
                    forget: 1,
                    ..ActionCounts::default()
                },
                failed: 1,
                stopped: 0,
                skipped: 4,
                left: 1,
                duration_ms: 62_500,
                critical_path_ms: 62_300,
                mutating_calls: 9,
                reading_calls: 31,
                flushes: 24,
                flushing_ms: 60,
            },
            critical_path: [
                "ec2.vpc.main",
                "ec2.subnet.private[\"us-east-1a\"]",
                "ec2.nat_gateway.main",
                route,
            ]
            .map(address)
            .to_vec(),
        },
    );
}
