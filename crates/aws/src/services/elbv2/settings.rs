//! What AWS calls the attributes of load balancers and target groups: dozens of texts by dotted keys, each with a
//! default. In a stack file each is an ordinary attribute, on whose field its key stands; this is the translation. Of a
//! table the key is the beginning of those of its own attributes.

use std::collections::BTreeMap;

use infra_core::AttributePath;
use infra_provider::{BlockFacts, DefaultValue, Described, FieldFacts, Kind};
use serde_json::{Map, Value as Json};

use crate::prelude::*;

/// One of AWS's attributes.
struct Setting {
    /// The attribute, and the key in it where that is a table.
    place: (&'static str, Option<&'static str>),
    /// AWS's key.
    key: String,
    kind: Kind,
    /// AWS's default, which a removed attribute goes back to; `None` when it depends on other things, and a removed
    /// attribute stays as it is.
    default: Option<String>,
}

/// The settings among the attributes of a block.
fn settings(facts: &BlockFacts) -> Vec<Setting> {
    let mut found = Vec::new();
    for field in facts.fields {
        match (field.setting, field.kind) {
            (Some(begin), Kind::Table(inner)) => {
                let inner = inner.fields.iter().filter_map(|key| Some((key, key.setting?)));
                found.extend(
                    inner.map(|(key, end)| {
                        setting((field.name, Some(key.name)), format!("{begin}.{end}"), key)
                    }),
                );
            }
            (Some(key), _) => found.push(setting((field.name, None), key.to_owned(), field)),
            (None, _) => {}
        }
    }
    found
}

fn setting(place: (&'static str, Option<&'static str>), key: String, facts: &FieldFacts) -> Setting {
    let default = match (facts.default, facts.kind) {
        (Some(DefaultValue::Bool(truth)), _) => Some(truth.to_string()),
        (Some(DefaultValue::Integer(number)), _) => Some(number.to_string()),
        (Some(DefaultValue::Text(text)), _) => Some(text.to_owned()),
        // A free text is taken away by an empty one.
        (None, Kind::Text) => Some(String::new()),
        (None | Some(DefaultValue::NoItems), _) => None,
    };
    Setting {
        place,
        key,
        kind: facts.kind,
        default,
    }
}

impl Setting {
    fn path(&self) -> AttributePath {
        let (top, key) = self.place;
        let path = AttributePath::attribute(top);
        key.map_or_else(|| path.clone(), |key| path.name(key))
    }

