//! What holds for every stack, every edit of it and every run that ended half-way.
#![expect(clippy::unwrap_used, clippy::panic, reason = "code of tests")]

mod common;

use std::io::Write;
use std::time::Duration;

use common::case::Case;
use common::cloud::Cloud;
use common::design::{Design, SLOTS, design, edit};
use infra_core::plan::PlanMode;
use infra_core::{Action, Diagnostic, Plan, ResourceAddress, Step, Value};
use infra_plan::{StepEstimate, critical_path, remaining_path};
use proptest::prelude::*;
use proptest::sample::Index;

/// Why a plan for a design, or for a part of it, may be impossible.
const REFUSALS: &[&str] = &[
    "prevent-destroy",
    "name-in-use",
    "create-before-destroy",
    "no-order",
    "taken-twice",
];

/// What happens to a resource behind our back.
#[derive(Debug, Clone, Copy)]
enum Accident {
    Nothing,
    Vanish,
    Drift,
    Wait,
}

/// Plans for `design`; where its lifecycles make that impossible, without them.
fn plan_for(case: &mut Case, design: &Design) -> Option<Plan> {
    case.options.mode = PlanMode::Apply;
    case.stack = Some(design.stack(case, true));
    match case.plan() {
        Ok(plan) => return Some(plan),
        Err(errors) => only(&errors, REFUSALS),
    }
    case.stack = Some(design.stack(case, false));
    match case.plan() {
        Ok(plan) => Some(plan),
        Err(errors) => {
            // What is out of the file is still protected by the state, or stays at AWS and keeps its name.
            only(&errors, &["prevent-destroy", "taken-twice"]);
            None
        }
    }
}

/// On a failure the plans that led to it are what one wants to see.
fn show(plan: &Plan) {
    if std::env::var_os("SHOW_PLANS").is_some() {
        let _ = writeln!(std::io::stderr(), "----\n{}", common::text::plan_text(plan));
    }
}

fn only(errors: &[Diagnostic], codes: &[&str]) {
    for error in errors {
        assert!(codes.contains(&error.code.as_str()), "unexpected: {error:?}");
    }
}

/// Chooses steps and failures from a list of numbers, again and again.
fn luck(numbers: &[u8], failing: bool) -> impl FnMut(usize) -> (usize, bool) + '_ {
    let mut next = 0;
    move |_| {
        let number = numbers[next % numbers.len()];
        next += 1;
        (usize::from(number), failing && number.is_multiple_of(5))
    }
}

fn happen(cloud: &mut Cloud, case: &Case, accidents: &[Accident]) {
    let records: Vec<_> = case.state.resources.values().collect();
    for (record, accident) in records.iter().zip(accidents) {
        match accident {
            Accident::Nothing => {}
            Accident::Vanish => {
                cloud.things.remove(&record.physical_id);
            }
            Accident::Wait => {
                cloud.pending.insert(record.physical_id.clone());
            }
            Accident::Drift => {
                if let Some((_, thing)) = cloud.things.get_mut(&record.physical_id) {
                    thing.insert("tags".to_owned(), Value::Null);
                    thing.insert("count".to_owned(), Value::Integer(99));
                }
            }
        }
    }
}

fn accident() -> impl Strategy<Value = Accident> {
    prop_oneof![
        8 => Just(Accident::Nothing),
        1 => Just(Accident::Vanish),
        1 => Just(Accident::Drift),
        1 => Just(Accident::Wait),
    ]
}

fn is_empty(plan: &Plan) -> bool {
    !plan.has_changes() && !plan.has_drift() && plan.steps.is_empty() && plan.outputs.is_empty()
}

