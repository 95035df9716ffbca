//! Values of attributes, known or not yet, shown or not.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reference::Reference;
use crate::secret::{SealingKey, Secret};

/// The attributes of one resource by name.
pub type Attributes = BTreeMap<String, Value>;

/// A value that is known only after something has been applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unknown {
    /// The one attribute that this value is, when the expression was that reference and nothing else.
    pub origin: Option<Box<Reference>>,
}

/// A value of an attribute, variable or output.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing: the same as not setting the attribute.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    String(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by key.
    Map(BTreeMap<String, Value>),
    /// Known after apply.
    Unknown(Unknown),
    /// Never shown.
    Secret(Secret),
}

/// A value was used before it was known, or a sealed secret was asked for in clear.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevealError {
    /// Part of the value is known only after apply.
    #[error("the value is not known yet")]
    Unknown,
    /// Only the keyed hash of the value is here.
    #[error("only the hash of the sensitive value is known")]
    Sealed,
}

impl Value {
    /// An unknown value without a single origin.
    pub fn unknown() -> Self {
        Self::Unknown(Unknown::default())
    }

    /// A value that must not be shown.
    pub fn secret(value: Value) -> Self {
        match value {
            Self::Secret(_) | Self::Unknown(_) | Self::Null => value,
            clear => Self::Secret(Secret::Clear(Box::new(clear))),
        }
    }

