//! The one state of the cloud, and what calls do to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infra_core::{
    Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress, TypeName, Value,
};
use infra_provider::{Call, Created, Found, ProviderResult, UpdateRequest};
use tokio::time::Instant;

use crate::kind::{Computed, Identity, Kind};

/// One thing as a test sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its type.
    pub type_name: TypeName,
    /// Its id.
    pub id: PhysicalId,
    /// The resource that it was made for; `None` for what somebody made by hand.
    pub made_for: Option<ResourceAddress>,
    /// Everything that it has, in clear: what is never told back, and what only the cloud sets, too.
    pub attributes: Attributes,
    /// Its tags; empty for types without.
    pub tags: BTreeMap<String, String>,
    /// Whether it works.
    pub health: Health,
}

/// What is known of a thing beside its attributes.
#[derive(Debug, Clone)]
struct Thing {
    kind: Arc<Kind>,
    id: PhysicalId,
    /// Counts all things that were ever made.
    number: u64,
    made_for: Option<ResourceAddress>,
    token: String,
    tags: BTreeMap<String, String>,
    attributes: Attributes,
    counters: BTreeMap<&'static str, i64>,
    /// From when on lists have it.
    seen_from: Instant,
    ready_at: Instant,
    gone_at: Option<Instant>,
    /// What becomes of it instead of working.
    doom: Option<String>,
    /// Its health as somebody set it by hand.
    health: Option<Health>,
    /// What reads tell until that moment.
    before: Option<(Instant, Attributes)>,
    changes: u64,
}

/// All there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    things: BTreeMap<(TypeName, PhysicalId), Thing>,
    /// What is gone, and until when reads still tell of it.
    ghosts: BTreeMap<(TypeName, PhysicalId), (Instant, Attributes)>,
    made: u64,
    /// Resources whose things will not work, and why.
    pub dooms: BTreeMap<ResourceAddress, String>,
}

/// The moment of a call's effect, and for how long reads do not see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub now: Instant,
    pub stale: Duration,
}

impl World {
    /// Lets go of what is gone by now.
    pub fn pass(&mut self, now: Instant) {
        self.things
            .retain(|_, thing| thing.gone_at.is_none_or(|gone_at| gone_at > now));
        self.ghosts.retain(|_, (until, _)| *until > now);
    }

    pub fn create(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        sent: Attributes,
        when: When,
    ) -> ProviderResult<Created<Attributes>> {
        self.pass(when.now);
        let token = call.token.to_string();
        if kind.client_token
            && let Some(made) = self.things.values().find(|thing| {
                thing.kind.schema.name == kind.schema.name && thing.token == token && thing.gone_at.is_none()
            })
        {
            return Ok(made.created(when.now));
        }
        let mut attributes = complete(kind, sent)?;
        attributes.retain(|name, _| !kind.is_set_after_create(name));
        self.check_references(kind, &attributes, kind.refers_in.iter().copied(), when.now)?;
        let id = match kind.identity {
            Identity::Given => PhysicalId::new(format!("{}-{}", kind.schema.name.kind(), self.made + 1)),
            _ => named_id(kind, &attributes).ok_or_else(|| invalid(kind, "its name is not set"))?,
        };
        let key = (kind.schema.name.clone(), id.clone());
        if self.things.contains_key(&key) {
            return Err(refusal(
                kind,
                ErrorClass::AlreadyExists,
                format!("{id} exists already"),
            ));
        }
        let tags = if kind.tags {
            call.tags()
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()
        } else {
            BTreeMap::new()
        };
        self.made += 1;
        let thing = Thing {
            kind: Arc::clone(kind),
            id,
            number: self.made,
            made_for: Some(call.address.clone()),
            token,
            tags,
            attributes,
            counters: BTreeMap::new(),
            seen_from: when.now + when.stale,
            ready_at: when.now + kind.ready_after,
            gone_at: None,
            doom: self.dooms.get(&call.address).cloned(),
            health: None,
            before: None,
            changes: 0,
        };
        let created = thing.created(when.now);
        self.ghosts.remove(&key);
        self.things.insert(key, thing);
        Ok(created)
    }

