//! Updates of all types send what changed, and nothing that nobody asked for: every attribute that can be changed in
//! place is changed by itself, once where the file sets all attributes and once where it sets as few as it can, and the
//! calls are looked at.

mod captured;
mod exceptions;
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use infra_core::constraint::BlockRule;
use infra_core::{
    AttributeKind, AttributePath, AttributeSchema, Attributes, Commands, PathSegment, PhysicalId, StackId,
    Token, TypeSchema, Value,
};
use infra_provider::{Call, Provider, Silent, UpdateRequest};

use self::captured::{Captured, Members};
use self::exceptions::{NOT_BY_ITSELF, NOT_TAKEN_BACK, SENT_ALONG};
use self::samples::{of_table, sample};
use super::{DEFINITIONS, all_providers};
use crate::clients;

/// The ids of types whose updates look at what it is made of.
const IDS: &[(&str, &str)] = &[
    ("apigatewayv2.api_mapping", "its-domain/its-mapping"),
    ("apigatewayv2.integration", "its-api/its-integration"),
    ("apigatewayv2.route", "its-api/its-route"),
    ("apigatewayv2.stage", "its-api/its-stage"),
    (
        "ecs.deployment",
        "arn:aws:ecs:us-east-1:123456789012:service/its-cluster/its-service",
    ),
    (
        "ecs.service",
        "arn:aws:ecs:us-east-1:123456789012:service/its-cluster/its-service",
    ),
    ("ec2.route_table_association", "subnet-its"),
    ("route53.record", "its-zone/its.example.com/A"),
];

/// What of the calls has nothing to do with what changed.
#[tokio::test]
async fn updates_of_all_types_send_what_changed_and_nothing_else() {
    let captured = Captured::default();
    let clients = clients::through(SharedHttpClient::new(captured.clone())).await;
    let mut unused: BTreeSet<usize> = (0..SENT_ALONG.len()).collect();
    let mut wrong = Vec::new();
    for ((name, provider), (_, definition)) in all_providers(&clients).iter().zip(DEFINITIONS) {
        let subject = Subject {
            name,
            schema: definition.schema(),
            provider: provider.as_ref(),
            captured: &captured,
        };
        for place in subject.places() {
            // What is sent along is what AWS has, whether the file says it or not.
            let mut along = Vec::new();
            for filled in [true, false] {
                match subject.change(&place, filled).await {
                    Ok(sent) => along.push(sent),
                    Err(error) => wrong.push(format!("{name} {place}: {error}")),
                }
            }
            for (member, value) in along.iter().flatten() {
                match subject.allows(&place, member) {
                    Some(position) => drop(unused.remove(&position)),
                    None => wrong.push(format!("{name} {place}: {member} = {value} is sent as well")),
                }
            }
            if let [all, few] = along.as_slice()
                && all != few
                && !samples::unlike(name, &place.to_string())
            {
                let all: BTreeSet<_> = all.iter().collect();
                let few: BTreeSet<_> = few.iter().collect();
                let unlike: Vec<_> = all.symmetric_difference(&few).collect();
                wrong.push(format!("{name} {place}: what AWS has is not kept: {unlike:?}"));
            }
        }
    }
    let unused: Vec<_> = unused.into_iter().map(|at| SENT_ALONG[at]).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "sent along by no update: {unused:#?}");
}

/// A type whose updates are looked at.
struct Subject<'a> {
    name: &'a str,
    schema: &'a TypeSchema,
    provider: &'a dyn Provider,
    captured: &'a Captured,
}

