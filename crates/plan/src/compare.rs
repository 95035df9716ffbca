//! What differs between two sets of attributes, as the schema says that they are to be compared.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{AttributeKind, AttributePath, AttributeSchema, Attributes, SealingKey, TypeSchema, Value};

use crate::canonical::computed_kind;
use crate::equality::{by_key, equal, is_nothing, key_of, meant};

/// One place where what AWS has is not what is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// Where. Elements of a keyed list are counted as in `wanted`; those that only AWS has come after them.
    pub path: AttributePath,
    /// What is wanted; `Null` for nothing.
    pub wanted: Value,
    /// What is there; `Null` for nothing.
    pub observed: Value,
    /// Whether the attribute or a table around it cannot be changed in place.
    pub immutable: bool,
}

/// What a comparison is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What is wanted against what AWS has. What AWS never tells is held against what was last applied.
    Change,
    /// What was last applied against what AWS has. What AWS never tells cannot have drifted.
    Drift,
}

/// Every difference of a resource, in order of attribute. All values are canonical, and `observed` hides
/// what the others hide.
pub(crate) fn differences(
    schema: &TypeSchema,
    purpose: Purpose,
    wanted: &Attributes,
    observed: &Attributes,
    applied: &Attributes,
    key: &SealingKey,
) -> Vec<Difference> {
    let mut walk = Walk {
        purpose,
        key,
        place: Vec::new(),
        found: Vec::new(),
    };
    for (name, value) in wanted {
        let (observed_value, applied_value) = (observed.get(name), applied.get(name));
        match schema.attributes.get(name) {
            Some(attribute) => {
                let nothing = &Value::Null;
                let becomes_another = purpose == Purpose::Change
                    && schema.is_of_another_kind(name, value, observed_value.unwrap_or(nothing));
                walk.attribute(
                    name,
                    attribute,
                    value,
                    observed_value,
                    applied_value,
                    becomes_another,
                );
            }
            None => {
                let kind = computed_kind(schema.computed.get(name));
                walk.place.push(Place::Name(name));
                walk.value(kind, value, observed_value, applied_value, false);
                walk.place.pop();
            }
        }
    }
    walk.found
}

#[derive(Clone, Copy)]
enum Place<'a> {
    Name(&'a str),
    Index(usize),
}

struct Walk<'a> {
    purpose: Purpose,
    key: &'a SealingKey,
    place: Vec<Place<'a>>,
    found: Vec<Difference>,
}

static NOTHING: Attributes = Attributes::new();

impl<'a> Walk<'a> {
    fn attribute(
        &mut self,
        name: &'a str,
        schema: &AttributeSchema,
        wanted: &'a Value,
        observed: Option<&'a Value>,
        applied: Option<&'a Value>,
        immutable: bool,
    ) {
        if schema.local {
            return;
        }
        let observed = match (schema.write_only, self.purpose) {
            (false, _) => observed,
            (true, Purpose::Change) => applied,
            (true, Purpose::Drift) => return,
        };
        self.place.push(Place::Name(name));
        let meant = |value: &'a Value| meant(Some(schema), value);
        self.value(
            &schema.kind,
            meant(wanted),
            observed.map(meant),
            applied.map(meant),
            immutable || schema.immutable,
        );
        self.place.pop();
    }

    fn value(
        &mut self,
        kind: &AttributeKind,
        wanted: &'a Value,
        observed: Option<&'a Value>,
        applied: Option<&'a Value>,
        immutable: bool,
    ) {
        match (kind, wanted, observed) {
            (AttributeKind::Object(table), Value::Map(wanted), None | Some(Value::Null | Value::Map(_))) => {
                self.table(table, wanted, observed, applied, immutable);
            }
            (
                AttributeKind::KeyedList { key, element },
                Value::List(items),
                None | Some(Value::Null | Value::List(_)),
            ) => self.keyed_list(key, element, items, observed, applied, immutable),
            (AttributeKind::List(inner), Value::List(items), Some(Value::List(there))) => {
                for (position, item) in items.iter().enumerate() {
                    self.place.push(Place::Index(position));
                    match there.get(position) {
                        Some(observed) => {
                            self.value(
                                inner,
                                item,
                                Some(observed),
                                element_at(applied, position),
                                immutable,
                            );
                        }
                        None => self.note(item, None, immutable),
                    }
                    self.place.pop();
                }
                for (position, extra) in there.iter().enumerate().skip(items.len()) {
                    self.place.push(Place::Index(position));
                    self.note(&Value::Null, Some(extra), immutable);
                    self.place.pop();
                }
            }
            (AttributeKind::Map(inner), Value::Map(entries), Some(Value::Map(there))) => {
                let names: BTreeSet<&'a String> = entries.keys().chain(there.keys()).collect();
                for name in names {
                    self.place.push(Place::Name(name));
                    let (wanted, observed) = (entries.get(name), there.get(name));
                    let is_same = match wanted {
                        Some(wanted) => equal(inner, wanted, observed, self.key),
                        // An entry with an empty text is one.
                        None => observed.is_none_or(is_nothing),
                    };
                    if !is_same {
                        self.note(wanted.unwrap_or(&Value::Null), observed, immutable);
                    }
                    self.place.pop();
                }
            }
            _ => {
                if !equal(kind, wanted, observed, self.key) {
                    self.note(wanted, observed, immutable);
                }
            }
        }
    }

