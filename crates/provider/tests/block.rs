//! What the derive says of a struct, and how attributes are read into its partial twin.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};

use infra_core::schema::AttributeKind;
use infra_core::types::{Problems, TypeDefinition};
use infra_core::{Attributes, PhysicalId, Value};
use infra_provider::{
    Block, Call, Created, FieldName, Observations, Partial, ProviderResult, Resource, ResourceDefinition,
    Rules, Service, Update, told, whole,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A thing.
///
/// There are many.
#[derive(Debug, Clone, Serialize, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/thing.html", at_most_one(size, parts))]
struct Thing {
    /// Its name.
    #[attribute(immutable, caseless, length = 1..=8)]
    name: String,
    /// Its size.
    #[attribute(default = 3, range = 1..=9, source = "https://docs.aws.amazon.com/size.html")]
    size: Option<i32>,
    /// Its parts.
    #[attribute(key = "id", count = 0..=2)]
    parts: Option<Vec<Part>>,
    /// What kind it is.
    #[serde(rename = "type")]
    #[attribute(set_after_create, write_only)]
    kind: Option<String>,
    /// Colours.
    colours: Option<BTreeSet<String>>,
    /// Tags by key.
    tags: Option<BTreeMap<String, String>>,
    /// What may be done with it.
    #[attribute(policy)]
    policy: Option<serde_json::Value>,
    /// Its ARN.
    #[attribute(computed, changes_on_update)]
    arn: Option<String>,
}

/// A part.
#[derive(Debug, Clone, Serialize, Deserialize, Block)]
#[block(together(id, weight))]
struct Part {
    /// Its id.
    id: String,
    /// Its weight.
    #[attribute(range = 0..=1)]
    weight: Option<i32>,
}

struct Nowhere;

impl Service for Nowhere {
    type Clients = ();
}

impl Resource for Thing {
    const NAME: &'static str = "test.thing";
    const IAM_ACTIONS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "";
    const RULES: Rules<ThingField> = Rules {
        natural_key: &[ThingField::Name],
        unique_ids: true,
        ..Rules::NONE
    };
    type Service = Nowhere;

    fn validate(given: &PartialThing, problems: &mut Problems) {
        if given.size == Partial::Known(7) {
            problems.at(ThingField::Size.name(), "seven is too many");
        }
    }

    async fn create((): &(), _: &Call, _: Self) -> ProviderResult<Created<PartialThing>> {
        Ok((
            PhysicalId::new(""),
            infra_provider::Found::ready(PartialThing::default()),
        )
            .into())
    }

    async fn read((): &(), _: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        Ok(Observations::<Self>::new())
    }

    async fn delete((): &(), _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }
}

fn table(json: serde_json::Value) -> Attributes {
    Value::from(json).as_map().unwrap().clone()
}

#[test]
fn the_schema_is_what_the_fields_say() {
    let definition = ResourceDefinition::<Thing>::new();
    let schema = definition.schema();
    assert_eq!(schema.name.to_string(), "test.thing");
    assert_eq!(schema.description, "A thing.\n\nThere are many.");
    assert_eq!(schema.natural_key, ["name"]);
    assert_eq!(schema.caseless, ["name"]);
    let names: Vec<&str> = schema.attributes.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["colours", "name", "parts", "policy", "size", "tags", "type"]
    );
    let name = &schema.attributes["name"];
    assert!(name.required && name.immutable && name.kind == AttributeKind::String);
    assert_eq!((name.description.as_str(), name.rules.len()), ("Its name.", 1));
    assert_eq!(name.rules[0].source, "https://docs.aws.amazon.com/thing.html");
    let size = &schema.attributes["size"];
    assert!(!size.required && !size.immutable);
    assert_eq!(size.default, Some(Value::Integer(3)));
    assert_eq!(size.rules[0].source, "https://docs.aws.amazon.com/size.html");
    let AttributeKind::KeyedList { key, element } = &schema.attributes["parts"].kind else {
        panic!("{:?}", schema.attributes["parts"].kind)
    };
    assert_eq!((key.as_str(), element.len()), ("id", 2));
    let kind = &schema.attributes["type"];
    assert!(kind.set_after_create && kind.write_only);
    assert_eq!(
        schema.attributes["colours"].kind,
        AttributeKind::Set(Box::new(AttributeKind::String))
    );
    assert_eq!(
        schema.attributes["policy"].kind,
        AttributeKind::Json { policy: true }
    );
    assert!(schema.computed["arn"].changes_on_update);
    let rules: Vec<String> = schema.rules.iter().map(|rule| rule.place.to_string()).collect();
    assert_eq!(rules, ["", "parts"]);
    assert_eq!(ThingField::Kind.name(), "type");
}

#[test]
fn constraints_and_the_types_own_rules_are_told_together() {
    let said = |attributes: serde_json::Value| {
        let mut problems = Problems::default();
        ResourceDefinition::<Thing>::new().validate(&table(attributes), &mut problems);
        let problems = problems.into_vec().into_iter();
        problems
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(json!({ "name": "a", "size": 3 })), Vec::<String>::new());
    assert_eq!(
        said(json!({ "name": "much too long", "size": 7, "parts": [{ "weight": 2 }] })),
        [
            "name: `much too long` has 13 characters: AWS takes 1 to 8",
            "parts[0].weight: 2 is not between 0 and 1",
            "parts: only one of size, parts may be set",
            "parts[0].id: is needed where `weight` is set",
            "size: seven is too many",
        ]
    );
}