    pub fn update(
        &mut self,
        kind: &Arc<Kind>,
        id: &PhysicalId,
        update: &UpdateRequest,
        when: When,
    ) -> ProviderResult<()> {
        self.pass(when.now);
        let spec = complete(kind, revealed(&update.spec)?)?;
        let references = kind
            .refers_in
            .iter()
            .copied()
            .filter(|name| update.changed.contains(*name));
        self.check_references(kind, &spec, references, when.now)?;
        let thing = self.live(kind, id)?;
        for name in &update.changed {
            if kind
                .schema
                .attributes
                .get(name)
                .is_some_and(|attribute| attribute.immutable)
            {
                return Err(invalid(kind, &format!("{name} cannot be changed in place")));
            }
        }
        if !when.stale.is_zero() {
            thing.before = Some((when.now + when.stale, thing.observed(when.now)));
        }
        for name in &update.changed {
            match spec.get(name) {
                Some(value) => thing.attributes.insert(name.clone(), value.clone()),
                None => thing.attributes.remove(name),
            };
        }
        for (name, computed) in &kind.computed {
            if let Computed::Counts(attribute) = computed
                && (update.forced || update.changed.contains(*attribute))
            {
                *thing.counters.entry(name).or_default() += 1;
            }
        }
        thing.ready_at = thing.ready_at.max(when.now + kind.changed_after);
        thing.changes += 1;
        Ok(())
    }

    pub fn delete(&mut self, kind: &Arc<Kind>, id: &PhysicalId, when: When) -> ProviderResult<()> {
        self.pass(when.now);
        let key = (kind.schema.name.clone(), id.clone());
        let Some(thing) = self.things.get(&key) else {
            return Ok(());
        };
        if thing.gone_at.is_some() {
            return Ok(());
        }
        let names = thing.names();
        let user = self.things.values().find(|other| {
            other.kind.refers_in.iter().any(|attribute| {
                let value = other.attributes.get(*attribute);
                value.is_some_and(|value| {
                    texts(value)
                        .iter()
                        .any(|text| names.iter().any(|name| name == text))
                })
            })
        });
        if let Some(user) = user {
            let message = format!("{id} is still used by {}", user.id);
            return Err(refusal(kind, ErrorClass::DependencyViolation, message));
        }
        if !when.stale.is_zero() {
            let ghost = (when.now + when.stale, thing.observed(when.now));
            self.ghosts.insert(key.clone(), ghost);
        }
        match self.things.get_mut(&key) {
            Some(thing) if !kind.gone_after.is_zero() => thing.gone_at = Some(when.now + kind.gone_after),
            _ => {
                self.things.remove(&key);
            }
        }
        Ok(())
    }

    pub fn read(
        &mut self,
        kind: &Kind,
        ids: &[PhysicalId],
        now: Instant,
    ) -> BTreeMap<PhysicalId, Found<Attributes>> {
        self.pass(now);
        let mut answer = BTreeMap::new();
        for id in ids {
            let key = (kind.schema.name.clone(), id.clone());
            let found = match (self.things.get(&key), self.ghosts.get(&key)) {
                (Some(thing), _) if thing.seen_from <= now => Found {
                    observed: thing.told(now),
                    health: thing.health(now),
                },
                (None, Some((_, before))) => Found::ready(before.clone()),
                _ => continue,
            };
            answer.insert(id.clone(), found);
        }
        answer
    }

    pub fn recover(
        &mut self,
        kind: &Kind,
        call: &Call,
        attributes: &Attributes,
        now: Instant,
    ) -> Option<PhysicalId> {
        self.pass(now);
        let named = named_id(kind, attributes);
        let mut things = self
            .things
            .values()
            .filter(|thing| thing.kind.schema.name == kind.schema.name && thing.seen_from <= now);
        let found = if kind.tags {
            things.find(|thing| {
                call.marks()
                    .all(|(key, value)| thing.tags.get(key) == Some(&value))
            })
        } else {
            things.find(|thing| named.as_ref() == Some(&thing.id))
        };
        found.map(|thing| thing.id.clone())
    }

