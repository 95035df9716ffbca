//! What is asked of plans besides what is in them: the checker refuses damaged ones, saved ones are
//! recognised, mistakes are shown at their places, and what is left to do is measured.
//!
//! The file is long because all of it is asked of one plan, and the ways to damage that are one list.

#![expect(clippy::unwrap_used, reason = "code of tests")]

mod common;

use std::time::Duration;

use common::case::Case;
use common::text::plan_text;
use infra_core::plan::{ReplaceOrder, StepDependency};
use infra_core::{Action, Plan, Secret, Span, Step, StepId, StepOperation, Strength, Value};
use infra_plan::{CriticalPath, StepEstimate, critical_path, remaining_path, same_work};

/// A replacement made first with a survivor, an undeclared chain, an update, a wait and something deposed.
const CASE: &str = r#"
[resources."net.vpc.main"]
cidr = "10.1.0.0/16"
[resources."app.service.main"]
name = "main"
note = "${net.vpc.main.id}"
token = "${secret.x}"
[resources."app.service.kept"]
name = "kept"
lifecycle = { prevent_destroy = true }
[resources."app.template.slow"]
image = "app:1"
[resources."app.service.new"]
name = "new"
template = "${app.template.slow.arn}"
[state."net.vpc.main"]
id = "vpc-1"
applied = { cidr = "10.0.0.0/16" }
observed = { id = "vpc-1" }
[state."app.service.main"]
id = "svc-1"
applied = { name = "main", note = "vpc-1", token = { "$seal" = "x" } }
observed = { arn = "arn:svc-1", revision = "3" }
depends = ["net.vpc.main"]
[state."app.service.kept"]
id = "svc-2"
applied = { name = "kept" }
observed = { arn = "arn:svc-2", revision = "3" }
lifecycle = { prevent_destroy = true }
[state."app.template.slow"]
id = "tpl-1"
applied = { image = "app:1" }
observed = { arn = "arn:tpl-1" }
[state."net.subnet.old"]
id = "sub-1"
depends = ["net.vpc.old"]
[state."net.vpc.old"]
id = "vpc-2"
[deposed."app.group.old"]
id = "grp-0"
[observed."app.template.slow"]
pending = "pending"
"#;

fn step(plan: &mut Plan, operation: StepOperation, address: &str) -> usize {
    let found = plan
        .steps
        .iter()
        .position(|step| step.operation == operation && step.address.to_string() == address);
    found.unwrap()
}

fn change<'p>(plan: &'p mut Plan, address: &str) -> &'p mut infra_core::Change {
    let mut changes = plan.changes.iter_mut();
    changes
        .find(|change| change.address.to_string() == address)
        .unwrap()
}

fn no_wait(plan: &mut Plan, operation: StepOperation, address: &str, number: usize) {
    let step = step(plan, operation, address);
    plan.steps[step].after.remove(number);
}

