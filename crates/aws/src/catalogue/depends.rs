//! Attributes that depend on the value of another one, all of them: a case that breaks each rule, and those that do not.

use infra_core::constraint::{BlockRule, When};
use infra_core::types::{Problem, Problems};
use infra_core::{AttributeKind, AttributePath, Attributes, Catalogue, PathSegment, TypeSchema, Value};

use super::{AwsCatalogue, DEFINITIONS};

/// A value of this kind, the one that this text says where it matters.
fn sample(kind: &AttributeKind, text: Option<&str>) -> Value {
    match (kind, text) {
        (AttributeKind::Bool, text) => Value::Bool(text != Some("false")),
        (AttributeKind::Integer | AttributeKind::Number, _) => Value::Integer(1),
        (AttributeKind::List(_) | AttributeKind::Set(_) | AttributeKind::KeyedList { .. }, _) => {
            Value::from(vec!["x"])
        }
        (AttributeKind::Object(_) | AttributeKind::Map(_), _) => {
            Value::Map(Attributes::from([("x".to_owned(), Value::from("x"))]))
        }
        (AttributeKind::Enum(choices), None) => Value::from(choices[0].as_str()),
        (_, text) => Value::from(text.unwrap_or("x")),
    }
}

/// Where one attribute depends on the value of another one: each value that it goes with, and each that it does not.
#[test]
fn what_depends_on_another_attribute_is_told_where_it_does_not_go_with_it_and_only_there() {
    let mut count = 0;
    for (name, definition) in DEFINITIONS {
        let schema = definition.schema();
        for placed in &schema.rules {
            let BlockRule::Where(rule) = &placed.rule else {
                continue;
            };
            let kind = |attribute: &str| {
                let path = placed.place.name(attribute);
                let found = schema.at(&path).unwrap_or_else(|| panic!("{name} has no {path}"));
                found.kind.clone()
            };
            let [attribute, other] = &rule.names;
            let all: Vec<String> = match kind(other) {
                AttributeKind::Enum(choices) => choices,
                AttributeKind::Bool => vec!["true".to_owned(), "false".to_owned()],
                _ => rule
                    .values
                    .iter()
                    .map(ToString::to_string)
                    .chain(["x".to_owned()])
                    .collect(),
            };
            let wrong: Vec<_> = rule
                .values
                .iter()
                .filter(|value| !all.contains(&value.to_string()))
                .collect();
            assert!(wrong.is_empty(), "{name}: {other} is never {wrong:?}");
            let page = &placed.source;
            assert!(
                page.starts_with("https://docs.aws.amazon.com/"),
                "{name}: {rule}: {page}"
            );
            for value in all {
                let is_among = rule.values.iter().any(|one| *one == value);
                for is_set in [true, false] {
                    let mut table =
                        Attributes::from([(other.to_string(), sample(&kind(other), Some(&value)))]);
                    if is_set {
                        table.insert(
                            attribute.to_string(),
                            sample(&kind(attribute), rule.value.as_deref()),
                        );
                    }
                    let found = inside(schema, &placed.place, table);
                    let is_told = |words: &str| {
                        let place = placed.place.name(attribute.as_ref()).to_string();
                        let plain = |path: String| path.replace("[0]", "");
                        found.iter().any(|problem| {
                            plain(problem.path.to_string()) == place
                                && problem.message.starts_with(words)
                                && problem.message.contains(&format!("`{other}`"))
                        })
                    };
                    let (words, expected) = match rule.when {
                        When::Only => ("is only for", is_set && !is_among),
                        When::Never => ("is not for", is_set && is_among),
                        When::Needed => ("is needed where", !is_set && is_among),
                    };
                    assert_eq!(
                        is_told(words),
                        expected,
                        "{name}: {rule}: {value} {is_set} {found:?}"
                    );
                    count += 1;
                }
            }
        }
    }
    assert!(count > 150, "{count}");
}

/// What is said of a resource with this table at this place.
fn inside(schema: &TypeSchema, place: &AttributePath, table: Attributes) -> Vec<Problem> {
    let mut value = Value::Map(table);
    let mut segments: Vec<String> = place
        .segments()
        .iter()
        .filter_map(|segment| match segment {
            PathSegment::Name(name) => Some(name.clone()),
            PathSegment::Index(_) => None,
        })
        .collect();
    while let Some(last) = segments.pop() {
        let path = segments
            .iter()
            .fold(AttributePath::default(), |path, name| path.name(name.as_str()));
        let kind = &schema.at(&path.name(last.as_str())).unwrap().kind;
        if !matches!(kind, AttributeKind::Object(_)) {
            value = Value::List(vec![value]);
        }
        value = Value::Map(Attributes::from([(last, value)]));
    }
    let mut problems = Problems::default();
    if let Value::Map(attributes) = value {
        let definition = AwsCatalogue.definition(&schema.name).unwrap();
        definition.validate(&attributes, &mut problems);
    }
    problems.into_vec()
}
