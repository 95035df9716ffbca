//! Changes by hand, as data.

use serde_json::{Value, json};

use super::project::Project;

/// Runs Python snippets with what the state knows: `of(address)` is what was observed of a resource with its
/// `physical_id`.
#[track_caller]
pub fn by_hand(project: &Project, state: &Value, snippets: &[&str]) -> Value {
    let script = format!(
        "def of(address):\n    kept = given['resources'][address]\n    return {{**kept['observed'], 'physical_id': \
         kept['physical_id']}}\n\n{}",
        snippets.join("\n")
    );
    project.boto3(&json!({ "resources": state }), &script)
}

/// A text with `<address:attribute>` replaced by what was observed of that attribute.
pub fn fill(text: &str, state: &Value) -> String {
    let Some((before, rest)) = text.split_once('<') else {
        return text.to_owned();
    };
    let (place, after) = rest.split_once('>').unwrap();
    let (address, attribute) = place.rsplit_once(':').unwrap();
    let value = state[address]["observed"][attribute].as_str().unwrap();
    format!("{before}{value}{}", fill(after, state))
}
