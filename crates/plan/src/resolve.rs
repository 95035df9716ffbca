//! One resource worked out: what is to be sent, what the record keeps, what differs.
//!
//! The planner uses this with what is known before anything runs, and whatever carries a plan out uses it
//! again, right before the call, with what is known by then.

use std::borrow::Cow;

use infra_core::{
    AttributeChange, AttributePath, Attributes, Diagnostic, Lifecycle, Resource, Scope, SealingKey,
    TypeSchema, Value,
};

use crate::canonical;
use crate::compare::{Difference, Purpose, differences};
use crate::conceal::conceal;
use crate::equality::same_attributes;
use crate::evaluate::{evaluate_all, missing};
use crate::restore::restored;

/// What there is of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Current<'a> {
    /// What the file last set, from the record.
    pub applied: &'a Attributes,
    /// What AWS has.
    pub observed: &'a Attributes,
}

/// A resource worked out. Its attributes are canonical and hold secrets in clear.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// What the file sets.
    set: Attributes,
    /// What an update brings about, where that is something else.
    in_place: Option<Attributes>,
    /// Attributes that are let be, with what the record goes on to have as applied.
    kept: Vec<(String, Option<Value>)>,
    observed: Option<Cow<'a, Attributes>>,
    pub(crate) differences: Vec<Difference>,
    pub(crate) drift: Vec<Difference>,
}

/// Works a resource out: evaluates what the file sets in `scope`, adds what was `prepared`, and compares with
/// what there is.
///
/// # Errors
/// Expressions that cannot be worked out, and required attributes that came out as null.
pub fn resolve<'a>(
    resource: &Resource,
    schema: &TypeSchema,
    scope: &Scope,
    prepared: Option<&Attributes>,
    current: Option<Current<'a>>,
    key: &SealingKey,
) -> Result<Resolved<'a>, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let known = Known { scope, prepared, key };
    let resolved = as_far_as_known(resource, schema, known, current, &|_| false, &mut problems);
    match problems.is_empty() {
        true => Ok(resolved),
        false => Err(problems),
    }
}

/// By what a resource is worked out.
#[derive(Clone, Copy)]
pub(crate) struct Known<'k> {
    /// What expressions see.
    pub scope: &'k Scope,
    /// What preparation found out.
    pub prepared: Option<&'k Attributes>,
    /// What stands for secrets.
    pub key: &'k SealingKey,
}

/// The same for a planner, who goes on after a problem: what has one is not known. `stays`: see [`settle`].
pub(crate) fn as_far_as_known<'a>(
    resource: &Resource,
    schema: &TypeSchema,
    known: Known<'_>,
    current: Option<Current<'a>>,
    stays: &dyn Fn(&str) -> bool,
    problems: &mut Vec<Diagnostic>,
) -> Resolved<'a> {
    let values = evaluate_all(resource, known.scope, problems);
    let values = with_prepared(values, known.prepared);
    problems.extend(missing(resource, schema, &values));
    let values = canonical::attributes(schema, values);
    settle(values, schema, &resource.lifecycle, current, known.key, stays)
}

/// What the file sets and what preparation found out.
fn with_prepared(mut values: Attributes, prepared: Option<&Attributes>) -> Attributes {
    for (name, value) in prepared.into_iter().flatten() {
        if !value.is_null() {
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    values
}

/// Compares canonical `set` with what there is. `stays` tells of a value that is not known whether it is
/// nevertheless known to be what it was.
pub(crate) fn settle<'a>(
    set: Attributes,
    schema: &TypeSchema,
    lifecycle: &Lifecycle,
    current: Option<Current<'a>>,
    key: &SealingKey,
    stays: &dyn Fn(&str) -> bool,
) -> Resolved<'a> {
    let Some(current) = current else {
        return Resolved {
            set,
            in_place: None,
            kept: Vec::new(),
            observed: None,
            differences: Vec::new(),
            drift: Vec::new(),
        };
    };
    let observed = conceal(schema, current.observed, [&set, current.applied], key);
    let ignored = |name: &str| lifecycle.ignore_changes.iter().any(|ignored| ignored == name);
    let applied_value = |name: &str| current.applied.get(name).filter(|value| !value.is_null());
    let mut kept = Vec::new();
    let mut let_be: Option<Attributes> = None;
    for (name, value) in &set {
        let is_ignored = ignored(name);
        let is_let_be = is_ignored || (value.has_unknown() && stays(name));
        if !is_let_be {
            continue;
        }
        let attribute = schema.attributes.get(name);
        let there = match attribute {
            Some(attribute) if attribute.write_only => current.applied.get(name),
            _ => observed.get(name),
        };
        match there.filter(|value| !value.is_null()) {
            Some(there) => {
                let attributes = let_be.get_or_insert_with(|| set.clone());
                attributes.insert(name.clone(), there.clone());
            }
            None if !is_ignored => continue,
            None => {
                let_be.get_or_insert_with(|| set.clone()).remove(name);
            }
        }
        kept.push((name.clone(), applied_value(name).cloned()));
    }
    for name in &lifecycle.ignore_changes {
        if let (false, Some(value)) = (set.contains_key(name), applied_value(name)) {
            kept.push((name.clone(), Some(value.clone())));
        }
    }
    let base = let_be.as_ref().unwrap_or(&set);
    let in_place = restored(&schema.attributes, base, current.applied, &ignored, key).or(let_be);
    let wanted = in_place.as_ref().unwrap_or(&set);
    let applied = current.applied;
    let shown = |difference: &Difference| !ignored(difference.path.top());
    let mut changes = differences(schema, Purpose::Change, wanted, &observed, applied, key);
    changes.retain(shown);
    let mut drift = differences(schema, Purpose::Drift, applied, &observed, applied, key);
    drift.retain(shown);
    Resolved {
        set,
        in_place,
        kept,
        observed: Some(observed),
        differences: changes,
        drift,
    }
}

