//! `iam.role`: an identity that services and people take on.
//!
//! A change of name or path makes a new role. The id is the name. Other services may not see a new role for up to about
//! two minutes; they then answer with errors of class DependencyNotReady, so there is nothing to wait for here.

use aws_sdk_iam::types as sdk;
use futures::future::try_join_all;
use serde_json::Value as Json;

use super::common::{Policy, check_policy, decoded};
use super::service::{Iam, to_sdk};
use crate::documents;
use crate::prelude::*;
use crate::tags;

/// AWS's default for the longest session, in seconds.
const DEFAULT_SESSION_SECONDS: i32 = 3600;

/// A role: an identity that services and people take on.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html")]
pub struct Role {
    /// The name, unique in the account whatever the case and the path.
    #[attribute(immutable, caseless, length = 1..=64, alphabet("A-Za-z0-9+=,.@_-", "letters, digits and `+=,.@_-`"))]
    pub role_name: String,
    /// The path, such as `/service/`.
    #[attribute(immutable, default = "/", length = 1..=512, pattern("^/([!-~]+/)?$", "is none of `/` and printable characters of ASCII without spaces between two `/`"))]
    pub path: Option<String>,
    /// The trust policy: who may assume the role. A table or JSON text.
    #[attribute(policy)]
    pub assume_role_policy_document: Json,
    /// What the role is for.
    #[attribute(length = 0..=1000)]
    #[attribute(alphabet("\t\n\r -~\u{a1}-\u{ff}", "printable characters of Latin-1"))]
    pub description: Option<String>,
    /// The longest session in seconds.
    #[attribute(default = 3600, range = 3600..=43_200)]
    pub max_session_duration: Option<i32>,
    /// The ARN of the policy that bounds what the role may do.
    #[attribute(length = 20..=2048)]
    #[attribute(pattern(
        "^arn:.*:policy/",
        "is no policy's ARN such as arn:aws:iam::123456789012:policy/boundary"
    ))]
    pub permissions_boundary: Option<String>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The role's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// AWS's own id of the role, `AROA…`, which a later role of the same name does not share.
    #[attribute(computed)]
    pub role_id: Option<String>,
}

use RoleField as Field;

impl Resource for Role {
    const NAME: &'static str = "iam.role";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "iam:CreateRole",
        "iam:GetRole",
        "iam:ListRoles",
        "iam:UpdateRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:DeleteRolePermissionsBoundary",
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::RoleName],
        ..Rules::NONE
    };
    type Service = Iam;

    fn validate(given: &PartialRole, problems: &mut Problems) {
        let document = Field::AssumeRolePolicyDocument.name();
        check_policy(
            &given.assume_role_policy_document,
            document,
            Policy::Trust,
            problems,
        );
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialRole>> {
        let answer = aws
            .iam
            .create_role()
            .role_name(&spec.role_name)
            .set_path(spec.path)
            .assume_role_policy_document(documents::text(&spec.assume_role_policy_document))
            .set_description(spec.description)
            .set_max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary)
            .set_tags(Some(to_sdk(tags::for_create(call, spec.tags.as_ref()))?))
            .send()
            .await
            .aws("iam", "CreateRole")?;
        let role = answer.role.ok_or_else(|| missing("iam", "CreateRole", "role"))?;
        Ok(observe(&role).into())
    }

    /// ListRoles tells neither tags nor the boundary, so each role is asked for.
    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let roles = try_join_all(ids.iter().map(async |id| {
            let answer = aws.iam.get_role().role_name(id.as_str()).send().await;
            let answer = answer.aws("iam", "GetRole").absent_is_none()?;
            ProviderResult::Ok(answer.and_then(|answer| Some((id.clone(), observe(&answer.role?).1))))
        }));
        Ok(roles.await?.into_iter().flatten().collect())
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let (name, spec) = (id.as_str(), &update.spec);
        if update.changes(Field::AssumeRolePolicyDocument) {
            let document = documents::text(&spec.assume_role_policy_document);
            let call = aws
                .iam
                .update_assume_role_policy()
                .role_name(name)
                .policy_document(document);
            call.send().await.aws("iam", "UpdateAssumeRolePolicy")?;
        }
        if update.changes(Field::Description) || update.changes(Field::MaxSessionDuration) {
            let description = spec.description.clone().or_else(|| Some(String::new()));
            // Not told, it goes back to AWS's default.
            let session = update.kept(Field::MaxSessionDuration, spec.max_session_duration);
            let call = aws
                .iam
                .update_role()
                .role_name(name)
                .set_description(update.only(Field::Description, description))
                .max_session_duration(session.unwrap_or(DEFAULT_SESSION_SECONDS));
            call.send().await.aws("iam", "UpdateRole")?;
        }
        match &spec.permissions_boundary {
            _ if !update.changes(Field::PermissionsBoundary) => Ok(()),
            Some(arn) => {
                let call = aws
                    .iam
                    .put_role_permissions_boundary()
                    .role_name(name)
                    .permissions_boundary(arn);
                call.send()
                    .await
                    .aws("iam", "PutRolePermissionsBoundary")
                    .map(drop)
            }
            None => {
                let call = aws.iam.delete_role_permissions_boundary().role_name(name);
                let deleted = call.send().await.aws("iam", "DeleteRolePermissionsBoundary");
                deleted.absent_is_none().map(drop)
            }
        }
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.iam.delete_role().role_name(id.as_str());
        match call.send().await.aws("iam", "DeleteRole") {
            Err(error) if error.class == ErrorClass::Blocked => match what_it_has(aws, id.as_str()).await {
                // What it had is gone, and IAM does not know that everywhere yet.
                Ok(there) if there.is_empty() => Err(ProviderError {
                    class: ErrorClass::DependencyViolation,
                    hint: None,
                    ..error
                }),
                _ => Err(error),
            },
            deleted => deleted.map(drop),
        }
    }

    async fn in_the_way(aws: &Clients, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        what_it_has(aws, id.as_str()).await
    }

    async fn holders(aws: &Clients, given: &PartialRole) -> ProviderResult<Observations<Self>> {
        let Some(name) = given.role_name.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        // Whether GetRole finds a name that is written otherwise AWS does not say.
        let found = Self::read(aws, &[PhysicalId::new(name)]).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        Ok(in_another_case(aws, name).await?.iter().map(observe).collect())
    }
}

