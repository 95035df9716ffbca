//! A value that may be known, not known yet, or not set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::block::Described;

/// A value of an attribute: as a file has it, whose rules are checked before everything is known, and as AWS tells it,
/// which does not tell everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partial<T> {
    /// Nothing is set, or nothing was told.
    #[default]
    Unset,
    /// Something is set that is not known yet, or may not be shown.
    Unknown,
    /// This.
    Known(T),
}

impl<T> Partial<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether something is set, known or not.
    pub fn is_set(&self) -> bool {
        !matches!(self, Self::Unset)
    }

    /// Whether something is set that is not known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// What AWS's text says in our words: a text, or a member of an enumeration. One that we do not know says nothing.
pub fn told<T: FromStr>(text: Option<impl AsRef<str>>) -> Partial<T> {
    text.and_then(|text| text.as_ref().parse().ok()).into()
}

/// A table of which everything is known.
pub fn whole<T: Described + Serialize>(table: &T) -> Partial<T::Partial> {
    let known = serde_json::to_value(table).and_then(serde_json::from_value);
    known.map_or(Partial::Unset, Partial::Known)
}

impl<T> Partial<Vec<Partial<T>>> {
    /// Whether there is anything in it, or may be: an empty list is the same to AWS as none.
    pub fn has_any(&self) -> bool {
        self.known()
            .map_or(self.is_unknown(), |elements| !elements.is_empty())
    }

    /// The elements; none where the list is not known.
    pub fn elements(&self) -> &[Partial<T>] {
        self.known().map_or(&[], Vec::as_slice)
    }

    /// The elements that are known, with their positions.
    pub fn known_elements(&self) -> impl Iterator<Item = (usize, &T)> {
        let elements = self.elements().iter().enumerate();
        elements.filter_map(|(position, element)| Some((position, element.known()?)))
    }
}

impl<T> Partial<BTreeMap<String, Partial<T>>> {
    /// Whether there is anything in it, or may be: an empty table is the same to AWS as none.
    pub fn has_any(&self) -> bool {
        self.known()
            .map_or(self.is_unknown(), |entries| !entries.is_empty())
    }

    /// The value of a key, if it is known.
    pub fn get(&self, key: &str) -> Option<&T> {
        self.known()?.get(key)?.known()
    }
}

impl Partial<String> {
    /// The text, if it is known.
    pub fn as_str(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }
}

impl<T> From<T> for Partial<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T> From<Option<T>> for Partial<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unset, Self::Known)
    }
}

impl<T> From<Vec<T>> for Partial<Vec<Partial<T>>> {
    fn from(elements: Vec<T>) -> Self {
        Self::Known(elements.into_iter().map(Partial::Known).collect())
    }
}

impl<T> From<BTreeSet<T>> for Partial<Vec<Partial<T>>> {
    fn from(elements: BTreeSet<T>) -> Self {
        Self::Known(elements.into_iter().map(Partial::Known).collect())
    }
}

impl<T> From<BTreeMap<String, T>> for Partial<BTreeMap<String, Partial<T>>> {
    fn from(entries: BTreeMap<String, T>) -> Self {
        let entries = entries.into_iter();
        Self::Known(entries.map(|(key, value)| (key, Partial::Known(value))).collect())
    }
}

impl From<&str> for Partial<String> {
    fn from(text: &str) -> Self {
        Self::Known(text.to_owned())
    }
}

impl From<Option<&str>> for Partial<String> {
    fn from(text: Option<&str>) -> Self {
        text.map(str::to_owned).into()
    }
}

/// What is not known is nothing.
impl<T: Serialize> Serialize for Partial<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.known().serialize(serializer)
    }
}

/// From a deserializer that says of what is unknown that it is a unit. What does not fit is unknown too: that it does not
/// is told elsewhere, with its place.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Partial<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(PartialVisitor(PhantomData))
    }
}

struct PartialVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PartialVisitor<T> {
    type Value = Partial<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value, known or not")
    }

    fn visit_none<E>(self) -> Result<Partial<T>, E> {
        Ok(Partial::Unset)
    }

    fn visit_unit<E>(self) -> Result<Partial<T>, E> {
        Ok(Partial::Unknown)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Partial<T>, D::Error> {
        Ok(T::deserialize(deserializer).map_or(Partial::Unknown, Partial::Known))
    }
}
