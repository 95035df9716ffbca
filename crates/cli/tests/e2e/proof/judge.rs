//! Whether an account holds exactly what a state says, and nothing is left to do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::harness::Held;

use super::stage::{Point, Stage};

/// What AWS makes by itself for what a stack has: no state knows it, only its number can be right.
const ATTENDANTS: &[&str] = &[
    "cloudwatch.alarm",
    "ec2.default_egress",
    "ec2.network_interface",
    "ecs.rollout",
    "ecs.task",
];

/// Resources that are a way to look at another one, which is listed.
const VIEWS: &[&str] = &["ecs.deployment"];

/// How many things of each kind there are.
pub type Counts = BTreeMap<String, usize>;

/// What the account holds once everything that is on its way has arrived: what is being deleted is gone,
/// tasks have stopped.
#[track_caller]
pub fn held(stage: &Stage) -> Held {
    stage.reference.project.emulator().advance(3600.0).unwrap();
    stage.reference.project.held_with_rollouts()
}

/// How many of each kind an account holds.
pub fn counts(held: &Held) -> Counts {
    let counted = held.counts().into_iter();
    counted.map(|(kind, count)| (kind.to_owned(), count)).collect()
}

/// The account has to hold what it holds after an undisturbed run to this point, each thing known to the state
/// and nothing besides; the state has to be at rest; there may be no difference, and nothing without an address.
#[track_caller]
pub fn is_right(stage: &Stage, point: Point, clean: &Counts) {
    let held = held(stage);
    let state = stage.reference.exported();
    let known = known(&state["resources"]);
    let of_state: Vec<_> = held
        .iter()
        .filter(|thing| !is_attendant(thing))
        .cloned()
        .collect();
    assert!(
        of_state == known && &counts(&held) == clean,
        "the account holds what no state knows: {:?}\nthe state knows what no account holds: {:?}\nthere are {}",
        without(&of_state, &known),
        without(&known, &of_state),
        differences(&counts(&held), clean)
    );
    let deposed = &state["deposed"];
    assert!(is_empty(deposed), "the state still has deposed: {deposed}");
    let open = open_calls(&state["intents"]);
    assert!(open.is_empty(), "the state still has open calls: {open:?}");
    if point != Point::Nothing {
        let diff = stage
            .reference
            .run_file("diff", stage.file(point), &["--unmanaged"]);
        diff.exits(0).says(["No differences", "Nothing unmanaged"]);
    }
}

/// Whether a table or list of an exported state has nothing in it, or is not there.
fn is_empty(rest: &Value) -> bool {
    rest.as_object().is_none_or(Map::is_empty) && rest.as_array().is_none_or(Vec::is_empty)
}

/// The intents of an exported state that are no creates in doubt: those are looked for again and hold nothing up.
pub fn open_calls(intents: &Value) -> Vec<&Value> {
    let all = intents.as_object().into_iter().flat_map(Map::values);
    all.filter(|intent| intent["in_doubt_since_unix_ms"].is_null())
        .collect()
}

/// Things with their kinds.
type Things = Vec<(String, String)>;

fn is_attendant((kind, id): &(String, String)) -> bool {
    // An image that another one took the tag from stays for a rollback.
    let is_former_image = kind == "ecr.image" && id.ends_with(':');
    is_former_image || ATTENDANTS.contains(&kind.as_str())
}

/// Each thing that is in the first more often than in the second.
fn without(first: &Things, second: &Things) -> Things {
    let mut rest = second.clone();
    let mut is_left = |thing: &&(String, String)| match rest.iter().position(|other| other == *thing) {
        Some(index) => {
            rest.swap_remove(index);
            false
        }
        None => true,
    };
    first.iter().filter(|thing| is_left(thing)).cloned().collect()
}

fn differences(held: &Counts, clean: &Counts) -> String {
    let kinds: BTreeSet<&String> = held.keys().chain(clean.keys()).collect();
    let of = |counts: &Counts, kind: &String| counts.get(kind).copied().unwrap_or_default();
    let lines = kinds.into_iter().filter(|kind| of(held, kind) != of(clean, kind));
    let lines = lines.map(|kind| format!("{} {kind} for {}", of(held, kind), of(clean, kind)));
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        "as many as there should be".to_owned()
    } else {
        lines.join(", ")
    }
}

/// What the state knows, by the kinds and ids of the listing, in order.
fn known(resources: &Value) -> Things {
    let mut known: Vec<_> = resources
        .as_object()
        .unwrap()
        .iter()
        .map(|(address, resource)| (kind(address), resource))
        .filter(|(kind, _)| !VIEWS.contains(&kind.as_str()))
        .map(|(kind, resource)| {
            let id = listed_as(&kind, resource);
            (kind, id)
        })
        .collect();
    known.sort();
    known
}

/// `ec2.vpc` of `ec2.vpc.main`.
fn kind(address: &str) -> String {
    address.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// The id under which a listing has a resource, where that is not the physical id.
fn listed_as(kind: &str, resource: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let observed = &resource["observed"];
    match kind {
        "applicationautoscaling.scalable_target" => text(&observed["resource_id"]),
        "applicationautoscaling.scaling_policy" => text(&observed["arn"]),
        "ecr.image" => {
            let repository = text(&observed["repository_uri"]);
            let name = repository.split_once('/').unwrap().1.to_owned();
            format!(
                "{name}@{}:{}",
                text(&observed["digest"]),
                text(&observed["image_tag"])
            )
        }
        "route53.record" => format!(
            "/hostedzone/{} {}. {}",
            text(&observed["hosted_zone_id"]),
            text(&observed["name"]).trim_end_matches('.'),
            text(&observed["type"])
        ),
        _ => text(&resource["physical_id"]),
    }
}
