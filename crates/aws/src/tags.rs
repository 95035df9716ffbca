//! Tags: ours, the user's, and AWS's own.

use std::collections::BTreeMap;

use infra_core::{Attributes, Value};
use infra_provider::{Call, TAG_STACK};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What a create call sets: the user's tags and ours.
pub fn for_create(call: &Call, user: Option<&Tags>) -> Tags {
    let mut tags = user.cloned().unwrap_or_default();
    tags.extend(call.tags().map(|(key, value)| (key.to_owned(), value)));
    tags
}

/// The user's tags among those that AWS tells, and whose stack's it is, which [`infra_provider::Erased`] takes out.
pub fn of_user(tags: impl IntoIterator<Item = (Option<String>, Option<String>)>) -> Tags {
    let tags = tags.into_iter();
    without_reserved(
        tags.filter_map(|(key, value)| Some((key?, value.unwrap_or_default())))
            .collect(),
    )
}

/// The same of all tags.
pub fn without_reserved(tags: Tags) -> Tags {
    tags.into_iter()
        .filter(|(key, _)| key == TAG_STACK || !Call::is_reserved_tag(key))
        .collect()
}

/// What has to be set and what removed to get from the observed user tags to the wanted ones.
pub fn difference(prior: &Attributes, wanted: Option<&Tags>) -> (Tags, Vec<String>) {
    let empty = Tags::new();
    let wanted = wanted.unwrap_or(&empty);
    let prior = prior.get("tags").and_then(Value::as_map);
    let set = wanted
        .iter()
        .filter(|(key, value)| {
            prior.and_then(|prior| prior.get(*key)).and_then(Value::as_str) != Some(value.as_str())
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let removed = prior
        .into_iter()
        .flat_map(BTreeMap::keys)
        .filter(|key| !wanted.contains_key(*key))
        .cloned()
        .collect();
    (set, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_users_tags_are_shown_and_only_differences_are_written() {
        let pair = |key: &str, value: &str| (Some(key.to_owned()), Some(value.to_owned()));
        let seen = of_user([
            pair("infra:token", "x"),
            pair("aws:cloudformation:y", "z"),
            pair("team", "a"),
            pair("old", "b"),
        ]);
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["old", "team"]);
        let prior = Attributes::from([(
            "tags".into(),
            Value::Map(
                seen.into_iter()
                    .map(|(key, value)| (key, Value::from(value)))
                    .collect(),
            ),
        )]);
        let wanted = Tags::from([("team".into(), "b".into()), ("new".into(), "c".into())]);
        let (set, removed) = difference(&prior, Some(&wanted));
        assert_eq!((set, removed), (wanted, vec!["old".to_owned()]));
        assert_eq!(difference(&prior, None).1, ["old", "team"]);
    }
}
