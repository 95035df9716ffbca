//! The rules that every state keeps, checked when one is read and before one is imported.

use std::collections::BTreeMap;
use std::fmt::Display;

use infra_core::state::{JournalEntry, STATE_FORMAT_VERSION};
use infra_core::{
    Diagnostic, Graph, Intent, Location, Operation, PhysicalId, ResourceAddress, ResourceRecord, Severity,
    StackId, State, Token, TypeName,
};

/// What is wrong with `state`. Errors make it unusable; warnings are what a run must cope with, though an
/// import refuses some of them. With `stack`, the state must be that stack's.
pub fn check(state: &State, stack: Option<&StackId>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    check_head(state, stack, &mut found);
    check_records(state, &mut found);
    check_intents(state, &mut found);
    check_physical_ids(state, &mut found);
    if let Some(circle) = circle(state) {
        let path: Vec<String> = circle.iter().map(ToString::to_string).collect();
        found.push(
            warning(
                DEPENDENCY_CYCLE,
                format!("resources depend on each other in a circle: {}", path.join(" → ")),
            )
            .help("remove one of these from the other's `dependencies`"),
        );
    }
    found
}

/// Why `entry` may not be appended by itself, whatever the state is. So no state that was made by appends
/// ever has an error of [`check`], which would keep it from being opened again.
pub(crate) fn check_entry(entry: &JournalEntry) -> Option<Diagnostic> {
    let mut found = Vec::new();
    match entry {
        JournalEntry::Intended(intent) => check_intent(&intent.token, intent, &mut found),
        JournalEntry::Created { record, .. } | JournalEntry::Updated { record, .. } => {
            check_record("the new record", record, &mut found);
        }
        JournalEntry::Confirmed { address, record } => {
            check_address(address, &mut found);
            check_record(address, record, &mut found);
        }
        JournalEntry::Moved { to, .. } => check_address(to, &mut found),
        JournalEntry::RunStarted { .. }
        | JournalEntry::Connected { .. }
        | JournalEntry::SealedWith { .. }
        | JournalEntry::Resealed { .. }
        | JournalEntry::Learned { .. }
        | JournalEntry::Deleted { .. }
        | JournalEntry::NoEffect { .. }
        | JournalEntry::Forgotten { .. }
        | JournalEntry::Outputs { .. }
        | JournalEntry::RunEnded { .. } => {}
    }
    found.into_iter().next()
}

fn warning(code: &str, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        ..Diagnostic::error(code, message)
    }
}

fn check_head(state: &State, stack: Option<&StackId>, found: &mut Vec<Diagnostic>) {
    if state.format_version != STATE_FORMAT_VERSION {
        found.push(Diagnostic::error(
            "format-version",
            format!(
                "the state has format {}, this infra knows format {STATE_FORMAT_VERSION}",
                state.format_version
            ),
        ));
    }
    if state.lineage.is_empty() {
        found.push(Diagnostic::error("no-lineage", "the state has no lineage"));
    }
    if let Some(stack) = stack
        && state.stack != *stack
    {
        found.push(
            Diagnostic::error(
                "other-stack",
                format!("the state is of the stack {}, not of {stack}", state.stack),
            )
            .help("resources carry their stack's name in a tag: a state cannot move to another stack"),
        );
    }
}

fn check_records(state: &State, found: &mut Vec<Diagnostic>) {
    let current = state.resources.iter();
    let deposed = state
        .deposed
        .iter()
        .flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
    for (address, record) in current.chain(deposed) {
        check_address(address, found);
        check_record(address, record, found);
        // A dependency on itself is told as the shortest of circles.
        for dependency in record
            .dependencies
            .iter()
            .filter(|dependency| *dependency != address)
        {
            let known = state.resources.contains_key(dependency)
                || state.deposed.contains_key(dependency)
                || state.intents.values().any(|intent| intent.address == *dependency);
            if !known {
                found.push(warning(
                    "unknown-dependency",
                    format!("{address} depends on {dependency}, which the state does not have"),
                ));
            }
        }
    }
    for address in state
        .deposed
        .iter()
        .filter(|(_, records)| records.is_empty())
        .map(|(address, _)| address)
    {
        found.push(warning(
            "no-deposed",
            format!("{address} has an empty list of deposed things"),
        ));
    }
}

/// What holds of every record by itself. `owner` is its address, or what stands for it in the message.
fn check_record(owner: impl Display, record: &ResourceRecord, found: &mut Vec<Diagnostic>) {
    if record.physical_id.as_str().is_empty() {
        found.push(Diagnostic::error(
            "no-physical-id",
            format!("{owner} has no id of AWS"),
        ));
    }
    for dependency in &record.dependencies {
        check_address(dependency, found);
    }
}

