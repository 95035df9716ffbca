//! `iam.role_policy`: a policy that is part of a role.
//!
//! Calls: GetRolePolicy, PutRolePolicy, DeleteRolePolicy. PutRolePolicy would overwrite, so a create looks
//! first. A change of a name makes a new one. The id is `<role>/<policy>`.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>

use aws_sdk_iam::Client;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, PhysicalId};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::common::{Policy, check_name, check_policy, decoded, role_not_visible_yet};
use crate::alike::alike;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::documents;
use crate::errors::{AwsResult, Tolerate};
use crate::read::{Observations, id_parts};

/// The type.
pub struct RolePolicy {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The role's name.
    pub role_name: String,
    /// The policy's name: 1 to 128 letters, digits and `+=,.@_-`, unique in the role.
    pub policy_name: String,
    /// What the role may do. A table or JSON text; all inline policies of a role together have at most 10,240
    /// characters.
    pub policy_document: Json,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    role_name: String,
    policy_name: String,
    policy_document: Json,
}

impl FromClients for RolePolicy {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.iam.clone(),
        }
    }
}

impl ResourceType for RolePolicy {
    const NAME: &'static str = "iam.role_policy";
    const DESCRIPTION: &'static str = "A policy that is part of a role.";
    const IAM_ACTIONS: &'static [&'static str] =
        &["iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy"];
    const EXAMPLE: &'static str = r#"
[iam.role.task]
role_name = "example-task"

[iam.role.task.assume_role_policy_document]
Version   = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]

[iam.role_policy.read]
role_name   = "${iam.role.task.role_name}"
policy_name = "read"

[iam.role_policy.read.policy_document]
Version   = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::example/*" }]
"#;
    const TRAITS: Traits = Traits {
        immutable: &["role_name", "policy_name"],
        policies: &["policy_document"],
        natural_key: &["role_name", "policy_name"],
        // The role's name; of the policy's own AWS says no such thing.
        caseless: &["role_name"],
        recognition: Recognition::NaturalKey,
        under: Some(Under {
            resource_type: "iam.role",
            id: &["role_name"],
        }),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_name(attributes, "role_name", 64, problems);
        check_name(attributes, "policy_name", 128, problems);
        check_policy(attributes, "policy_document", Policy::Permissions, problems);
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let id = PhysicalId::composite([&spec.role_name, &spec.policy_name]);
        self.put(&spec).await.map_err(role_not_visible_yet)?;
        let observed = Observed {
            role_name: spec.role_name,
            policy_name: spec.policy_name,
            policy_document: spec.policy_document,
        };
        Ok(Created {
            id,
            found: Found::ready(observed),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(ids.iter().map(async |id| {
            let [role, policy] = id_parts(id)?;
            let observed = self.observe(role, policy).await?;
            Ok(observed.map(|observed| (id.clone(), Found::ready(observed))))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn update(&self, _: &Call, _: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        self.put(&update.spec).await
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [role, policy] = id_parts(id)?;
        self.client
            .delete_role_policy()
            .role_name(role)
            .policy_name(policy)
            .send()
            .await
            .aws("iam", "DeleteRolePolicy")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let (Some(role), Some(policy)) = (
            known_str(attributes, "role_name"),
            known_str(attributes, "policy_name"),
        ) else {
            return Ok(None);
        };
        let found = self.observe(role, policy).await?;
        Ok(found
            .filter(|observed| alike(attributes, observed, &[]))
            .map(|_| PhysicalId::composite([role, policy])))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let (Some(role), Some(policy)) = (
            known_str(attributes, "role_name"),
            known_str(attributes, "policy_name"),
        ) else {
            return Ok(Vec::new());
        };
        let there = self.observe(role, policy).await?;
        let id = PhysicalId::composite([role, policy]);
        Ok(there.map(|_| id).into_iter().collect())
    }
}

impl RolePolicy {
    async fn put(&self, spec: &Spec) -> ProviderResult<()> {
        self.client
            .put_role_policy()
            .role_name(&spec.role_name)
            .policy_name(&spec.policy_name)
            .policy_document(documents::text(&spec.policy_document))
            .send()
            .await
            .aws("iam", "PutRolePolicy")?;
        Ok(())
    }

    async fn observe(&self, role: &str, policy: &str) -> ProviderResult<Option<Observed>> {
        let answer = self
            .client
            .get_role_policy()
            .role_name(role)
            .policy_name(policy)
            .send()
            .await
            .aws("iam", "GetRolePolicy")
            .absent_is_none()?;
        Ok(answer.map(|answer| Observed {
            role_name: role.to_owned(),
            policy_name: policy.to_owned(),
            policy_document: decoded(answer.policy_document()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn the_document_is_one_of_permissions() {
        let said = problems::<RolePolicy>(&[
            ("policy_name", "read"),
            (
                "policy_document",
                r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#,
            ),
        ]);
        assert_eq!(said, ["policy_document: statement 1 has no `Resource`"]);
    }
}
