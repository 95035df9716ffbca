//! What AWS keeps unique: which two things of a type cannot exist side by side.
//!
//! The rules are data of the types: the natural key, and [`Clash`]es. Values that are not known yet are the same only
//! where they are the same attribute of the same resource.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::path::AttributePath;
use crate::schema::{Clash, ClashWhen, TypeSchema};
use crate::types::TypeDefinition;
use crate::value::Value;
use crate::{PathSegment, TypeName};

/// The values of one thing that matter to the rules of its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Keys<'a> {
    schema: &'a TypeSchema,
    values: BTreeMap<&'a str, Value>,
}

/// The rule by which two clash.
enum Rule<'a> {
    /// The natural key.
    Name,
    Clash(&'a Clash),
}

/// The values of a rule's scope, in a form that can be looked up. The number of the rule comes first; the natural key
/// is rule 0.
type Scope = (usize, Vec<String>);

impl<'a> Keys<'a> {
    /// Those of a thing with these attributes; `None` where the type has no rules.
    pub fn new<'v>(
        definition: Option<&'a dyn TypeDefinition>,
        value: impl Fn(&str) -> Option<&'v Value>,
    ) -> Option<Self> {
        let schema = definition?.schema();
        if schema.natural_key.is_empty() && schema.clashes.is_empty() {
            return None;
        }
        let default = |name: &str| schema.attributes.get(name)?.default.as_ref();
        let values = names(schema)
            .map(|name| {
                let value = value(name).or_else(|| default(name));
                (name, value.cloned().unwrap_or_default())
            })
            .collect();
        Some(Self { schema, values })
    }

    /// Whether the two cannot exist side by side.
    pub fn clashes(&self, other: &Self) -> bool {
        self.rule(other).is_some()
    }

    /// The rule by which the two cannot exist side by side.
    fn rule(&self, other: &Self) -> Option<Rule<'a>> {
        if self.schema.name != other.schema.name {
            return None;
        }
        if self.name().is_some_and(|name| other.name() == Some(name)) {
            return Some(Rule::Name);
        }
        let mut rules = self.schema.clashes.iter();
        let rule = rules.find(|rule| {
            let same = self.parts(&rule.same);
            same.is_some() && same == other.parts(&rule.same) && self.breaks(rule, other)
        });
        rule.map(Rule::Clash)
    }

    /// The natural key. Where all parts of it are null there is none: a gateway that holds no address is not the same
    /// as the next one.
    fn name(&self) -> Option<Vec<String>> {
        self.parts(&self.schema.natural_key)
            .filter(|parts| parts.iter().any(|part| !part.is_empty()))
    }

    fn parts(&self, names: &[String]) -> Option<Vec<String>> {
        names
            .iter()
            .map(|name| self.part(name, self.values.get(name.as_str())?))
            .collect()
    }

    /// A value of this attribute in a form that is the same for what AWS takes for the same; `None` where that cannot
    /// be told. The order of a list does not count, nor what a table leaves out.
    fn part(&self, attribute: &str, value: &Value) -> Option<String> {
        match value {
            Value::Unknown(unknown) => unknown.origin.as_ref().map(|origin| format!("?{origin:?}")),
            Value::List(items) => {
                let parts = items.iter().map(|item| self.part(attribute, item));
                let mut parts: Vec<String> = parts.collect::<Option<_>>()?;
                parts.sort_unstable();
                Some(format!("{parts:?}"))
            }
            Value::Map(entries) => {
                let set = entries.iter().filter(|(_, value)| !value.is_null());
                let parts: Vec<(&String, String)> = set
                    .map(|(name, value)| Some((name, self.part(attribute, value)?)))
                    .collect::<Option<_>>()?;
                Some(format!("{parts:?}"))
            }
            value => self.schema.unique_part(attribute, value),
        }
    }

    fn breaks(&self, rule: &Clash, other: &Self) -> bool {
        let both = |name: &String| Some((self.values.get(name.as_str())?, other.values.get(name.as_str())?));
        match &rule.when {
            ClashWhen::OnlyOneHas { attribute, value } => both(attribute).is_some_and(|(one, other)| {
                let known = !one.has_unknown() && !other.has_unknown();
                known && one.same(value) != other.same(value)
            }),
            ClashWhen::BothHave { attribute, value } => {
                both(attribute).is_some_and(|(one, other)| one.same(value) && other.same(value))
            }
            ClashWhen::Shared { at, owner } => {
                let owners = owner.as_ref().map(|owner| {
                    both(owner).map(|(one, other)| (self.part(owner, one), self.part(owner, other)))
                });
                let is_apart = match owners {
                    None => true,
                    Some(owners) => {
                        owners.is_some_and(|(one, other)| one.is_some() && other.is_some() && one != other)
                    }
                };
                is_apart && !self.shared(at).is_disjoint(&other.shared(at))
            }
            ClashWhen::Overlap { attribute } => both(attribute)
                .and_then(|(one, other)| Some((one.as_str()?, other.as_str()?)))
                .is_some_and(|(one, other)| overlap(one, other)),
        }
    }

    /// What is named at these paths, in a form that can be compared.
    fn shared(&self, at: &'a [AttributePath]) -> BTreeSet<String> {
        at.iter()
            .flat_map(|path| {
                let values = values_under(self.values.get(path.top()), path);
                values.map(move |value| (path, value))
            })
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(path, value)| self.part(path.top(), value))
            .collect()
    }

    /// What only one of the two can have, in words: `name www.example.com`. Nothing where they do not clash.
    pub fn in_words(&self, other: &Self) -> String {
        let texts = |names: &'a [String]| names.iter().map(String::as_str);
        let words = |names: Vec<&'a str>| {
            let said: Vec<String> = names
                .into_iter()
                .filter_map(|name| {
                    let value = self.values.get(name)?;
                    let said = said(name, value)?;
                    let held = other.values.get(name).and_then(Value::as_str);
                    Some(
                        match held.filter(|held| self.differs_in_case(name, value, held)) {
                            Some(held) => format!("{said}, which is the same to AWS as {held}"),
                            None => said,
                        },
                    )
                })
                .collect();
            said.join(", ")
        };
        match self.rule(other) {
            None => String::new(),
            Some(Rule::Name) => words(texts(&self.schema.natural_key).collect()),
            Some(Rule::Clash(Clash { same, when })) => match when {
                ClashWhen::OnlyOneHas { attribute, .. }
                | ClashWhen::BothHave { attribute, .. }
                | ClashWhen::Overlap { attribute } => {
                    words(texts(same).chain([attribute.as_str()]).collect())
                }
                ClashWhen::Shared { at, .. } => {
                    let others = other.shared(at);
                    let shared = at
                        .iter()
                        .flat_map(|path| {
                            values_under(self.values.get(path.top()), path).map(move |value| (path, value))
                        })
                        .filter(|(path, value)| {
                            let part = self.part(path.top(), value);
                            part.is_some_and(|part| others.contains(&part))
                        })
                        .filter_map(|(path, value)| said(&path.to_string(), value));
                    let scope = same
                        .iter()
                        .filter_map(|name| said(name, self.values.get(name.as_str())?));
                    scope.chain(shared).collect::<Vec<String>>().join(", ")
                }
            },
        }
    }

    /// Whether their names differ only in case, and AWS takes them for the same.
    pub fn differ_in_case(&self, other: &Self) -> bool {
        let texts = |name: &str| Some((self.values.get(name)?, other.values.get(name)?.as_str()?));
        let mut names = self.schema.natural_key.iter();
        names.any(|name| texts(name).is_some_and(|(value, held)| self.differs_in_case(name, value, held)))
    }

    /// Whether a value is another text than this one, of which AWS takes it for the same.
    fn differs_in_case(&self, name: &str, value: &Value, held: &str) -> bool {
        let text = value.as_str().filter(|_| self.schema.is_caseless(name));
        text.is_some_and(|text| text != held && text.eq_ignore_ascii_case(held))
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        let rules = self.schema.clashes.iter().enumerate();
        let rules = rules.flat_map(|(number, rule)| {
            let scopes: Vec<Vec<String>> = match &rule.when {
                ClashWhen::Shared { at, .. } => {
                    let same = self.parts(&rule.same);
                    let shared = self.shared(at).into_iter();
                    same.map_or_else(Vec::new, |same| {
                        shared
                            .map(|shared| same.iter().cloned().chain([shared]).collect())
                            .collect()
                    })
                }
                _ => self.parts(&rule.same).into_iter().collect(),
            };
            scopes.into_iter().map(move |scope| (number + 1, scope))
        });
        self.name().map(|name| (0, name)).into_iter().chain(rules)
    }
}