#[test]
fn a_damaged_plan_is_refused() {
    use StepOperation::{Create, Delete, Update, Wait};
    type Damage = fn(&mut Plan);
    let damages: &[(&str, Damage)] = &[
        ("another state", |plan| plan.serial += 1),
        ("another mode", |plan| {
            plan.mode = infra_core::plan::PlanMode::Destroy
        }),
        ("the format", |plan| plan.format_version += 1),
        ("stands at place", |plan| plan.steps.swap(0, 1)),
        ("waits for a later step", |plan| {
            plan.steps[0].after.push(StepDependency {
                step: StepId(5),
                strength: Strength::Ready,
            });
        }),
        ("out of order or twice", |plan| {
            let update = step(plan, Delete, "net.vpc.main");
            let again = plan.steps[update].after[0];
            plan.steps[update].after.push(again);
        }),
        ("is forced", |plan| {
            let create = step(plan, Create, "net.vpc.main");
            plan.steps[create].forced = true;
        }),
        ("do not make a Replace", |plan| {
            change(plan, "net.vpc.main").replace_order = Some(ReplaceOrder::DeleteThenCreate);
        }),
        ("do not make a NoOp", |plan| {
            change(plan, "app.service.main").action = Action::NoOp
        }),
        ("do not make a Delete", |plan| {
            let delete = step(plan, Delete, "net.vpc.old");
            plan.steps[delete].physical_id = None;
        }),
        ("has no change", |plan| {
            plan.changes
                .retain(|change| change.address.to_string() != "app.service.kept");
        }),
        ("not every deposed thing", |plan| {
            let delete = step(plan, Delete, "app.group.old");
            plan.steps[delete].operation = Wait;
            plan.changes
                .retain(|change| change.address.to_string() != "app.group.old");
        }),
        ("has two changes", |plan| {
            let again = plan.changes.last().unwrap().clone();
            plan.changes.push(again);
        }),
        ("order of address", |plan| plan.changes.reverse()),
        ("prevent_destroy forbids", |plan| {
            let update = step(plan, Update, "app.service.main");
            let kept = change(plan, "app.service.kept");
            kept.action = Action::Delete;
            let (address, id) = (kept.address.clone(), kept.physical_id.clone());
            plan.steps[update].address = address;
            plan.steps[update].physical_id = id;
            plan.steps[update].operation = Delete;
        }),
        ("do not wait for each other", |plan| {
            no_wait(plan, Delete, "net.vpc.main", 0)
        }),
        ("which it needs", |plan| {
            no_wait(plan, Update, "app.service.main", 0)
        }),
        ("app.template.slow, which it needs", |plan| {
            let create = step(plan, Create, "app.service.new");
            plan.steps[create].after[0].strength = Strength::Exists;
        }),
        ("waiting for the update of app.service.main", |plan| {
            no_wait(plan, Delete, "net.vpc.main", 1);
        }),
        ("waiting for the delete of net.subnet.old", |plan| {
            no_wait(plan, Delete, "net.vpc.old", 0);
        }),
        ("sensitive value is in clear", |plan| {
            let clear = Value::Secret(Secret::Clear(Box::new(Value::from("x"))));
            let wanted = &mut change(plan, "app.service.main").wanted;
            wanted.insert("token".to_owned(), Value::List(vec![clear]));
        }),
        ("of another thing", |plan| {
            change(plan, "app.service.kept").physical_id = Some(infra_core::PhysicalId::new("svc-9"));
        }),
    ];
    let case = Case::read(CASE);
    let plan = case.plan().unwrap();
    for (message, damage) in damages {
        let mut damaged = plan.clone();
        damage(&mut damaged);
        let broken = case.check(&damaged).expect_err(message);
        assert!(
            broken.iter().any(|rule| rule.contains(message)),
            "{message}: {broken:#?}\n{}",
            plan_text(&damaged)
        );
    }
}

/// The plan of one of the cases.
fn of_case(text: &str) -> (Case, Plan) {
    let (_, toml) = text.split_once("```toml\n").unwrap();
    let case = Case::read(toml.split_once("\n```").unwrap().0);
    let plan = case.plan().unwrap();
    (case, plan)
}

/// The plan has something that stands elsewhere moved in place.
fn move_in_place(plan: &mut Plan) {
    use StepOperation::{Create, Delete, Update};
    let address = "net.balancer.second";
    let delete = step(plan, Delete, address);
    let moved = change(plan, address);
    (moved.action, moved.replace_order) = (Action::Update, None);
    let id = moved.physical_id.clone();
    for attribute in &mut moved.attributes {
        attribute.forces_replacement = false;
    }
    let create = step(plan, Create, address);
    (plan.steps[create].operation, plan.steps[create].physical_id) = (Update, id);
    // Nothing but its create waits for the delete.
    plan.steps[create].after.clear();
    plan.steps.remove(delete);
    for step in &mut plan.steps {
        let before = |id: StepId| StepId(id.0 - u32::from(id.0 as usize > delete));
        step.id = before(step.id);
        for dependency in &mut step.after {
            dependency.step = before(dependency.step);
        }
    }
}