    fn table(
        &mut self,
        table: &BTreeMap<String, AttributeSchema>,
        wanted: &'a Attributes,
        observed: Option<&'a Value>,
        applied: Option<&'a Value>,
        immutable: bool,
    ) {
        let observed = observed.and_then(Value::as_map).unwrap_or(&NOTHING);
        let applied = applied.and_then(Value::as_map).unwrap_or(&NOTHING);
        for (name, value) in wanted {
            match table.get(name) {
                Some(schema) => {
                    self.attribute(
                        name,
                        schema,
                        value,
                        observed.get(name),
                        applied.get(name),
                        immutable,
                    );
                }
                None => {
                    self.place.push(Place::Name(name));
                    self.value(&AttributeKind::Any, value, observed.get(name), None, immutable);
                    self.place.pop();
                }
            }
        }
    }

    fn keyed_list(
        &mut self,
        key: &str,
        element: &BTreeMap<String, AttributeSchema>,
        items: &'a [Value],
        observed: Option<&'a Value>,
        applied: Option<&'a Value>,
        immutable: bool,
    ) {
        let mut there = by_key(key, observed, self.key);
        let applied = by_key(key, applied, self.key);
        for (position, item) in items.iter().enumerate() {
            self.place.push(Place::Index(position));
            let name = key_of(key, item, self.key);
            match (item, name.as_ref().and_then(|name| there.remove(name))) {
                (Value::Map(wanted), Some(observed)) => {
                    let applied = name.as_ref().and_then(|name| applied.get(name).copied());
                    self.table(element, wanted, Some(observed), applied, immutable);
                }
                _ => self.note(item, None, immutable),
            }
            self.place.pop();
        }
        for (position, extra) in there.into_values().enumerate() {
            self.place.push(Place::Index(items.len() + position));
            self.note(&Value::Null, Some(extra), immutable);
            self.place.pop();
        }
    }

    /// Notes a difference at the present place. A side that is secret hides the other.
    fn note(&mut self, wanted: &Value, observed: Option<&Value>, immutable: bool) {
        let path = self
            .place
            .iter()
            .fold(AttributePath::default(), |path, place| match place {
                Place::Name(name) => path.name(*name),
                Place::Index(index) => path.index(*index),
            });
        let observed = observed.unwrap_or(&Value::Null);
        self.found.push(Difference {
            path,
            wanted: hidden_by(wanted, observed),
            observed: hidden_by(observed, wanted),
            immutable,
        });
    }
}

/// The value, secret where the other one is at the same place.
fn hidden_by(value: &Value, other: &Value) -> Value {
    match (value, other) {
        (value, Value::Secret(_)) => Value::secret(value.clone()),
        (Value::Map(entries), Value::Map(others)) => Value::Map(
            entries
                .iter()
                .map(|(name, entry)| {
                    let other = others.get(name).unwrap_or(&Value::Null);
                    (name.clone(), hidden_by(entry, other))
                })
                .collect(),
        ),
        // Elements may have moved, so one secret hides them all.
        (Value::List(items), Value::List(others)) if others.iter().any(Value::has_secret) => {
            Value::List(items.iter().cloned().map(Value::secret).collect())
        }
        (Value::List(_), Value::List(_)) => value.clone(),
        (value, other) if other.has_secret() => Value::secret(value.clone()),
        (value, _) => value.clone(),
    }
}

fn element_at(list: Option<&Value>, position: usize) -> Option<&Value> {
    list.and_then(Value::as_list)?.get(position)
}