    fn text_in(&self, spec: &Json) -> Option<String> {
        let value = spec.get(self.place.0)?;
        let value = match self.place.1 {
            Some(key) => value.get(key)?,
            None => value,
        };
        match value {
            Json::Null | Json::Array(_) | Json::Object(_) => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn value_of(&self, text: &str) -> Option<Json> {
        match self.kind {
            Kind::Bool => text.parse::<bool>().ok().map(Json::from),
            Kind::Integer => text.parse::<i64>().ok().map(Json::from),
            _ => Some(Json::from(text)).filter(|_| !text.is_empty()),
        }
    }
}

/// AWS's keys and texts that have to be written: of what changed, what is wanted, and the default of what
/// is wanted no longer and not at its default. Defaults that depend on other attributes are given by attribute.
pub fn to_write<T: Block + Serialize>(
    update: &Update<T>,
    own_defaults: &BTreeMap<&str, String>,
) -> Vec<(String, String)> {
    let spec = serde_json::to_value(&update.spec).unwrap_or_default();
    let prior = Value::Map(update.prior.clone()).reveal().unwrap_or_default();
    let settings = settings(&T::FACTS).into_iter();
    settings
        .filter(|setting| update.changes_at(&setting.path()))
        .filter_map(|setting| match setting.text_in(&spec) {
            Some(text) => Some((setting.key, text)),
            None => {
                let present = setting.text_in(&prior)?;
                let default = setting.default.or_else(|| match setting.place {
                    (name, None) => own_defaults.get(name).cloned(),
                    _ => None,
                });
                let default = default.filter(|default| present != *default)?;
                Some((setting.key, default))
            }
        })
        .collect()
}

/// The attributes of the stack file as AWS tells them, and nothing else.
pub fn told<'a, T: Block<Partial: Default>>(
    told: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> <T as Described>::Partial {
    let settings = settings(&T::FACTS);
    let mut found = Map::new();
    for (key, text) in told {
        let setting = settings.iter().find(|setting| Some(setting.key.as_str()) == key);
        let Some((setting, value)) = setting.and_then(|setting| Some((setting, setting.value_of(text?)?)))
        else {
            continue;
        };
        let (top, key) = setting.place;
        match key {
            None => drop(found.insert(top.to_owned(), value)),
            Some(key) => {
                let table = found.entry(top).or_insert_with(|| Json::Object(Map::new()));
                table[key] = value;
            }
        }
    }
    serde_json::from_value(Json::Object(found)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// Made up.
    #[derive(Debug, Clone, Serialize, Deserialize, Block)]
    struct Balancer {
        /// A number.
        #[attribute(setting = "idle_timeout.timeout_seconds", default = 60)]
        idle_timeout_seconds: Option<i64>,
        /// A table.
        #[attribute(setting = "access_logs.s3")]
        access_logs: Option<Logs>,
        /// A truth value.
        #[attribute(setting = "waf.fail_open.enabled", default = false)]
        waf_fail_open_enabled: Option<bool>,
        /// None.
        name: Option<String>,
    }

    /// Made up.
    #[derive(Debug, Clone, Serialize, Deserialize, Block)]
    struct Logs {
        /// A truth value.
        #[attribute(setting = "enabled", default = false)]
        enabled: Option<bool>,
        /// A text.
        #[attribute(setting = "bucket")]
        bucket: Option<String>,
    }

    #[test]
    fn what_is_told_has_the_shape_of_the_file() {
        let told = [
            (Some("idle_timeout.timeout_seconds"), Some("60")),
            (Some("access_logs.s3.enabled"), Some("true")),
            (Some("access_logs.s3.bucket"), Some("")),
            (Some("some.new.key"), Some("1")),
        ];
        assert_eq!(
            super::told::<Balancer>(told),
            PartialBalancer {
                idle_timeout_seconds: 60.into(),
                access_logs: PartialLogs {
                    enabled: true.into(),
                    ..PartialLogs::default()
                }
                .into(),
                ..PartialBalancer::default()
            }
        );
    }

    #[test]
    fn only_what_changed_is_written_and_what_is_removed_goes_back_to_its_default() {
        let Value::Map(prior) = Value::from(json!({
            "idle_timeout_seconds": 120,
            "access_logs": { "enabled": true, "bucket": "logs" },
            "waf_fail_open_enabled": true,
        })) else {
            unreachable!()
        };
        let changed = BTreeSet::from(["idle_timeout_seconds".to_owned(), "access_logs".to_owned()]);
        let written = |spec: Json| {
            let update = Update {
                spec: serde_json::from_value::<Balancer>(spec).unwrap(),
                prior: prior.clone(),
                changed: changed.clone(),
                within: BTreeSet::new(),
                forced: false,
            };
            to_write(&update, &BTreeMap::new())
        };
        let pair = |key: &str, text: &str| (key.to_owned(), text.to_owned());
        assert_eq!(
            written(
                json!({ "access_logs": { "enabled": true, "bucket": "other" }, "waf_fail_open_enabled": false })
            ),
            [
                pair("idle_timeout.timeout_seconds", "60"),
                pair("access_logs.s3.enabled", "true"),
                pair("access_logs.s3.bucket", "other"),
            ]
        );
        assert_eq!(
            written(json!({ "idle_timeout_seconds": 120 })),
            [
                pair("idle_timeout.timeout_seconds", "120"),
                pair("access_logs.s3.enabled", "false"),
                pair("access_logs.s3.bucket", ""),
            ]
        );
    }
}
