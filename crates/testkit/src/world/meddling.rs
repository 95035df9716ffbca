//! What somebody does by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{Attributes, Health, PhysicalId, ResourceAddress, TypeName, Value};
use tokio::time::Instant;

use super::World;
use super::sent::named_id;
use super::thing::Thing;
use crate::kind::Kind;

/// One such deed.
#[derive(Debug, Clone)]
pub(crate) enum Meddling {
    Set(String, Value),
    Health(Option<Health>),
    Remove,
    Fill,
    Tag(&'static str, String),
    Untag,
    MakeAnew,
}

impl World {
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
            holds_data: false,
        };
        self.things.insert((kind.schema.name.clone(), id.clone()), thing);
        id
    }

    /// Somebody removes a thing. Whether it was there.
    pub fn uproot(&mut self, name: TypeName, id: PhysicalId) -> bool {
        self.things.remove(&(name, id)).is_some()
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
            Meddling::Fill => thing.holds_data = true,
            Meddling::Tag(key, value) => {
                thing.tags.insert(key.to_owned(), value);
            }
            Meddling::Untag => thing.tags.clear(),
            Meddling::MakeAnew => {
                thing.tags.clear();
                thing.token.clear();
                thing.made_for = None;
                thing.holds_data = false;
            }
            Meddling::Remove => {
                let key = (thing.kind.schema.name.clone(), thing.id.clone());
                self.things.remove(&key);
            }
        }
        true
    }
}
