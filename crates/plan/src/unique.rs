//! What AWS keeps unique: which two things of a type cannot exist side by side.
//!
//! The rules are data of the types: the natural key, and [`Clash`]es. Values that are not known yet are the same only
//! where they are the same attribute of the same resource.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use infra_core::{
    Action, AttributePath, Attributes, Clash, ClashWhen, TypeDefinition, TypeName, TypeSchema, Value,
};

use crate::decide::Decision;
use crate::graph::{Found, Graph};
use crate::in_use::values_under;

/// The values of one thing that matter to the rules of its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Keys<'a> {
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
    /// be told.
    fn part(&self, attribute: &str, value: &Value) -> Option<String> {
        match value {
            Value::Unknown(unknown) => unknown.origin.as_ref().map(|origin| format!("?{origin:?}")),
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
                    let said: Vec<String> = at
                        .iter()
                        .flat_map(|path| {
                            values_under(self.values.get(path.top()), path).map(move |value| (path, value))
                        })
                        .filter(|(path, value)| {
                            let part = self.part(path.top(), value);
                            part.is_some_and(|part| others.contains(&part))
                        })
                        .filter_map(|(path, value)| said(&path.to_string(), value))
                        .collect();
                    said.join(", ")
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
                    self.shared(at).into_iter().map(|shared| vec![shared]).collect()
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

/// What the thing has now.
pub(crate) fn keys_of_thing<'a>(graph: &Graph<'a>, thing: usize) -> Option<Keys<'a>> {
    let attributes = graph.attributes_of(thing);
    Keys::new(graph.nodes[graph.things[thing].node].definition, |name| {
        attributes.get(name)
    })
}

/// What the resource will have when its steps are done; `None` for what the file does not have.
pub(crate) fn keys_after<'a>(graph: &Graph<'a>, number: usize, decision: &Decision) -> Option<Keys<'a>> {
    let node = &graph.nodes[number];
    node.resource?;
    let wanted = &decision.wanted;
    let observed = match (decision.action, &node.found) {
        (Action::Update | Action::NoOp | Action::Read, Found::Present { attributes, .. }) => {
            Some(*attributes)
        }
        _ => None,
    };
    let keeps = matches!(decision.action, Action::NoOp | Action::Read);
    Keys::new(node.definition, |name| {
        let set = wanted.get(name).filter(|_| !keeps);
        set.or_else(|| observed?.get(name))
    })
}

/// Those of a thing with these attributes.
pub(crate) fn keys_in<'a>(
    definition: Option<&'a dyn TypeDefinition>,
    attributes: &Attributes,
) -> Option<Keys<'a>> {
    Keys::new(definition, |name| attributes.get(name))
}

/// Things by what AWS keeps unique of them.
pub(crate) struct Holders<'a, T> {
    by_scope: BTreeMap<(&'a TypeName, Scope), Vec<usize>>,
    all: Vec<(Keys<'a>, T)>,
}

impl<'a, T> Holders<'a, T> {
    pub fn new() -> Self {
        Self {
            by_scope: BTreeMap::new(),
            all: Vec::new(),
        }
    }

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

/// Whether `name`, by which AWS keeps one resource, is that of another one with the id `id`, and so what it is kept
/// under: the id ends with it (`service/main/web` and `arn:…:service/main/web`). Short names say nothing.
pub(crate) fn ends_with_name(id: &str, name: &str) -> bool {
    name.len() >= 8
        && id
            .strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with([':', '/']))
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

    #[test]
    fn a_name_is_the_end_of_an_id_at_a_boundary() {
        let id = "arn:aws:ecs:us-east-1:123456789012:service/main/web";
        assert!(ends_with_name(id, "service/main/web"));
        assert!(!ends_with_name(id, "ervice/main/web"));
        assert!(!ends_with_name(id, "web"));
    }
}
