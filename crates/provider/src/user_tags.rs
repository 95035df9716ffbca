//! The rules for a user's tags: those that hold in every service, and those of one.
//!
//! <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>: at most 50 tags on a
//! resource, of which three are ours; keys of 1 to 128 characters, values of at most 256; `aws:` is AWS's own prefix,
//! in any case. Services without regard to case in keys (IAM) would take `Infra:Stack` for ours.

use std::collections::BTreeMap;

use infra_core::types::Problems;
use infra_core::{AttributePath, Attributes, Value};

use crate::call::{TAG_ADDRESS, TAG_STACK, TAG_TOKEN};

/// The tags that each resource has for us.
const OURS: [&str; 3] = [TAG_STACK, TAG_ADDRESS, TAG_TOKEN];
/// The most tags that a resource can have.
const MOST_TAGS: usize = 50;
const MOST_KEY_CHARACTERS: usize = 128;
const MOST_VALUE_CHARACTERS: usize = 256;

/// What a service takes as a tag beside what holds in every service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagRules {
    /// Whether keys and values are of letters, digits, spaces and `_.:/=+-@` only.
    pub plain: bool,
    /// Whether two keys that differ only in case are the same key, which has the case that it was given last.
    pub caseless: bool,
    /// Where AWS says so.
    pub source: &'static str,
}

impl TagRules {
    /// Any characters, and keys with case.
    pub const ANY: Self = Self {
        plain: false,
        caseless: false,
        source: "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
    };

    /// A key in a form that is the same for all keys that the service takes for it.
    pub(crate) fn same_key(&self, key: &str) -> String {
        if self.caseless {
            key.to_lowercase()
        } else {
            key.to_owned()
        }
    }

    /// The first character that the service does not take.
    fn refused(&self, text: &str) -> Option<char> {
        let is_taken = |character: char| {
            character.is_alphanumeric()
                || (character.is_whitespace() && !character.is_control())
                || "_.:/=+-@".contains(character)
        };
        text.chars().find(|character| self.plain && !is_taken(*character))
    }
}

/// Checks the attribute `tags`, if there is one. Values that are unknown or hidden are AWS's to judge.
pub(crate) fn check(rules: &TagRules, attributes: &Attributes, problems: &mut Problems) {
    let Some(tags) = attributes.get("tags").and_then(Value::as_map) else {
        return;
    };
    let whole = || AttributePath::attribute("tags");
    if tags.len() > MOST_TAGS - OURS.len() {
        problems.at(
            whole(),
            format!(
                "{} tags, but a resource has at most {MOST_TAGS}, {} of them infra's own",
                tags.len(),
                OURS.len()
            ),
        );
    }
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, value) in tags {
        let at = whole().name(key.as_str());
        let lower = key.to_ascii_lowercase();
        if lower.starts_with("aws:") {
            problems.at(
                at.clone(),
                format!("`{key}`: tags that begin with `aws:` are AWS's own"),
            );
        } else if OURS.contains(&lower.as_str()) {
            problems.at_with_help(
                at.clone(),
                format!("`{key}` is a tag that infra sets itself"),
                "choose another key: this one says which stack a resource belongs to",
            );
        }
        let length = key.chars().count();
        if length == 0 || length > MOST_KEY_CHARACTERS {
            problems.at(
                at.clone(),
                format!("a tag's key has 1 to {MOST_KEY_CHARACTERS} characters, this one has {length}"),
            );
        }
        if let Some(other) = seen.insert(rules.same_key(key), key) {
            problems.at(
                at.clone(),
                format!(
                    "`{key}` is the same key as `{other}` to AWS, which knows no case here: give one of them"
                ),
            );
        }
        for text in [Some(key.as_str()), value.as_str()].into_iter().flatten() {
            if let Some(character) = rules.refused(text) {
                let message = format!(
                    "`{text}` has `{character}` in it: AWS takes letters, digits, spaces and `_.:/=+-@` here"
                );
                problems.at(at.clone(), message);
            }
        }
        let length = value.as_str().map_or(0, |text| text.chars().count());
        if length > MOST_VALUE_CHARACTERS {
            problems.at(
                at,
                format!(
                    "a tag's value has at most {MOST_VALUE_CHARACTERS} characters, this one has {length}"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: TagRules = TagRules {
        plain: true,
        caseless: true,
        source: "",
    };

    fn problems(tags: &[(&str, &str)]) -> Vec<String> {
        problems_by(&TagRules::ANY, tags)
    }

    fn problems_by(rules: &TagRules, tags: &[(&str, &str)]) -> Vec<String> {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        let mut problems = Problems::default();
        check(
            rules,
            &Attributes::from([("tags".to_owned(), Value::Map(tags))]),
            &mut problems,
        );
        let problems = problems.into_vec().into_iter();
        problems
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect()
    }

    #[test]
    fn what_no_service_takes_is_told_at_the_tag() {
        let long = "x".repeat(257);
        let cases = [
            ("team", "a", None),
            ("infra:owner", "a", None),
            ("awsome", "a", None),
            ("aws:team", "a", Some("AWS's own")),
            ("AWS:team", "a", Some("AWS's own")),
            ("infra:stack", "a", Some("infra sets itself")),
            ("Infra:Address", "a", Some("infra sets itself")),
            ("infra:token", "a", Some("infra sets itself")),
            ("", "a", Some("1 to 128")),
            (&long[..129], "a", Some("1 to 128")),
            (&long[..128], "a", None),
            ("team", &long, Some("at most 256")),
            ("team", &long[..256], None),
        ];
        for (key, value, expected) in cases {
            let found = problems(&[(key, value)]);
            match expected {
                None => assert!(found.is_empty(), "{key}: {found:?}"),
                Some(words) => assert!(found.len() == 1 && found[0].contains(words), "{key}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_one_service_does_not_take_is_told_at_the_tag() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);
        let cases: [Case<'_>; 6] = [
            (&[("Team", "Größe 1_.:/=+-@")], None, None),
            (&[("Note", "front, back")], None, Some("`,` in it")),
            (&[("a(b", "x")], None, Some("`(` in it")),
            (&[("Note", "a\tb")], None, Some("in it")),
            (
                &[("Team", "a"), ("team", "a")],
                None,
                Some("the same key as `Team`"),
            ),
            (&[("Team", "a"), ("area", "a")], None, None),
        ];
        for (tags, anywhere, plain) in cases {
            for (rules, expected) in [(TagRules::ANY, anywhere), (PLAIN, plain)] {
                let found = problems_by(&rules, tags);
                assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
                assert!(expected.is_none_or(|words| found[0].contains(words)), "{found:?}");
            }
        }
    }

    #[test]
    fn ours_count_among_the_fifty() {
        let keys: Vec<String> = (0..48).map(|number| format!("key{number}")).collect();
        let tags: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
        assert!(problems(&tags[..47]).is_empty());
        assert_eq!(
            problems(&tags),
            ["tags: 48 tags, but a resource has at most 50, 3 of them infra's own"]
        );
    }
}
