//! `iam.role_policy_attachment`: a managed policy that a role has.
//!
//! Calls: ListAttachedRolePolicies, AttachRolePolicy, DetachRolePolicy. Attaching what is attached would
//! succeed, so the engine looks first. Every change makes a new one. The id is `<role>/<policy ARN>`.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, PhysicalId};
use infra_provider::{
    Call, Created, Found, ProviderResult, Recognition, ResourceType, Traits, Under, Update,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{check_name, role_not_visible_yet};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::read::{Observations, by_parent, id_parts};

/// The type.
pub struct RolePolicyAttachment {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The role's name.
    pub role_name: String,
    /// The managed policy's ARN, such as
    /// `arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy`.
    pub policy_arn: String,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    role_name: String,
    policy_arn: String,
}

impl FromClients for RolePolicyAttachment {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.iam.clone(),
        }
    }
}

impl ResourceType for RolePolicyAttachment {
    const NAME: &'static str = "iam.role_policy_attachment";
    const DESCRIPTION: &'static str = "A managed policy that a role has.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "iam:ListAttachedRolePolicies",
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
    ];
    const EXAMPLE: &'static str = r#"
[iam.role.execution]
role_name = "example-execution"

[iam.role.execution.assume_role_policy_document]
Version   = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]

[iam.role_policy_attachment.execution]
role_name  = "${iam.role.execution.role_name}"
policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
"#;
    const TRAITS: Traits = Traits {
        immutable: &["role_name", "policy_arn"],
        natural_key: &["role_name", "policy_arn"],
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
        if let Some(arn) = known_str(attributes, "policy_arn")
            && !(arn.starts_with("arn:") && arn.contains(":iam::") && arn.contains(":policy/"))
        {
            problems.at(
                "policy_arn",
                format!("`{arn}` is no policy's ARN such as arn:aws:iam::aws:policy/ReadOnlyAccess"),
            );
        }
    }

    async fn create(&self, _: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let id = PhysicalId::composite([&spec.role_name, &spec.policy_arn]);
        self.client
            .attach_role_policy()
            .role_name(&spec.role_name)
            .policy_arn(&spec.policy_arn)
            .send()
            .await
            .aws("iam", "AttachRolePolicy")
            .map_err(role_not_visible_yet)?;
        let observed = Observed {
            role_name: spec.role_name,
            policy_arn: spec.policy_arn,
        };
        Ok(Created {
            id,
            found: Found::ready(observed),
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(role, wanted)| {
            let attached = self.attached(role).await?;
            let found = wanted
                .into_iter()
                .filter(|(_, policy)| attached.contains(*policy))
                .map(|(id, policy)| {
                    let observed = Observed {
                        role_name: role.to_owned(),
                        policy_arn: policy.to_owned(),
                    };
                    (id.clone(), Found::ready(observed))
                });
            ProviderResult::Ok(found.collect::<Vec<_>>())
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn update(&self, _: &Call, _: &PhysicalId, _: Update<Spec>) -> ProviderResult<()> {
        // Both attributes are immutable, so there is nothing that could be changed in place.
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [role, policy] = id_parts(id)?;
        self.client
            .detach_role_policy()
            .role_name(role)
            .policy_arn(policy)
            .send()
            .await
            .aws("iam", "DetachRolePolicy")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let (Some(role), Some(policy)) = (
            known_str(attributes, "role_name"),
            known_str(attributes, "policy_arn"),
        ) else {
            return Ok(None);
        };
        let attached = self.attached(role).await?;
        Ok(attached
            .contains(policy)
            .then(|| PhysicalId::composite([role, policy])))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let (Some(role), Some(policy)) = (
            known_str(attributes, "role_name"),
            known_str(attributes, "policy_arn"),
        ) else {
            return Ok(Vec::new());
        };
        let is_there = self.attached(role).await?.contains(policy);
        let id = PhysicalId::composite([role, policy]);
        Ok(is_there.then_some(id).into_iter().collect())
    }
}

impl RolePolicyAttachment {
    /// The ARNs of the policies that a role has; none when there is no such role.
    async fn attached(&self, role: &str) -> ProviderResult<BTreeSet<String>> {
        let policies = self
            .client
            .list_attached_role_policies()
            .role_name(role)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .aws("iam", "ListAttachedRolePolicies")
            .absent_is_none()?;
        Ok(policies
            .into_iter()
            .flatten()
            .filter_map(|policy| policy.policy_arn)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn a_policy_is_named_by_its_arn() {
        let good = "arn:aws-us-gov:iam::123456789012:policy/team/read";
        assert_eq!(
            problems::<RolePolicyAttachment>(&[("policy_arn", good)]),
            Vec::<String>::new()
        );
        let said = problems::<RolePolicyAttachment>(&[("policy_arn", "ReadOnlyAccess")]);
        assert!(
            said[0].contains("`ReadOnlyAccess` is no policy's ARN"),
            "{said:?}"
        );
    }
}
