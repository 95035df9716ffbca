//! What AWS calls the attributes of load balancers and target groups: dozens of texts by dotted keys, each
//! with a default. In a stack file each is an ordinary attribute; this is the translation.

use std::collections::BTreeSet;

use infra_core::{Attributes, Value};
use serde_json::{Map, Value as Json};

/// One of AWS's attributes.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The attribute of the stack file; for a key of a table `table.key`.
    pub attribute: &'static str,
    /// AWS's key.
    pub key: &'static str,
    /// What its text holds.
    pub kind: Kind,
    /// AWS's default, which a removed attribute goes back to; `None` when it depends on other things, and
    /// a removed attribute stays as it is.
    pub default: Option<&'static str>,
    /// The types of load balancer that know it.
    pub of: Of,
}

/// What a setting's text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// Any text; empty for none.
    Text,
}

/// Which load balancers (and target groups of which load balancers) know a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Application load balancers only.
    Application,
    /// Network load balancers only.
    Network,
    /// Both.
    Both,
}

impl Setting {
    /// A setting that both types of load balancer know.
    pub const fn new(
        attribute: &'static str,
        key: &'static str,
        kind: Kind,
        default: Option<&'static str>,
    ) -> Self {
        Self {
            attribute,
            key,
            kind,
            default,
            of: Of::Both,
        }
    }

    /// The same, of one type of load balancer.
    pub const fn of(self, of: Of) -> Self {
        Self { of, ..self }
    }

    /// The top-level attribute, and the key in it when that is a table.
    pub fn place(&self) -> (&'static str, Option<&'static str>) {
        match self.attribute.split_once('.') {
            Some((table, key)) => (table, Some(key)),
            None => (self.attribute, None),
        }
    }

    fn text_in(&self, spec: &Json) -> Option<String> {
        let (top, key) = self.place();
        let value = match key {
            Some(key) => spec.get(top)?.get(key)?,
            None => spec.get(top)?,
        };
        match value {
            Json::Bool(truth) => Some(truth.to_string()),
            Json::Number(number) => Some(number.to_string()),
            Json::String(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn text_in_prior(&self, prior: &Attributes) -> Option<String> {
        let (top, key) = self.place();
        let value = match key {
            Some(key) => prior.get(top)?.as_map()?.get(key)?,
            None => prior.get(top)?,
        };
        match value {
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn value_of(&self, text: &str) -> Option<Json> {
        match self.kind {
            Kind::Flag => text.parse::<bool>().ok().map(Json::from),
            Kind::Number => text.parse::<i64>().ok().map(Json::from),
            Kind::Text if text.is_empty() => None,
            Kind::Text => Some(Json::from(text)),
        }
    }
}

/// AWS's keys and texts that have to be written: of what changed, what is wanted, and the default of what
/// is wanted no longer and not at its default.
pub fn to_write(
    settings: &[Setting],
    spec: &Json,
    prior: &Attributes,
    changed: &BTreeSet<String>,
) -> Vec<(&'static str, String)> {
    settings
        .iter()
        .filter(|setting| changed.contains(setting.place().0))
        .filter_map(|setting| match setting.text_in(spec) {
            Some(text) => Some((setting.key, text)),
            None => {
                let default = setting.default?;
                let present = setting.text_in_prior(prior)?;
                (present != default).then(|| (setting.key, default.to_owned()))
            }
        })
        .collect()
}

/// The attributes of the stack file as AWS tells them.
pub fn observed<'a>(
    settings: &[Setting],
    told: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> Map<String, Json> {
    let mut found = Map::new();
    for (key, text) in told {
        let Some(setting) = settings.iter().find(|setting| Some(setting.key) == key) else {
            continue;
        };
        let Some(value) = text.and_then(|text| setting.value_of(text)) else {
            continue;
        };
        match setting.place() {
            (top, None) => {
                found.insert(top.to_owned(), value);
            }
            (top, Some(key)) => {
                let table = found.entry(top).or_insert_with(|| Json::Object(Map::new()));
                if let Json::Object(table) = table {
                    table.insert(key.to_owned(), value);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SETTINGS: &[Setting] = &[
        Setting::new(
            "idle_timeout_seconds",
            "idle_timeout.timeout_seconds",
            Kind::Number,
            Some("60"),
        ),
        Setting::new(
            "access_logs.enabled",
            "access_logs.s3.enabled",
            Kind::Flag,
            Some("false"),
        ),
        Setting::new(
            "access_logs.bucket",
            "access_logs.s3.bucket",
            Kind::Text,
            Some(""),
        ),
        Setting::new(
            "waf_fail_open_enabled",
            "waf.fail_open.enabled",
            Kind::Flag,
            Some("false"),
        ),
    ];

    #[test]
    fn what_is_told_has_the_shape_of_the_file() {
        let told = [
            (Some("idle_timeout.timeout_seconds"), Some("60")),
            (Some("access_logs.s3.enabled"), Some("true")),
            (Some("access_logs.s3.bucket"), Some("")),
            (Some("some.new.key"), Some("1")),
        ];
        assert_eq!(
            Json::Object(observed(SETTINGS, told)),
            json!({ "idle_timeout_seconds": 60, "access_logs": { "enabled": true } })
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
        let written = |spec: Json| to_write(SETTINGS, &spec, &prior, &changed);
        assert_eq!(
            written(
                json!({ "access_logs": { "enabled": true, "bucket": "other" }, "waf_fail_open_enabled": false })
            ),
            [
                ("idle_timeout.timeout_seconds", "60".to_owned()),
                ("access_logs.s3.enabled", "true".to_owned()),
                ("access_logs.s3.bucket", "other".to_owned()),
            ]
        );
        assert_eq!(
            written(json!({ "idle_timeout_seconds": 120 })),
            [
                ("idle_timeout.timeout_seconds", "120".to_owned()),
                ("access_logs.s3.enabled", "false".to_owned()),
                ("access_logs.s3.bucket", String::new()),
            ]
        );
    }
}
