//! `iam.role_policy`: a policy that is part of a role.
//!
//! PutRolePolicy would overwrite, so a create looks first. A change of a name makes a new one. The id is
//! `<role>/<policy>`.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use serde_json::Value as Json;

use super::common::{Policy, check_policy, decoded};
use super::service::Iam;
use crate::documents;
use crate::prelude::*;
use crate::read::id_parts;
use crate::together::{Stack, of_type};

/// All policies of one role together have so many characters at most, whitespace left out.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LONGEST_TOGETHER: usize = 10_240;

/// A policy that is part of a role.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html")]
pub struct RolePolicy {
    /// The role's name.
    #[attribute(immutable, caseless, length = 1..=64, alphabet("A-Za-z0-9+=,.@_-", "letters, digits and `+=,.@_-`"))]
    pub role_name: String,
    /// The policy's name, unique in the role.
    #[attribute(immutable, length = 1..=128, alphabet("A-Za-z0-9+=,.@_-", "letters, digits and `+=,.@_-`"))]
    pub policy_name: String,
    /// What the role may do. A table or JSON text; all inline policies of a role together have at most 10,240
    /// characters.
    #[attribute(policy)]
    pub policy_document: Json,
}

use RolePolicyField as Field;

impl Resource for RolePolicy {
    const NAME: &'static str = "iam.role_policy";
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::RoleName, Field::PolicyName],
        recognition: Recognition::NaturalKey,
        under: Some(("iam.role", &[Field::RoleName])),
        ..Rules::NONE
    };
    type Service = Iam;

    fn validate(given: &PartialRolePolicy, problems: &mut Problems) {
        let document = Field::PolicyDocument.name();
        check_policy(&given.policy_document, document, Policy::Permissions, problems);
    }

    fn validate_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
        let mut by_role: BTreeMap<String, usize> = BTreeMap::new();
        let mut found = Vec::new();
        for (address, attributes) in of_type(stack, Self::NAME) {
            let (Some(role), Some(length)) = (role_of(attributes), length_of(attributes)) else {
                continue;
            };
            let sum = by_role.entry(role).or_default();
            let before = *sum;
            *sum += length;
            if *sum > LONGEST_TOGETHER && before <= LONGEST_TOGETHER {
                let problem = Problem {
                    path: Field::PolicyDocument.name().into(),
                    message: format!(
                        "the policies of this role have {sum} characters up to here: IAM takes {LONGEST_TOGETHER} of \
                         all of them together, whitespace left out"
                    ),
                    help: Some("put some of it into a managed policy, and attach that".to_owned()),
                };
                found.push((address.clone(), problem));
            }
        }
        found
    }

    async fn create(aws: &Clients, _: &Call, spec: Self) -> ProviderResult<Created<PartialRolePolicy>> {
        put(aws, &spec).await?;
        let id = PhysicalId::composite([&spec.role_name, &spec.policy_name]);
        Ok((
            id,
            Found::ready(observe(&spec.role_name, &spec.policy_name, spec.policy_document)),
        )
            .into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(ids.iter().map(async |id| {
            let [role, policy] = id_parts(id)?;
            let call = aws.iam.get_role_policy().role_name(role).policy_name(policy);
            let there = call.send().await.aws("iam", "GetRolePolicy").absent_is_none()?;
            let observed = there.map(|there| observe(role, policy, decoded(there.policy_document())));
            ProviderResult::Ok(observed.map(|observed| (id.clone(), Found::ready(observed))))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn update(aws: &Clients, _: &Call, _: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        put(aws, &update.spec).await
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let [role, policy] = id_parts(id)?;
        let call = aws.iam.delete_role_policy().role_name(role).policy_name(policy);
        call.send().await.aws("iam", "DeleteRolePolicy").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialRolePolicy) -> ProviderResult<Observations<Self>> {
        match (given.role_name.as_str(), given.policy_name.as_str()) {
            (Some(role), Some(policy)) => Self::read(aws, &[PhysicalId::composite([role, policy])]).await,
            _ => Ok(Observations::<Self>::new()),
        }
    }
}

/// What tells the role: its name in any case, or where that will come from.
fn role_of(attributes: &Attributes) -> Option<String> {
    match value_of(attributes, Field::RoleName)? {
        Value::String(name) => Some(name.to_ascii_lowercase()),
        Value::Unknown(unknown) => Some(format!("?{:?}", unknown.origin.as_ref()?)),
        _ => None,
    }
}

/// The characters of a policy's document, without whitespace; of one that is not wholly known there are none to count.
fn length_of(attributes: &Attributes) -> Option<usize> {
    let document = known(attributes, Field::PolicyDocument)?;
    let text = documents::text(&document.reveal().ok()?);
    let counted = text.chars().filter(|character| !character.is_whitespace());
    Some(counted.count())
}

async fn put(aws: &Clients, spec: &RolePolicy) -> ProviderResult<()> {
    let call = aws
        .iam
        .put_role_policy()
        .role_name(&spec.role_name)
        .policy_name(&spec.policy_name)
        .policy_document(documents::text(&spec.policy_document));
    call.send().await.aws("iam", "PutRolePolicy").map(drop)
}

fn observe(role: &str, policy: &str, document: Json) -> PartialRolePolicy {
    PartialRolePolicy {
        role_name: role.into(),
        policy_name: policy.into(),
        policy_document: document.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn the_document_is_one_of_permissions() {
        let said = refused_texts::<RolePolicy>(&[
            ("policy_name", "read"),
            (
                "policy_document",
                r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#,
            ),
        ]);
        assert_eq!(said, ["policy_document: statement 1 has no `Resource`"]);
    }
}
