//! `iam.role`: an identity that services and people take on.
//!
//! Calls: CreateRole, GetRole, ListRoles (before a role gets another name), UpdateRole, UpdateAssumeRolePolicy, PutRolePermissionsBoundary,
//! DeleteRolePermissionsBoundary, TagRole, UntagRole, DeleteRole, and ListRolePolicies and
//! ListAttachedRolePolicies when a delete is refused. A change of name or path makes a new role. The id is the
//! name. Other services may not see a new role for up to about two minutes; they then answer with errors of
//! class DependencyNotReady, so there is nothing to wait for here.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use aws_sdk_iam::Client;
use aws_sdk_iam::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, ErrorClass, PhysicalId, ProviderError};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::common::{Policy, check_name, check_policy, decoded};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::documents;
use crate::errors::{AwsResult, Tolerate, built, missing};
use crate::ownership::{Taken, made_by};
use crate::read::Observations;
use crate::tags::{self, Tags};

/// AWS's default for the longest session, in seconds.
const DEFAULT_SESSION_SECONDS: i32 = 3600;

/// The type.
pub struct Role {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name: 1 to 64 letters, digits and `+=,.@_-`, unique in the account whatever the case and the path.
    pub role_name: String,
    /// The path, such as `/service/`. AWS's default is `/`.
    #[schemars(extend("default" = "/"))]
    pub path: Option<String>,
    /// The trust policy: who may assume the role. A table or JSON text.
    pub assume_role_policy_document: Json,
    /// What the role is for, at most 1000 characters.
    pub description: Option<String>,
    /// The longest session in seconds, 3600 to 43200. AWS's default is 3600.
    #[schemars(extend("default" = 3600))]
    pub max_session_duration: Option<i32>,
    /// The ARN of the policy that bounds what the role may do.
    pub permissions_boundary: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    role_name: String,
    path: String,
    assume_role_policy_document: Option<Json>,
    description: Option<String>,
    max_session_duration: Option<i32>,
    permissions_boundary: Option<String>,
    tags: Tags,
    /// The role's ARN.
    arn: String,
    /// AWS's own id of the role, `AROA…`, which a later role of the same name does not share.
    role_id: String,
}

impl FromClients for Role {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.iam.clone(),
        }
    }
}

impl ResourceType for Role {
    const NAME: &'static str = "iam.role";
    const DESCRIPTION: &'static str = "A role: an identity that services and people take on.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "iam:CreateRole",
        "iam:GetRole",
        "iam:ListRoles",
        "iam:UpdateRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:ListRolePolicies",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:DeleteRole",
        "iam:PassRole",
    ];
    const EXAMPLE: &'static str = r#"
[iam.role.execution]
role_name = "example-execution"

