//! One thing of the cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{Attributes, Health, PhysicalId, ResourceAddress, TypeName, Value};
use infra_provider::{Created, Found};
use tokio::time::Instant;

use super::sent::texts;
use crate::kind::{Computed, Kind};

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
pub(super) struct Thing {
    pub kind: Arc<Kind>,
    pub id: PhysicalId,
    /// Counts all things that were ever made.
    pub number: u64,
    pub made_for: Option<ResourceAddress>,
    pub token: String,
    pub tags: BTreeMap<String, String>,
    pub attributes: Attributes,
    pub counters: BTreeMap<&'static str, i64>,
    /// From when on lists have it.
    pub seen_from: Instant,
    pub ready_at: Instant,
    pub gone_at: Option<Instant>,
    /// What becomes of it instead of working.
    pub doom: Option<String>,
    /// Its health as somebody set it by hand.
    pub health: Option<Health>,
    /// What reads tell until that moment.
    pub before: Option<(Instant, Attributes)>,
    pub changes: u64,
    /// Whether somebody put data into it.
    pub holds_data: bool,
}

impl Thing {
    /// By what others may refer to it.
    pub fn names(&self) -> [String; 3] {
        let arn = arn(&self.kind, &self.id);
        let numbered = format!("{arn}/{}", self.number);
        [self.id.to_string(), arn, numbered]
    }

    /// What others it refers to so that they may not be deleted, by their names.
    pub fn referred(&self) -> impl Iterator<Item = &str> {
        let attributes = self.kind.refers_in.iter();
        attributes
            .filter_map(|name| self.attributes.get(*name))
            .flat_map(texts)
    }

    pub fn health(&self, now: Instant) -> Health {
        match (&self.health, self.gone_at, &self.doom) {
            (Some(health), _, _) => health.clone(),
            (_, Some(_), _) => Health::Deleting("going".into()),
            _ if self.ready_at > now => Health::Pending("on its way".into()),
            (_, _, Some(reason)) => Health::Failed(reason.clone()),
            _ => Health::Ready,
        }
    }

    /// What reads tell now: possibly what was before the last change.
    pub fn told(&self, now: Instant) -> Attributes {
        match &self.before {
            Some((until, before)) if *until > now => before.clone(),
            _ => self.observed(now),
        }
    }

    pub fn observed(&self, now: Instant) -> Attributes {
        let mut observed = self.everything(now);
        observed.retain(|name, _| !self.kind.is_write_only(name));
        observed
    }

    pub fn everything(&self, now: Instant) -> Attributes {
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

    pub fn created(&self, now: Instant) -> Created<Attributes> {
        Created {
            id: self.id.clone(),
            found: Found {
                observed: self.observed(now),
                health: self.health(now),
            },
        }
    }

    pub fn listed(&self, now: Instant) -> Listed {
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
