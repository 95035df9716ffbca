//! Calls that change something.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{Attributes, ErrorClass, Health, PhysicalId, Value};
use infra_provider::{Call, Created, ProviderResult, UpdateRequest};
use tokio::time::Instant;

use super::sent::{complete, invalid, named_id, refusal, revealed, texts};
use super::thing::Thing;
use super::{When, World};
use crate::kind::{Computed, Identity, Kind};

/// What an update of tags alone sets.
const TAGS: &str = "tags";

impl World {
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
        if kind.idempotent
            && let Some(thing) = self.things.get_mut(&key)
        {
            thing.attributes = attributes;
            thing.made_for = Some(call.address.clone());
            return Ok(thing.created(when.now));
        }
        // What is gone counts for as long as it is told of.
        let is_taken = self.things.contains_key(&key) || self.ghosts.contains_key(&key);
        if is_taken || !self.with_same_key(kind, &attributes).is_empty() {
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
            ready_at: when.now + kind.ready_after.mul_f64(when.slowness),
            gone_at: None,
            doom: self.dooms.get(&call.address).cloned(),
            health: None,
            before: None,
            changes: 0,
            holds_data: false,
        };
        let created = thing.created(when.now);
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
        if let Some(Value::Map(tags)) = update.spec.get(TAGS).filter(|_| kind.tags) {
            let thing = self.live(kind, id)?;
            for (key, value) in tags {
                thing
                    .tags
                    .insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
            }
            return Ok(());
        }
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
        // What has failed is begun again.
        let has_failed = matches!(thing.health, Some(Health::Failed(_)));
        if has_failed && kind.schema.follows.is_some() {
            thing.health = None;
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
        let changed_after = kind.changed_after.mul_f64(when.slowness);
        thing.ready_at = thing.ready_at.max(when.now + changed_after);
        thing.changes += 1;
        Ok(())
    }

    pub fn delete(
        &mut self,
        kind: &Arc<Kind>,
        id: &PhysicalId,
        data_loss_allowed: bool,
        when: When,
    ) -> ProviderResult<()> {
        self.pass(when.now);
        let key = (kind.schema.name.clone(), id.clone());
        let Some(thing) = self.things.get(&key) else {
            return Ok(());
        };
        if thing.gone_at.is_some() {
            return Ok(());
        }
        if thing.holds_data && !data_loss_allowed {
            return Err(refusal(kind, ErrorClass::Other, format!("{id} is not empty")));
        }
        let names = thing.names();
        let is_named = |text: &str| names.iter().any(|name| name == text);
        let user = self.things.values().find(|other| other.referred().any(is_named));
        let gone = self.lingering.iter();
        let gone = gone.filter(|(.., texts)| texts.iter().any(|text| is_named(text)));
        let user = user.map(|user| &user.id).or(gone.map(|(_, user, _)| user).next());
        if let Some(user) = user {
            let message = format!("{id} is still used by {user}");
            return Err(refusal(kind, ErrorClass::DependencyViolation, message));
        }
        let referred: Vec<String> = thing.referred().map(str::to_owned).collect();
        let gone_after = kind.gone_after.mul_f64(when.slowness);
        if !when.lingers.is_zero() && !referred.is_empty() {
            let until = when.now + gone_after + when.lingers;
            self.lingering.push((until, id.clone(), referred));
        }
        if !when.stale.is_zero() {
            let ghost = (when.now + when.stale, thing.observed(when.now));
            self.ghosts.insert(key.clone(), ghost);
        }
        match self.things.get_mut(&key) {
            Some(thing) if !gone_after.is_zero() => thing.gone_at = Some(when.now + gone_after),
            _ => {
                self.things.remove(&key);
            }
        }
        Ok(())
    }

    /// Deletes and creates, whole or not at all.
    pub fn change_together(
        &mut self,
        kind: &Arc<Kind>,
        deletes: &[PhysicalId],
        creates: Vec<(Call, Attributes)>,
        when: When,
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let mut after = self.clone();
        for id in deletes {
            after.delete(kind, id, false, when)?;
            // What comes with it is not refused for what is gone.
            after.ghosts.remove(&(kind.schema.name.clone(), id.clone()));
        }
        let created = creates
            .into_iter()
            .map(|(call, sent)| after.create(kind, &call, sent, when))
            .collect::<ProviderResult<Vec<_>>>()?;
        *self = after;
        Ok(created)
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
