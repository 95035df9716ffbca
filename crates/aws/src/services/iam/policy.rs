//! `iam.policy`: a managed policy, which roles, users and groups can have.
//!
//! Only the document and the tags change in place: a change makes a new version, the default from then on. IAM keeps
//! five versions, so the oldest that is not the default goes first. The id is the ARN, which is made of path and name;
//! the name alone is unique.

use aws_sdk_iam::types as sdk;
use futures::future::try_join_all;
use serde_json::Value as Json;

use super::common::{Policy as Kind, check_policy, decoded};
use super::service::{IamPolicies, to_sdk};
use crate::documents;
use crate::prelude::*;
use crate::tags;

/// A policy has so many characters at most, whitespace left out.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LONGEST: usize = 6_144;

/// So many versions of a policy there can be.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html>
const VERSIONS: usize = 5;

/// A managed policy of your own, which roles can have.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html")]
pub struct Policy {
    /// The name, unique in the account whatever the case and the path.
    #[attribute(immutable, caseless, length = 1..=128, alphabet("A-Za-z0-9+=,.@_-", "letters, digits and `+=,.@_-`"))]
    pub policy_name: String,
    /// The path, such as `/service/`.
    #[attribute(immutable, default = "/", length = 1..=512, pattern("^/([!-~]+/)?$", "is none of `/` and printable characters of ASCII without spaces between two `/`"))]
    pub path: Option<String>,
    /// What whoever has the policy may do. A table or JSON text of at most 6,144 characters, whitespace left out.
    #[attribute(policy)]
    pub policy_document: Json,
    /// What the policy is for.
    #[attribute(immutable, length = 0..=1000)]
    pub description: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The policy's ARN: what an attachment takes.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// AWS's own id of the policy, `ANPA…`, which a later policy of the same name does not share.
    #[attribute(computed)]
    pub policy_id: Option<String>,
}

use PolicyField as Field;

impl Resource for Policy {
    const NAME: &'static str = "iam.policy";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "iam:CreatePolicy",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:ListPolicies",
        "iam:ListPolicyVersions",
        "iam:ListEntitiesForPolicy",
        "iam:CreatePolicyVersion",
        "iam:DeletePolicyVersion",
        "iam:DeletePolicy",
    ];
    const EXAMPLE: &'static str = r#"
[iam.policy.read]
policy_name = "example-read"
description = "Reads what the example keeps"