impl Subject<'_> {
    /// Every attribute that can be changed in place, those in tables as well.
    fn places(&self) -> Vec<AttributePath> {
        let mut found = Vec::new();
        for (name, attribute) in &self.schema.attributes {
            let not_by_itself = NOT_BY_ITSELF
                .iter()
                .any(|(of, attribute, _)| (*of, *attribute) == (self.name, name));
            if !attribute.immutable && !attribute.local && name != "tags" && !not_by_itself {
                let path = AttributePath::attribute(name.as_str());
                within(&path, attribute, &mut found);
                found.push(path);
            }
        }
        found
    }

    /// Whether a call tells that what was set is set no longer, where the file does not have to set it, or another one
    /// instead.
    fn is_taken_back(&self, place: &AttributePath, [set, unset]: [&Members; 2]) -> bool {
        let is_exception =
            |(of, attribute, _): &(&str, &str, &str)| *of == self.name && *attribute == place.to_string();
        let attribute = self.schema.at(place).unwrap();
        let one = sample(self.name, place, &attribute.kind, 1);
        let is_default = attribute
            .default
            .as_ref()
            .is_some_and(|default| unset.is_empty() || *default == one);
        let operations = |of: &Members| {
            of.keys()
                .filter(|name| !name.contains('.'))
                .cloned()
                .collect::<Vec<_>>()
        };
        // What is written whole without it.
        let is_left_out =
            |member: &String| !unset.contains_key(member) && self.allows(place, member).is_some();
        let one_of = self.schema.rules.iter().any(|placed| match &placed.rule {
            BlockRule::ExactlyOne(names) => names
                .iter()
                .any(|name| placed.place.name(name.as_ref()) == *place),
            _ => false,
        });
        NOT_TAKEN_BACK.iter().any(is_exception)
            || one_of
            || is_default
            || (!unset.is_empty() && operations(set) != operations(unset))
            || set.keys().any(is_left_out)
            || unset.iter().any(|(member, value)| set.get(member) != Some(value))
    }

    /// Where it says that this member has to be sent along.
    fn allows(&self, place: &AttributePath, member: &str) -> Option<usize> {
        SENT_ALONG.iter().position(|(of, attribute, along, ..)| {
            *of == self.name
                && (*attribute == "*" || *attribute == place.top())
                && member
                    .strip_prefix(along)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Changes what is at this place to one value, to another, and to none. Gives back what the calls were told that is
    /// the same for all of them, and so has nothing to do with it.
    async fn change(&self, place: &AttributePath, filled: bool) -> Result<Members, String> {
        let attribute = self.schema.at(place).unwrap();
        let of_all = |all: bool| {
            let is_wanted = |attribute: &AttributeSchema| all || attribute.required;
            of_table(
                self.name,
                &AttributePath::default(),
                self.schema.attributes.iter(),
                is_wanted,
                0,
            )
        };
        let mut prior = of_all(true);
        let value = |variant| sample(self.name, place, &attribute.kind, variant);
        let none = (!attribute.required).then_some(None);
        let mut calls: Vec<Members> = Vec::new();
        for to in [Some(value(1)), Some(value(2))].into_iter().chain(none) {
            if to.is_none() {
                // So that it is at no default.
                set(self.name, &mut prior, self.schema, place, Some(value(1)));
            }
            let mut spec = of_all(filled);
            set(self.name, &mut spec, self.schema, place, to);
            calls.push(self.update(place, spec, &prior).await?);
        }
        if calls[..2].iter().all(BTreeMap::is_empty) {
            return Err("nothing is sent".to_owned());
        }
        let ids = self.identifiers();
        let all = calls.iter().flatten();
        let is_same = |member: &str, value: &String| {
            let operation = member.split_once('.').map_or(member, |(operation, _)| operation);
            let mut others = calls
                .iter()
                .filter(|call| call.contains_key(operation))
                .peekable();
            calls.iter().filter(|call| call.contains_key(operation)).count() > 1
                && others.all(|other| other.get(member) == Some(value))
        };
        if let [one, other, unset] = calls.as_slice()
            && ![one, other]
                .iter()
                .any(|set| self.is_taken_back(place, [set, unset]))
        {
            return Err("nothing is sent that takes it back".to_owned());
        }
        let along = all.filter(|(member, value)| {
            !value.is_empty() && !ids.contains(value.as_str()) && is_same(member, value)
        });
        Ok(along
            .map(|(member, value)| (member.clone(), value.clone()))
            .collect())
    }

    /// What an update that changes this alone sends, by member.
    async fn update(
        &self,
        place: &AttributePath,
        spec: Attributes,
        prior: &Attributes,
    ) -> Result<Members, String> {
        let request = UpdateRequest {
            spec: spec.into(),
            prior: prior.clone(),
            changed: BTreeSet::from([place.top().to_owned()]),
            within: BTreeSet::from([place.clone()]),
            forced: false,
        };
        let id = PhysicalId::new(self.id());
        let done = self.provider.update(&call(), &id, &request).await;
        let sent = self.captured.take();
        done.map(|()| sent).map_err(|error| error.to_string())
    }

    fn id(&self) -> &str {
        let own = IDS.iter().find(|(name, _)| *name == self.name);
        own.map_or("its-id", |(_, id)| id)
    }

    /// What a call names the resource by: its id, parts of it, and what cannot be changed.
    fn identifiers(&self) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = self.id().split('/').map(str::to_owned).collect();
        found.insert(self.id().to_owned());
        for (name, attribute) in &self.schema.attributes {
            if attribute.immutable {
                let value = sample(
                    self.name,
                    &AttributePath::attribute(name.as_str()),
                    &attribute.kind,
                    0,
                );
                found.extend(value.as_str().map(str::to_owned));
            }
        }
        found
    }
}

fn within(path: &AttributePath, attribute: &AttributeSchema, found: &mut Vec<AttributePath>) {
    let AttributeKind::Object(table) = &attribute.kind else {
        return;
    };
    for (name, attribute) in table {
        let path = path.name(name.as_str());
        within(&path, attribute, found);
        found.push(path);
    }
}

/// Sets what is at a place, with what has to be set beside it; with `None` takes it away.
fn set(of: &str, spec: &mut Attributes, schema: &TypeSchema, place: &AttributePath, to: Option<Value>) {
    let (mut table, mut path) = (spec, AttributePath::default());
    let mut segments = place.segments().iter().peekable();
    while let Some(PathSegment::Name(name)) = segments.next() {
        path = path.name(name.as_str());
        if segments.peek().is_none() {
            match to {
                Some(value) => drop(table.insert(name.clone(), value)),
                None => drop(table.remove(name)),
            }
            return;
        }
        let Some(AttributeKind::Object(inner)) = schema.at(&path).map(|inner| &inner.kind) else {
            panic!("{path} is no table")
        };
        let needed = || Value::Map(of_table(of, &path, inner.iter(), |inner| inner.required, 0));
        let Value::Map(inner) = table.entry(name.clone()).or_insert_with(needed) else {
            panic!("{path} is set to no table")
        };
        table = inner;
    }
}

fn call() -> Call {
    Call {
        stack: StackId::new("appname", "dev", "dev01", "us-east-1").unwrap(),
        commands: Commands::new("stack.toml", ""),
        address: "ec2.vpc.main".parse().unwrap(),
        token: Token(String::new()),
        data_loss_allowed: false,
        not_made: BTreeSet::new(),
        progress: Arc::new(Silent),
        learning: None,
    }
}
