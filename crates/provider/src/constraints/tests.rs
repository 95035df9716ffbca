//! A table of what each constraint takes and refuses, and rules in tables inside of others.

use infra_core::TypeName;
use infra_core::constraint::Rule;
use serde_json::{Value as Json, json};

use super::*;

fn text(text: &'static str) -> Cow<'static, str> {
    text.into()
}

/// A constraint, values that it takes, and values that break it with what is said of them.
type Case = (Constraint, Vec<Json>, Vec<(Json, &'static str)>);

/// One of each kind.
fn each() -> Vec<Case> {
    vec![
        (
            Constraint::Length {
                lowest: 1,
                highest: 3,
            },
            vec![json!("a"), json!("äöü"), json!(12345)],
            vec![
                (json!(""), "`` has 0 characters: AWS takes 1 to 3"),
                (json!("abcd"), "`abcd` has 4 characters: AWS takes 1 to 3"),
            ],
        ),
        (
            Constraint::Count {
                lowest: 0,
                highest: 2,
            },
            vec![json!([]), json!([1, 2]), json!("abc")],
            vec![(json!([1, 2, 3]), "3 of them: AWS takes at most 2")],
        ),
        (
            Constraint::Range {
                lowest: -1,
                highest: 9,
            },
            vec![json!(-1), json!(9), json!("10")],
            vec![
                (json!(-2), "-2 is not between -1 and 9"),
                (json!(10), "10 is not between -1 and 9"),
            ],
        ),
        (
            Constraint::OneOf(vec![1, 3].into()),
            vec![json!(1), json!(3), json!("2")],
            vec![(json!(2), "AWS takes no 2, only 1, 3")],
        ),
        (
            Constraint::Alphabet {
                characters: text("a-z-"),
                words: text("small letters and hyphens"),
            },
            vec![json!(""), json!("a-b"), json!(["A"])],
            vec![(
                json!("aBC"),
                "`aBC` has `B` in it: AWS takes small letters and hyphens",
            )],
        ),
        (
            Constraint::Pattern {
                expression: text("^/"),
                words: text("does not start with `/`"),
            },
            vec![json!("/a"), json!(1)],
            vec![(json!("a/"), "`a/` does not start with `/`")],
        ),
        (
            Constraint::Except {
                expression: text("^aws"),
                words: text("is a name that only AWS gives"),
            },
            vec![json!("my-aws"), json!(["aws"])],
            vec![(json!("aws-1"), "`aws-1` is a name that only AWS gives")],
        ),
        (
            Constraint::Cidr {
                version: 4,
                lowest: 16,
                highest: 28,
            },
            vec![json!("10.0.0.0/16"), json!("10.0.0.16/28"), json!(null)],
            vec![
                (
                    json!("10.0.0.0/8"),
                    "10.0.0.0/8 is too large: AWS takes /16 to /28",
                ),
                (
                    json!("10.0.0.0/29"),
                    "10.0.0.0/29 is too small: AWS takes /16 to /28",
                ),
                (
                    json!("10.0.0.1/16"),
                    "10.0.0.1/16 has bits behind its prefix: did you mean 10.0.0.0/16?",
                ),
                (json!("::/0"), "`::/0` is no IPv4 network such as 10.0.0.0/16"),
            ],
        ),
        (
            Constraint::Cidr {
                version: 6,
                lowest: 0,
                highest: 128,
            },
            vec![json!("::/0"), json!("2001:db8::/56"), json!("2001:DB8:0::/56")],
            vec![
                (
                    json!("2001:db8::1/56"),
                    "2001:db8::1/56 has bits behind its prefix: did you mean 2001:db8::/56?",
                ),
                (
                    json!("10.0.0.0/8"),
                    "`10.0.0.0/8` is no IPv6 network such as 2001:db8::/56",
                ),
            ],
        ),
    ]
}

/// A type whose attribute `a` has this kind and these rules.
fn with(kind: AttributeKind, rules: Vec<Constraint>) -> TypeSchema {
    let rules = rules.into_iter().map(|constraint| Rule {
        constraint,
        source: text("https://docs.aws.amazon.com/"),
    });
    let schema = AttributeSchema {
        rules: rules.collect(),
        ..AttributeSchema::new(kind)
    };
    TypeSchema {
        attributes: BTreeMap::from([("a".to_owned(), schema)]),
        ..TypeSchema::new(TypeName::new("test", "thing"))
    }
}

fn said(schema: &TypeSchema, attributes: &Attributes) -> Vec<String> {
    let mut problems = Problems::default();
    check(schema, attributes, &mut problems);
    let problems = problems.into_vec().into_iter();
    problems
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect()
}

fn set(value: impl Into<Value>) -> Attributes {
    Attributes::from([("a".to_owned(), value.into())])
}

#[test]
fn each_constraint_takes_what_fits_and_says_what_does_not() {
    for (constraint, taken, refused) in each() {
        assert!(is_sound(&constraint), "{constraint:?}");
        let schema = with(AttributeKind::Any, vec![constraint.clone()]);
        for value in taken {
            assert_eq!(
                said(&schema, &set(value.clone())),
                Vec::<String>::new(),
                "{constraint:?} {value}"
            );
        }
        for (value, message) in refused {
            assert_eq!(said(&schema, &set(value)), [format!("a: {message}")]);
        }
        for open in [Value::unknown(), Value::secret(Value::from("never shown"))] {
            assert_eq!(said(&schema, &set(open)), Vec::<String>::new(), "{constraint:?}");
        }
    }
}

#[test]
fn what_is_inside_of_tables_and_lists_is_told_with_its_place() {
    let inner = || {
        with(
            AttributeKind::Integer,
            vec![Constraint::Range {
                lowest: 0,
                highest: 1,
            }],
        )
        .attributes
    };
    let table = AttributeKind::Object(inner());
    let keyed = AttributeKind::KeyedList {
        key: "k".into(),
        element: inner(),
    };
    for (kind, value, places) in [
        (table.clone(), json!({ "a": 2 }), vec!["a.a"]),
        (
            AttributeKind::List(Box::new(table.clone())),
            json!([{ "a": 1 }, { "a": 2 }]),
            vec!["a[1].a"],
        ),
        (
            AttributeKind::Set(Box::new(table.clone())),
            json!([{ "a": 3 }]),
            vec!["a[0].a"],
        ),
        (
            AttributeKind::Map(Box::new(table)),
            json!({ "x": { "a": 2 } }),
            vec!["a.x.a"],
        ),
        (
            keyed,
            json!([{ "k": "x", "a": 2 }, { "k": "y", "a": -1 }]),
            vec!["a[0].a", "a[1].a"],
        ),
    ] {
        let found = said(&with(kind, Vec::new()), &set(value));
        let found: Vec<&str> = found.iter().filter_map(|said| said.split(": ").next()).collect();
        assert_eq!(found, places);
    }
}

#[test]
fn what_is_said_of_a_text_holds_for_each_one_of_several() {
    let rule = || Constraint::Except {
        expression: text("^aws"),
        words: text("is AWS's own"),
    };
    let texts = || Box::new(AttributeKind::String);
    let several = [
        (AttributeKind::List(texts()), json!(["a", "aws"]), "a[1]"),
        (AttributeKind::Set(texts()), json!(["aws"]), "a[0]"),
        (
            AttributeKind::Map(texts()),
            json!({ "x": "aws", "aws": "x" }),
            "a.x",
        ),
    ];
    for (kind, value, place) in several {
        let found = said(&with(kind, vec![rule()]), &set(value));
        assert_eq!(found, [format!("{place}: `aws` is AWS's own")]);
    }
    // How many there are is said of the whole.
    let count = Constraint::Count {
        lowest: 0,
        highest: 1,
    };
    let kind = AttributeKind::List(Box::new(AttributeKind::List(texts())));
    assert_eq!(
        said(&with(kind, vec![count]), &set(json!([["a"], ["a"]]))),
        ["a: 2 of them: AWS takes at most 1"]
    );
}

#[test]
fn rules_between_attributes_hold_for_what_is_certain() {
    let reference = || {
        Value::Unknown(Unknown {
            origin: Some(Box::new("test.thing.other.id".parse().unwrap())),
        })
    };
    let rule = |rule: fn(Cow<'static, [Cow<'static, str>]>) -> BlockRule| TypeSchema {
        rules: vec![PlacedRule {
            place: AttributePath::default(),
            rule: rule(vec![text("a"), text("b")].into()),
            source: text(""),
        }],
        ..TypeSchema::new(TypeName::new("test", "thing"))
    };
    let one = || Value::from("x");
    let keys = |keys: &[&str]| {
        let keys = keys.iter().map(|key| ((*key).to_owned(), Value::from("v")));
        Value::Map(keys.collect())
    };
    let depends = |when, value: Option<&'static str>, default: Option<&'static str>| {
        let mut schema = rule(BlockRule::Together);
        schema.rules[0].rule = BlockRule::Where(Where {
            names: [text("a"), text("b")],
            value: value.map(text),
            when,
            values: vec![text("t")].into(),
            default: default.map(text),
        });
        schema
    };
    for (schema, a, b, expected) in [
        (rule(BlockRule::ExactlyOne), None, None, ": set one of a, b"),
        (rule(BlockRule::ExactlyOne), Some(one()), None, ""),
        (rule(BlockRule::ExactlyOne), Some(Value::unknown()), None, ""),
        // It may turn out to be null.
        (
            rule(BlockRule::ExactlyOne),
            Some(one()),
            Some(Value::unknown()),
            "",
        ),
        (
            rule(BlockRule::ExactlyOne),
            Some(one()),
            Some(reference()),
            "b: only one of a, b may be set",
        ),
        (rule(BlockRule::AtMostOne), None, None, ""),
        (
            rule(BlockRule::AtMostOne),
            Some(one()),
            Some(Value::List(Vec::new())),
            "",
        ),
        (
            rule(BlockRule::ExactlyOne),
            Some(Value::List(Vec::new())),
            None,
            ": set one of a, b",
        ),
        (
            rule(BlockRule::AtMostOne),
            Some(one()),
            Some(one()),
            "b: only one of a, b may be set",
        ),
        (rule(BlockRule::Together), None, None, ""),
        (rule(BlockRule::Together), Some(one()), Some(Value::unknown()), ""),
        (
            rule(BlockRule::Together),
            None,
            Some(one()),
            "a: is needed where `b` is set",
        ),
        (rule(BlockRule::Together), None, Some(Value::unknown()), ""),
        (rule(BlockRule::AtLeastOne), None, None, ": set one of a, b"),
        (rule(BlockRule::AtLeastOne), Some(one()), Some(one()), ""),
        (
            rule(BlockRule::DistinctKeys),
            Some(keys(&["x"])),
            Some(keys(&["y"])),
            "",
        ),
        (
            rule(BlockRule::DistinctKeys),
            Some(keys(&["x", "y"])),
            Some(keys(&["y"])),
            "b.y: `y` is in `a` already: AWS takes each name once",
        ),
        (
            depends(When::Only, None, None),
            Some(one()),
            Some(Value::from("t")),
            "",
        ),
        (
            depends(When::Only, None, None),
            Some(one()),
            Some(Value::from("u")),
            "a: is only for `b` `t`, not `u`",
        ),
        (depends(When::Only, None, None), Some(one()), None, ""),
        (
            depends(When::Only, None, Some("u")),
            Some(one()),
            None,
            "a: is only for `b` `t`, not `u`",
        ),
        (depends(When::Only, None, Some("u")), None, None, ""),
        (
            depends(When::Only, None, None),
            Some(one()),
            Some(Value::unknown()),
            "",
        ),
        (
            depends(When::Only, None, None),
            Some(Value::unknown()),
            Some(Value::from("u")),
            "",
        ),
        (
            depends(When::Only, None, None),
            Some(Value::List(Vec::new())),
            Some(Value::from("u")),
            "",
        ),
        (
            depends(When::Never, None, None),
            Some(one()),
            Some(Value::from("t")),
            "a: is not for `b` `t`",
        ),
        (
            depends(When::Never, None, None),
            Some(one()),
            Some(Value::from("u")),
            "",
        ),
        (
            depends(When::Never, Some("true"), None),
            Some(Value::from(false)),
            Some(Value::from("t")),
            "",
        ),
        (
            depends(When::Never, Some("true"), None),
            Some(Value::from(true)),
            Some(Value::from("t")),
            "a: is not for `b` `t`",
        ),
        (
            depends(When::Needed, None, None),
            None,
            Some(Value::from("t")),
            "a: is needed where `b` is `t`",
        ),
        (
            depends(When::Needed, None, None),
            Some(Value::unknown()),
            Some(Value::from("t")),
            "",
        ),
        (
            depends(When::Needed, None, None),
            None,
            Some(Value::from("u")),
            "",
        ),
    ] {
        let values = [("a", a), ("b", b)].into_iter();
        let attributes = values
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        assert_eq!(said(&schema, &attributes).join("; "), expected);
    }
}

#[test]
fn an_expression_that_is_none_is_found() {
    for (expression, sound) in [("^a", true), ("(", false)] {
        let constraint = Constraint::Pattern {
            expression: text(expression),
            words: text(""),
        };
        assert_eq!(is_sound(&constraint), sound);
    }
}
