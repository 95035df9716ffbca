//! A type's schema from its Rust types and [`Traits`].

use std::collections::BTreeMap;

use infra_core::schema::{
    AttributeKind, AttributeSchema, Clash, ClashWhen, ComputedSchema, Follows, InUse, StaysIn, Tagging,
    Together, TypeSchema,
};
use infra_core::{TypeName, Value};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value as Json};

use crate::lookup::LookupType;
use crate::traits::ResourceType;
use crate::wait::{Clashing, Following, Recognition, Staying, Traits, Using};

/// The schema of a type: `Spec`'s fields are its attributes, `Observed`'s other fields are computed.
pub fn type_schema<T: ResourceType>() -> TypeSchema {
    schema_of::<T::Spec, T::Observed>(T::NAME, T::DESCRIPTION, &T::TRAITS)
}

/// The schema of a lookup: the fields of its `Arguments` are its attributes, the other ones of `Observed` are
/// computed.
pub fn lookup_schema<T: LookupType>() -> TypeSchema {
    // Only kinds are taken from the traits: nothing of a lookup is ever changed.
    let Traits {
        json,
        policies,
        sets,
        optional_suffixes,
        keyed,
        sensitive,
        ..
    } = T::TRAITS;
    let kinds = Traits {
        json,
        policies,
        sets,
        optional_suffixes,
        keyed,
        sensitive,
        ..Traits::NONE
    };
    schema_of::<T::Arguments, T::Observed>(T::NAME, T::DESCRIPTION, &kinds)
}

fn schema_of<S: JsonSchema, O: JsonSchema>(name: &str, description: &str, traits: &Traits) -> TypeSchema {
    let name = type_name(name);
    let attributes = table(properties::<S>().as_object(), "", traits);
    let observed = properties::<O>();
    let computed = table(observed.as_object(), "", traits)
        .into_iter()
        .filter(|(name, _)| !attributes.contains_key(name))
        .map(|(name, schema)| {
            let changes_on_update = traits.changes_on_update.contains(&name.as_str());
            let AttributeSchema {
                kind, description, ..
            } = schema;
            (
                name,
                ComputedSchema {
                    kind,
                    description,
                    changes_on_update,
                },
            )
        })
        .collect();
    TypeSchema {
        name,
        description: description.to_owned(),
        attributes,
        computed,
        natural_key: names(traits.natural_key),
        caseless: names(traits.caseless),
        clashes: traits.clashes.iter().map(clash).collect(),
        in_use: traits.in_use.iter().map(in_use).collect(),
        stays_in: traits.stays_in.iter().map(stays_in).collect(),
        follows: traits.follows.as_ref().map(follows),
        name_stays: traits.name_stays,
        protected_by: traits.protected_by.map(str::to_owned),
        create_before_destroy: traits.create_before_destroy,
        holds_data: traits.holds_data.cloned(),
        together: traits.together.as_ref().map(|together| Together {
            within: names(together.within),
            at_most: together.at_most,
        }),
        tagging: match (traits.recognition, traits.unique_ids) {
            (Recognition::Tags, true) => Tagging::ById,
            (Recognition::Tags, false) => Tagging::ByName,
            _ => Tagging::None,
        },
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn clash(rule: &Clashing) -> Clash {
    match *rule {
        Clashing::OnlyOneHas {
            same,
            attribute,
            value,
        } => Clash {
            same: names(same),
            when: ClashWhen::OnlyOneHas {
                attribute: attribute.to_owned(),
                value: value.map_or(Value::Null, Value::from),
            },
        },
        Clashing::BothTrue { same, attribute } => Clash {
            same: names(same),
            when: ClashWhen::BothHave {
                attribute: attribute.to_owned(),
                value: Value::Bool(true),
            },
        },
        Clashing::Shared { same, at, owner } => Clash {
            same: names(same),
            when: ClashWhen::Shared {
                at: at.iter().map(|&path| path.into()).collect(),
                owner: owner.map(str::to_owned),
            },
        },
        Clashing::Overlap { same, attribute } => Clash {
            same: names(same),
            when: ClashWhen::Overlap {
                attribute: attribute.to_owned(),
            },
        },
    }
}

fn in_use(rule: &Using) -> InUse {
    InUse {
        attribute: rule.attribute.to_owned(),
        by: type_name(rule.by),
        through: rule.through.to_owned(),
        at: rule.at.into(),
    }
}

fn stays_in(rule: &Staying) -> StaysIn {
    StaysIn {
        attribute: rule.attribute.into(),
        names: type_name(rule.names),
        through: rule.through.to_owned(),
        own: rule.own.to_owned(),
    }
}

fn follows(rule: &Following) -> Follows {
    Follows {
        through: rule.through.to_owned(),
        of: type_name(rule.of),
        starts: names(rule.starts),
    }
}

fn type_name(name: &str) -> TypeName {
    name.parse().unwrap_or_else(|_| TypeName::new(name, ""))
}

fn properties<S: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<S>()
}

/// The attributes of an object schema whose own path is `path`.
fn table(
    schema: Option<&Map<String, Json>>,
    path: &str,
    traits: &Traits,
) -> BTreeMap<String, AttributeSchema> {
    let Some(schema) = schema else {
        return BTreeMap::new();
    };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Json::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            let is = |list: &[&str]| list.contains(&path.as_str());
            let default = property.get("default").filter(|default| !default.is_null());
            let attribute = AttributeSchema {
                kind: kind(property, &path, traits),
                description: property
                    .get("description")
                    .and_then(Json::as_str)
                    .unwrap_or("")
                    .to_owned(),
                required: required.contains(&name.as_str()),
                default: default.cloned().map(Value::from),
                immutable: is(traits.immutable),
                sensitive: is(traits.sensitive),
                write_only: is(traits.write_only),
                set_after_create: is(traits.set_after_create),
                needs_ready: is(traits.needs_ready),
                local: is(traits.local),
                path: is(traits.paths),
            };
            (name.clone(), attribute)
        })
        .collect()
}

