//! The rules of AWS that the code of a type keeps: `checked.toml` has them, with a case that breaks each and one that does
//! not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_aws::AwsCatalogue;
use infra_config::{Inputs, MemoryFiles, load};
use infra_core::Catalogue;
use serde::Deserialize;

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// The type.
    pub of: String,
    /// The attribute that it is told at.
    pub at: String,
    /// What holds of it.
    pub rule: String,
    /// Where AWS says so.
    pub source: String,
    /// What both cases begin with, by name.
    base: Option<String>,
    breaks: String,
    keeps: String,
}

#[derive(Deserialize)]
struct Table {
    base: BTreeMap<String, String>,
    rule: Vec<Checked>,
}

fn table() -> Table {
    toml::from_str(include_str!("checked.toml")).unwrap()
}

impl Checked {
    /// All of them, in order.
    pub fn all() -> Vec<Self> {
        table().rule
    }
}

/// What is wrong with a stack that has these resources, by kind.
fn told(resources: &str) -> Vec<(String, String)> {
    let stack = format!("[stack]\nname = \"a\"\nstage = \"b\"\nregion = \"us-east-1\"\n{resources}");
    let files = BTreeMap::from([(PathBuf::from("/stack.toml"), stack)]);
    let inputs = Inputs {
        files: Arc::new(MemoryFiles::new(files)),
        variables: &BTreeMap::new(),
        environment: &BTreeMap::new(),
    };
    let loaded = load(Path::new("/stack.toml"), &inputs, &AwsCatalogue);
    let all = loaded.diagnostics.into_iter();
    all.map(|diagnostic| (diagnostic.code, diagnostic.message))
        .collect()
}

#[test]
fn each_rule_that_code_keeps_has_a_case_that_breaks_it_and_one_that_does_not() {
    let Table { base, rule: rules } = table();
    let mut wrong = Vec::new();
    for rule in &rules {
        let Checked {
            of, at, rule: words, ..
        } = rule;
        let begins = rule.base.as_ref().map_or("", |name| &base[name]);
        let broken = told(&format!("{begins}{}", rule.breaks));
        if broken.is_empty() || broken.iter().any(|(code, _)| code != "invalid") {
            wrong.push(format!("{of} {at}: {words}: breaks: {broken:?}"));
        }
        let kept = told(&format!("{begins}{}", rule.keeps));
        if !kept.is_empty() {
            wrong.push(format!("{of} {at}: {words}: keeps: {kept:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_rule_that_code_keeps_is_of_an_attribute() {
    let Table { base, rule: rules } = table();
    for Checked { of, at, source, .. } in &rules {
        let schema = AwsCatalogue.definition(&of.parse().unwrap()).unwrap().schema();
        let first = at.split(['.', '[']).next().unwrap();
        assert!(schema.attributes.contains_key(first), "{of} has no {first}");
        assert!(
            source.starts_with("https://docs.aws.amazon.com/"),
            "{of} {at}: {source}"
        );
    }
    let is_used = |name: &String| rules.iter().any(|rule| rule.base.as_ref() == Some(name));
    assert!(base.keys().all(is_used), "{:?}", base.keys());
    assert!(rules.is_sorted_by_key(|rule| rule.of.clone()));
}

/// What words on fields say that needs more than the value: the region, or each one of several.
#[test]
fn zones_and_the_texts_of_a_list_are_checked() {
    let subnet = |zone: &str| {
        told(&format!(
            "[ec2.subnet.a]\nvpc_id = \"vpc-1\"\ncidr_block = \"10.0.0.0/24\"\navailability_zone = \"{zone}\"\n"
        ))
    };
    for good in ["us-east-1a", "us-east-1-bos-1a", "us-east-1-wl1-bos-wlz-1"] {
        assert_eq!(subnet(good), [], "{good}");
    }
    for bad in ["us-east-2a", "us-east-1", "us-east-11a", "use1-az1"] {
        let said = format!("`{bad}` is no zone of us-east-1, where the resource is");
        assert_eq!(subnet(bad), [("invalid".to_owned(), said)]);
    }
    let cluster = |name: &str| {
        told(&format!(
            "[ecs.cluster.a]\ncluster_name = \"a\"\ncapacity_providers = [\"FARGATE_SPOT\", \"{name}\"]\n"
        ))
    };
    assert_eq!(cluster("own-fargate"), []);
    for bad in ["aws-own", "ecs", "fargate_spot"] {
        let found = cluster(bad);
        assert!(
            matches!(found.as_slice(), [(code, message)] if code == "invalid" && message.contains(bad)),
            "{found:?}"
        );
    }
}