/// Brings AWS to `design` without failures, and sees that nothing is left to do. A reference to something
/// that an update changes may have moved once more, so that it can take another plan or two.
fn converge(case: &mut Case, cloud: &mut Cloud, design: &Design, numbers: &[u8]) -> bool {
    for _ in 0..SLOTS + 2 {
        cloud.observe(case);
        let Some(plan) = plan_for(case, design) else {
            return false;
        };
        if !plan.has_changes() && plan.steps.is_empty() {
            assert!(plan.outputs.keys().all(|name| name == "first"));
            return true;
        }
        show(&plan);
        cloud.run(case, &plan, luck(numbers, false));
    }
    panic!("the plans come to no end");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any edit, any run of it that ends half-way, any accident: the next plans go through, keep every rule
    /// and end with nothing to do; then everything can be destroyed, each thing once.
    #[test]
    fn every_edit_converges_and_everything_can_be_destroyed(
        first in design(),
        second in design(),
        third in design(),
        masks in prop::collection::vec(prop::bool::weighted(0.4), 2 * SLOTS),
        reorder in any::<[bool; 2]>(),
        accidents in prop::collection::vec(accident(), SLOTS),
        numbers in prop::collection::vec(any::<u8>(), 40),
    ) {
        let mut case = Case::empty();
        let mut cloud = Cloud::default();
        prop_assume!(converge(&mut case, &mut cloud, &first, &numbers));
        happen(&mut cloud, &case, &accidents);
        let second = edit(&first, &second, &masks[..SLOTS], reorder[0]);
        cloud.observe(&mut case);
        if let Some(plan) = plan_for(&mut case, &second) {
            show(&plan);
            cloud.run(&mut case, &plan, luck(&numbers, true));
        }
        let third = edit(&second, &third, &masks[SLOTS..], reorder[1]);
        prop_assume!(converge(&mut case, &mut cloud, &third, &numbers));
        destroys_everything(case, cloud, &numbers);
    }

    /// The order in which things are declared, stored or told by AWS does not matter.
    #[test]
    fn a_plan_does_not_depend_on_the_order_of_its_input(
        first in design(),
        second in design(),
        mask in prop::collection::vec(prop::bool::weighted(0.5), SLOTS),
        numbers in prop::collection::vec(any::<u8>(), 40),
    ) {
        let mut case = Case::empty();
        let mut cloud = Cloud::default();
        if let Some(plan) = plan_for(&mut case, &first) {
            cloud.run(&mut case, &plan, luck(&numbers, false));
        }
        cloud.observe(&mut case);
        let design = edit(&first, &second, &mask, true);
        let plan = plan_for(&mut case, &design)
            .ok_or_else(|| TestCaseError::reject("what is protected is out of the file"))?;
        for record in case.state.resources.values_mut() {
            record.dependencies.reverse();
        }
        for observation in case.observations.values_mut() {
            if let infra_core::Observation::Present { attributes, .. } = observation
                && let Some(Value::List(groups)) = attributes.get_mut("groups")
            {
                groups.reverse();
            }
        }
        let again = case.plan().unwrap();
        // What AWS tells of a set is shown as it is told.
        let steps = |plan: &Plan| (plan.steps.clone(), plan.outputs.clone());
        let actions = |plan: &Plan| -> Vec<_> {
            plan.changes.iter().map(|change| (change.action, change.reason.clone(), change.wanted.clone())).collect()
        };
        prop_assert_eq!(steps(&plan), steps(&again));
        prop_assert_eq!(actions(&plan), actions(&again));
    }

    /// A saved plan is the plan, a stretch of targets keeps the rules, and what remains after a step is never
    /// less than what remains after one that waits for it.
    #[test]
    fn plans_can_be_saved_cut_and_measured(
        first in design(),
        second in design(),
        target in any::<Index>(),
        destroy in any::<bool>(),
        numbers in prop::collection::vec(1..200_u8, 40),
    ) {
        let mut case = Case::empty();
        let mut cloud = Cloud::default();
        if let Some(plan) = plan_for(&mut case, &first) {
            cloud.run(&mut case, &plan, luck(&numbers, true));
        }
        cloud.observe(&mut case);
        if let Some(plan) = plan_for(&mut case, &second) {
            let saved = serde_json::to_string(&plan).unwrap();
            let read: Plan = serde_json::from_str(&saved).unwrap();
            prop_assert!(infra_plan::same_work(&plan, &read));
            prop_assert!(case.check(&read).is_ok());
            let seconds = |position: usize| Duration::from_secs(u64::from(numbers[position % numbers.len()]));
            let estimate = |step: &Step| StepEstimate {
                call: seconds(step.id.0 as usize),
                readiness: seconds(step.id.0 as usize + 1),
            };
            let remaining = remaining_path(&plan, &estimate);
            for step in &plan.steps {
                for dependency in &step.after {
                    let before = &plan.steps[dependency.step.0 as usize];
                    let first = estimate(before).until(before.operation, dependency.strength);
                    prop_assert!(remaining[before.id.0 as usize] >= remaining[step.id.0 as usize] + first);
                }
            }
            // Looked at from either end, the longest chain is as long.
            let path = critical_path(&plan, &estimate);
            prop_assert_eq!(path.length, remaining.iter().max().copied().unwrap_or_default());
            for pair in path.steps.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
        }
        let all: Vec<ResourceAddress> = case.state.resources.keys().cloned().collect();
        if !all.is_empty() {
            case.options.targets = vec![target.get(&all).clone()];
            case.options.mode = if destroy { PlanMode::Destroy } else { PlanMode::Apply };
            match case.plan() {
                Ok(plan) => prop_assert!(plan.changes.iter().any(|change| change.address == case.options.targets[0])),
                Err(errors) => only(&errors, REFUSALS),
            }
        }
    }
}

/// From the state alone, each thing exactly once. What is protected is let go of first.
fn destroys_everything(mut case: Case, mut cloud: Cloud, numbers: &[u8]) {
    for record in case.state.resources.values_mut() {
        record.lifecycle.prevent_destroy = false;
    }
    case.stack = None;
    case.options.mode = PlanMode::Destroy;
    cloud.observe(&mut case);
    let plan = case.plan().unwrap();
    let known = case.state.resources.len() + case.state.deposed.values().map(Vec::len).sum::<usize>();
    let retained = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Forget)
        .count();
    let mut outcome = cloud.run(&mut case, &plan, luck(numbers, false));
    assert!(case.state.is_empty());
    assert_eq!(outcome.deleted.len() + retained, known);
    outcome.deleted.sort();
    outcome.deleted.dedup();
    assert_eq!(outcome.deleted.len() + retained, known);
    assert!(is_empty(&Plan {
        outputs: Default::default(),
        ..case.plan().unwrap()
    }));
}
