//! The roles of a profile, taken one after the other, with what the SDK leaves out: how long, and with which code.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_config::SdkConfig;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use infra_core::ProviderError;
use infra_provider::ProviderResult;
use tokio::sync::Mutex;

use super::code::{self, AskCode, SESSIONS};
use super::process::Process;
use super::profiles::{Base, Chain, Role};
use super::web_identity::WebIdentityProvider;
use super::{container, machine, sources};
use crate::errors::{AwsResult, missing};

/// Takes the roles of a profile.
pub(super) struct Taking {
    base: SharedCredentialsProvider,
    roles: Vec<Role>,
    config: SdkConfig,
    session_name: String,
    ask_code: Option<Arc<dyn AskCode>>,
    /// Whether a person may still be asked: only before the run begins.
    begins: AtomicBool,
    /// What was taken before the first call, for that call.
    first: Mutex<Option<Credentials>>,
}

impl fmt::Debug for Taking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taking")
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl Taking {
    pub fn new(
        chain: &Chain,
        config: &SdkConfig,
        session_name: &str,
        ask_code: Option<Arc<dyn AskCode>>,
    ) -> Self {
        Self {
            base: base(chain, config, session_name),
            roles: chain.roles.clone(),
            config: config.clone(),
            session_name: session_name.to_owned(),
            ask_code,
            begins: AtomicBool::new(true),
            first: Mutex::default(),
        }
    }

    /// Takes them for the first time.
    ///
    /// # Errors
    /// There are no first credentials, or a role is not to be had.
    pub async fn begin(&self) -> std::result::Result<(), CredentialsError> {
        let taken = self.take().await?;
        *self.first.lock().await = Some(taken);
        self.begins.store(false, Ordering::Relaxed);
        Ok(())
    }

    async fn credentials(&self) -> Result {
        let first = self.first.lock().await.take();
        match first {
            Some(first) => Ok(first),
            None => self.take().await,
        }
    }

    async fn take(&self) -> Result {
        let mut credentials = self.base.provide_credentials().await?;
        for role in &self.roles {
            let taken = match &role.mfa_serial {
                None => self.assume(role, credentials, None).await,
                Some(device) => self.with_code(role, credentials, device).await,
            };
            credentials = taken.map_err(CredentialsError::provider_error)?;
        }
        Ok(credentials)
    }

    async fn with_code(&self, role: &Role, own: Credentials, device: &str) -> ProviderResult<Credentials> {
        let key = format!("{role:?} as {}", own.access_key_id());
        let mut sessions = SESSIONS.lock().await;
        if let Some(session) = sessions.get(&key).filter(|session| code::is_good(session)) {
            return Ok(session.clone());
        }
        if !self.begins.load(Ordering::Relaxed) {
            return Err(code::ended(role));
        }
        let code = code::of(role, device, self.ask_code.as_ref()).await?;
        let session = self.assume(role, own, Some((device, code))).await?;
        sessions.insert(key, session.clone());
        Ok(session)
    }

    async fn assume(
        &self,
        role: &Role,
        own: Credentials,
        code: Option<(&str, String)>,
    ) -> ProviderResult<Credentials> {
        let config = self.config.to_builder();
        let config = config
            .credentials_provider(SharedCredentialsProvider::new(own))
            .build();
        let (serial_number, token_code) = match code {
            Some((device, code)) => (Some(device.to_owned()), Some(code)),
            None => (None, None),
        };
        let answer = aws_sdk_sts::Client::new(&config)
            .assume_role()
            .role_arn(&role.arn)
            .set_external_id(role.external_id.clone())
            .role_session_name(role.session_name.as_ref().unwrap_or(&self.session_name))
            .set_duration_seconds(role.duration_seconds)
            .set_serial_number(serial_number)
            .set_token_code(token_code)
            .send()
            .await
            .aws("sts", "AssumeRole")
            .map_err(|error| not_taken(role, error))?;
        let taken = answer
            .credentials()
            .ok_or_else(|| missing("sts", "AssumeRole", "credentials"))?;
        Ok(Credentials::new(
            taken.access_key_id(),
            taken.secret_access_key(),
            Some(taken.session_token().to_owned()),
            (*taken.expiration()).try_into().ok(),
            "AssumeRoleProvider",
        ))
    }
}

impl ProvideCredentials for Taking {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

fn not_taken(role: &Role, error: ProviderError) -> ProviderError {
    let message = format!(
        "the role {} of the profile `{}` was not given: {}",
        role.arn, role.profile, error.message
    );
    let error = ProviderError { message, ..error };
    let lower = error.message.to_lowercase();
    if lower.contains("multifactorauthentication") && role.mfa_serial.is_some() {
        return error.hint(
            "AWS takes each code once and for half a minute: run the same command again with the next one; `mfa_serial` is the \
             ARN of a device of whoever takes the role",
        );
    }
    if lower.contains("durationseconds") {
        return error.hint(
            "`duration_seconds` of the profile is longer than the role allows (its `MaxSessionDuration`, and one hour where the \
             role is taken from another role)",
        );
    }
    error
}

/// The first credentials of a profile.
fn base(chain: &Chain, config: &SdkConfig, session_name: &str) -> SharedCredentialsProvider {
    match &chain.base {
        Base::Keys(keys) => SharedCredentialsProvider::new(keys.clone()),
        Base::Process(command) => SharedCredentialsProvider::new(Process::new(command, &chain.base_profile)),
        Base::SingleSignOn => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder()
                .configure(&sources(config))
                .profile_name(&chain.base_profile)
                .build(),
        ),
        Base::WebIdentity(identity) => {
            SharedCredentialsProvider::new(WebIdentityProvider::new(identity, config, session_name))
        }
        Base::Container => container(config),
        Base::Machine => machine(config),
    }
}