[iam.policy.read.policy_document]
Version   = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::example/*" }]
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::PolicyName],
        ..Rules::NONE
    };
    type Service = IamPolicies;

    fn validate(given: &PartialPolicy, problems: &mut Problems) {
        let name = Field::PolicyDocument.name();
        check_policy(&given.policy_document, name, Kind::Permissions, problems);
        if let Partial::Known(document) = &given.policy_document {
            let text = documents::text(document);
            let length = text.chars().filter(|each| !each.is_whitespace()).count();
            if length > LONGEST {
                let message = format!("has {length} characters: IAM takes {LONGEST}, whitespace left out");
                problems.at_with_help(name, message, "put some of it into another policy");
            }
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialPolicy>> {
        let answer = aws
            .iam
            .create_policy()
            .policy_name(&spec.policy_name)
            .set_path(spec.path)
            .policy_document(documents::text(&spec.policy_document))
            .set_description(spec.description)
            .set_tags(Some(to_sdk(tags::for_create(call, spec.tags.as_ref()))?))
            .send()
            .await
            .aws("iam", "CreatePolicy")?;
        let policy = answer
            .policy
            .ok_or_else(|| missing("iam", "CreatePolicy", "policy"))?;
        Ok(observe(&policy, Some(spec.policy_document)).into())
    }

    /// ListPolicies tells neither tags nor documents, so each policy is asked for, and its default version then.
    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let found = try_join_all(ids.iter().map(async |id| {
            let answer = aws.iam.get_policy().policy_arn(id.as_str()).send().await;
            let answer = answer.aws("iam", "GetPolicy").absent_is_none()?;
            let Some(policy) = answer.and_then(|answer| answer.policy) else {
                return Ok(None);
            };
            let version = aws
                .iam
                .get_policy_version()
                .policy_arn(id.as_str())
                .version_id(policy.default_version_id().unwrap_or_default());
            let version = version
                .send()
                .await
                .aws("iam", "GetPolicyVersion")
                .absent_is_none()?;
            let version = version.and_then(|answer| answer.policy_version);
            // Gone since, or changed: the next look sees which.
            let document = version.and_then(|version| Some(decoded(version.document()?)));
            ProviderResult::Ok(document.map(|document| (id.clone(), observe(&policy, Some(document)).1)))
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        if !update.changes(Field::PolicyDocument) {
            return Ok(());
        }
        let others = other_versions(aws, id).await?;
        if let (true, Some(oldest)) = (others.len() + 1 >= VERSIONS, others.first()) {
            delete_version(aws, id, oldest).await?;
        }
        let call = aws
            .iam
            .create_policy_version()
            .policy_arn(id.as_str())
            .policy_document(documents::text(&update.spec.policy_document))
            .set_as_default(true);
        call.send().await.aws("iam", "CreatePolicyVersion").map(drop)
    }

    /// Its other versions have to go first. They stay where something has the policy.
    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        match delete(aws, id).await {
            Err(error) if error.class == ErrorClass::Blocked => {
                if !who_has_it(aws, id).await?.is_empty() {
                    return Err(error);
                }
                for version in other_versions(aws, id).await? {
                    delete_version(aws, id, &version).await?;
                }
                delete(aws, id).await.map_err(|error| match error.class {
                    // What had it has it no more, and IAM does not know that everywhere yet.
                    ErrorClass::Blocked => ProviderError {
                        class: ErrorClass::DependencyViolation,
                        hint: None,
                        ..error
                    },
                    _ => error,
                })
            }
            deleted => deleted,
        }
    }

    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        who_has_it(aws, id).await
    }

    async fn holders(aws: &Clients, given: &PartialPolicy) -> ProviderResult<Observations<Self>> {
        let Some(name) = given.policy_name.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let list = aws.iam.list_policies().scope(sdk::PolicyScopeType::Local);
        let mut policies = list.into_paginator().items().send();
        while let Some(policy) = policies.next().await {
            let policy = match policy.aws("iam", "ListPolicies") {
                Ok(policy) => policy,
                // Whoever may not list them is told by the create.
                Err(error) if error.class == ErrorClass::Denied => break,
                Err(error) => return Err(error),
            };
            let is_it = policy
                .policy_name()
                .is_some_and(|other| other.eq_ignore_ascii_case(name));
            if let (true, Some(arn)) = (is_it, policy.arn()) {
                return Self::read(aws, &[PhysicalId::new(arn)]).await;
            }
        }
        Ok(Observations::<Self>::new())
    }
}

async fn delete(aws: &Clients, id: &PhysicalId) -> ProviderResult<()> {
    let call = aws.iam.delete_policy().policy_arn(id.as_str());
    call.send().await.aws("iam", "DeletePolicy").map(drop)
}

/// The versions that are not the default, the oldest first.
async fn other_versions(aws: &Clients, id: &PhysicalId) -> ProviderResult<Vec<String>> {
    let pages = aws
        .iam
        .list_policy_versions()
        .policy_arn(id.as_str())
        .into_paginator();
    let versions = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let versions = versions.aws("iam", "ListPolicyVersions")?.into_iter();
    let others = versions.filter(|version| !version.is_default_version());
    let mut others: Vec<String> = others.filter_map(|version| version.version_id).collect();
    others.sort_by_key(|version| number_of(version));
    Ok(others)
}

/// Versions are `v1`, `v2` and so on, and no number comes a second time.
fn number_of(version: &str) -> u64 {
    version.trim_start_matches('v').parse().unwrap_or_default()
}

async fn delete_version(aws: &Clients, id: &PhysicalId, version: &str) -> ProviderResult<()> {
    let call = aws
        .iam
        .delete_policy_version()
        .policy_arn(id.as_str())
        .version_id(version);
    let deleted = call.send().await.aws("iam", "DeletePolicyVersion");
    deleted.absent_is_none().map(drop)
}

/// What the policy is attached to.
async fn who_has_it(aws: &Clients, id: &PhysicalId) -> ProviderResult<Vec<Obstacle>> {
    let mut pages = aws
        .iam
        .list_entities_for_policy()
        .policy_arn(id.as_str())
        .into_paginator()
        .send();
    let mut found = Vec::new();
    let mut obstacle = |kind: &str, name: Option<&str>| {
        let name = name.unwrap_or_default();
        found.push(Obstacle {
            what: format!("attachment to the {kind} {name}"),
            id: PhysicalId::composite([name, id.as_str()]),
            stays: true,
        });
    };
    while let Some(page) = pages.next().await {
        let page = page.aws("iam", "ListEntitiesForPolicy")?;
        page.policy_roles()
            .iter()
            .for_each(|role| obstacle("role", role.role_name()));
        page.policy_users()
            .iter()
            .for_each(|user| obstacle("user", user.user_name()));
        page.policy_groups()
            .iter()
            .for_each(|group| obstacle("group", group.group_name()));
    }
    Ok(found)
}

fn observe(policy: &sdk::Policy, document: Option<Json>) -> Observation<Policy> {
    let tags = policy.tags().iter();
    let tags: Tags = tags
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect();
    let observed = PartialPolicy {
        policy_name: policy.policy_name().into(),
        path: policy.path().into(),
        policy_document: document.into(),
        description: policy.description().filter(|text| !text.is_empty()).into(),
        tags: tags.into(),
        arn: policy.arn().into(),
        policy_id: policy.policy_id().into(),
    };
    (
        PhysicalId::new(policy.arn().unwrap_or_default()),
        Found::ready(observed),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn names_and_documents_are_as_iam_takes_them() {
        let long = format!(
            r#"{{"Statement":[{{"Effect":"Allow","Action":"*","Resource":"{}"}}]}}"#,
            "a".repeat(LONGEST)
        );
        let cases: &[(&str, &str, &[&str])] = &[
            ("policy_name", "app+dev=1,2.x@y_z-", &[]),
            (
                "policy_name",
                "my policy",
                &["policy_name: `my policy` has ` ` in it: AWS takes letters, digits and `+=,.@_-`"],
            ),
            (
                "policy_document",
                r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
                &[],
            ),
            (
                "policy_document",
                r#"{"Statement":[{"Effect":"Allow","Action":"*"}]}"#,
                &["policy_document: statement 1 has no `Resource`"],
            ),
            (
                "policy_document",
                &long,
                &["policy_document: has 6205 characters: IAM takes 6144, whitespace left out"],
            ),
        ];
        for (name, text, said) in cases {
            assert_eq!(refused_texts::<Policy>(&[(name, text)]), *said);
        }
    }

    #[test]
    fn versions_are_in_the_order_of_their_numbers() {
        let mut versions = ["v10", "v9", "v2"];
        versions.sort_by_key(|version| number_of(version));
        assert_eq!(versions, ["v2", "v9", "v10"]);
    }
}