    /// The text, if this is a known text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one (a float without fraction counts).
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is `Null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether any part of the value is known only after apply.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::List(items) => items.iter().any(Self::has_unknown),
            Self::Map(entries) => entries.values().any(Self::has_unknown),
            Self::Secret(Secret::Clear(inner)) => inner.has_unknown(),
            _ => false,
        }
    }

    /// Whether any part of the value is sensitive.
    pub fn has_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::List(items) => items.iter().any(Self::has_secret),
            Self::Map(entries) => entries.values().any(Self::has_secret),
            _ => false,
        }
    }

    /// Whether any part of it is sealed with a key that nobody has after this process.
    pub fn has_passing_seal(&self) -> bool {
        match self {
            Self::Secret(secret) => secret.is_passing(),
            Self::List(items) => items.iter().any(Self::has_passing_seal),
            Self::Map(entries) => entries.values().any(Self::has_passing_seal),
            _ => false,
        }
    }

    /// Calls `each` with every seal in it.
    pub fn for_each_seal(&mut self, each: &mut impl FnMut(&mut String)) {
        match self {
            Self::Secret(Secret::Sealed(seal)) => each(seal),
            Self::List(items) => items.iter_mut().for_each(|item| item.for_each_seal(each)),
            Self::Map(entries) => entries.values_mut().for_each(|entry| entry.for_each_seal(each)),
            _ => {}
        }
    }

    /// The value's kind in words for messages: `a string`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a table",
            Self::Unknown(_) => "a value known after apply",
            Self::Secret(_) => "a sensitive value",
        }
    }

    /// The same value with every secret replaced by its keyed hash: what may be stored and shown.
    #[must_use]
    pub fn sealed(&self, key: &SealingKey) -> Self {
        match self {
            Self::Secret(secret) => Self::Secret(Secret::Sealed(key.seal(secret))),
            Self::List(items) => Self::List(items.iter().map(|item| item.sealed(key)).collect()),
            Self::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(name, value)| (name.clone(), value.sealed(key)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// The value as JSON with secrets in clear: for a call to AWS, never for anything stored or shown.
    ///
    /// # Errors
    /// When a part is unknown, or a secret is here only as its hash.
    pub fn reveal(&self) -> Result<serde_json::Value, RevealError> {
        use serde_json::Value as Json;
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(truth) => Json::Bool(*truth),
            Self::Integer(number) => Json::from(*number),
            Self::Float(number) => Json::from(*number),
            Self::String(text) => Json::String(text.clone()),
            Self::List(items) => Json::Array(items.iter().map(Self::reveal).collect::<Result<_, _>>()?),
            Self::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.reveal()?)))
                    .collect::<Result<_, RevealError>>()?,
            ),
            Self::Unknown(_) => return Err(RevealError::Unknown),
            Self::Secret(Secret::Clear(inner)) => inner.reveal()?,
            Self::Secret(Secret::Sealed(_)) => return Err(RevealError::Sealed),
        })
    }

    /// A text that is equal for equal values, secrets in clear; only for hashing.
    pub(crate) fn revealed_canonical_text(&self) -> String {
        // Maps are ordered, so the JSON text is canonical. What cannot be revealed hashes by its kind.
        self.reveal()
            .map_or_else(|error| error.to_string(), |json| json.to_string())
    }

    /// Whether two values mean the same: numbers by value, everything else exactly.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(left), Self::Float(right)) | (Self::Float(right), Self::Integer(left)) => {
                *left as f64 == *right
            }
            (Self::List(left), Self::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.same(right))
            }
            (Self::Map(left), Self::Map(right)) => {
                left.len() == right.len()
                    && left
                        .iter()
                        .zip(right)
                        .all(|((left_name, left), (right_name, right))| {
                            left_name == right_name && left.same(right)
                        })
            }
            _ => self == other,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<Attributes> for Value {
    fn from(entries: Attributes) -> Self {
        Self::Map(entries)
    }
}

impl From<serde_json::Value> for Value {
    /// Plain JSON, with no special meaning for any key.
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(truth) => Self::Bool(truth),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::String(text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Json::Object(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(name, value)| (name, Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// In stored JSON an unknown is `{"$unknown": …}`, a sealed secret `{"$secret": "hmac-sha256:…"}`, and a
/// user's key that starts with `$` gets one more `$`. A secret in clear does not serialise.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap};
        let single = |serializer: S, name: &str, content: Option<&str>| {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(name, &content)?;
            map.end()
        };
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(name, value)| {
                (
                    if name.starts_with('$') {
                        format!("${name}")
                    } else {
                        name.clone()
                    },
                    value,
                )
            })),
            Self::Unknown(Unknown { origin }) => {
                let origin = origin.as_ref().map(ToString::to_string);
                single(serializer, "$unknown", origin.as_deref())
            }
            Self::Secret(Secret::Sealed(hash)) => single(serializer, "$secret", Some(hash)),
            Self::Secret(Secret::Clear(_)) => Err(S::Error::custom(
                "a sensitive value in clear may not be written; seal it first",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = serde_json::Value::deserialize(deserializer)?;
        from_stored(json).map_err(serde::de::Error::custom)
    }
}

fn from_stored(json: serde_json::Value) -> Result<Value, String> {
    use serde_json::Value as Json;
    match json {
        Json::Array(items) => Ok(Value::List(
            items.into_iter().map(from_stored).collect::<Result<_, _>>()?,
        )),
        Json::Object(mut entries) => {
            if entries.len() == 1 {
                if let Some(hash) = entries.get_mut("$secret") {
                    let hash = hash.as_str().ok_or("`$secret` is no text")?;
                    return Ok(Value::Secret(Secret::Sealed(hash.to_owned())));
                }
                if let Some(origin) = entries.get("$unknown") {
                    let origin = match origin.as_str() {
                        Some(text) => Some(Box::new(text.parse::<Reference>()?)),
                        None => None,
                    };
                    return Ok(Value::Unknown(Unknown { origin }));
                }
            }
            let mut map = BTreeMap::new();
            for (name, value) in entries {
                let name = if name.starts_with("$$") {
                    name[1..].to_owned()
                } else {
                    name
                };
                map.insert(name, from_stored(value)?);
            }
            Ok(Value::Map(map))
        }
        plain => Ok(Value::from(plain)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: &Value) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn what_is_stored_comes_back() {
        let origin = "ec2.vpc.main.id".parse().unwrap();
        let value = Value::from(BTreeMap::from([
            ("$odd".to_owned(), Value::Integer(1)),
            ("$secret".to_owned(), Value::from("a user's key")),
            (
                "hash".to_owned(),
                Value::Secret(Secret::Sealed("hmac-sha256:00".into())),
            ),
            (
                "list".to_owned(),
                Value::List(vec![Value::Null, Value::Float(0.5), Value::Bool(true)]),
            ),
            (
                "later".to_owned(),
                Value::Unknown(Unknown {
                    origin: Some(Box::new(origin)),
                }),
            ),
            ("some".to_owned(), Value::unknown()),
        ]));
        assert_eq!(serde_json::from_str::<Value>(&stored(&value)).unwrap(), value);
    }

    #[test]
    fn a_secret_in_clear_is_never_written() {
        let value = Value::List(vec![Value::secret(Value::from("hunter2"))]);
        assert!(serde_json::to_string(&value).is_err());
        let sealed = stored(&value.sealed(&SealingKey::new([1; 32])));
        assert!(sealed.contains("$secret") && !sealed.contains("hunter2"));
    }

    #[test]
    fn numbers_are_compared_by_value() {
        assert!(Value::from(vec![60]).same(&Value::List(vec![Value::Float(60.0)])));
        assert!(!Value::Integer(60).same(&Value::from("60")));
    }
}
