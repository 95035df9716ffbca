//! What a profile's credentials are made of: first ones, and the roles that are taken with them one after the other.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>

use std::collections::BTreeMap;

use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::Credentials;
use infra_core::ProviderError;
use infra_provider::ProviderResult;

use super::container::Container;
use super::web_identity::WebIdentity;
use super::{Files, no_profile, sign_in, wrong};

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
    /// A role that is taken with a token in a file.
    WebIdentity(WebIdentity),
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
    /// What the selected profile, which is there, says of credentials; `None` when it says nothing of them. `stored` is
    /// what the credentials file alone says.
    ///
    /// # Errors
    /// It says something that cannot be followed.
    pub(super) fn of(
        profiles: &ProfileSet,
        stored: &ProfileSet,
        variables: &BTreeMap<String, String>,
        files: &Files,
    ) -> ProviderResult<Option<Self>> {
        let own = |profile: &Profile| base_of(profile, profiles, stored, files);
        let mut name = profiles.selected_profile();
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
            // Of the profiles behind the first one all counts before their role, if they have keys.
            if seen.len() > 1 && has_keys(profile) {
                break (profile, own(profile)?);
            }
            let Some(role) = Role::of(profile)? else {
                break (profile, own(profile)?);
            };
            roles.push(role);
            match (profile.get("source_profile"), profile.get("credential_source")) {
                (Some(source), None) if source == name => break (profile, own(profile)?),
                (Some(source), None) => name = source,
                (None, Some(source)) => break (profile, Some(source_of(profile, source, variables)?)),
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
        let Some(arn) = text("role_arn").filter(|_| takes_role(profile)) else {
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

/// Whether a profile takes a role with other credentials, which is asked for before a web identity of the environment.
pub(super) fn takes_role(profile: &Profile) -> bool {
    profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none()
}

/// What a profile's role is taken with that no profile has.
fn source_of(profile: &Profile, source: &str, variables: &BTreeMap<String, String>) -> ProviderResult<Base> {
    let problem = |rest: &str| of_profile(profile, &format!("has `credential_source = {source}`{rest}"));
    match source.to_ascii_lowercase().as_str() {
        // Keys that are set count before every profile, so there are none.
        "environment" => Err(problem(", and AWS_ACCESS_KEY_ID is not set").hint(
            "keys of the environment would count before AWS_PROFILE, here as with AWS's own tools: set them without the \
             profile and name the role by `assume_role` in `[stack]`; or put the keys into a profile that `source_profile` \
             names",
        )),
        "ecscontainer" => match Container::of(variables)? {
            Some(_) => Ok(Base::Container),
            None => Err(problem(", and this is no container of ECS").hint(
                "there AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set; elsewhere take another profile",
            )),
        },
        "ec2instancemetadata" => Ok(Base::Machine),
        _ => Err(problem("").hint("that is Environment, EcsContainer or Ec2InstanceMetadata")),
    }
}

/// What a profile says of credentials beside its role.
fn base_of(
    profile: &Profile,
    profiles: &ProfileSet,
    stored: &ProfileSet,
    files: &Files,
) -> ProviderResult<Option<Base>> {
    if let Some(identity) = WebIdentity::of_profile(profile)? {
        return Ok(Some(Base::WebIdentity(identity)));
    }
    if sign_in::is_in(profile) {
        sign_in::check(profile, profiles, files)?;
        return Ok(Some(Base::SingleSignOn));
    }
    // Keys in the credentials file count before a program, those in the configuration file after it.
    if let Some(stored) = stored.get_profile(profile.name())
        && has_keys(stored)
    {
        return Ok(keys_of(stored)?.map(Base::Keys));
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
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Base::Process(command.to_owned())));
    }
    Ok(keys_of(profile)?.map(Base::Keys))
}

/// Whether there is any part of a key.
fn has_keys(profile: &Profile) -> bool {
    ["aws_access_key_id", "aws_secret_access_key"]
        .iter()
        .any(|key| profile.get(key).is_some())
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

pub(super) fn of_profile(profile: &Profile, problem: &str) -> ProviderError {
    wrong(format!("the profile `{}` {problem}", profile.name()))
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
