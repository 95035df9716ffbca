//! Plans as they are shown.

use super::*;
use infra_core::plan::{PLAN_FORMAT_VERSION, PlanMode};
use infra_core::{Attributes, StackId, Step, StepOperation};

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        format_version: PLAN_FORMAT_VERSION,
        stack: StackId::new("app", "test", "dev", "us-east-1").unwrap(),
        lineage: String::new(),
        serial: 0,
        mode: PlanMode::Apply,
        changes,
        steps: Vec::new(),
        outputs: BTreeMap::new(),
    }
}

fn shown(plan: &Plan, view: PlanView<'_>) -> String {
    let mut out = Vec::new();
    write_plan(&mut out, plan, view, Format::Plain, &Style::plain()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn when_nothing_changes_it_says_so_and_only_that() {
    let same = Change {
        address: "ec2.vpc.main".parse().unwrap(),
        action: Action::NoOp,
        reason: Reason::Unchanged,
        physical_id: None,
        attributes: Vec::new(),
        drift: Vec::new(),
        replace_order: None,
        data: None,
        ownership: Ownership::Ours,
        wanted: Attributes::new(),
    };
    let unchanged = plan(vec![same.clone()]);
    let destroyed = Plan {
        mode: PlanMode::Destroy,
        ..plan(Vec::new())
    };
    let mut outputs = unchanged.clone();
    let output = OutputChange {
        before: Value::Null,
        after: "a".into(),
    };
    outputs.outputs.insert("url".to_owned(), output);
    let drift = AttributeChange {
        path: "tags.by".into(),
        before: Value::Null,
        after: "someone".into(),
        forces_replacement: false,
    };
    let drifted = plan(vec![Change {
        drift: vec![drift],
        ..same
    }]);
    let all: String = [
        (&unchanged, PlanView::Plan(&Forecast::default())),
        (&unchanged, PlanView::Diff),
        (&destroyed, PlanView::Plan(&Forecast::default())),
        (&outputs, PlanView::Plan(&Forecast::default())),
        (&outputs, PlanView::Diff),
        (&drifted, PlanView::Plan(&Forecast::default())),
        (&drifted, PlanView::Diff),
    ]
    .into_iter()
    .map(|(plan, view)| format!("== {view:?}\n{}", shown(plan, view)))
    .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_not_surely_ours_is_not_said_to_be_changed() {
    let change = |name: &str, action, ownership| Change {
        address: format!("logs.log_group.{name}").parse().unwrap(),
        action,
        reason: Reason::Differs,
        physical_id: Some(infra_core::PhysicalId::new(format!("/{name}"))),
        attributes: Vec::new(),
        drift: Vec::new(),
        replace_order: None,
        data: None,
        ownership,
        wanted: Attributes::new(),
    };
    let plan = plan(vec![
        change("app", Action::Update, Ownership::Unmarked),
        change(
            "gone",
            Action::Delete,
            Ownership::OfStack("other/test/dev/us-east-1".to_owned()),
        ),
        change("ours", Action::Update, Ownership::Ours),
        change("same", Action::NoOp, Ownership::Unmarked),
    ]);
    let forecast = Forecast {
        duration_ms: 1000,
        ..Forecast::default()
    };
    let all: String = [PlanView::Plan(&forecast), PlanView::Diff]
        .into_iter()
        .map(|view| format!("== {view:?}\n{}", shown(&plan, view)))
        .collect();
    insta::assert_snapshot!(all);
    let mut json = Vec::new();
    let view = PlanView::Plan(&forecast);
    write_plan(&mut json, &plan, view, Format::Json, &Style::plain()).unwrap();
    let last = String::from_utf8(json).unwrap();
    let last: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["counts"]["update"], &last["counts"]["refused"]),
        (&1.into(), &3.into())
    );
    assert!(last["forecast"].is_null(), "{last}");
}

#[test]
fn what_one_call_makes_is_said_beside_each() {
    let change = |name: &str, action| Change {
        address: format!("route53.record.{name}").parse().unwrap(),
        action,
        reason: Reason::New,
        physical_id: None,
        attributes: Vec::new(),
        drift: Vec::new(),
        replace_order: (action == Action::Replace).then_some(ReplaceOrder::DeleteThenCreate),
        data: None,
        ownership: Ownership::Ours,
        wanted: Attributes::new(),
    };
    let mut plan = plan(vec![
        change("again", Action::Replace),
        change("apart", Action::Replace),
        change("new", Action::Create),
        change("old", Action::Delete),
    ]);
    let steps = [
        ("old", StepOperation::Delete, Some(0)),
        ("new", StepOperation::Create, Some(0)),
        ("again", StepOperation::Delete, Some(2)),
        ("again", StepOperation::Create, Some(2)),
        ("apart", StepOperation::Delete, None),
        ("apart", StepOperation::Create, None),
    ];
    plan.steps = (0..)
        .zip(steps)
        .map(|(number, (name, operation, together))| Step {
            id: StepId(number),
            address: format!("route53.record.{name}").parse().unwrap(),
            operation,
            physical_id: None,
            forced: false,
            after: Vec::new(),
            together: together.map(StepId),
        })
        .collect();
    let view = PlanView::Plan(&Forecast::default());
    let mut json = Vec::new();
    write_plan(&mut json, &plan, view, Format::Json, &Style::plain()).unwrap();
    let json = String::from_utf8(json).unwrap();
    let told: Vec<serde_json::Value> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["one_call_with"].take())
        .collect();
    let text: Vec<String> = shown(&plan, view)
        .lines()
        .filter(|line| line.contains("route53.record"))
        .map(str::to_owned)
        .collect();
    insta::assert_snapshot!(format!("{}\n{}", text.join("\n"), serde_json::json!(told)));
}
