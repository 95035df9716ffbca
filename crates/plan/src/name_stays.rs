//! A name that stays with the thing that has it: an image cannot be given the tag of another one in a repository whose
//! tags cannot be moved. AWS would say so only when all before it is done, and a build has been run for nothing.

use std::collections::BTreeMap;

use infra_core::types::known_str;
use infra_core::unique::values_under;
use infra_core::{
    Action, AttributePath, Attributes, Diagnostic, NameStays, Resource, ResourceAddress, TypeName, Value,
};

use crate::decide::{Decision, Decisions};
use crate::evaluate::place;
use crate::graph::{Found, Graph};
use crate::input::HeldNames;

/// What has a name in a holder now: type, holder, name.
type Place<'a> = (&'a str, &'a str, &'a str);

/// The holder of a name that stays.
struct Holder<'h> {
    address: &'h ResourceAddress,
    /// What it says.
    says: &'h str,
    is_declared: bool,
}

/// One error for each resource that would take a name which stays with another thing.
pub(crate) fn names_that_stay(
    graph: &Graph<'_>,
    decisions: &Decisions,
    held_names: &HeldNames,
) -> Vec<Diagnostic> {
    let standing = standing(graph);
    let mut errors = Vec::new();
    if standing.is_empty() && held_names.is_empty() {
        return errors;
    }
    for (number, decision) in decisions.of.iter().enumerate() {
        let node = &graph.nodes[number];
        let (Some(decision), Some(resource)) = (decision, node.resource) else {
            continue;
        };
        let rule = node
            .definition
            .and_then(|definition| definition.schema().name_stays);
        let (Some(rule), Action::Create | Action::Replace) = (rule, decision.action) else {
            continue;
        };
        let told = |name| known_str(&decision.wanted, name);
        let (Some(name), Some(holder)) = (told(rule.name), told(rule.holder)) else {
            continue;
        };
        let Some(stands_in) = stays(graph, decisions, resource, &rule, (holder, name)) else {
            continue;
        };
        let of_stack = standing.get(&(rule.of, holder, name)).into_iter().flatten();
        let mut problems = of_stack
            .filter_map(|&other| problem(graph, (number, decision), other, &rule, &stands_in))
            .collect::<Vec<_>>();
        let place_of = (
            node.address.type_name().clone(),
            holder.to_owned(),
            name.to_owned(),
        );
        if let (true, Some(has)) = (problems.is_empty(), held_names.get(&place_of)) {
            problems.extend(is_taken((node.address, decision), has, &rule, &stands_in));
        }
        let path = AttributePath::attribute(rule.name);
        errors.extend(
            problems
                .into_iter()
                .map(|problem| place(resource, &path, problem)),
        );
    }
    errors
}

/// What has a name that may stay with it.
fn standing<'a>(graph: &Graph<'a>) -> BTreeMap<Place<'a>, Vec<usize>> {
    let mut standing: BTreeMap<Place<'a>, Vec<usize>> = BTreeMap::new();
    for (number, node) in graph.nodes.iter().enumerate() {
        let rule = node
            .definition
            .and_then(|definition| definition.schema().name_stays);
        let (Some(rule), Found::Present { attributes, .. }) = (rule, &node.found) else {
            continue;
        };
        let attributes: &'a Attributes = attributes;
        if let (Some(holder), Some(name)) = (
            known_str(attributes, rule.holder),
            known_str(attributes, rule.name),
        ) {
            standing.entry((rule.of, holder, name)).or_default().push(number);
        }
    }
    standing
}

/// The holder, if it will let no other thing take the name. Nothing is known of one that is neither of the stack nor
/// looked up; one that is new holds nothing.
fn stays<'h>(
    graph: &'h Graph<'_>,
    decisions: &'h Decisions,
    resource: &'h Resource,
    rule: &NameStays,
    (id, name): (&str, &str),
) -> Option<Holder<'h>> {
    let of: TypeName = rule.of.parse().ok()?;
    let of_stack = graph.nodes.iter().enumerate().find_map(|(number, node)| {
        let Found::Present { attributes, .. } = &node.found else {
            return None;
        };
        if *node.address.type_name() != of || known_str(attributes, rule.holder) != Some(id) {
            return None;
        }
        let wanted = match &decisions.of[number] {
            Some(decision) if decision.action == Action::Update => Some(&decision.wanted),
            Some(decision) if matches!(decision.action, Action::Create | Action::Replace) => return None,
            _ => None,
        };
        let after = move |name: &str| {
            wanted
                .and_then(|wanted| wanted.get(name))
                .or(attributes.get(name))
        };
        holder(rule, name, node.address, &after, node.resource.is_some())
    });
    of_stack.or_else(|| {
        let mut found = None;
        resource
            .attributes
            .get(rule.holder)?
            .for_each_reference(&mut |reference| {
                let address = &reference.address;
                let is_lookup = !graph.index.contains_key(address) && *address.type_name() == of;
                let looked_up = decisions.scope.attributes(address).filter(|_| is_lookup);
                if let Some(attributes) = looked_up.filter(|found| known_str(found, rule.holder) == Some(id))
                {
                    found = holder(rule, name, address, &|name| attributes.get(name), false);
                }
            });
        found
    })
}

