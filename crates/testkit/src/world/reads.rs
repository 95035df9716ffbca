//! Calls that only look.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{Attributes, PhysicalId, StackTag};
use infra_provider::{Call, Found, Obstacle, TAG_STACK};
use tokio::time::Instant;

use super::World;
use super::sent::named_id;
use super::thing::Thing;
use crate::kind::Kind;

impl World {
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

    /// Those of these that hold nothing.
    pub fn without_data(&mut self, kind: &Kind, ids: &[PhysicalId], now: Instant) -> BTreeSet<PhysicalId> {
        self.pass(now);
        let holds = |id: &PhysicalId| {
            let thing = self.things.get(&(kind.schema.name.clone(), id.clone()));
            thing.is_some_and(|thing| thing.holds_data)
        };
        ids.iter().filter(|id| !holds(id)).cloned().collect()
    }

    /// What still refers to it, and what has gone and counts as if it did.
    pub fn in_the_way(&mut self, kind: &Kind, id: &PhysicalId, now: Instant) -> Vec<Obstacle> {
        self.pass(now);
        let Some(thing) = self.things.get(&(kind.schema.name.clone(), id.clone())) else {
            return Vec::new();
        };
        let names = thing.names();
        let is_named = |text: &str| names.iter().any(|name| name == text);
        let users = self.things.values().filter(|user| user.referred().any(is_named));
        let users = users.map(|user| Obstacle {
            what: format!("{} {}", user.kind.schema.name, user.id),
            id: user.id.clone(),
            stays: user.gone_at.is_none(),
        });
        let gone = self.lingering.iter();
        let gone = gone.filter(|(.., texts)| texts.iter().any(|text| is_named(text)));
        let gone = gone.map(|(_, user, _)| Obstacle {
            what: format!("{user}, which is gone"),
            id: user.clone(),
            stays: false,
        });
        users.chain(gone).collect()
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
            things.find(|thing| named.as_ref() == Some(&thing.id) && is_as_asked(thing, attributes))
        };
        found.map(|thing| thing.id.clone())
    }

    /// Whose things are by their tags.
    pub fn stack_tags(&self, kind: &Kind, ids: &[PhysicalId]) -> BTreeMap<PhysicalId, StackTag> {
        let told = ids.iter().filter(|_| kind.tags).filter_map(|id| {
            let thing = self.things.get(&(kind.schema.name.clone(), id.clone()))?;
            let tag = thing.tags.get(TAG_STACK).cloned();
            Some((id.clone(), tag.map_or(StackTag::Missing, StackTag::Names)))
        });
        told.collect()
    }

    /// What has the name that these attributes make, as lists tell it now.
    pub fn holders(&mut self, kind: &Kind, attributes: &Attributes, now: Instant) -> Vec<PhysicalId> {
        self.pass(now);
        let mut holders = self.with_same_key(kind, attributes);
        holders.retain(|id| {
            let key = (kind.schema.name.clone(), id.clone());
            let is_seen = self.things.get(&key).is_none_or(|thing| thing.seen_from <= now);
            is_seen || self.ghosts.contains_key(&key)
        });
        holders
    }

    /// What has the natural key that these attributes make, what is gone for as long as it is told of.
    pub(super) fn with_same_key(&self, kind: &Kind, attributes: &Attributes) -> Vec<PhysicalId> {
        let schema = &kind.schema;
        let Some(name) = schema.natural_name(attributes) else {
            return Vec::new();
        };
        let things = self.things.iter().map(|(key, thing)| (key, &thing.attributes));
        let ghosts = self.ghosts.iter().map(|(key, (_, before))| (key, before));
        let found: BTreeSet<&PhysicalId> = things
            .chain(ghosts)
            .filter(|((type_name, _), _)| *type_name == schema.name)
            .filter(|(_, attributes)| schema.natural_name(attributes).as_ref() == Some(&name))
            .map(|((_, id), _)| id)
            .collect();
        found.into_iter().cloned().collect()
    }
}

/// Whether a thing has everything that a create call asked for, as far as that is known.
fn is_as_asked(thing: &Thing, attributes: &Attributes) -> bool {
    attributes
        .iter()
        .filter(|(name, value)| {
            let is_hidden = value.is_null() || value.has_secret() || value.has_unknown();
            !is_hidden
                && thing.kind.schema.attributes.contains_key(*name)
                && !thing.kind.is_set_after_create(name)
        })
        .all(|(name, value)| thing.attributes.get(name) == Some(value))
}
