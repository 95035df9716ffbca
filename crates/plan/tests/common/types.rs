//! Resource types from a TOML table.

use std::collections::BTreeMap;

use infra_core::schema::ComputedSchema;
use infra_core::types::known_str;
use infra_core::{
    AttributeKind, AttributeSchema, Attributes, Catalogue, Clash, ClashWhen, Follows, HoldsData, InUse,
    NameStays, Spelling, StaysIn, Tagging, Together, TypeDefinition, TypeName, TypeSchema, Under, Value,
};

/// The types of `tests/cases/types.toml`.
pub fn catalogue() -> Types {
    let table = toml::from_str(include_str!("../cases/types.toml")).expect("types.toml is TOML");
    Types::new(&table)
}

/// A label of a picture in a store.
const LABEL_STAYS: NameStays = NameStays {
    called: "label",
    name: "label",
    holder: "store_url",
    of: "app.store",
    content: "digest",
    says: "labels",
    stays: &["STAY"],
    passes: "PASS",
    except: "except.label",
};

pub struct Types(BTreeMap<TypeName, Type>);

pub struct Type {
    schema: TypeSchema,
    /// Computed texts put together from other attributes: `{repository}@{digest}`.
    derived: BTreeMap<String, String>,
}

impl Types {
    pub fn new(table: &toml::Table) -> Self {
        let types = table.iter().map(|(name, table)| {
            let name: TypeName = name.parse().expect("a type's name");
            (
                name.clone(),
                Type::new(name, table.as_table().expect("a type's table")),
            )
        });
        Self(types.collect())
    }

    pub fn schema(&self, name: &TypeName) -> &TypeSchema {
        &self.0[name].schema
    }
}

impl Catalogue for Types {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        self.0.get(name).map(|found| found as &dyn TypeDefinition)
    }

    fn names(&self) -> Vec<TypeName> {
        self.0.keys().cloned().collect()
    }

    /// What `net` has was called `network` before.
    fn renamed(&self, former: &TypeName) -> Option<TypeName> {
        let name = TypeName::new("net", former.kind());
        (former.service() == "network" && self.0.contains_key(&name)).then_some(name)
    }
}

impl Type {
    fn new(name: TypeName, table: &toml::Table) -> Self {
        let mut schema = TypeSchema::new(name);
        schema.natural_key = texts(table.get("natural_key"));
        schema.under = table.get("under").and_then(toml::Value::as_table).map(under);
        schema.hangs_on = rules(table, "hangs_on").map(under).collect();
        schema.caseless = texts(table.get("caseless"));
        if text(table, "tagging").as_deref() == Some("by-id") {
            schema.tagging = Tagging::ById;
        }
        schema.create_before_destroy = is(table, "create_before_destroy");
        schema.protected_by = text(table, "protected_by");
        schema.clashes = rules(table, "clashes").map(clash).collect();
        schema.in_use = rules(table, "in_use").map(in_use).collect();
        schema.stays_in = rules(table, "stays_in").map(stays_in).collect();
        schema.name_stays = is(table, "label_stays").then_some(LABEL_STAYS);
        schema.follows = table.get("follows").and_then(toml::Value::as_table).map(follows);
        schema.holds_data = text(table, "holds_data").map(|what| HoldsData {
            what: what.into(),
            allowed_by: text(table, "data_loss_allowed_by").map(Into::into),
        });
        schema.together = table.get("together_within").map(|within| Together {
            within: texts(Some(within)),
            at_most: 6,
        });
        for (name, attribute) in tables(table.get("attributes")) {
            schema.attributes.insert(name, attribute_schema(&attribute));
        }
        let mut derived = BTreeMap::new();
        for (name, computed) in tables(table.get("computed")) {
            let schema_of_it = ComputedSchema {
                kind: AttributeKind::String,
                description: String::new(),
                changes_on_update: is(&computed, "changes_on_update"),
            };
            if let Some(format) = computed.get("derive").and_then(toml::Value::as_str) {
                derived.insert(name.clone(), format.to_owned());
            }
            schema.computed.insert(name, schema_of_it);
        }
        Self { schema, derived }
    }
}

impl TypeDefinition for Type {
    fn schema(&self) -> &TypeSchema {
        &self.schema
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        let mut found = Attributes::new();
        'next: for (name, format) in &self.derived {
            let mut text = String::new();
            for part in format.split_inclusive('}') {
                let (before, name) = part.split_once('{').unwrap_or((part, ""));
                text.push_str(before);
                if let Some(name) = name.strip_suffix('}') {
                    let Some(value) = known_str(attributes, name) else {
                        continue 'next;
                    };
                    text.push_str(value);
                }
            }
            found.insert(name.clone(), Value::from(text));
        }
        found
    }
}

