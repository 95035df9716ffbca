//! JSON documents: written in the file as a table or as text, sent as text, shown as a table.

use infra_core::types::Problems;
use infra_provider::Partial;
use serde_json::Value as Json;

/// The text that AWS gets. A text is passed on as it is.
pub fn text(document: &Json) -> String {
    match document {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What AWS told, as a table where it is one.
pub fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// The document of an attribute when all of it is known; says what is wrong with one that is no JSON object.
pub fn known_object(
    document: &Partial<Json>,
    name: &str,
    problems: &mut Problems,
) -> Option<serde_json::Map<String, Json>> {
    let document = match document.known()? {
        Json::String(text) => match serde_json::from_str(text) {
            Ok(document) => document,
            Err(error) => {
                problems.at(name, format!("is no JSON: {error}"));
                return None;
            }
        },
        other => other.clone(),
    };
    match document {
        Json::Object(entries) => Some(entries),
        other => {
            problems.at(name, format!("must be a JSON object, not {}", kind(&other)));
            None
        }
    }
}

fn kind(document: &Json) -> &'static str {
    match document {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
