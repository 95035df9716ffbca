//! What a profile's credentials are made of: first ones, and the roles that are taken with them one after the other.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>

use std::collections::BTreeMap;

use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::Credentials;
use infra_core::ProviderError;
use infra_provider::ProviderResult;

use super::{Container, Files, check_token, no_profile, wrong};

/// The credentials of a profile.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The profile that has the first credentials: the one that was asked for, or the last of its sources.
    pub base_profile: String,
    /// The first credentials.
    pub base: Base,
    /// The roles that are taken, in their order.
    pub roles: Vec<Role>,
}

/// What a profile has first credentials from.
#[derive(Debug, Clone)]
pub enum Base {
    /// Keys in the file.
    Keys(Credentials),
    /// A program of the user's; its command line may hold secrets.
    Process(String),
    /// A sign-in with `aws sso login`.
    SingleSignOn,
    /// A token in a file.
    WebIdentity,
    /// The variables of the environment.
    Variables,
    /// What a container is told to ask.
    Container,
    /// This machine.
    Machine,
}

/// A role that a profile takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The profile that says so.
    pub profile: String,
    /// The role.
    pub arn: String,
    /// What the role's owner wants to be told.
    pub external_id: Option<String>,
    /// The session's name, where it is not left to us.
    pub session_name: Option<String>,
    /// How long the session lasts, where it is not left to AWS.
    pub duration_seconds: Option<i32>,
    /// The device that has to confirm.
    pub mfa_serial: Option<String>,
}

/// How long a session may last, in seconds:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const DURATIONS: std::ops::RangeInclusive<i32> = 900..=43_200;

impl Chain {
    /// What the selected profile, which is there, says of credentials; `None` when it says nothing of them.
    ///
    /// # Errors
    /// It says something that cannot be followed.
    pub(super) fn of(
        profiles: &ProfileSet,
        variables: &BTreeMap<String, String>,
        files: &Files,
    ) -> ProviderResult<Option<Self>> {
        let selected = profiles.selected_profile();
        let mut name = selected;
        let mut seen: Vec<&str> = Vec::new();
        let mut roles = Vec::new();
        let (base_profile, base) = loop {
            let Some(profile) = profiles.get_profile(name) else {
                let by = format!("of `source_profile` of `{}`", seen.last().unwrap_or(&""));
                return Err(no_profile(name, &by, profiles, files));
            };
            if seen.contains(&name) {
                return Err(wrong(format!(
                    "the profiles {} take their roles from each other",
                    listed(&seen)
                ))
                .hint("one of them needs credentials of its own, such as a sign-in with `aws sso login`"));
            }
            seen.push(name);
            // Of the profiles behind the first one keys count before their role.
            if seen.len() > 1
                && let Some(keys) = keys_of(profile)?
            {
                break (profile, Some(Base::Keys(keys)));
            }
            let Some(role) = Role::of(profile)? else {
                break (profile, base_of(profile, variables)?);
            };
            roles.push(role);
            match (profile.get("source_profile"), profile.get("credential_source")) {
                (Some(source), None) if source == name => break (profile, own_base_of(profile)?),
                (Some(source), None) => name = source,
                (None, Some(_)) => break (profile, base_of(profile, variables)?),
                (Some(_), Some(_)) => {
                    return Err(
                        of_profile(profile, "has both `source_profile` and `credential_source`")
                            .hint("take one of them out: a role is taken from one place"),
                    );
                }
                (None, None) => {
                    return Err(of_profile(
                        profile,
                        "has a `role_arn`, and neither `source_profile` nor `credential_source`",
                    )
                    .hint(
                        "`source_profile` names the profile that may take the role; `credential_source` is Environment, \
                         EcsContainer or Ec2InstanceMetadata",
                    ));
                }
            }
        };
        roles.reverse();
        match base {
            Some(base) => Ok(Some(Self {
                base_profile: base_profile.name().to_owned(),
                base,
                roles,
            })),
            None if roles.is_empty() => Ok(None),
            None => Err(of_profile(base_profile, "has no credentials to take a role with").hint(
                "it needs keys, `sso_session`, `credential_process` or `web_identity_token_file`, or a `source_profile` of its \
                 own",
            )),
        }
    }
}

