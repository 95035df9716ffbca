//! Reading attributes as typed values, the ones that are not known among them.

use infra_core::{Attributes, Value};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

/// The attributes as a partial twin. What is unknown or secret, and what does not fit its type, is unknown.
pub fn partial<P: DeserializeOwned + Default>(attributes: &Attributes) -> P {
    let entries = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), Known(value)));
    let deserializer = MapDeserializer::<_, serde::de::value::Error>::new(entries);
    P::deserialize(deserializer).unwrap_or_default()
}

/// A value of which it can be told that it is not known: as a unit.
#[derive(Clone, Copy)]
struct Known<'a>(&'a Value);

impl<'de> IntoDeserializer<'de, serde::de::value::Error> for Known<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Known<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::String(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Known))),
            Value::Map(entries) => visitor.visit_map(MapDeserializer::new(
                entries.iter().map(|(name, value)| (name.as_str(), Known(value))),
            )),
            Value::Unknown(_) | Value::Secret(_) => {
                Err(Error::invalid_value(Unexpected::Unit, &"a value that is known"))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            Value::Unknown(_) | Value::Secret(_) => visitor.visit_unit(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(Error::invalid_type(Unexpected::Other(self.0.kind()), &"a text")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