    /// All there is, what is going included.
    pub fn listing(&mut self, now: Instant) -> Vec<Listed> {
        self.pass(now);
        self.things.values().map(|thing| thing.listed(now)).collect()
    }

    /// Somebody makes a thing by hand.
    pub fn plant(&mut self, kind: &Arc<Kind>, attributes: Attributes, now: Instant) -> PhysicalId {
        self.made += 1;
        let given = PhysicalId::new(format!("{}-{}", kind.schema.name.kind(), self.made));
        let id = named_id(kind, &attributes).unwrap_or(given);
        let thing = Thing {
            kind: Arc::clone(kind),
            id: id.clone(),
            number: self.made,
            made_for: None,
            token: String::new(),
            tags: BTreeMap::new(),
            attributes,
            counters: BTreeMap::new(),
            seen_from: now,
            ready_at: now,
            gone_at: None,
            doom: None,
            health: None,
            before: None,
            changes: 0,
        };
        self.things.insert((kind.schema.name.clone(), id.clone()), thing);
        id
    }

    /// Somebody changes or removes (`None`) the newest thing of a resource by hand. Whether there is one.
    pub fn meddle(&mut self, address: &ResourceAddress, meddling: Meddling) -> bool {
        let of_address = |thing: &&mut Thing| thing.made_for.as_ref() == Some(address);
        let Some(thing) = self
            .things
            .values_mut()
            .filter(of_address)
            .max_by_key(|thing| thing.ready_at)
        else {
            return false;
        };
        match meddling {
            Meddling::Set(name, Value::Null) => {
                thing.attributes.remove(&name);
            }
            Meddling::Set(name, value) => {
                thing.attributes.insert(name, value);
            }
            Meddling::Health(health) => thing.health = health,
            Meddling::Remove => {
                let key = (thing.kind.schema.name.clone(), thing.id.clone());
                self.things.remove(&key);
            }
        }
        true
    }

    fn live(&mut self, kind: &Kind, id: &PhysicalId) -> ProviderResult<&mut Thing> {
        let key = (kind.schema.name.clone(), id.clone());
        self.things
            .get_mut(&key)
            .filter(|thing| thing.gone_at.is_none())
            .ok_or_else(|| refusal(kind, ErrorClass::NotFound, format!("there is no {id}")))
    }