impl Resolved<'_> {
    /// What a create sends: what the file sets.
    pub fn for_create(&self) -> &Attributes {
        &self.set
    }

    /// What an update brings about: the same, but what is under `ignore_changes` as AWS has it, and what the
    /// file once set and sets no longer at its default, or `Null` where it is to be cleared.
    pub fn for_update(&self) -> &Attributes {
        self.in_place.as_ref().unwrap_or(&self.set)
    }

    /// What AWS has, with its secrets marked as such.
    pub fn observed(&self) -> Option<&Attributes> {
        self.observed.as_deref()
    }

    /// What the record keeps as applied once AWS has taken it; secrets sealed.
    pub fn applied(&self, key: &SealingKey) -> Attributes {
        let mut applied: Attributes = self
            .set
            .iter()
            .map(|(name, value)| (name.clone(), value.sealed(key)))
            .collect();
        for (name, value) in &self.kept {
            match value {
                Some(value) => applied.insert(name.clone(), value.clone()),
                None => applied.remove(name),
            };
        }
        applied
    }

    /// What differs from what AWS has, secrets sealed.
    pub fn changes(&self, key: &SealingKey) -> Vec<AttributeChange> {
        self.differences
            .iter()
            .map(|found| found.as_change(key))
            .collect()
    }

    /// The top-level attributes that an update has to change.
    pub fn changed(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .differences
            .iter()
            .map(|difference| difference.path.top().to_owned())
            .collect();
        names.dedup();
        names
    }

    /// Where they differ from what AWS has.
    pub fn differences(&self) -> impl Iterator<Item = &AttributePath> {
        self.differences.iter().map(|difference| &difference.path)
    }

    /// Whether the record's applied attributes are already what they are to be.
    pub(crate) fn is_recorded(&self, applied: &Attributes, key: &SealingKey) -> bool {
        if self.kept.is_empty() {
            same_attributes(&self.set, applied, key)
        } else {
            same_attributes(&self.applied(key), applied, key)
        }
    }

    /// The attributes for a create, taken out.
    pub fn into_set(self) -> Attributes {
        self.set
    }

    /// The attributes for an update, taken out.
    pub fn into_in_place(self) -> Attributes {
        self.in_place.unwrap_or(self.set)
    }
}

impl Difference {
    /// As part of a change: from what AWS has to what is wanted.
    pub(crate) fn as_change(&self, key: &SealingKey) -> AttributeChange {
        AttributeChange {
            path: self.path.clone(),
            before: self.observed.sealed(key),
            after: self.wanted.sealed(key),
            forces_replacement: self.immutable,
        }
    }

    /// As drift: from what was applied to what AWS has.
    pub(crate) fn as_drift(&self, key: &SealingKey) -> AttributeChange {
        AttributeChange {
            path: self.path.clone(),
            before: self.wanted.sealed(key),
            after: self.observed.sealed(key),
            forces_replacement: false,
        }
    }
}

/// The paths of all differences that an update cannot make.
pub(crate) fn immutable_paths(differences: &[Difference]) -> Vec<AttributePath> {
    differences
        .iter()
        .filter(|difference| difference.immutable)
        .map(|difference| difference.path.clone())
        .collect()
}
