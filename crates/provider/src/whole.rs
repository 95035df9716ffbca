//! What a call writes whole: what the file says of it, and what AWS has in it that the file has never said.

use infra_core::types::Problems;
use infra_core::{AttributePath, Attributes, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::block::{Block, BlockFacts, FieldName, Kind};
use crate::constraints::between;
use crate::traits::Update;

impl<S: Block> Update<S> {
    /// The wanted table for a call that takes it whole, so that what AWS has in it and nobody declared stays as it is.
    pub fn whole<V: Block + Serialize + DeserializeOwned>(&self, field: S::Field, wanted: V) -> V {
        let there = self.prior.get(field.name()).and_then(Value::as_map);
        self.filled(AttributePath::attribute(field.name()), wanted, there)
    }

    /// The same for a call that takes all attributes.
    pub fn whole_spec(&self) -> S
    where
        S: Clone + Serialize + DeserializeOwned,
    {
        self.filled(AttributePath::default(), self.spec.clone(), Some(&self.prior))
    }

    /// The value, or else what AWS has where this attribute is not to change: for a call that needs it beside others.
    pub fn kept<V: DeserializeOwned>(&self, field: S::Field, value: Option<V>) -> Option<V> {
        let there = || {
            let there = self.prior.get(field.name()).filter(|_| !self.changes(field))?;
            serde_json::from_value(there.reveal().ok()?).ok()
        };
        value.or_else(there)
    }

    fn filled<V: Block + Serialize + DeserializeOwned>(
        &self,
        place: AttributePath,
        wanted: V,
        there: Option<&Attributes>,
    ) -> V {
        let filled = || {
            let Value::Map(mut filled) = Value::from(serde_json::to_value(&wanted).ok()?) else {
                return None;
            };
            self.fill(&V::FACTS, &place, &mut filled, there?);
            serde_json::from_value(Value::Map(filled).reveal().ok()?).ok()
        };
        filled().unwrap_or(wanted)
    }

    /// Adds what is there and neither wanted nor to change, where that goes with what is wanted.
    fn fill(&self, facts: &BlockFacts, place: &AttributePath, wanted: &mut Attributes, there: &Attributes) {
        let broken = |table: &Attributes| {
            let mut problems = Problems::default();
            for rule in facts.rules {
                between(rule, table, place, &mut problems);
            }
            problems.into_vec().len()
        };
        for field in facts.fields.iter().filter(|field| !field.computed) {
            let place = place.name(field.name);
            let Some(there) = there.get(field.name).filter(|value| value.reveal().is_ok()) else {
                continue;
            };
            match (field.kind, wanted.get_mut(field.name), there) {
                (Kind::Table(inner), Some(Value::Map(wanted)), Value::Map(there)) => {
                    self.fill(inner, &place, wanted, there);
                }
                (_, None | Some(Value::Null), there) if !self.changes_at(&place) => {
                    let before = broken(wanted);
                    wanted.insert(field.name.to_owned(), there.clone());
                    if broken(wanted) > before {
                        wanted.remove(field.name);
                    }
                }
                _ => {}
            }
        }
    }
}
