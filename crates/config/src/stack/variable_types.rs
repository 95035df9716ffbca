//! The types of variables, and how texts from outside become values of them.

use infra_core::{Secret, Value};

/// What values a variable takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariableType {
    Any,
    String,
    Integer,
    Number,
    Bool,
    List(Box<VariableType>),
    Map(Box<VariableType>),
}

impl std::str::FromStr for VariableType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let inner = |prefix: &str| {
            text.strip_prefix(prefix)?
                .trim()
                .strip_prefix('(')?
                .strip_suffix(')')
        };
        Ok(match text {
            "any" => Self::Any,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "bool" => Self::Bool,
            // The nesting of a type is as deep as its text is long; nobody needs more than this.
            _ if text.len() > 100 => return Err(()),
            _ => match (inner("list"), inner("map")) {
                (Some(element), _) => Self::List(Box::new(element.parse()?)),
                (_, Some(element)) => Self::Map(Box::new(element.parse()?)),
                _ => return Err(()),
            },
        })
    }
}

impl std::fmt::Display for VariableType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::String => f.write_str("string"),
            Self::Integer => f.write_str("integer"),
            Self::Number => f.write_str("number"),
            Self::Bool => f.write_str("bool"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(element) => write!(f, "map({element})"),
        }
    }
}

impl VariableType {
    /// Whether the value is of this type; unknown parts are.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Unknown(_)) | (Self::Any, _) => true,
            (_, Value::Secret(Secret::Clear(inner))) => self.takes(inner),
            (Self::String, value) => value.as_str().is_some(),
            (Self::Integer, value) => value.as_integer().is_some(),
            (Self::Number, Value::Integer(_) | Value::Float(_)) => true,
            (Self::Bool, value) => value.as_bool().is_some(),
            (Self::List(element), Value::List(items)) => items.iter().all(|item| element.takes(item)),
            (Self::Map(element), Value::Map(entries)) => entries.values().all(|entry| element.takes(entry)),
            _ => false,
        }
    }

    /// The value that a text from the command line or the environment means.
    pub(crate) fn parse_value(&self, text: &str) -> Result<Value, String> {
        let wrong = |what: &str| Err(format!("it is {what}"));
        match self {
            Self::String => Ok(Value::from(text)),
            Self::Bool => match text.trim() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => wrong("`true` or `false`"),
            },
            Self::Integer => text
                .trim()
                .parse()
                .map(Value::Integer)
                .or_else(|_| wrong("a whole number")),
            Self::Number => match (text.trim().parse::<i64>(), text.trim().parse::<f64>()) {
                (Ok(whole), _) => Ok(Value::Integer(whole)),
                (_, Ok(number)) if number.is_finite() => Ok(Value::Float(number)),
                _ => wrong("a number"),
            },
            Self::Any => Ok(collection(text).unwrap_or_else(|| Value::from(text))),
            Self::List(_) | Self::Map(_) => match collection(text) {
                Some(value) if self.takes(&value) => Ok(value),
                _ => wrong(&format!(
                    "{self}, written as JSON or TOML, such as `{}`",
                    if matches!(self, Self::List(_)) {
                        "[\"a\", \"b\"]"
                    } else {
                        "{\"key\": \"value\"}"
                    }
                )),
            },
        }
    }
}

/// JSON, or else a TOML value.
fn collection(text: &str) -> Option<Value> {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text) {
        return Some(Value::from(json));
    }
    // TOML has no nesting limit of its own below that of its parser; errors mean that it is no TOML.
    let (value, errors) = toml::de::DeValue::parse_recoverable(text);
    if !errors.is_empty() {
        return None;
    }
    crate::source::plain_value(&value)
}