/// A value and what it is of, in words.
fn said(name: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Integer(number) => Some(format!("{name} {number}")),
        Value::Bool(truth) => Some(format!("{name} {truth}")),
        Value::Unknown(_) => Some(name.to_owned()),
        Value::Map(entries) => {
            let said: Vec<String> = entries
                .iter()
                .filter_map(|(name, value)| said(name, value))
                .collect();
            (!said.is_empty()).then(|| said.join(", "))
        }
        _ => None,
    }
}

/// The attributes that any rule of a type speaks of.
fn names(schema: &TypeSchema) -> impl Iterator<Item = &str> {
    let clashes = schema.clashes.iter().flat_map(|rule| {
        let of_rule: Vec<&str> = match &rule.when {
            ClashWhen::OnlyOneHas { attribute, .. }
            | ClashWhen::BothHave { attribute, .. }
            | ClashWhen::Overlap { attribute } => vec![attribute],
            ClashWhen::Shared { at, owner } => at
                .iter()
                .map(AttributePath::top)
                .chain(owner.as_deref())
                .collect(),
        };
        rule.same.iter().map(String::as_str).chain(of_rule)
    });
    schema.natural_key.iter().map(String::as_str).chain(clashes)
}

/// Whether two networks in CIDR notation have addresses in common. What is no network overlaps nothing.
fn overlap(one: &str, other: &str) -> bool {
    let (Some((one, one_length)), Some((other, other_length))) = (network(one), network(other)) else {
        return false;
    };
    let length = one_length.min(other_length);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u32::from(one) ^ u32::from(other))
                .checked_shr(32 - length)
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (u128::from(one) ^ u128::from(other))
                .checked_shr(128 - length)
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