#[test]
fn a_plan_that_does_not_follow_or_moves_or_leaves_what_may_not_be_is_refused() {
    use StepOperation::{Delete, Update, Wait};
    type Damage = fn(&mut Plan);
    let follows = include_str!("cases/follows-then-deletes.md");
    let stays = include_str!("cases/stays-in-moved.md");
    let along = include_str!("cases/along-replaced-by-text.md");
    let let_go = include_str!("cases/along-let-go.md");
    let damages: [(&str, &str, Damage); 5] = [
        (
            "app.stage.a is deleted while app.lead.m is still there",
            along,
            |plan| {
                no_wait(plan, Delete, "app.stage.a", 0);
            },
        ),
        (
            "app.stage.a is deleted while app.lead.m is still there",
            let_go,
            |plan| {
                no_wait(plan, Delete, "app.stage.a", 0);
            },
        ),
        ("until which it is in use", follows, |plan| {
            let end = StepId(step(plan, Update, "app.rollout.main") as u32);
            let delete = step(plan, Delete, "app.template.main");
            plan.steps[delete].after.retain(|before| before.step != end);
        }),
        (
            "nobody waits for what the update of app.service.main begins",
            follows,
            |plan| {
                let update = step(plan, Update, "app.rollout.main");
                plan.steps[update].operation = Wait;
                let rollout = change(plan, "app.rollout.main");
                rollout.action = Action::NoOp;
                rollout.attributes.clear();
            },
        ),
        ("which is not in its vpc_id", stays, move_in_place),
    ];
    for (message, text, damage) in damages {
        let (case, mut damaged) = of_case(text);
        damage(&mut damaged);
        let broken = case.check(&damaged).expect_err(message);
        assert!(
            broken.iter().any(|rule| rule.contains(message)),
            "{message}: {broken:#?}\n{}",
            plan_text(&damaged)
        );
    }
}

#[test]
fn the_same_work_is_recognised_whatever_the_hashes() {
    let plan = Case::read(CASE).plan().unwrap();
    let mut other = plan.clone();
    let token = change(&mut other, "app.service.main")
        .wanted
        .get_mut("token")
        .unwrap();
    *token = Value::Secret(Secret::Sealed("hmac-sha256:00".to_owned()));
    assert!(same_work(&plan, &other) && plan != other);
    let token = change(&mut other, "app.service.main")
        .wanted
        .get_mut("token")
        .unwrap();
    *token = Value::from("x");
    assert!(!same_work(&plan, &other));
    let mut other = plan.clone();
    other.steps[0].forced = true;
    assert!(!same_work(&plan, &other));
    let mut other = plan.clone();
    change(&mut other, "net.vpc.main").attributes.clear();
    assert!(!same_work(&plan, &other));
}

#[test]
fn what_is_left_is_the_longest_chain() {
    let plan = Case::read(CASE).plan().unwrap();
    let estimate = |step: &Step| StepEstimate {
        call: Duration::from_secs(1),
        readiness: match step.operation {
            StepOperation::Create => Duration::from_secs(9),
            _ => Duration::ZERO,
        },
    };
    let remaining = remaining_path(&plan, &estimate);
    let of = |operation, address: &str| {
        let position = plan
            .steps
            .iter()
            .position(|step| step.operation == operation && step.address.to_string() == address);
        remaining[position.unwrap()].as_secs()
    };
    // The update goes on with the new id; the delete of the old one waits until the new one works.
    assert_eq!(of(StepOperation::Create, "net.vpc.main"), 11);
    assert_eq!(of(StepOperation::Update, "app.service.main"), 2);
    assert_eq!(of(StepOperation::Delete, "net.vpc.main"), 1);
    assert_eq!(of(StepOperation::Wait, "app.template.slow"), 11);
    // A damaged plan is no reason to stop.
    let mut damaged = plan.clone();
    damaged.steps[0].after.push(StepDependency {
        step: StepId(999),
        strength: Strength::Exists,
    });
    assert_eq!(
        remaining_path(&damaged, &|_: &Step| StepEstimate {
            call: Duration::MAX,
            readiness: Duration::MAX
        })
        .len(),
        plan.steps.len()
    );
    assert_eq!(
        critical_path(&damaged, &estimate),
        critical_path(&plan, &estimate)
    );
}

/// A part of the chain that is to be found: step, start, end, and what the next one needs.
type Part = (u32, u64, u64, Strength);

/// One step of a made-up plan: its name, how long its call and its readiness take, and what comes before it.
type Row<'a> = (&'a str, StepOperation, (u64, u64), &'a [(u32, Strength)]);

