//! Functions that make or read texts.

use base64::Engine as _;
use infra_core::Value;
use sha2::{Digest, Sha256};

use super::{Function, Wrong, argument, expected, list, text};
use crate::language::operators::text_of;

pub(super) fn call(function: Function, arguments: &[Value]) -> Result<Value, Wrong> {
    match function {
        Function::Join => {
            let separator = text(arguments, 0)?;
            let mut parts = Vec::new();
            for item in list(arguments, 1)? {
                parts.push(text_of(item).ok_or_else(|| {
                    Wrong::new(format!(
                        "the list holds {}, and only texts can be joined",
                        item.kind()
                    ))
                })?);
            }
            Ok(Value::String(parts.join(&separator)))
        }
        Function::Split => {
            let (separator, whole) = (text(arguments, 0)?, text(arguments, 1)?);
            Ok(Value::List(if whole.is_empty() {
                Vec::new()
            } else if separator.is_empty() {
                whole
                    .chars()
                    .map(|character| Value::String(character.to_string()))
                    .collect()
            } else {
                whole.split(separator.as_str()).map(Value::from).collect()
            }))
        }
        Function::Lower => Ok(Value::String(text(arguments, 0)?.to_lowercase())),
        Function::Upper => Ok(Value::String(text(arguments, 0)?.to_uppercase())),
        Function::Replace => {
            let search = text(arguments, 1)?;
            if search.is_empty() {
                return Err(Wrong::new("there is nothing to search for"));
            }
            Ok(Value::String(
                text(arguments, 0)?.replace(&search, &text(arguments, 2)?),
            ))
        }
        Function::Trim => {
            let unwanted: Vec<char> = text(arguments, 1)?.chars().collect();
            Ok(Value::from(text(arguments, 0)?.trim_matches(unwanted.as_slice())))
        }
        Function::Base64encode => Ok(Value::String(
            base64::engine::general_purpose::STANDARD.encode(text(arguments, 0)?),
        )),
        Function::Sha256 => Ok(Value::String(hex::encode(Sha256::digest(text(arguments, 0)?)))),
        Function::Jsonencode => match argument(arguments, 0).reveal() {
            Ok(json) => Ok(Value::String(json.to_string())),
            Err(error) => Err(Wrong::new(error.to_string())),
        },
        _ => {
            let value = argument(arguments, 0);
            let json = value.as_str().ok_or_else(|| expected(0, "a text", value))?;
            serde_json::from_str::<serde_json::Value>(json)
                .map(Value::from)
                .map_err(|error| Wrong::new("the text is not JSON").because(error.to_string()))
        }
    }
}