[iam.role.execution.assume_role_policy_document]
Version   = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
"#;
    const TRAITS: Traits = Traits {
        immutable: &["role_name", "path"],
        policies: &["assume_role_policy_document"],
        natural_key: &["role_name"],
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
        caseless: &["role_name"],
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_name(attributes, "role_name", 64, problems);
        check_policy(attributes, "assume_role_policy_document", Policy::Trust, problems);
        if let Some(path) = known_str(attributes, "path")
            && !(path.starts_with('/') && path.ends_with('/') && path.len() <= 512)
        {
            problems.at(
                "path",
                format!("a path begins and ends with `/` and has at most 512 characters, `{path}` is not so"),
            );
        }
        if let Some(seconds) = known_integer(attributes, "max_session_duration")
            && !(3600..=43200).contains(&seconds)
        {
            problems.at(
                "max_session_duration",
                format!("a session lasts 3600 to 43200 seconds, not {seconds}"),
            );
        }
        if let Some(description) = known_str(attributes, "description")
            && description.chars().count() > 1000
        {
            problems.at("description", "IAM takes at most 1000 characters");
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let answer = self
            .client
            .create_role()
            .role_name(&spec.role_name)
            .set_path(spec.path)
            .assume_role_policy_document(documents::text(&spec.assume_role_policy_document))
            .set_description(spec.description)
            .set_max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary)
            .set_tags(Some(sdk_tags(tags::for_create(call, spec.tags.as_ref()))?))
            .send()
            .await
            .aws("iam", "CreateRole")
            .taken(call, &spec.role_name)?;
        let role = answer.role.ok_or_else(|| missing("iam", "CreateRole", "role"))?;
        // The answer need not repeat the tags.
        let observed = Observed {
            tags: spec.tags.unwrap_or_default(),
            ..observe(&role)
        };
        Ok(Created::new(spec.role_name, observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        // ListRoles tells neither tags nor the boundary, so each role is asked for.
        let roles = try_join_all(ids.iter().map(|id| self.role(id.as_str()))).await?;
        Ok(ids
            .iter()
            .cloned()
            .zip(roles)
            .filter_map(|(id, role)| Some((id, Found::ready(observe(&role?)))))
            .collect())
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let name = id.as_str();
        if update.any(&["assume_role_policy_document"]) {
            self.client
                .update_assume_role_policy()
                .role_name(name)
                .policy_document(documents::text(&update.spec.assume_role_policy_document))
                .send()
                .await
                .aws("iam", "UpdateAssumeRolePolicy")?;
        }
        if update.any(&["description", "max_session_duration"]) {
            let seconds = update.spec.max_session_duration;
            self.client
                .update_role()
                .role_name(name)
                .description(update.spec.description.as_deref().unwrap_or_default())
                .max_session_duration(seconds.unwrap_or(DEFAULT_SESSION_SECONDS))
                .send()
                .await
                .aws("iam", "UpdateRole")?;
        }
        if update.any(&["permissions_boundary"]) {
            self.set_boundary(name, update.spec.permissions_boundary.as_deref())
                .await?;
        }
        if update.any(&["tags"]) {
            self.update_tags(name, &update).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let deleted = self
            .client
            .delete_role()
            .role_name(id.as_str())
            .send()
            .await
            .aws("iam", "DeleteRole")
            .absent_is_none();
        match deleted {
            Err(error) if error.class == ErrorClass::Blocked => {
                Err(self.what_it_still_has(id.as_str(), error).await)
            }
            other => other.map(|_| ()),
        }
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "role_name") else {
            return Ok(None);
        };
        let Some(role) = self.role(name).await? else {
            return Ok(None);
        };
        let tags = role.tags.unwrap_or_default();
        let tags = tags.into_iter().map(|tag| (tag.key, tag.value));
        Ok(made_by(call, tags).then(|| PhysicalId::new(name)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(name) = known_str(attributes, "role_name") else {
            return Ok(Vec::new());
        };
        // Whether GetRole finds a name that is written otherwise AWS does not say.
        let found = match self.role(name).await? {
            Some(role) => Some(role.role_name),
            None => self.in_another_case(name).await?,
        };
        Ok(found.map(PhysicalId::new).into_iter().collect())
    }
}

impl Role {
    async fn role(&self, name: &str) -> ProviderResult<Option<sdk::Role>> {
        let answer = self.client.get_role().role_name(name).send().await;
        let answer = answer.aws("iam", "GetRole").absent_is_none()?;
        Ok(answer.and_then(|answer| answer.role))
    }

    /// The name of the role that AWS takes for the one of this name, although it is written otherwise. Whoever may not
    /// list roles is told by the create.
    async fn in_another_case(&self, name: &str) -> ProviderResult<Option<String>> {
        let mut roles = self.client.list_roles().into_paginator().items().send();
        while let Some(role) = roles.next().await {
            match role.aws("iam", "ListRoles") {
                Ok(role) if role.role_name.eq_ignore_ascii_case(name) => return Ok(Some(role.role_name)),
                Ok(_) => {}
                Err(error) if error.class == ErrorClass::Denied => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn set_boundary(&self, name: &str, boundary: Option<&str>) -> ProviderResult<()> {
        match boundary {
            Some(arn) => {
                self.client
                    .put_role_permissions_boundary()
                    .role_name(name)
                    .permissions_boundary(arn)
                    .send()
                    .await
                    .aws("iam", "PutRolePermissionsBoundary")?;
            }
            None => {
                self.client
                    .delete_role_permissions_boundary()
                    .role_name(name)
                    .send()
                    .await
                    .aws("iam", "DeleteRolePermissionsBoundary")
                    .absent_is_none()?;
            }
        }
        Ok(())
    }

    async fn update_tags(&self, name: &str, update: &Update<Spec>) -> ProviderResult<()> {
        let (set, removed) = tags::difference(&update.prior, update.spec.tags.as_ref());
        if !set.is_empty() {
            self.client
                .tag_role()
                .role_name(name)
                .set_tags(Some(sdk_tags(set)?))
                .send()
                .await
                .aws("iam", "TagRole")?;
        }
        if !removed.is_empty() {
            self.client
                .untag_role()
                .role_name(name)
                .set_tag_keys(Some(removed))
                .send()
                .await
                .aws("iam", "UntagRole")?;
        }
        Ok(())
    }

    /// The refusal of a delete with what is in its way. Policies of this stack are resources of their own and are
    /// gone before; these were added by somebody else.
    async fn what_it_still_has(&self, name: &str, error: ProviderError) -> ProviderError {
        let inline = self.client.list_role_policies().role_name(name).send();
        let attached = self.client.list_attached_role_policies().role_name(name).send();
        let profiles = self
            .client
            .list_instance_profiles_for_role()
            .role_name(name)
            .send();
        let (inline, attached, profiles) = futures::join!(inline, attached, profiles);
        let (Ok(inline), Ok(attached), Ok(profiles)) = (inline, attached, profiles) else {
            return error;
        };
        let attached = attached.attached_policies.unwrap_or_default().into_iter();
        let policies = attached.filter_map(|policy| policy.policy_arn);
        let profiles = profiles.instance_profiles.into_iter();
        let profiles = profiles.map(|profile| format!("instance profile {}", profile.instance_profile_name));
        let there: Vec<String> = inline
            .policy_names
            .into_iter()
            .chain(policies)
            .chain(profiles)
            .collect();
        if there.is_empty() {
            // What it had is gone, and IAM does not know that everywhere yet.
            return ProviderError {
                class: ErrorClass::DependencyViolation,
                hint: None,
                ..error
            };
        }
        let listed = there.join(", ");
        error.hint(format!(
            "the role still has what this stack did not add: {listed}; take that away, or import it into the stack"
        ))
    }
}

fn sdk_tags(tags: Tags) -> ProviderResult<Vec<sdk::Tag>> {
    tags.into_iter()
        .map(|(key, value)| built(sdk::Tag::builder().key(key).value(value).build()))
        .collect()
}

fn observe(role: &sdk::Role) -> Observed {
    let pairs = role
        .tags()
        .iter()
        .map(|tag| (Some(tag.key().to_owned()), Some(tag.value().to_owned())));
    Observed {
        role_name: role.role_name().to_owned(),
        path: role.path().to_owned(),
        assume_role_policy_document: role.assume_role_policy_document().map(decoded),
        description: role
            .description()
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        max_session_duration: role.max_session_duration(),
        permissions_boundary: role
            .permissions_boundary()
            .and_then(|boundary| boundary.permissions_boundary_arn())
            .map(str::to_owned),
        tags: tags::of_user(pairs),
        arn: role.arn().to_owned(),
        role_id: role.role_id().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn names_and_paths_are_as_iam_takes_them() {
        let long = "a".repeat(65);
        let cases: &[(&str, &str, &[&str])] = &[
            ("role_name", "app+dev=1,2.x@y_z-", &[]),
            ("path", "/service/", &[]),
            (
                "role_name",
                "my role",
                &["role_name: `my role` has characters other than letters, digits and `+=,.@_-`"],
            ),
            (
                "path",
                "service",
                &[
                    "path: a path begins and ends with `/` and has at most 512 characters, `service` is not so",
                ],
            ),
        ];
        for (name, text, said) in cases {
            assert_eq!(problems::<Role>(&[(name, text)]), *said);
        }
        assert!(problems::<Role>(&[("role_name", &long)])[0].contains("has 65"));
    }
}