/// A type can hold an address that the language cannot spell, for it is made of parts.
fn check_address(address: &ResourceAddress, found: &mut Vec<Diagnostic>) {
    if address.to_string().parse().as_ref() != Ok(address) {
        found.push(Diagnostic::error(
            "bad-address",
            format!("`{address}` is not an address"),
        ));
    }
}

fn check_intents(state: &State, found: &mut Vec<Diagnostic>) {
    for (token, intent) in &state.intents {
        check_intent(token, intent, found);
    }
}

fn check_intent(token: &Token, intent: &Intent, found: &mut Vec<Diagnostic>) {
    check_address(&intent.address, found);
    for dependency in &intent.dependencies {
        check_address(dependency, found);
    }
    if intent.token != *token {
        found.push(Diagnostic::error(
            "bad-intent",
            format!("the intent {} is kept under the token {token}", intent.token),
        ));
    }
    if intent.operation != Operation::Create && intent.physical_id.is_none() {
        found.push(Diagnostic::error(
            "bad-intent",
            format!(
                "the intent {token} for {} does not say what it changes or deletes",
                intent.address
            ),
        ));
    }
}

/// Two records of one thing, be they current or still to be deleted: a delete of one would take it from the other. Not an
/// error when a state is read, since the way out of it, `infra state`, must be open; a run touches neither.
fn check_physical_ids(state: &State, found: &mut Vec<Diagnostic>) {
    type Thing<'a> = (&'a TypeName, Option<&'a Location>, &'a PhysicalId);
    let mut seen: BTreeMap<Thing<'_>, (&ResourceAddress, bool)> = BTreeMap::new();
    let current = state
        .resources
        .iter()
        .map(|(address, record)| (address, record, false));
    let deposed = state.deposed.iter();
    let deposed = deposed.flat_map(|(address, all)| all.iter().map(move |record| (address, record, true)));
    for (address, record, is_deposed) in current.chain(deposed) {
        let thing = (address.type_name(), record.location.as_ref(), &record.physical_id);
        if let Some((first, first_deposed)) = seen.insert(thing, (address, is_deposed)) {
            let named = |address: &ResourceAddress, is_deposed| match is_deposed {
                true => format!("what was replaced at {address}"),
                false => address.to_string(),
            };
            found.push(warning(
                DUPLICATE_PHYSICAL_ID,
                format!(
                    "{} and {} are the same thing, {}",
                    named(first, first_deposed),
                    named(address, is_deposed),
                    record.physical_id
                ),
            ));
        }
    }
}

/// The code of [`check`]'s warning that two records are of one thing.
pub const DUPLICATE_PHYSICAL_ID: &str = "duplicate-physical-id";
pub(crate) const DEPENDENCY_CYCLE: &str = "dependency-cycle";

