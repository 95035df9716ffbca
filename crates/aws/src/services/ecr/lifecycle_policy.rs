//! `ecr.lifecycle_policy`: which images of a repository are removed by themselves.
//!
//! A repository has at most one, and PutLifecyclePolicy would overwrite it, so a create looks first. The id is the
//! repository's name.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use serde_json::{Map, Value as Json};

use super::service::Ecr;
use crate::documents;
use crate::prelude::*;

/// The longest policy that AWS takes, in characters.
const LONGEST_POLICY: usize = 30_720;

/// So many `*` may be in one pattern of tags.
const MOST_WILDCARDS: usize = 4;

/// Which images of a repository are removed by themselves.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html")]
pub struct LifecyclePolicy {
    /// The repository's name.
    #[attribute(immutable, length = 2..=256, pattern("^[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)*$", "is no repository name: lower-case letters and digits, with `.`, `_`, `__`, hyphens or `/` between them"))]
    pub repository_name: String,
    /// The policy: a table or JSON text with `rules`.
    #[attribute(json)]
    pub lifecycle_policy_text: Json,
    /// The registry that the repository is in: the account's id.
    #[attribute(computed)]
    pub registry_id: Option<String>,
}

use LifecyclePolicyField as Field;

impl Resource for LifecyclePolicy {
    const NAME: &'static str = "ecr.lifecycle_policy";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecr:GetLifecyclePolicy",
        "ecr:PutLifecyclePolicy",
        "ecr:DeleteLifecyclePolicy",
    ];
    const EXAMPLE: &'static str = r#"
[ecr.repository.app]
repository_name = "example/app"

[ecr.lifecycle_policy.app]
repository_name = "${ecr.repository.app.repository_name}"

