//! Names of things: resource types, resource addresses, and the ids that AWS gives.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A service and a type in AWS's own words, such as `ec2.vpc`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeName {
    service: String,
    kind: String,
}

impl TypeName {
    /// The type `kind` of `service`.
    pub fn new(service: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            kind: kind.into(),
        }
    }

    /// The service, such as `ec2`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The type within its service, such as `vpc`.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.kind)
    }
}

impl FromStr for TypeName {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((service, kind)) if is_name(service) && is_name(kind) => Ok(Self::new(service, kind)),
            _ => Err(AddressError {
                text: text.to_owned(),
            }),
        }
    }
}

/// The identity of one resource in a stack: `ec2.vpc.main`, or with a `for_each` key
/// `ec2.subnet.private["us-east-1a"]`. Never a user's `name` attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceAddress {
    type_name: TypeName,
    name: String,
    key: Option<String>,
}

impl ResourceAddress {
    /// The address of a resource without `for_each`.
    pub fn new(type_name: TypeName, name: impl Into<String>) -> Self {
        Self {
            type_name,
            name: name.into(),
            key: None,
        }
    }

    /// The instance of this resource for one `for_each` key.
    #[must_use]
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self.clone()
        }
    }

    /// The same address with another type.
    #[must_use]
    pub fn of_type(&self, type_name: TypeName) -> Self {
        Self {
            type_name,
            ..self.clone()
        }
    }

    /// The same address without its `for_each` key: the block in the file.
    #[must_use]
    pub fn block(&self) -> Self {
        Self {
            key: None,
            ..self.clone()
        }
    }

    /// The resource's type.
    pub fn type_name(&self) -> &TypeName {
        &self.type_name
    }

    /// The name given in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `for_each` key, if the resource has one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for ResourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.type_name, self.name)?;
        match &self.key {
            Some(key) => {
                f.write_str("[\"")?;
                for character in key.chars() {
                    if matches!(character, '"' | '\\') {
                        f.write_str("\\")?;
                    }
                    write!(f, "{character}")?;
                }
                f.write_str("\"]")
            }
            None => Ok(()),
        }
    }
}

impl FromStr for ResourceAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AddressError {
            text: text.to_owned(),
        };
        let (block, key) = match text.split_once('[') {
            Some((block, rest)) => (block, Some(unquote_key(rest).ok_or_else(wrong)?)),
            None => (text, None),
        };
        let mut parts = block.split('.');
        let (Some(service), Some(kind), Some(name), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        if ![service, kind, name].into_iter().all(is_name) {
            return Err(wrong());
        }
        Ok(Self {
            type_name: TypeName::new(service, kind),
            name: name.to_owned(),
            key,
        })
    }
}

/// Reads `"key"]` with `\"` and `\\` escapes.
fn unquote_key(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix("\"]")?;
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next()?),
            '"' => return None,
            other => key.push(other),
        }
    }
    Some(key)
}

/// Whether `text` may be a service, type or resource name: a letter or `_`, then letters, digits, `_`, `-`.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|rest| rest.is_ascii_alphanumeric() || matches!(rest, '_' | '-'))
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an address: expected service.type.name, such as ec2.vpc.main, or ec2.subnet.private[\"us-east-1a\"]"
)]
pub struct AddressError {
    /// The text as given.
    pub text: String,
}

macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(TypeName);
serde_as_text!(ResourceAddress);

/// AWS's id or ARN of a resource, or a composite that its provider writes and reads (such as
/// `api-id/integration-id` for what AWS only knows under a parent).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhysicalId(String);

impl PhysicalId {
    /// Wraps an id as AWS gave it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id of something that AWS knows only under parents: the parts joined by `/`.
    pub fn composite<const N: usize>(parts: [&str; N]) -> Self {
        Self(parts.join("/"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts of an id made by [`PhysicalId::composite`]; the last part keeps any further `/`.
    /// `None` when there are fewer than `N` parts.
    pub fn parts<const N: usize>(&self) -> Option<[&str; N]> {
        let parts: Vec<&str> = self.0.splitn(N, '/').collect();
        parts.try_into().ok()
    }
}

impl fmt::Display for PhysicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_back_as_it_is_written() {
        for text in [
            "ec2.vpc.main",
            "ec2.subnet.private[\"us-east-1a\"]",
            r#"a.b.c["x\"y\\z[0]"]"#,
        ] {
            assert_eq!(text.parse::<ResourceAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ec2.vpc",
            "ec2.vpc.main.id",
            "ec2.vpc.ma in",
            "a.b.c[0]",
            "a.b.c[\"x\"",
            "a.b.c[\"x\"y\"]",
        ] {
            assert!(text.parse::<ResourceAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_composite_id_comes_apart_again() {
        let id = PhysicalId::composite(["api", "GET /pets"]);
        assert_eq!(id.parts::<2>(), Some(["api", "GET /pets"]));
        assert_eq!(PhysicalId::new("api").parts::<2>(), None);
    }
}
