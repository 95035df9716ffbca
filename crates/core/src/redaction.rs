//! Taking secrets out of texts that come from elsewhere: AWS quotes in its messages what it was sent.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::diagnostic::Diagnostic;
use crate::error::ProviderError;
use crate::secret::Secret;
use crate::value::Value;

/// What stands in the place of a secret.
const MASK: &str = "(sensitive)";
/// Shorter texts are part of other words by chance: they count only where they stand alone.
const LEAST_INSIDE_WORDS: usize = 4;

/// The sensitive values that a process knows in clear, in every form in which they may come back. Clones share
/// what they know.
#[derive(Clone, Default)]
pub struct Redaction {
    known: Arc<RwLock<BTreeSet<Needle>>>,
}

/// The longest comes first, so that no part of one is left over by another.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Needle {
    length: std::cmp::Reverse<usize>,
    text: String,
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redaction(not shown)")
    }
}

impl Redaction {
    /// Hides from now on everything that is sensitive in `values` and here in clear.
    pub fn hide<'a>(&self, values: impl IntoIterator<Item = &'a Value>) {
        let mut texts = BTreeSet::new();
        for value in values {
            collect(value, false, &mut texts);
        }
        if texts.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for text in texts.iter().flat_map(|text| forms(text)) {
            let length = std::cmp::Reverse(text.len());
            known.insert(Needle { length, text });
        }
    }

    /// The text with every secret in it replaced by `(sensitive)`.
    pub fn mask(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut masked = text.to_owned();
        for needle in known.iter().filter(|needle| needle.text.len() <= text.len()) {
            if masked.contains(&needle.text) {
                masked = without(&masked, &needle.text);
            }
        }
        masked
    }

    /// The error with every secret in its texts replaced.
    #[must_use]
    pub fn error(&self, error: ProviderError) -> ProviderError {
        ProviderError {
            message: self.mask(&error.message),
            hint: error.hint.map(|hint| self.mask(&hint)),
            ..error
        }
    }

    /// The diagnostic with every secret in its texts replaced. The lines of a file are not its own.
    #[must_use]
    pub fn diagnostic(&self, diagnostic: Diagnostic) -> Diagnostic {
        let mut masked = Diagnostic {
            message: self.mask(&diagnostic.message),
            help: diagnostic.help.iter().map(|help| self.mask(help)).collect(),
            ..diagnostic
        };
        for label in masked.primary.iter_mut().chain(&mut masked.related) {
            label.text = self.mask(&label.text);
        }
        masked
    }
}

/// The texts and numbers in a value that are sensitive. Truth values give nothing away that could be taken out.
fn collect(value: &Value, secret: bool, texts: &mut BTreeSet<String>) {
    match value {
        Value::Secret(Secret::Clear(inner)) => collect(inner, true, texts),
        Value::List(items) => items.iter().for_each(|item| collect(item, secret, texts)),
        Value::Map(entries) => entries.values().for_each(|item| collect(item, secret, texts)),
        Value::String(text) if secret => {
            texts.insert(text.clone());
            // Logs are quoted line by line.
            let lines = text.lines().map(str::trim);
            texts.extend(
                lines
                    .filter(|line| line.len() >= LEAST_INSIDE_WORDS)
                    .map(str::to_owned),
            );
        }
        Value::Integer(number) if secret => {
            texts.insert(number.to_string());
        }
        Value::Float(number) if secret => {
            texts.insert(number.to_string());
        }
        _ => {}
    }
}

/// A text as messages quote it: as it is, and escaped in each way that is about.
fn forms(text: &str) -> impl Iterator<Item = String> {
    let in_json = in_json(text);
    let forms = [
        text.to_owned(),
        text.trim().to_owned(),
        self::in_json(&in_json),
        ascii(&in_json),
        in_json,
        text.escape_debug().to_string(),
        in_html(text),
        in_url(text, "%20"),
        in_url(text, "+"),
    ];
    forms.into_iter().filter(|form| !form.is_empty())
}

/// Without the quotes around it.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON as some write it: nothing but ASCII.
fn ascii(json: &str) -> String {
    let mut written = String::new();
    for character in json.chars() {
        if character.is_ascii() {
            written.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                written.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    written
}

fn in_html(text: &str) -> String {
    let mut written = text.replace('&', "&amp;");
    for (character, entity) in [('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")] {
        written = written.replace(character, entity);
    }
    written
}

fn in_url(text: &str, space: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => written.push_str(space),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                written.push(char::from(byte));
            }
            byte => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

fn without(text: &str, needle: &str) -> String {
    let stands_alone = |start: usize| {
        let before = text[..start].chars().next_back();
        let after = text[start + needle.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    };
    let mut written = String::new();
    let mut rest = 0;
    for (start, _) in text.match_indices(needle) {
        if needle.len() < LEAST_INSIDE_WORDS && !stands_alone(start) {
            continue;
        }
        written.push_str(&text[rest..start]);
        written.push_str(MASK);
        rest = start + needle.len();
    }
    written.push_str(&text[rest..]);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorClass;
    use serde_json::json;

    #[test]
    fn secrets_are_taken_out_in_every_form() {
        let redaction = Redaction::default();
        redaction.hide([
            &Value::secret(Value::from("p&ss \"wörd\"\nsecond line")),
            &Value::from(json!(["in clear"])),
            &Value::List(vec![Value::secret(Value::from(
                json!({ "port": 54321, "on": true }),
            ))]),
            &Value::secret(Value::from("abc")),
            &Value::secret(Value::from("")),
        ]);
        for (text, expected) in [
            (
                "bad value 'p&ss \"wörd\"\nsecond line'",
                "bad value '(sensitive)'",
            ),
            (
                r#"{"message": "bad value p&ss \"wörd\"\nsecond line"}"#,
                r#"{"message": "bad value (sensitive)"}"#,
            ),
            (r#"p&ss \"w\u00f6rd\"\nsecond line"#, "(sensitive)"),
            (
                r#""{\"a\": \"p&ss \\\"wörd\\\"\\nsecond line\"}""#,
                r#""{\"a\": \"(sensitive)\"}""#,
            ),
            ("p&amp;ss &quot;wörd&quot;\nsecond line", "(sensitive)"),
            (
                "?a=p%26ss%20%22w%C3%B6rd%22%0Asecond%20line&b",
                "?a=(sensitive)&b",
            ),
            ("the first: p&ss \"wörd\"", "the first: (sensitive)"),
            ("port 54321 is in clear", "port (sensitive) is in clear"),
            ("'abc' is no abcd: true", "'(sensitive)' is no abcd: true"),
            ("", ""),
        ] {
            assert_eq!(redaction.mask(text), expected);
        }
    }

    #[test]
    fn errors_and_clones_know_the_same() {
        let redaction = Redaction::default();
        let other = redaction.clone();
        redaction.hide([&Value::secret(Value::from("hunter2"))]);
        let error = ProviderError::new(ErrorClass::Invalid, "`hunter2` is too short").hint("not hunter2");
        let masked = other.error(error);
        assert_eq!(masked.message, "`(sensitive)` is too short");
        assert_eq!(masked.hint.as_deref(), Some("not (sensitive)"));
        let diagnostic = Diagnostic::error("wrong", "hunter2?");
        assert_eq!(other.diagnostic(diagnostic).message, "(sensitive)?");
        assert!(!format!("{redaction:?}").contains("hunter2"));
    }
}
