//! `iam.role_policy_attachment`: a managed policy that a role has.
//!
//! Attaching what is attached would succeed, so the engine looks first. Every change makes a new one. The id is
//! `<role>/<policy ARN>`.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use super::service::Iam;
use crate::prelude::*;
use crate::read::{by_parent, id_parts};

/// A managed policy that a role has.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html")]
pub struct RolePolicyAttachment {
    /// The role's name.
    #[attribute(immutable, caseless, length = 1..=64, alphabet("A-Za-z0-9+=,.@_-", "letters, digits and `+=,.@_-`"))]
    pub role_name: String,
    /// The managed policy's ARN, such as
    /// `arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy`.
    #[attribute(immutable, length = 20..=2048)]
    #[attribute(pattern(
        "^arn:.*:iam::.*:policy/",
        "is no policy's ARN such as arn:aws:iam::aws:policy/ReadOnlyAccess"
    ))]
    pub policy_arn: String,
}

use RolePolicyAttachmentField as Field;

impl Resource for RolePolicyAttachment {
    const NAME: &'static str = "iam.role_policy_attachment";
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::RoleName, Field::PolicyArn],
        recognition: Recognition::NaturalKey,
        under: Some(("iam.role", &[Field::RoleName])),
        hangs_on: &[("iam.policy", &[Field::PolicyArn])],
        ..Rules::NONE
    };
    type Service = Iam;

    async fn create(
        aws: &Clients,
        _: &Call,
        spec: Self,
    ) -> ProviderResult<Created<PartialRolePolicyAttachment>> {
        let call = aws
            .iam
            .attach_role_policy()
            .role_name(&spec.role_name)
            .policy_arn(&spec.policy_arn);
        call.send().await.aws("iam", "AttachRolePolicy")?;
        Ok(attachment(&spec.role_name, &spec.policy_arn).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(by_parent(ids)?.into_iter().map(async |(role, wanted)| {
            let attached = attached(aws, role).await?;
            let wanted = wanted
                .into_iter()
                .filter(|(_, policy)| attached.contains(*policy));
            let found = wanted.map(|(_, policy)| attachment(role, policy));
            ProviderResult::Ok(found.collect::<Vec<_>>())
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [role, policy] = id_parts(id)?;
        let call = aws.iam.detach_role_policy().role_name(role).policy_arn(policy);
        call.send().await.aws("iam", "DetachRolePolicy").map(drop)
    }

    async fn holders(
        aws: &Clients,
        given: &PartialRolePolicyAttachment,
    ) -> ProviderResult<Observations<Self>> {
        match (given.role_name.as_str(), given.policy_arn.as_str()) {
            (Some(role), Some(policy)) => Self::read(aws, &[PhysicalId::composite([role, policy])]).await,
            _ => Ok(Observations::<Self>::new()),
        }
    }
}

fn attachment(role: &str, policy: &str) -> Observation<RolePolicyAttachment> {
    let observed = PartialRolePolicyAttachment {
        role_name: role.into(),
        policy_arn: policy.into(),
    };
    (PhysicalId::composite([role, policy]), Found::ready(observed))
}

/// The ARNs of the policies that a role has; none when there is no such role.
async fn attached(aws: &Clients, role: &str) -> ProviderResult<BTreeSet<String>> {
    let pages = aws
        .iam
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator();
    let policies = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let policies = policies.aws("iam", "ListAttachedRolePolicies").absent_is_none()?;
    let policies = policies.into_iter().flatten();
    Ok(policies.filter_map(|policy| policy.policy_arn).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn a_policy_is_named_by_its_arn() {
        let good = "arn:aws-us-gov:iam::123456789012:policy/team/read";
        assert_eq!(
            refused_texts::<RolePolicyAttachment>(&[("policy_arn", good)]),
            Vec::<String>::new()
        );
        let said = refused_texts::<RolePolicyAttachment>(&[("policy_arn", "ReadOnlyAccess")]);
        assert!(
            said.iter()
                .any(|said| said.contains("`ReadOnlyAccess` is no policy's ARN")),
            "{said:?}"
        );
    }
}