/// The values at a path under its attribute's value, lists on the way and at its end looked through.
pub fn values_under<'v>(value: Option<&'v Value>, path: &AttributePath) -> impl Iterator<Item = &'v Value> {
    let mut found: Vec<&Value> = value.into_iter().collect();
    for segment in path.segments().iter().skip(1) {
        let PathSegment::Name(name) = segment else {
            continue;
        };
        found = found
            .into_iter()
            .flat_map(items)
            .filter_map(|value| value.as_map()?.get(name))
            .collect();
    }
    found.into_iter().flat_map(items)
}

fn items(value: &Value) -> &[Value] {
    value.as_list().unwrap_or(std::slice::from_ref(value))
}

/// Things by what AWS keeps unique of them.
pub struct Holders<'a, T> {
    by_scope: BTreeMap<(&'a TypeName, Scope), Vec<usize>>,
    all: Vec<(Keys<'a>, T)>,
}

impl<T> Default for Holders<'_, T> {
    fn default() -> Self {
        Self {
            by_scope: BTreeMap::new(),
            all: Vec::new(),
        }
    }
}

impl<'a, T> Holders<'a, T> {
    /// Without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a thing.
    pub fn add(&mut self, keys: Keys<'a>, holder: T) {
        for scope in keys.scopes() {
            let key = (&keys.schema.name, scope);
            self.by_scope.entry(key).or_default().push(self.all.len());
        }
        self.all.push((keys, holder));
    }

    /// Everything that clashes with these keys, in the order in which it was added.
    pub fn clashing<'s>(
        &'s self,
        keys: &Keys<'a>,
    ) -> impl Iterator<Item = &'s (Keys<'a>, T)> + use<'s, 'a, T> {
        let mut found: Vec<usize> = keys
            .scopes()
            .filter_map(|scope| self.by_scope.get(&(&keys.schema.name, scope)))
            .flatten()
            .copied()
            .filter(|&position| self.all[position].0.clashes(keys))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|position| &self.all[position])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_overlap_where_one_holds_the_other() {
        for (one, other, expected) in [
            ("10.0.0.0/16", "10.0.3.0/24", true),
            ("10.0.0.0/24", "10.0.1.0/24", false),
            ("10.0.0.0/24", "10.0.0.0/24", true),
            ("0.0.0.0/0", "192.0.2.0/24", true),
            ("2001:db8::/56", "2001:db8:0:1::/64", true),
            ("2001:db8::/64", "2001:db8:0:1::/64", false),
            ("::/0", "10.0.0.0/8", false),
            ("10.0.0.0", "10.0.0.0/8", false),
            ("10.0.0.0/33", "10.0.0.0/8", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