fn holder<'h>(
    rule: &NameStays,
    name: &str,
    address: &'h ResourceAddress,
    attribute: &dyn Fn(&str) -> Option<&'h Value>,
    is_declared: bool,
) -> Option<Holder<'h>> {
    let says = attribute(rule.says)?.as_str()?;
    let except = AttributePath::from(rule.except);
    let mut patterns = values_under(attribute(except.top()), &except).filter_map(Value::as_str);
    let is_exception = patterns.any(|pattern| fits(pattern, name));
    (rule.stays.contains(&says) != is_exception).then_some(Holder {
        address,
        says,
        is_declared,
    })
}

/// Why a resource cannot have the name that `other` has now; `None`: they are the same thing, or may be.
fn problem(
    graph: &Graph<'_>,
    (number, decision): (usize, &Decision),
    other: usize,
    rule: &NameStays,
    holder: &Holder<'_>,
) -> Option<Diagnostic> {
    let Found::Present { attributes, .. } = &graph.nodes[other].found else {
        return None;
    };
    let address = graph.nodes[number].address;
    let name = known_str(&decision.wanted, rule.name)?;
    let has = known_str(attributes, rule.content)?;
    if known_str(&decision.wanted, rule.content).is_some() {
        return is_taken((address, decision), has, rule, holder);
    }
    // What it is made of is another, and only the very same content could have the name.
    let is_another = number == other && is_made_of_another(decision, rule);
    let Holder {
        address: held_by,
        says,
        ..
    } = holder;
    let (named, attribute) = (format!("{} `{name}`", rule.name), rule.says);
    is_another.then(|| {
        let message = format!(
            "{address} is made anew from something else than what has the {named} ({has}) in {held_by}, whose {attribute} \
             is {says}: AWS refuses the name for anything but the very same content"
        );
        refused(message, rule, holder)
    })
}

/// Why a resource cannot have its name, which something with this content has; `None`: it has the same content, or that is
/// not known.
fn is_taken(
    (address, decision): (&ResourceAddress, &Decision),
    has: &str,
    rule: &NameStays,
    holder: &Holder<'_>,
) -> Option<Diagnostic> {
    let name = known_str(&decision.wanted, rule.name)?;
    let content = known_str(&decision.wanted, rule.content).filter(|content| *content != has)?;
    let Holder {
        address: held_by,
        says,
        ..
    } = holder;
    let (named, attribute) = (format!("{} `{name}`", rule.name), rule.says);
    let held = known_str(&decision.wanted, rule.holder)?;
    // Of an address without its host: what people call it.
    let held = held.split_once('/').map_or(held, |(_, path)| path);
    let message = format!(
        "{address} would give the {named} to {content}, but {has} has it in {held_by}, whose {attribute} is {says}: \
         the {} {held}:{name} may not be moved",
        rule.called
    );
    Some(refused(message, rule, holder))
}

/// The error with what can be done about it.
fn refused(message: String, rule: &NameStays, holder: &Holder<'_>) -> Diagnostic {
    let Holder {
        address: held_by,
        says,
        is_declared,
    } = holder;
    let (attribute, passes) = (rule.says, rule.passes);
    let or = match is_declared {
        _ if !rule.stays.contains(says) => {
            let except = AttributePath::from(rule.except);
            format!("take what it is like out of {} of {held_by}", except.top())
        }
        true => format!("set {attribute} = \"{passes}\" in {held_by}"),
        false => format!("have {attribute} set to {passes} there"),
    };
    let other = format!("give it another {}, such as one with the commit in it", rule.name);
    Diagnostic::error("name-stays", message).help(format!("{other}; or {or}"))
}

/// Whether what the file says of its content differs, or of how that is made.
fn is_made_of_another(decision: &Decision, rule: &NameStays) -> bool {
    let is_of_content = |top: &str| top != rule.name && top != rule.holder;
    let mut differences = decision.differences.iter();
    differences.any(|found| is_of_content(found.path.top()) && !found.wanted.has_unknown())
}

/// Whether a text is like a pattern, in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let mut ends = text
                .char_indices()
                .map(|(position, _)| position)
                .chain([text.len()]);
            ends.any(|position| fits(rest, &text[position..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_what_is_like_it() {
        for (pattern, text, expected) in [
            ("latest", "latest", true),
            ("latest", "latest-1", false),
            ("latest*", "latest", true),
            ("*-dev*", "v1-dev-2", true),
            ("*-dev", "v1-dev-2", false),
            ("*-dev", "a-dev-dev", true),
            ("v*", "dev", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