#[test]
fn what_is_not_known_is_told_from_what_is_not_set() {
    /// What `validate` gets.
    #[expect(dead_code, reason = "its twin is what is looked at")]
    #[derive(Debug, Clone, Deserialize, Block)]
    struct Seen {
        /// A text.
        text: Option<String>,
        /// Texts.
        texts: Option<Vec<String>>,
        /// A table.
        part: Option<Part>,
        /// Texts by key.
        tags: Option<BTreeMap<String, String>>,
        /// A number.
        number: Option<i32>,
        /// A document.
        document: Option<serde_json::Value>,
    }
    impl Resource for Seen {
        const NAME: &'static str = "test.seen";
        const IAM_ACTIONS: &'static [&'static str] = &[];
        const EXAMPLE: &'static str = "";
        const RULES: Rules<SeenField> = Rules::NONE;
        type Service = Nowhere;
        fn validate(given: &PartialSeen, problems: &mut Problems) {
            problems.at("", format!("{given:?}"));
        }
        async fn create((): &(), _: &Call, _: Self) -> ProviderResult<Created<PartialSeen>> {
            unreachable!()
        }
        async fn read((): &(), _: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
            unreachable!()
        }
        async fn delete((): &(), _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
            unreachable!()
        }
    }
    let seen = |attributes: Attributes| {
        let mut problems = Problems::default();
        ResourceDefinition::<Seen>::new().validate(&attributes, &mut problems);
        problems.into_vec().pop().unwrap().message
    };
    let nothing = PartialSeen::default();
    assert_eq!(seen(Attributes::new()), format!("{nothing:?}"));
    let mut attributes = table(json!({ "texts": ["a", "b"], "part": { "id": "x" }, "number": 3 }));
    attributes.insert("text".into(), Value::unknown());
    attributes.insert(
        "tags".into(),
        Value::Map(Attributes::from([
            ("a".to_owned(), Value::from("1")),
            ("b".to_owned(), Value::secret(Value::from("hunter2"))),
        ])),
    );
    if let Some(Value::List(texts)) = attributes.get_mut("texts") {
        texts[1] = Value::unknown();
    }
    // What does not fit its type, or is too large, is told elsewhere.
    attributes.insert("document".into(), Value::List(vec![Value::unknown()]));
    let expected = PartialSeen {
        text: Partial::Unknown,
        texts: Partial::Known(vec!["a".into(), Partial::Unknown]),
        part: PartialPart {
            id: "x".into(),
            weight: Partial::Unset,
        }
        .into(),
        tags: Partial::Known(BTreeMap::from([
            ("a".to_owned(), "1".into()),
            ("b".to_owned(), Partial::Unknown),
        ])),
        number: 3.into(),
        document: Partial::Unknown,
    };
    assert_eq!(seen(attributes), format!("{expected:?}"));
    assert_eq!(expected.tags.get("a").map(String::as_str), Some("1"));
    assert_eq!(expected.texts.known_elements().count(), 1);
    let wrong = seen(table(json!({ "number": 5_000_000_000_i64, "text": 1 })));
    let expected = PartialSeen {
        number: Partial::Unknown,
        text: Partial::Unknown,
        ..nothing
    };
    assert_eq!(wrong, format!("{expected:?}"));
}

#[test]
fn a_table_that_is_known_whole_has_a_partial_twin() {
    let part = Part {
        id: "x".into(),
        weight: Some(1),
    };
    let twin: Partial<PartialPart> = whole(&part);
    assert_eq!(
        twin,
        PartialPart {
            id: "x".into(),
            weight: 1.into()
        }
        .into()
    );
    let none: Partial<Vec<Partial<PartialPart>>> = whole(&Vec::<Part>::new());
    assert_eq!(none, Partial::Known(Vec::new()));
}

#[test]
fn what_aws_says_in_a_word_that_we_do_not_know_is_not_told() {
    assert_eq!(told::<i32>(Some("12")), Partial::Known(12));
    assert_eq!(told::<i32>(Some("many")), Partial::Unset);
    assert_eq!(told::<String>(None::<&str>), Partial::Unset);
}

#[test]
fn only_what_changes_is_sent() {
    let spec = serde_json::from_value::<Thing>(json!({ "name": "a", "size": 3 })).unwrap();
    let update = |changed: &[&str], within: &[&str]| Update {
        spec: spec.clone(),
        prior: Attributes::new(),
        changed: changed.iter().map(|name| (*name).to_owned()).collect(),
        within: within.iter().map(|path| (*path).into()).collect(),
        forced: false,
    };
    assert_eq!(update(&["size"], &[]).only(ThingField::Size, spec.size), Some(3));
    assert_eq!(update(&["name"], &[]).only(ThingField::Size, spec.size), None);
    let in_parts =
        |changed, within| update(changed, within).only_in(ThingField::Parts, PartField::Weight, Some(1));
    assert_eq!(in_parts(&["parts"], &[]), Some(1));
    assert_eq!(in_parts(&["parts"], &["parts.weight"]), Some(1));
    assert_eq!(in_parts(&["parts"], &["parts.id"]), None);
    assert_eq!(in_parts(&["size"], &["parts.weight"]), None);
}
