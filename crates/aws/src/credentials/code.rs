//! The code of a device that has to confirm.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use infra_core::{ErrorClass, ProviderError};
use infra_provider::ProviderResult;
use tokio::sync::Mutex;

use super::profiles::Role;
use super::wrong;

/// Asks whoever is there for the code that a device shows.
pub trait AskCode: Send + Sync {
    /// What was typed, for the device with this serial number or ARN; `None` when nothing was.
    fn code<'a>(&'a self, device: &'a str) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;
}

/// The sessions of this process that a code was given for, by what they were asked for with. AWS takes no code twice,
/// and several stacks of one command are reached by one profile.
pub(super) static SESSIONS: LazyLock<Mutex<BTreeMap<String, Credentials>>> = LazyLock::new(Mutex::default);

/// How long a session has to be good for to be taken again.
const LEFT: Duration = Duration::from_secs(300);

/// Whether a session is still good.
pub(super) fn is_good(session: &Credentials) -> bool {
    let until = session.expiry();
    until.is_none_or(|until| until > SystemTime::now() + LEFT)
}

/// The code of a role's device.
///
/// # Errors
/// Nobody is there to ask, or what was given is no code.
pub(super) async fn of(role: &Role, device: &str, ask: Option<&Arc<dyn AskCode>>) -> ProviderResult<String> {
    let Role { profile, .. } = role;
    let Some(ask) = ask else {
        return Err(
            wrong(format!(
                "the profile `{profile}` wants a code of {device} (`mfa_serial`), and nobody is there to give it"
            ))
            .hint(format!(
                "run it at a terminal; or sign in before with a code and pass the session on: `eval \"$(aws configure \
                 export-credentials --profile {profile} --format env)\"`. In CI take a role whose trust policy asks for no \
                 code, such as one for the job's own web identity"
            )),
        );
    };
    let given = ask.code(device).await.unwrap_or_default();
    let code = given.trim();
    if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(code.to_owned());
    }
    let message = format!("no code of {device} was given for the profile `{profile}`");
    Err(wrong(message).hint("a code has six digits; run the same command again with the next one"))
}

/// A session that a code was given for has ended while a run goes on.
pub(super) fn ended(role: &Role) -> ProviderError {
    ProviderError::new(
        ErrorClass::Credentials,
        format!(
            "the session of the role {} that a code was given for has ended",
            role.arn
        ),
    )
    .hint(format!(
        "run the same command again with a new code, which goes on from here; `duration_seconds` of the profile `{}` makes \
         sessions last longer, as far as the role allows",
        role.profile
    ))
}