[[ecr.lifecycle_policy.app.lifecycle_policy_text.rules]]
rulePriority = 1
description  = "keep the last 20 images"
selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
action       = { type = "expire" }
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::RepositoryName],
        recognition: Recognition::NaturalKey,
        under: Some(("ecr.repository", &[Field::RepositoryName])),
        ..Rules::NONE
    };
    type Service = Ecr;

    fn validate(given: &PartialLifecyclePolicy, problems: &mut Problems) {
        let name = Field::LifecyclePolicyText.name();
        let Some(policy) = documents::known_object(&given.lifecycle_policy_text, name, problems) else {
            return;
        };
        let Some(rules) = policy.get("rules").and_then(Json::as_array) else {
            return problems.at(name, "a lifecycle policy has a list `rules`");
        };
        let mut priorities = BTreeSet::new();
        let highest = rules.iter().filter_map(priority).max();
        for (index, rule) in rules.iter().enumerate() {
            for part in ["rulePriority", "selection", "action"] {
                if rule.get(part).is_none() {
                    problems.at(name, format!("rule {} has no `{part}`", index + 1));
                }
            }
            let priority = priority(rule);
            if let Some(priority) = priority.filter(|priority| !priorities.insert(*priority)) {
                problems.at(name, format!("two rules have the priority {priority}"));
            }
            let Some(selection) = rule.get("selection").and_then(Json::as_object) else {
                continue;
            };
            let place = format!("rule {}", index + 1);
            check_selection(selection, &place, name, problems);
            if selection.get("tagStatus").and_then(Json::as_str) == Some("any") && priority < highest {
                let message =
                    format!("{place} is for `any` image, and has to have the highest `rulePriority`");
                problems.at(name, message);
            }
        }
        let length = Json::Object(policy).to_string().chars().count();
        if length > LONGEST_POLICY {
            problems.at(
                name,
                format!("AWS takes at most {LONGEST_POLICY} characters, these are {length}"),
            );
        }
    }

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialLifecyclePolicy>> {
        let registry = put(aws, &spec).await?;
        Ok(observe(&spec.repository_name, spec.lifecycle_policy_text, registry).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(ids.iter().map(async |id| {
            let call = aws.ecr.get_lifecycle_policy().repository_name(id.as_str());
            let there = call
                .send()
                .await
                .aws("ecr", "GetLifecyclePolicy")
                .absent_is_none()?;
            ProviderResult::Ok(there.map(|there| {
                let policy = documents::parse(there.lifecycle_policy_text().unwrap_or_default());
                observe(id.as_str(), policy, there.registry_id)
            }))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn update(aws: &Clients, _: &Call, _: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        put(aws, &update.spec).await.map(drop)
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ecr.delete_lifecycle_policy().repository_name(id.as_str());
        call.send().await.aws("ecr", "DeleteLifecyclePolicy").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialLifecyclePolicy) -> ProviderResult<Observations<Self>> {
        let id = given.repository_name.as_str().map(PhysicalId::new);
        Self::read(aws, id.as_slice()).await
    }
}

fn priority(rule: &Json) -> Option<i64> {
    rule.get("rulePriority")?.as_i64()
}

/// Which images a rule is for.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>
fn check_selection(selection: &Map<String, Json>, place: &str, name: &str, problems: &mut Problems) {
    let (prefixes, patterns) = ("tagPrefixList", "tagPatternList");
    let has = |list: &str| {
        let list = selection.get(list).and_then(Json::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    match selection.get("tagStatus").and_then(Json::as_str) {
        Some("tagged") => {
            if !has(prefixes) && !has(patterns) {
                let message =
                    format!("{place} is for `tagged` images, and needs `{patterns}` or `{prefixes}`");
                problems.at(name, message);
            }
        }
        Some(status @ ("untagged" | "any")) => {
            if let Some(list) = [prefixes, patterns].into_iter().find(|list| has(list)) {
                problems.at(
                    name,
                    format!("{place} is for `{status}` images, and takes no `{list}`"),
                );
            }
        }
        Some(other) => {
            let message =
                format!("{place} has the `tagStatus` `{other}`, which is none of tagged, untagged and any");
            problems.at(name, message);
        }
        None => problems.at(name, format!("the `selection` of {place} has no `tagStatus`")),
    }
    let patterns = selection.get(patterns).and_then(Json::as_array);
    let mut patterns = patterns.into_iter().flatten().filter_map(Json::as_str);
    if let Some(pattern) = patterns.find(|pattern| pattern.matches('*').count() > MOST_WILDCARDS) {
        problems.at(
            name,
            format!("`{pattern}` of {place} has more than {MOST_WILDCARDS} `*`"),
        );
    }
    let unit = selection.contains_key("countUnit");
    match selection.get("countType").and_then(Json::as_str) {
        Some("imageCountMoreThan") if unit => {
            problems.at(name, format!("{place} counts images, and takes no `countUnit`"));
        }
        Some("sinceImagePushed" | "sinceImagePulled" | "sinceImageTransitioned") if !unit => {
            problems.at(
                name,
                format!("{place} counts days, and needs `countUnit` = `days`"),
            );
        }
        _ => {}
    }
    let count = selection.get("countNumber").and_then(Json::as_i64);
    if let Some(count) = count.filter(|count| *count < 1) {
        problems.at(
            name,
            format!("{place} has the `countNumber` {count}, which is less than 1"),
        );
    }
}

async fn put(aws: &Clients, spec: &LifecyclePolicy) -> ProviderResult<Option<String>> {
    let call = aws
        .ecr
        .put_lifecycle_policy()
        .repository_name(&spec.repository_name)
        .lifecycle_policy_text(documents::text(&spec.lifecycle_policy_text));
    Ok(call.send().await.aws("ecr", "PutLifecyclePolicy")?.registry_id)
}

fn observe(repository: &str, policy: Json, registry_id: Option<String>) -> Observation<LifecyclePolicy> {
    let observed = PartialLifecyclePolicy {
        repository_name: repository.into(),
        lifecycle_policy_text: policy.into(),
        registry_id: registry_id.into(),
    };
    (PhysicalId::new(repository), Found::ready(observed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn a_policy_has_rules_that_are_whole_and_of_different_priority() {
        let rule = r#"{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}"#;
        let cases = [
            (format!(r#"{{"rules":[{rule}]}}"#), vec![]),
            (
                format!(r#"{{"rules":[{rule},{rule}]}}"#),
                vec!["lifecycle_policy_text: two rules have the priority 1"],
            ),
            (
                r#"{"rules":[{"rulePriority":1,"action":{}}]}"#.to_owned(),
                vec!["lifecycle_policy_text: rule 1 has no `selection`"],
            ),
            (
                "{}".to_owned(),
                vec!["lifecycle_policy_text: a lifecycle policy has a list `rules`"],
            ),
            (
                "[]".to_owned(),
                vec!["lifecycle_policy_text: must be a JSON object, not a list"],
            ),
        ];
        for (text, said) in cases {
            assert_eq!(
                refused_texts::<LifecyclePolicy>(&[("lifecycle_policy_text", &text)]),
                said
            );
        }
    }
}