impl Role {
    fn of(profile: &Profile) -> ProviderResult<Option<Self>> {
        let text = |key: &str| profile.get(key).map(str::to_owned);
        let Some(arn) = text("role_arn").filter(|_| profile.get("web_identity_token_file").is_none()) else {
            return Ok(None);
        };
        let duration_seconds = match profile.get("duration_seconds") {
            None => None,
            Some(given) => match given.trim().parse() {
                Ok(seconds) if DURATIONS.contains(&seconds) => Some(seconds),
                _ => {
                    return Err(
                        of_profile(profile, &format!("has `duration_seconds = {given}`")).hint(format!(
                            "a session of a role lasts {} to {} seconds, and no longer than the role's owner allows",
                            DURATIONS.start(),
                            DURATIONS.end()
                        )),
                    );
                }
            },
        };
        Ok(Some(Self {
            profile: profile.name().to_owned(),
            arn,
            external_id: text("external_id"),
            session_name: text("role_session_name"),
            duration_seconds,
            mfa_serial: text("mfa_serial").filter(|serial| !serial.is_empty()),
        }))
    }
}

/// What a profile says of credentials beside its role.
fn base_of(profile: &Profile, variables: &BTreeMap<String, String>) -> ProviderResult<Option<Base>> {
    if let Some(source) = profile.get("credential_source") {
        return match source.to_ascii_lowercase().as_str() {
            "environment" => Ok(Some(Base::Variables)),
            "ecscontainer" => match Container::of(variables) {
                Some(_) => Ok(Some(Base::Container)),
                None => Err(of_profile(
                    profile,
                    "has `credential_source = EcsContainer`, and this is no container of ECS",
                )
                .hint("there AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set; elsewhere take another profile")),
            },
            "ec2instancemetadata" => Ok(Some(Base::Machine)),
            _ => Err(
                of_profile(profile, &format!("has `credential_source = {source}`"))
                    .hint("that is Environment, EcsContainer or Ec2InstanceMetadata"),
            ),
        };
    }
    if let Some(file) = profile.get("web_identity_token_file") {
        if profile.get("role_arn").is_none() {
            return Err(
                of_profile(profile, "has a `web_identity_token_file`, and no `role_arn`")
                    .hint("`role_arn` is the role that is taken with the token"),
            );
        }
        let by = format!("`web_identity_token_file` of the profile `{}`", profile.name());
        check_token(file, &by)?;
        return Ok(Some(Base::WebIdentity));
    }
    let sso = [
        "sso_session",
        "sso_start_url",
        "sso_region",
        "sso_account_id",
        "sso_role_name",
    ];
    if sso.iter().any(|key| profile.get(key).is_some()) {
        return Ok(Some(Base::SingleSignOn));
    }
    if profile.get("login_session").is_some() {
        let name = profile.name();
        return Err(
            of_profile(profile, "signs in with `aws login` (`login_session`), which `infra` cannot read").hint(format!(
                "let AWS's CLI give the credentials: `credential_process = aws configure export-credentials --profile {name} \
                 --format process` in a profile of its own, named by AWS_PROFILE; or once: `eval \"$(aws configure \
                 export-credentials --profile {name} --format env)\"`"
            )),
        );
    }
    own_base_of(profile)
}

/// What a profile itself has: a program or keys.
fn own_base_of(profile: &Profile) -> ProviderResult<Option<Base>> {
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Base::Process(command.to_owned())));
    }
    Ok(keys_of(profile)?.map(Base::Keys))
}

fn keys_of(profile: &Profile) -> ProviderResult<Option<Credentials>> {
    let (id, secret) = (
        profile.get("aws_access_key_id"),
        profile.get("aws_secret_access_key"),
    );
    let token = profile.get("aws_session_token");
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some(Credentials::new(
            id,
            secret,
            token.map(str::to_owned),
            None,
            "ProfileFile",
        ))),
        (None, None) if token.is_none() => Ok(None),
        (None, _) => Err(of_profile(
            profile,
            "has no `aws_access_key_id` beside the rest of the key",
        )),
        (Some(_), None) => Err(of_profile(
            profile,
            "has an `aws_access_key_id`, and no `aws_secret_access_key`",
        )),
    }
}

fn of_profile(profile: &Profile, problem: &str) -> ProviderError {
    wrong(format!("the profile `{}` {problem}", profile.name()))
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
