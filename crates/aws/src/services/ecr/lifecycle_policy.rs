//! `ecr.lifecycle_policy`: which images of a repository are removed by themselves.
//!
//! Calls: GetLifecyclePolicy, PutLifecyclePolicy, DeleteLifecyclePolicy. A repository has at most one, and
//! PutLifecyclePolicy would overwrite it, so a create looks first. The id is the repository's name.
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>

use std::collections::BTreeSet;

use aws_sdk_ecr::Client;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, PhysicalId};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::common::check_repository_name;
use crate::alike::alike;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::documents;
use crate::errors::{AwsResult, Tolerate};
use crate::read::Observations;

/// The longest policy that AWS takes, in characters.
const LONGEST_POLICY: usize = 30_720;

/// The type.
pub struct LifecyclePolicy {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The repository's name.
    pub repository_name: String,
    /// The policy: a table or JSON text with `rules`.
    pub lifecycle_policy_text: Json,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    repository_name: String,
    lifecycle_policy_text: Json,
    /// The registry that the repository is in: the account's id.
    registry_id: Option<String>,
}

impl FromClients for LifecyclePolicy {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ecr.clone(),
        }
    }
}

impl ResourceType for LifecyclePolicy {
    const NAME: &'static str = "ecr.lifecycle_policy";
    const DESCRIPTION: &'static str = "Which images of a repository are removed by themselves.";
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
    const TRAITS: Traits = Traits {
        immutable: &["repository_name"],
        json: &["lifecycle_policy_text"],
        natural_key: &["repository_name"],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "ecr.repository",
            id: &["repository_name"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_repository_name(attributes, problems);
        let name = "lifecycle_policy_text";
        let Some(policy) = documents::known_object(attributes, name, problems) else {
            return;
        };
        let Some(rules) = policy.get("rules").and_then(Json::as_array) else {
            return problems.at(name, "a lifecycle policy has a list `rules`");
        };
        let mut priorities = BTreeSet::new();
        for (index, rule) in rules.iter().enumerate() {
            for part in ["rulePriority", "selection", "action"] {
                if rule.get(part).is_none() {
                    problems.at(name, format!("rule {} has no `{part}`", index + 1));
                }
            }
            if let Some(priority) = rule.get("rulePriority").and_then(Json::as_i64)
                && !priorities.insert(priority)
            {
                problems.at(name, format!("two rules have the priority {priority}"));
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

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let id = spec.repository_name.clone();
        let registry_id = self.put(&spec).await?;
        let observed = Observed {
            repository_name: spec.repository_name,
            lifecycle_policy_text: spec.lifecycle_policy_text,
            registry_id,
        };
        Ok(Created::new(id, observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(ids.iter().map(|id| self.observe(id.as_str()))).await?;
        Ok(ids
            .iter()
            .cloned()
            .zip(found)
            .filter_map(|(id, observed)| Some((id, Found::ready(observed?))))
            .collect())
    }

    async fn update(&self, _: &Call, _: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        self.put(&update.spec).await?;
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_lifecycle_policy()
            .repository_name(id.as_str())
            .send()
            .await
            .aws("ecr", "DeleteLifecyclePolicy")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "repository_name") else {
            return Ok(None);
        };
        let found = self.observe(name).await?;
        Ok(found
            .filter(|observed| alike(attributes, observed, &[]))
            .map(|_| PhysicalId::new(name)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(name) = known_str(attributes, "repository_name") else {
            return Ok(Vec::new());
        };
        let there = self.observe(name).await?;
        Ok(there.map(|_| PhysicalId::new(name)).into_iter().collect())
    }
}

impl LifecyclePolicy {
    async fn put(&self, spec: &Spec) -> ProviderResult<Option<String>> {
        let answer = self
            .client
            .put_lifecycle_policy()
            .repository_name(&spec.repository_name)
            .lifecycle_policy_text(documents::text(&spec.lifecycle_policy_text))
            .send()
            .await
            .aws("ecr", "PutLifecyclePolicy")?;
        Ok(answer.registry_id)
    }

    async fn observe(&self, repository: &str) -> ProviderResult<Option<Observed>> {
        let answer = self
            .client
            .get_lifecycle_policy()
            .repository_name(repository)
            .send()
            .await
            .aws("ecr", "GetLifecyclePolicy")
            .absent_is_none()?;
        Ok(answer.map(|answer| Observed {
            repository_name: repository.to_owned(),
            lifecycle_policy_text: documents::parse(answer.lifecycle_policy_text().unwrap_or_default()),
            registry_id: answer.registry_id,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn a_policy_has_rules_that_are_whole_and_of_different_priority() {
        let rule = r#"{"rulePriority":1,"selection":{},"action":{"type":"expire"}}"#;
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
                problems::<LifecyclePolicy>(&[("lifecycle_policy_text", &text)]),
                said
            );
        }
    }
}
