//! What our tags say, in the alphabet that every service of AWS takes.
//!
//! EC2 takes any text as a tag's value. IAM, ECS, Elastic Load Balancing, CloudWatch Logs, ECR and others take only
//! letters, digits, spaces and `_.:/=+-@`, at most 256 characters of them
//! (<https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>). So the brackets and
//! quotes of an address become a colon, and what else a key may hold is written as its bytes:
//!
//! | address | tag |
//! |---|---|
//! | `ec2.vpc.main` | `ec2.vpc.main` |
//! | `ec2.subnet.private["us-east-1a"]` | `ec2.subnet.private:us-east-1a` |
//! | `iam.role.worker["a/b"]` | `iam.role.worker:a=2Fb` |
//!
//! Two addresses never share a text. One whose text would be too long ends in `==` and its hash: which address that
//! is, only those who know the address can tell ([`address_of_tag`]).

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{Attributes, ResourceAddress, StackId, TypeSchema, Value};
use sha2::{Digest, Sha256};

use crate::call::{TAG_ADDRESS, TAG_STACK};
use crate::traits::UpdateRequest;
use crate::user_tags::TagRules;

/// The attribute that a resource's tags are in.
pub(crate) const TAGS: &str = "tags";

/// The most characters that a tag's value may have.
const MOST_CHARACTERS: usize = 256;
/// What a shortened text has before its hash. Elsewhere two hexadecimal digits follow a `=`.
const SHORTENED: &str = "==";

/// The value of `infra:stack` for a stack: its identity, whose characters and length every service takes.
pub fn stack_tag(stack: &StackId) -> String {
    stack.to_string()
}

/// The value of `infra:address` for an address.
pub fn address_tag(address: &ResourceAddress) -> String {
    let mut text = address.block().to_string();
    if let Some(key) = address.key() {
        text.push(':');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-@".contains(&byte);
        escape(key, is_plain, &mut text);
    }
    shortened(text)
}

/// The update that writes our tags to something that is there, and leaves all else as it was observed.
pub fn retag(
    schema: &TypeSchema,
    stack: &StackId,
    address: &ResourceAddress,
    observed: &Attributes,
) -> UpdateRequest {
    let mut spec = observed.clone();
    spec.retain(|name, _| schema.attributes.contains_key(name));
    let mut tags = match spec.remove(TAGS) {
        Some(Value::Map(tags)) => tags,
        _ => Attributes::new(),
    };
    tags.insert(TAG_STACK.to_owned(), Value::from(stack_tag(stack)));
    tags.insert(TAG_ADDRESS.to_owned(), Value::from(address_tag(address)));
    spec.insert(TAGS.to_owned(), Value::Map(tags));
    UpdateRequest {
        spec: spec.into(),
        prior: observed.clone(),
        changed: BTreeSet::from([TAGS.to_owned()]),
        within: BTreeSet::new(),
        forced: false,
    }
}

/// What has to be set and what removed to get from the observed tags to the wanted ones. Where two keys are the same to
/// the service, setting the one is all that renames the other: removing that would take both away.
pub(crate) fn difference(
    rules: &TagRules,
    prior: &Attributes,
    wanted: &Attributes,
) -> (BTreeMap<String, String>, Vec<String>) {
    let of = |attributes: &Attributes| -> BTreeMap<String, String> {
        let tags = attributes.get(TAGS).and_then(Value::as_map);
        let revealed = tags.into_iter().flatten().filter_map(|(key, value)| {
            let text = value.reveal().ok()?.as_str()?.to_owned();
            Some((key.clone(), text))
        });
        revealed.collect()
    };
    let (prior, mut wanted) = (of(prior), of(wanted));
    let kept: BTreeSet<String> = wanted.keys().map(|key| rules.same_key(key)).collect();
    let removed = prior.keys().filter(|key| !kept.contains(&rules.same_key(key)));
    let removed = removed.cloned().collect();
    wanted.retain(|key, value| prior.get(key) != Some(value));
    (wanted, removed)
}

/// The address that a value of `infra:address` names. Where it is one that was too long, it is looked for among
/// the `known` ones. `None`: it is none that [`address_tag`] writes, or one that nobody knows.
pub fn address_of_tag<'a>(
    tag: &str,
    known: impl IntoIterator<Item = &'a ResourceAddress>,
) -> Option<ResourceAddress> {
    if tag.contains(SHORTENED) {
        return known
            .into_iter()
            .find(|address| address_tag(address) == tag)
            .cloned();
    }
    let (block, key) = match tag.split_once(':') {
        Some((block, key)) => (block, Some(unescaped(key)?)),
        None => (tag, None),
    };
    let block: ResourceAddress = block.parse().ok()?;
    let address = match key {
        Some(key) => block.with_key(key),
        None => block,
    };
    (address_tag(&address) == tag).then_some(address)
}