fn attribute_schema(table: &toml::Table) -> AttributeSchema {
    let mut schema = AttributeSchema::new(kind(table));
    schema.required = is(table, "required");
    schema.immutable = is(table, "immutable");
    schema.sensitive = is(table, "sensitive");
    schema.write_only = is(table, "write_only");
    schema.needs_ready = is(table, "needs_ready");
    schema.default = table.get("default").map(super::case::value);
    schema.nothing = table.get("nothing").map(super::case::value);
    schema
}

fn kind(table: &toml::Table) -> AttributeKind {
    let inner = || {
        let inner = table.get("of").and_then(toml::Value::as_table);
        Box::new(inner.map_or(AttributeKind::String, kind))
    };
    let keys = || {
        tables(table.get("keys"))
            .into_iter()
            .map(|(name, table)| (name, attribute_schema(&table)))
            .collect()
    };
    match table
        .get("kind")
        .and_then(toml::Value::as_str)
        .unwrap_or("string")
    {
        "any" => AttributeKind::Any,
        "bool" => AttributeKind::Bool,
        "integer" => AttributeKind::Integer,
        "number" => AttributeKind::Number,
        "string" => AttributeKind::String,
        "optional_suffix" => {
            let suffix = table["suffix"].as_str().expect("a suffix").to_owned();
            AttributeKind::Spelled(Spelling::OptionalSuffix(suffix.into()))
        }
        "json" => AttributeKind::Json { policy: false },
        "policy" => AttributeKind::Json { policy: true },
        "list" => AttributeKind::List(inner()),
        "set" => AttributeKind::Set(inner()),
        "map" => AttributeKind::Map(inner()),
        "object" => AttributeKind::Object(keys()),
        "keyed" => AttributeKind::KeyedList {
            key: table["key"].as_str().expect("the key's name").to_owned(),
            element: keys(),
        },
        other => panic!("no kind {other}"),
    }
}

fn rules<'t>(table: &'t toml::Table, name: &str) -> impl Iterator<Item = &'t toml::Table> {
    let rules = table
        .get(name)
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    rules.map(|rule| rule.as_table().expect("a rule is a table"))
}

fn clash(rule: &toml::Table) -> Clash {
    let value = || rule.get("value").map_or(Value::Null, super::case::value);
    let when = if let Some(attribute) = text(rule, "overlap") {
        ClashWhen::Overlap { attribute }
    } else if let Some(attribute) = text(rule, "both_have") {
        ClashWhen::BothHave {
            attribute,
            value: value(),
        }
    } else if rule.contains_key("at") {
        ClashWhen::Shared {
            at: texts(rule.get("at"))
                .iter()
                .map(|path| path.as_str().into())
                .collect(),
            owner: text(rule, "owner"),
        }
    } else {
        ClashWhen::OnlyOneHas {
            attribute: text(rule, "attribute").expect("a clash names its attribute"),
            value: value(),
        }
    };
    Clash {
        same: texts(rule.get("same")),
        when,
    }
}

fn under(rule: &toml::Table) -> Under {
    Under {
        of: text(rule, "of")
            .and_then(|of| of.parse().ok())
            .expect("a type's name"),
        through: texts(rule.get("through")),
    }
}

fn in_use(rule: &toml::Table) -> InUse {
    let told = |name: &str| text(rule, name).expect("told");
    InUse {
        attribute: told("attribute"),
        by: told("by").parse().expect("a type's name"),
        through: told("through"),
        at: told("at").as_str().into(),
    }
}

fn stays_in(rule: &toml::Table) -> StaysIn {
    let told = |name: &str| text(rule, name).expect("told");
    StaysIn {
        attribute: told("attribute").as_str().into(),
        names: told("names").parse().expect("a type's name"),
        through: told("through"),
        own: told("own"),
    }
}

fn follows(rule: &toml::Table) -> Follows {
    let told = |name: &str| text(rule, name).expect("told");
    Follows {
        through: told("through"),
        of: told("of").parse().expect("a type's name"),
        starts: texts(rule.get("starts")),
    }
}

fn text(table: &toml::Table, name: &str) -> Option<String> {
    table.get(name).and_then(toml::Value::as_str).map(str::to_owned)
}

fn is(table: &toml::Table, name: &str) -> bool {
    table.get(name).and_then(toml::Value::as_bool).unwrap_or(false)
}

fn texts(value: Option<&toml::Value>) -> Vec<String> {
    let items = value.and_then(toml::Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn tables(value: Option<&toml::Value>) -> Vec<(String, toml::Table)> {
    let entries = value.and_then(toml::Value::as_table).into_iter().flatten();
    entries
        .map(|(name, table)| (name.clone(), table.as_table().expect("a table").clone()))
        .collect()
}
