//! A role that is taken with a token of somebody else's, which is in a file.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html>

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_config::profile::Profile;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use infra_core::{ErrorClass, ProviderError};
use infra_provider::ProviderResult;

use super::{set, token, wrong};
use crate::errors::{AwsResult, missing};

/// A token in a file, and the role that is taken with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The role.
    pub role_arn: String,
    /// What names it.
    role_by: String,
    /// The file that the token is in.
    pub token_file: String,
    /// What names that.
    token_by: String,
    /// The session's name, where it is not left to us.
    session_name: Option<String>,
}

/// The variable and the key of a profile of each of its parts.
const TOKEN_FILE: (&str, &str) = ("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
const ROLE_ARN: (&str, &str) = ("AWS_ROLE_ARN", "role_arn");
const SESSION_NAME: (&str, &str) = ("AWS_ROLE_SESSION_NAME", "role_session_name");

const TRUST: &str = "the role's trust policy has to allow `sts:AssumeRoleWithWebIdentity` for the issuer, the audience and the \
     subject of the token";

const EXPIRED: &str = "the token in the file has expired: have a new one written there, then run the same command again, which \
     goes on from here";

impl WebIdentity {
    /// What the environment says, and the profile where that is silent; each part for itself.
    ///
    /// # Errors
    /// There is no role, or no token.
    pub(super) fn of_environment(
        variables: &BTreeMap<String, String>,
        profile: Option<&Profile>,
    ) -> ProviderResult<Option<Self>> {
        Self::of(|(variable, key)| match set(variables, variable) {
            Some(value) => Some((value.to_owned(), variable.to_owned())),
            None => of_profile(profile?, key),
        })
    }

    /// What a profile says by itself.
    ///
    /// # Errors
    /// There is no role, or no token.
    pub(super) fn of_profile(profile: &Profile) -> ProviderResult<Option<Self>> {
        Self::of(|(_, key)| of_profile(profile, key))
    }

    fn of(part: impl Fn((&str, &str)) -> Option<(String, String)>) -> ProviderResult<Option<Self>> {
        let Some((token_file, token_by)) = part(TOKEN_FILE) else {
            return Ok(None);
        };
        let Some((role_arn, role_by)) = part(ROLE_ARN) else {
            let (variable, key) = ROLE_ARN;
            let role = match token_by == TOKEN_FILE.0 {
                true => variable,
                false => key,
            };
            return Err(wrong(format!("{token_by} is set, and {role} is not"))
                .hint(format!("{role} is the role that is taken with the token")));
        };
        check(&token_file, &token_by)?;
        Ok(Some(Self {
            role_arn,
            role_by,
            token_file,
            token_by,
            session_name: part(SESSION_NAME).map(|(name, _)| name),
        }))
    }

    fn not_taken(&self, error: ProviderError) -> ProviderError {
        let message = format!(
            "the role {} of {} was not given for the token of {}: {}",
            self.role_arn, self.role_by, self.token_by, error.message
        );
        if matches!(error.class, ErrorClass::Throttled | ErrorClass::Transient) {
            return ProviderError { message, ..error };
        }
        let hint = match error.code.as_deref() {
            Some(code) if code.contains("Expired") => EXPIRED,
            _ => TRUST,
        };
        let class = ErrorClass::Credentials;
        ProviderError {
            class,
            message,
            ..error
        }
        .hint(hint)
    }
}

fn of_profile(profile: &Profile, key: &str) -> Option<(String, String)> {
    let value = profile.get(key).filter(|value| !value.trim().is_empty())?;
    Some((
        value.to_owned(),
        format!("`{key}` of the profile `{}`", profile.name()),
    ))
}

fn check(file: &str, by: &str) -> ProviderResult<()> {
    let hint = "whoever gives the identity writes it: EKS mounts it for a service account that has a role; in CI the job writes \
                its ID token there before `infra` begins";
    token::check("the web identity's token", file, by, hint)
}

/// Takes the role, each time with the token that is in the file by then.
#[derive(Debug)]
pub(super) struct WebIdentityProvider {
    identity: WebIdentity,
    config: SdkConfig,
    session_name: String,
}

impl WebIdentityProvider {
    pub fn new(identity: &WebIdentity, config: &SdkConfig, session_name: &str) -> Self {
        Self {
            identity: identity.clone(),
            config: config.clone(),
            session_name: identity
                .session_name
                .clone()
                .unwrap_or_else(|| session_name.to_owned()),
        }
    }

    async fn take(&self) -> ProviderResult<Credentials> {
        let WebIdentity {
            token_file, token_by, ..
        } = &self.identity;
        check(token_file, token_by)?;
        let token = tokio::fs::read_to_string(token_file).await.map_err(|error| {
            wrong(format!(
                "the file of the web identity's token cannot be read: {error}: {token_file}, which {token_by} names"
            ))
        })?;
        let answer = aws_sdk_sts::Client::new(&self.config)
            .assume_role_with_web_identity()
            .role_arn(&self.identity.role_arn)
            .role_session_name(&self.session_name)
            .web_identity_token(token.trim_end())
            .send()
            .await
            .aws("sts", "AssumeRoleWithWebIdentity")
            .map_err(|error| self.identity.not_taken(error))?;
        let taken = answer
            .credentials()
            .ok_or_else(|| missing("sts", "AssumeRoleWithWebIdentity", "credentials"))?;
        Ok(Credentials::new(
            taken.access_key_id(),
            taken.secret_access_key(),
            Some(taken.session_token().to_owned()),
            (*taken.expiration()).try_into().ok(),
            "WebIdentityToken",
        ))
    }
}

impl ProvideCredentials for WebIdentityProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.provide().await })
    }
}

impl WebIdentityProvider {
    async fn provide(&self) -> Result {
        self.take().await.map_err(CredentialsError::provider_error)
    }
}