/// A circle of dependencies, its first address once more at the end.
fn circle(state: &State) -> Option<Vec<&ResourceAddress>> {
    let addresses: Vec<&ResourceAddress> = state.resources.keys().collect();
    let places: BTreeMap<&ResourceAddress, usize> = addresses.iter().copied().zip(0..).collect();
    let edges = state.resources.values().zip(0..).flat_map(|(record, from)| {
        let needed = record
            .dependencies
            .iter()
            .filter_map(|address| places.get(address));
        needed.map(move |&to| (from, to, ()))
    });
    let way = Graph::new(addresses.len(), edges)
        .ways_around()
        .into_iter()
        .next()?;
    Some(
        way.iter()
            .chain(way.first())
            .map(|&place| addresses[place])
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{intent, record, sample_state};

    fn codes(change: impl FnOnce(&mut State)) -> Vec<(Severity, String)> {
        let mut state = sample_state();
        change(&mut state);
        check(&state, Some(&sample_state().stack))
            .into_iter()
            .map(|problem| (problem.severity, problem.code))
            .collect()
    }

    fn address(text: &str) -> ResourceAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_sound_state_has_no_problem() {
        assert_eq!(codes(|_| {}), []);
    }

    #[test]
    fn the_same_id_in_another_account_or_region_is_another_thing() {
        let elsewhere = |change: fn(&mut Location)| {
            codes(|state| {
                let mut other = state.resources[&address("ec2.vpc.main")].clone();
                change(other.location.as_mut().unwrap());
                state.resources.insert(address("ec2.vpc.other"), other);
            })
        };
        assert_eq!(elsewhere(|location| location.region = "eu-west-1".into()), []);
        assert_eq!(
            elsewhere(|location| location.account_id = "210987654321".into()),
            []
        );
        assert_eq!(elsewhere(|_| {}).len(), 1);
    }

    #[test]
    fn every_rule_finds_its_breach() {
        type Change = Box<dyn Fn(&mut State)>;
        let cases: Vec<(&str, Severity, Change)> = vec![
            (
                "format-version",
                Severity::Error,
                Box::new(|state| state.format_version = 99),
            ),
            (
                "format-version",
                Severity::Error,
                Box::new(|state| state.format_version = 0),
            ),
            (
                "no-lineage",
                Severity::Error,
                Box::new(|state| state.lineage.clear()),
            ),
            (
                "other-stack",
                Severity::Error,
                Box::new(|state| state.stack = StackId::new("other", "dev", "dev02", "us-east-1").unwrap()),
            ),
            (
                "bad-address",
                Severity::Error,
                Box::new(|state| {
                    let bad = ResourceAddress::new(TypeName::new("ec2", "v pc"), "x");
                    state.resources.insert(bad, record("vpc-9", &[]));
                }),
            ),
            (
                "no-physical-id",
                Severity::Error,
                Box::new(|state| {
                    state.resources.insert(address("ec2.vpc.other"), record("", &[]));
                }),
            ),
            (
                "unknown-dependency",
                Severity::Warning,
                Box::new(|state| {
                    state
                        .resources
                        .insert(address("ec2.vpc.other"), record("vpc-9", &["a.b.gone"]));
                }),
            ),
            (
                "no-deposed",
                Severity::Warning,
                Box::new(|state| {
                    state.deposed.insert(address("ec2.vpc.main"), Vec::new());
                }),
            ),
            (
                DEPENDENCY_CYCLE,
                Severity::Warning,
                Box::new(|state| {
                    state
                        .resources
                        .insert(address("ec2.vpc.other"), record("vpc-9", &["ec2.vpc.other"]));
                }),
            ),
            (
                DUPLICATE_PHYSICAL_ID,
                Severity::Warning,
                Box::new(|state| {
                    let id = state.resources[&address("ec2.vpc.main")].physical_id.clone();
                    state
                        .resources
                        .insert(address("ec2.vpc.other"), record(id.as_str(), &[]));
                }),
            ),
            (
                DUPLICATE_PHYSICAL_ID,
                Severity::Warning,
                Box::new(|state| {
                    let id = state.resources[&address("ec2.vpc.main")].physical_id.clone();
                    let twin = vec![record(id.as_str(), &[])];
                    state.deposed.insert(address("ec2.vpc.other"), twin);
                }),
            ),
            (
                "bad-intent",
                Severity::Error,
                Box::new(|state| {
                    for intent in state.intents.values_mut() {
                        intent.operation = Operation::Delete;
                        intent.physical_id = None;
                    }
                }),
            ),
        ];
        for (code, severity, change) in cases {
            assert_eq!(codes(change), [(severity, code.to_owned())], "{code}");
        }
    }

    #[test]
    fn an_entry_that_would_make_an_unsound_state_is_found() {
        let bad = ResourceAddress::new(TypeName::new("ec2", "v pc"), "x");
        let good = address("ec2.vpc.main");
        let token = || Token("token".into());
        let dependent = || {
            let mut record = record("vpc-9", &[]);
            record.dependencies.push(bad.clone());
            Box::new(record)
        };
        let intended =
            |address, operation| JournalEntry::Intended(Box::new(intent("token", address, operation, None)));
        let cases = [
            (intended(&good, Operation::Create), None),
            (intended(&bad, Operation::Create), Some("bad-address")),
            (intended(&good, Operation::Delete), Some("bad-intent")),
            (
                JournalEntry::Created {
                    token: token(),
                    record: Box::new(record("", &[])),
                },
                Some("no-physical-id"),
            ),
            (
                JournalEntry::Updated {
                    token: token(),
                    record: dependent(),
                },
                Some("bad-address"),
            ),
            (
                JournalEntry::Confirmed {
                    address: bad.clone(),
                    record: Box::new(record("vpc-9", &[])),
                },
                Some("bad-address"),
            ),
        ];
        for (entry, expected) in cases {
            let found = check_entry(&entry).map(|problem| problem.code);
            assert_eq!(found.as_deref(), expected, "{entry:?}");
        }
    }

    #[test]
    fn a_circle_is_told_in_order() {
        let mut state = sample_state();
        for (from, to) in [
            ("a.b.one", "a.b.two"),
            ("a.b.two", "a.b.three"),
            ("a.b.three", "a.b.one"),
        ] {
            state.resources.insert(address(from), record(from, &[to]));
        }
        let problems = check(&state, None);
        assert_eq!(
            problems[0].message,
            "resources depend on each other in a circle: a.b.one → a.b.two → a.b.three → a.b.one"
        );
    }
}
