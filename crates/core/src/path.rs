//! Places inside the attributes of a resource: `container_definitions[0].image`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One part of an [`AttributePath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathSegment {
    /// An attribute, or a key of a map.
    Name(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// A place inside the attributes of a resource. A map key that is no plain name is written
/// `tags["cost centre"]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AttributePath(Vec<PathSegment>);

impl AttributePath {
    /// The path of a top-level attribute.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self(vec![PathSegment::Name(name.into())])
    }

    /// This path and one name more.
    #[must_use]
    pub fn name(&self, name: impl Into<String>) -> Self {
        self.child(PathSegment::Name(name.into()))
    }

    /// This path and one list index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.child(PathSegment::Index(index))
    }

    fn child(&self, segment: PathSegment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// The parts from the outside in.
    pub fn segments(&self) -> &[PathSegment] {
        &self.0
    }

    /// The top-level attribute's name; empty for the path of the whole resource.
    pub fn top(&self) -> &str {
        match self.0.first() {
            Some(PathSegment::Name(name)) => name,
            _ => "",
        }
    }

    /// The path one level out; `None` at the top.
    pub fn parent(&self) -> Option<Self> {
        (!self.0.is_empty()).then(|| Self(self.0[..self.0.len() - 1].to_vec()))
    }
}

impl From<&str> for AttributePath {
    /// A path from a text known to be one (`a.b[0]`); what does not parse becomes one top-level name.
    fn from(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::attribute(text))
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                PathSegment::Name(name) if crate::address::is_name(name) => {
                    write!(f, "{}{name}", if position == 0 { "" } else { "." })?;
                }
                PathSegment::Name(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str()))?,
                PathSegment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for AttributePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not the path of an attribute");
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                if inside.starts_with('"') {
                    let mut stream = serde_json::Deserializer::from_str(inside).into_iter::<String>();
                    let name = stream.next().and_then(Result::ok).ok_or_else(wrong)?;
                    let used = stream.byte_offset();
                    segments.push(PathSegment::Name(name));
                    rest = inside[used..].strip_prefix(']').ok_or_else(wrong)?;
                } else {
                    let (number, after) = inside.split_once(']').ok_or_else(wrong)?;
                    segments.push(PathSegment::Index(number.parse().map_err(|_| wrong())?));
                    rest = after;
                }
            } else {
                let body = if segments.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or_else(wrong)?
                };
                let end = body.find(['.', '[']).unwrap_or(body.len());
                if end == 0 {
                    return Err(wrong());
                }
                segments.push(PathSegment::Name(body[..end].to_owned()));
                rest = &body[end..];
            }
        }
        Ok(Self(segments))
    }
}

impl Serialize for AttributePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttributePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_back_as_it_is_written() {
        for text in [
            "cidr_block",
            "a[0].b",
            "tags[\"cost centre\"]",
            "tags[\"a\\\"]\"].x[12]",
        ] {
            assert_eq!(text.parse::<AttributePath>().unwrap().to_string(), text);
        }
        assert!("a..b".parse::<AttributePath>().is_err());
        assert_eq!(AttributePath::from("a[0].b").top(), "a");
    }
}