fn escape(text: &str, is_plain: impl Fn(u8) -> bool, into: &mut String) {
    for byte in text.bytes() {
        if is_plain(byte) {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("={byte:02X}"));
        }
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// A text of ASCII, ended by its hash where it is too long.
fn shortened(mut text: String) -> String {
    if text.len() > MOST_CHARACTERS {
        let hash = hex::encode(Sha256::digest(&text));
        text.truncate(MOST_CHARACTERS - SHORTENED.len() - hash.len());
        text.push_str(SHORTENED);
        text.push_str(&hash);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn is_taken_everywhere(text: &str) -> bool {
        text.len() <= MOST_CHARACTERS
            && text
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || "_.:/=+-@ ".contains(character))
    }

    fn address(text: &str) -> ResourceAddress {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_written_in_the_alphabet_of_every_service() {
        let cases = [
            ("ec2.vpc.main", "ec2.vpc.main"),
            (
                r#"ec2.subnet.private["us-east-1a"]"#,
                "ec2.subnet.private:us-east-1a",
            ),
            (r#"iam.role.worker["a/b"]"#, "iam.role.worker:a=2Fb"),
            (r#"iam.role.worker[""]"#, "iam.role.worker:"),
            (r#"iam.role.worker["a=2Fb"]"#, "iam.role.worker:a=3D2Fb"),
            (
                r#"iam.role.worker["say \"hi\""]"#,
                "iam.role.worker:say=20=22hi=22",
            ),
            (r#"iam.role.worker["café"]"#, "iam.role.worker:caf=C3=A9"),
        ];
        for (text, tag) in cases {
            assert_eq!(address_tag(&address(text)), tag);
            assert_eq!(address_of_tag(tag, []), Some(address(text)), "{tag}");
        }
    }

    #[test]
    fn a_key_that_changes_its_case_is_renamed_where_keys_have_none() {
        let tags = |all: &[(&str, &str)]| {
            let all = all
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
            Attributes::from([(TAGS.to_owned(), Value::Map(all.collect()))])
        };
        let caseless = TagRules {
            caseless: true,
            ..TagRules::ANY
        };
        let (prior, wanted) = (tags(&[("Team", "a"), ("gone", "b")]), tags(&[("team", "a")]));
        for (rules, expected) in [(caseless, vec!["gone"]), (TagRules::ANY, vec!["Team", "gone"])] {
            let (set, removed) = difference(&rules, &prior, &wanted);
            assert_eq!(set, BTreeMap::from([("team".to_owned(), "a".to_owned())]));
            assert_eq!(removed, expected);
        }
    }

    #[test]
    fn what_is_too_long_is_found_among_the_known() {
        let long = address("iam.role.worker").with_key("é".repeat(300));
        let other = address("iam.role.worker").with_key(format!("{}x", "é".repeat(300)));
        let tag = address_tag(&long);
        assert_ne!(tag, address_tag(&other));
        assert_eq!(tag.len(), MOST_CHARACTERS);
        assert_eq!(address_of_tag(&tag, [&other, &long]), Some(long));
        assert_eq!(address_of_tag(&tag, [&other]), None);
    }

    #[test]
    fn what_nobody_of_ours_wrote_names_no_address() {
        for tag in [
            "",
            "main",
            r#"ec2.subnet.private["us-east-1a"]"#,
            "ec2.subnet.private:a=2",
            "ec2.subnet.private:a=2f",
            "ec2.subnet.private:a b",
            "ec2.subnet.private:=FF",
        ] {
            assert_eq!(address_of_tag(tag, []), None, "{tag}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_two_addresses_share_a_tag(keys in proptest::collection::vec(proptest::option::of(".{0,120}|[a-b=/:]{0,4}|[é\"]{90,130}"), 2..12)) {
            let block = address("iam.role.worker");
            let mut seen = BTreeMap::new();
            for key in keys {
                let address = key.map_or_else(|| block.clone(), |key| block.with_key(key));
                let tag = address_tag(&address);
                prop_assert!(is_taken_everywhere(&tag), "{tag}");
                prop_assert_eq!(address_of_tag(&tag, [&address]), Some(address.clone()));
                if let Some(other) = seen.insert(tag, address.clone()) {
                    prop_assert_eq!(other, address);
                }
            }
        }

        #[test]
        fn every_stack_has_a_tag(name in "[a-zA-Z0-9][a-zA-Z0-9-]{0,63}", environment in "([a-z0-9][a-z-]{0,63})?") {
            let stack = StackId::new(&name, &environment, "dev02", "us-east-1").unwrap();
            let tag = stack_tag(&stack);
            prop_assert_eq!(&tag, stack.as_str());
            prop_assert!(is_taken_everywhere(&tag), "{tag}");
        }
    }
}