    /// What a thing refers to has to be there, seen, and where that is asked for, working.
    fn check_references<'n>(
        &self,
        kind: &Kind,
        attributes: &Attributes,
        names: impl Iterator<Item = &'n str>,
        now: Instant,
    ) -> ProviderResult<()> {
        for name in names {
            for text in attributes.get(name).map(texts).unwrap_or_default() {
                let referred = self
                    .things
                    .values()
                    .find(|thing| thing.names().iter().any(|name| name == text));
                match referred {
                    None => return Err(invalid(kind, &format!("{name}: there is no {text}"))),
                    Some(thing) if thing.gone_at.is_some() => {
                        return Err(invalid(kind, &format!("{name}: {text} is going away")));
                    }
                    Some(thing)
                        if thing.seen_from > now
                            || (kind.needs_working.contains(&name) && thing.health(now) != Health::Ready) =>
                    {
                        let message = format!("{name}: {text} does not work yet");
                        return Err(refusal(kind, ErrorClass::DependencyNotReady, message));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// What somebody does by hand.
#[derive(Debug, Clone)]
pub(crate) enum Meddling {
    Set(String, Value),
    Health(Option<Health>),
    Remove,
}

impl Thing {
    /// By what others may refer to it.
    fn names(&self) -> [String; 3] {
        let arn = arn(&self.kind, &self.id);
        let numbered = format!("{arn}/{}", self.number);
        [self.id.to_string(), arn, numbered]
    }

    fn health(&self, now: Instant) -> Health {
        match (&self.health, self.gone_at, &self.doom) {
            (Some(health), _, _) => health.clone(),
            (_, Some(_), _) => Health::Deleting("going".into()),
            _ if self.ready_at > now => Health::Pending("on its way".into()),
            (_, _, Some(reason)) => Health::Failed(reason.clone()),
            _ => Health::Ready,
        }
    }

    /// What reads tell now: possibly what was before the last change.
    fn told(&self, now: Instant) -> Attributes {
        match &self.before {
            Some((until, before)) if *until > now => before.clone(),
            _ => self.observed(now),
        }
    }

    fn observed(&self, now: Instant) -> Attributes {
        let mut observed = self.everything(now);
        observed.retain(|name, _| !self.kind.is_write_only(name));
        observed
    }

    fn everything(&self, now: Instant) -> Attributes {
        let mut everything = self.attributes.clone();
        for (name, computed) in &self.kind.computed {
            let value = match computed {
                Computed::Id => Some(Value::from(self.id.as_str())),
                Computed::Arn => Some(Value::from(arn(&self.kind, &self.id))),
                Computed::NumberedArn => Some(Value::from(self.names()[2].as_str())),
                Computed::WhenReady if self.health(now) == Health::Ready => {
                    Some(Value::from(format!("{name}-of-{}", self.id)))
                }
                Computed::WhenReady | Computed::Prepared => None,
                Computed::Counts(_) => {
                    Some(Value::Integer(1 + self.counters.get(name).copied().unwrap_or(0)))
                }
            };
            if let Some(value) = value {
                everything.insert((*name).to_owned(), value);
            }
        }
        everything
    }

    fn created(&self, now: Instant) -> Created<Attributes> {
        Created {
            id: self.id.clone(),
            found: Found {
                observed: self.observed(now),
                health: self.health(now),
            },
        }
    }

    fn listed(&self, now: Instant) -> Listed {
        Listed {
            type_name: self.kind.schema.name.clone(),
            id: self.id.clone(),
            made_for: self.made_for.clone(),
            attributes: self.everything(now),
            tags: self.tags.clone(),
            health: self.health(now),
        }
    }
}

pub(crate) fn arn(kind: &Kind, id: &PhysicalId) -> String {
    format!("arn:{}:{id}", kind.schema.name)
}

/// Attributes in clear.
pub(crate) fn revealed(attributes: &Attributes) -> ProviderResult<Attributes> {
    let mut clear = Attributes::new();
    for (name, value) in attributes.iter().filter(|(_, value)| !value.is_null()) {
        let json = value.reveal().map_err(|error| {
            ProviderError::new(ErrorClass::Invalid, format!("attribute `{name}`: {error}"))
        })?;
        clear.insert(name.clone(), Value::from(json));
    }
    Ok(clear)
}

/// What was sent with the defaults for the rest. What the type does not have is refused, and so is a lack of
/// what it must have.
fn complete(kind: &Kind, mut sent: Attributes) -> ProviderResult<Attributes> {
    for name in sent.keys() {
        let prepared = kind
            .computed
            .iter()
            .any(|(computed, how)| computed == name && *how == Computed::Prepared);
        if !kind.schema.attributes.contains_key(name) && !prepared {
            return Err(invalid(kind, &format!("it has no attribute {name}")));
        }
    }
    for (name, attribute) in &kind.schema.attributes {
        if sent.contains_key(name) {
            continue;
        }
        if attribute.required {
            return Err(invalid(kind, &format!("{name} is missing")));
        }
        if let Some(default) = &attribute.default {
            sent.insert(name.clone(), default.clone());
        }
    }
    Ok(sent)
}

/// The id of what has a name of its own or one under its parent; `None` for the others.
fn named_id(kind: &Kind, attributes: &Attributes) -> Option<PhysicalId> {
    let text = |name: &str| match attributes.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    };
    match kind.identity {
        Identity::Given => None,
        Identity::Name(name) => Some(PhysicalId::new(text(name)?)),
        Identity::Under(parent, key) => Some(PhysicalId::composite([&text(parent)?, &text(key)?])),
    }
}

/// The texts in a value: what may be ids.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if !text.is_empty() => vec![text],
        Value::List(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn refusal(kind: &Kind, class: ErrorClass, message: impl Into<String>) -> ProviderError {
    ProviderError {
        service: kind.schema.name.service().to_owned(),
        ..ProviderError::new(class, message)
    }
}

fn invalid(kind: &Kind, message: &str) -> ProviderError {
    refusal(kind, ErrorClass::Invalid, message)
}