/// The role that AWS takes for the one of this name, although it is written otherwise. Whoever may not list roles is told
/// by the create.
async fn in_another_case(aws: &Clients, name: &str) -> ProviderResult<Option<sdk::Role>> {
    let mut roles = aws.iam.list_roles().into_paginator().items().send();
    while let Some(role) = roles.next().await {
        match role.aws("iam", "ListRoles") {
            Ok(role) if role.role_name.eq_ignore_ascii_case(name) => return Ok(Some(role)),
            Ok(_) => {}
            Err(error) if error.class == ErrorClass::Denied => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What a role has that has to go before it does.
async fn what_it_has(aws: &Clients, role: &str) -> ProviderResult<Vec<Obstacle>> {
    let inline = aws.iam.list_role_policies().role_name(role).into_paginator();
    let attached = aws
        .iam
        .list_attached_role_policies()
        .role_name(role)
        .into_paginator();
    let profiles = aws.iam.list_instance_profiles_for_role().role_name(role);
    let (inline, attached, profiles) = futures::join!(
        inline.items().send().collect::<Result<Vec<_>, _>>(),
        attached.items().send().collect::<Result<Vec<_>, _>>(),
        profiles
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>(),
    );
    let inline = inline.aws("iam", "ListRolePolicies")?;
    let attached = attached.aws("iam", "ListAttachedRolePolicies")?;
    let profiles = profiles.aws("iam", "ListInstanceProfilesForRole")?;
    let obstacle = |kind: &str, name: &str, id| Obstacle {
        what: format!("{kind} {name}"),
        id,
        stays: true,
    };
    let of_role = |name: &str| PhysicalId::composite([role, name]);
    let inline = inline.iter().map(|name| obstacle("policy", name, of_role(name)));
    let attached = attached.iter().filter_map(|policy| policy.policy_arn());
    let attached = attached.map(|arn| obstacle("attached policy", arn, of_role(arn)));
    let profiles = profiles.iter().map(|profile| profile.instance_profile_name());
    let profiles = profiles.map(|name| obstacle("instance profile", name, PhysicalId::new(name)));
    Ok(inline.chain(attached).chain(profiles).collect())
}

fn observe(role: &sdk::Role) -> Observation<Role> {
    let boundary = role.permissions_boundary();
    let tags = role.tags().iter();
    let tags: Tags = tags
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect();
    let observed = PartialRole {
        role_name: role.role_name().into(),
        path: role.path().into(),
        assume_role_policy_document: role.assume_role_policy_document().map(decoded).into(),
        description: role.description().filter(|text| !text.is_empty()).into(),
        max_session_duration: role.max_session_duration().into(),
        permissions_boundary: boundary
            .and_then(|boundary| boundary.permissions_boundary_arn())
            .into(),
        tags: tags.into(),
        arn: role.arn().into(),
        role_id: role.role_id().into(),
    };
    (PhysicalId::new(role.role_name()), Found::ready(observed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn names_and_paths_are_as_iam_takes_them() {
        let long = "a".repeat(65);
        let cases: &[(&str, &str, &[&str])] = &[
            ("role_name", "app+dev=1,2.x@y_z-", &[]),
            ("path", "/service/", &[]),
            (
                "role_name",
                "my role",
                &["role_name: `my role` has ` ` in it: AWS takes letters, digits and `+=,.@_-`"],
            ),
            (
                "path",
                "service",
                &[
                    "path: `service` is none of `/` and printable characters of ASCII without spaces between two `/`",
                ],
            ),
        ];
        for (name, text, said) in cases {
            assert_eq!(refused_texts::<Role>(&[(name, text)]), *said);
        }
        assert!(refused_texts::<Role>(&[("role_name", &long)])[0].contains("has 65"));
    }
}