fn kind(property: &Json, path: &str, traits: &Traits) -> AttributeKind {
    if traits.policies.contains(&path) {
        return AttributeKind::Json { policy: true };
    }
    if traits.json.contains(&path) {
        return AttributeKind::Json { policy: false };
    }
    let Some(schema) = property.as_object() else {
        return AttributeKind::Any;
    };
    // An Option of a type with alternatives is `anyOf: [<the type>, null]`.
    for alternatives in ["anyOf", "oneOf"] {
        if let Some(options) = schema.get(alternatives).and_then(Json::as_array) {
            return match alternatives_kind(options, path, traits) {
                Some(kind) => kind,
                None => AttributeKind::Any,
            };
        }
    }
    if let Some(texts) = schema.get("enum").and_then(Json::as_array) {
        return AttributeKind::Enum(texts.iter().filter_map(Json::as_str).map(str::to_owned).collect());
    }
    if let Some(text) = schema.get("const").and_then(Json::as_str) {
        return AttributeKind::Enum(vec![text.to_owned()]);
    }
    match json_type(schema) {
        Some("boolean") => AttributeKind::Bool,
        Some("integer") => AttributeKind::Integer,
        Some("number") => AttributeKind::Number,
        Some("string") => match traits.optional_suffixes.iter().find(|(text, _)| *text == path) {
            Some((_, suffix)) => AttributeKind::OptionalSuffix((*suffix).to_owned()),
            None => AttributeKind::String,
        },
        Some("array") => list_kind(schema, path, traits),
        Some("object") => match schema.get("additionalProperties") {
            Some(values) if !schema.contains_key("properties") && *values != Json::Bool(false) => {
                AttributeKind::Map(Box::new(kind(values, path, traits)))
            }
            _ => AttributeKind::Object(table(Some(schema), path, traits)),
        },
        _ => AttributeKind::Any,
    }
}

fn list_kind(schema: &Map<String, Json>, path: &str, traits: &Traits) -> AttributeKind {
    let item = kind(schema.get("items").unwrap_or(&Json::Bool(true)), path, traits);
    if let (Some((_, key)), AttributeKind::Object(element)) =
        (traits.keyed.iter().find(|(list, _)| *list == path), &item)
    {
        return AttributeKind::KeyedList {
            key: (*key).to_owned(),
            element: element.clone(),
        };
    }
    let unique = schema.get("uniqueItems").and_then(Json::as_bool).unwrap_or(false);
    if unique || traits.sets.contains(&path) {
        AttributeKind::Set(Box::new(item))
    } else {
        AttributeKind::List(Box::new(item))
    }
}