#[test]
fn the_critical_path_knows_that_an_id_is_there_before_its_resource_works() {
    use Strength::{Exists, Ready};
    let (create, delete) = (StepOperation::Create, StepOperation::Delete);
    let cases: &[(&[Row<'_>], u64, &[Part])] = &[
        (&[], 0, &[]),
        // The listener needs the balancer's id alone: it does not wait, the service does.
        (
            &[
                ("balancer", create, (2, 100), &[]),
                ("listener", create, (1, 0), &[(0, Exists)]),
                ("service", create, (3, 50), &[(0, Ready), (1, Ready)]),
            ],
            155,
            &[(0, 0, 102, Ready), (2, 102, 155, Ready)],
        ),
        // Everything by ids: the longest wait alone counts.
        (
            &[
                ("network", create, (2, 0), &[]),
                ("part", create, (2, 5), &[(0, Exists)]),
                ("gateway", create, (1, 90), &[(1, Exists)]),
                ("route", create, (1, 0), &[(1, Exists), (2, Exists)]),
            ],
            95,
            &[(0, 0, 2, Exists), (1, 2, 4, Exists), (2, 4, 95, Ready)],
        ),
        // A delete frees what comes after it only when it is gone, however much is asked of it.
        (
            &[
                ("old", delete, (1, 60), &[]),
                ("new", create, (4, 0), &[(0, Exists)]),
            ],
            65,
            &[(0, 0, 61, Exists), (1, 61, 65, Ready)],
        ),
    ];
    for (rows, length, path) in cases {
        let mut plan = Case::read("").plan().unwrap();
        plan.steps = rows
            .iter()
            .enumerate()
            .map(|(position, (name, operation, _, after))| Step {
                id: StepId(position as u32),
                address: format!("net.vpc.{name}").parse().unwrap(),
                operation: *operation,
                physical_id: None,
                forced: false,
                after: after
                    .iter()
                    .map(|&(step, strength)| StepDependency {
                        step: StepId(step),
                        strength,
                    })
                    .collect(),
                together: None,
            })
            .collect();
        let estimate = |step: &Step| {
            let (call, readiness) = rows[step.id.0 as usize].2;
            StepEstimate {
                call: Duration::from_secs(call),
                readiness: Duration::from_secs(readiness),
            }
        };
        let found = critical_path(&plan, &estimate);
        let steps: Vec<_> = found
            .steps
            .iter()
            .map(|part| (part.step.0, part.start.as_secs(), part.end.as_secs(), part.until))
            .collect();
        assert_eq!((found.length.as_secs(), &steps[..]), (*length, *path), "{rows:?}");
        let CriticalPath { steps, length } = found;
        let remaining = remaining_path(&plan, &estimate);
        for part in steps {
            assert_eq!(part.start + remaining[part.step.0 as usize], length, "{rows:?}");
        }
    }
}

#[test]
fn a_mistake_is_shown_at_the_deepest_place_that_the_file_spells_out() {
    let mut case = Case::read(
        r#"
[resources."net.vpc.main"]
cidr = "10.0.0.0/16"
tags = { a = "${fail}", b = "${fail}" }
[resources."app.template.main"]
containers = [{ name = "app", image = "${fail}" }]
"#,
    );
    let span = |start: usize| Span {
        file: 0,
        range: start..start + 1,
    };
    for resource in case.stack.as_mut().unwrap().resources.values_mut() {
        resource.span = span(1);
        for (path, place) in [("tags", 2), ("tags.b", 3), ("containers[0]", 4)] {
            resource.attribute_spans.insert(path.to_owned(), span(place));
        }
    }
    let errors = case.plan().unwrap_err();
    let places: Vec<usize> = errors
        .iter()
        .map(|error| error.primary.as_ref().unwrap().span.range.start)
        .collect();
    assert_eq!(places, [4, 2, 3]);
}

#[test]
fn without_a_file_only_a_destroy_can_be_planned() {
    let mut case = Case::read("");
    case.stack = None;
    assert_eq!(case.plan().unwrap_err()[0].code, "no-stack");
    let mut case = Case::read("");
    case.state.stack = infra_core::StackId::new("other", "", "dev", "local").unwrap();
    assert_eq!(case.plan().unwrap_err()[0].code, "wrong-state");
}