/// The one kind among alternatives beside null; texts that are constants together are one enumeration.
fn alternatives_kind(options: &[Json], path: &str, traits: &Traits) -> Option<AttributeKind> {
    let mut kinds = options
        .iter()
        .filter(|option| option.get("type").and_then(Json::as_str) != Some("null"))
        .map(|option| kind(option, path, traits));
    let first = kinds.next()?;
    kinds.try_fold(first, |left, right| match (left, right) {
        (AttributeKind::Enum(mut texts), AttributeKind::Enum(more)) => {
            texts.extend(more);
            Some(AttributeKind::Enum(texts))
        }
        (left, right) => (left == right).then_some(left),
    })
}

/// The type's name, looking past the `null` of an Option.
fn json_type(schema: &Map<String, Json>) -> Option<&str> {
    match schema.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use infra_core::PhysicalId;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::ProviderResult;
    use crate::call::Call;
    use crate::traits::{Created, Found, Update};

    struct Thing;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Spec {
        /// What it is called.
        name: String,
        log_group_arn: Option<String>,
        mode: Option<Mode>,
        subnet_ids: Option<BTreeSet<String>>,
        policy: Option<Json>,
        containers: Option<Vec<Container>>,
        tags: Option<BTreeMap<String, String>>,
        #[serde(default = "ten")]
        count: i64,
    }

    fn ten() -> i64 {
        10
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(rename_all = "UPPERCASE")]
    enum Mode {
        On,
        /// Documented variants are written otherwise in JSON Schema.
        Off,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Container {
        name: String,
        cpu: Option<f64>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Observed {
        name: String,
        /// Given by AWS.
        arn: String,
    }

    impl ResourceType for Thing {
        const NAME: &'static str = "test.thing";
        const DESCRIPTION: &'static str = "A thing.";
        const IAM_ACTIONS: &'static [&'static str] = &[];
        const EXAMPLE: &'static str = "";
        const TRAITS: Traits = Traits {
            immutable: &["name", "containers.cpu"],
            policies: &["policy"],
            optional_suffixes: &[("log_group_arn", ":*")],
            keyed: &[("containers", "name")],
            natural_key: &["name"],
            ..Traits::NONE
        };
        type Spec = Spec;
        type Observed = Observed;

        async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
            Ok(Created::new(
                spec.name.clone(),
                Observed {
                    name: spec.name,
                    arn: String::new(),
                },
            ))
        }
        async fn read(&self, _: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Observed>>> {
            Ok(BTreeMap::new())
        }
        async fn update(&self, _: &Call, _: &PhysicalId, _: Update<Spec>) -> ProviderResult<()> {
            Ok(())
        }
        async fn delete(&self, _: &Call, _: &PhysicalId, _: &infra_core::Attributes) -> ProviderResult<()> {
            Ok(())
        }
        async fn recover(&self, _: &Call, _: &infra_core::Attributes) -> ProviderResult<Option<PhysicalId>> {
            Ok(None)
        }
    }

    #[test]
    fn a_schema_follows_from_the_rust_types() {
        let schema = type_schema::<Thing>();
        let kind = |name: &str| schema.attributes[name].kind.clone();
        assert_eq!(kind("name"), AttributeKind::String);
        assert_eq!(kind("log_group_arn"), AttributeKind::OptionalSuffix(":*".into()));
        assert_eq!(kind("mode"), AttributeKind::Enum(vec!["ON".into(), "OFF".into()]));
        assert_eq!(
            kind("subnet_ids"),
            AttributeKind::Set(Box::new(AttributeKind::String))
        );
        assert_eq!(kind("policy"), AttributeKind::Json { policy: true });
        assert_eq!(kind("tags"), AttributeKind::Map(Box::new(AttributeKind::String)));
        let AttributeKind::KeyedList { key, element } = kind("containers") else {
            panic!("no keyed list")
        };
        assert_eq!(
            (key.as_str(), &element["cpu"].kind),
            ("name", &AttributeKind::Number)
        );
        assert!(element["cpu"].immutable && element["name"].required);
        let name = &schema.attributes["name"];
        assert!(name.required && name.immutable && name.description == "What it is called.");
        let count = &schema.attributes["count"];
        assert_eq!(
            (count.required, &count.default),
            (false, &Some(Value::Integer(10)))
        );
        assert_eq!(schema.computed.keys().collect::<Vec<_>>(), ["arn"]);
        assert_eq!(schema.computed["arn"].description, "Given by AWS.");
    }
}
