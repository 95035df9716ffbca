//! A sign-in with `aws sso login`, as a profile has it.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>

use aws_config::profile::{Profile, ProfileSet};
use infra_core::nearest;
use infra_provider::ProviderResult;

use super::Files;
use super::profiles::of_profile;

/// Whether a profile's credentials are those of a sign-in: it names an account or a role. One that names a session alone
/// is for tokens, not for credentials.
pub(super) fn is_in(profile: &Profile) -> bool {
    ["sso_account_id", "sso_role_name"]
        .iter()
        .any(|key| profile.get(key).is_some())
}

/// Looks whether there is all that a sign-in needs, which no signing in would mend.
///
/// # Errors
/// Something is missing.
pub(super) fn check(profile: &Profile, profiles: &ProfileSet, files: &Files) -> ProviderResult<()> {
    let session = match profile.get("sso_session") {
        None => None,
        Some(name) => match profiles.sso_session(name) {
            Some(session) => Some((name, session)),
            None => return Err(no_session(profile, name, profiles, files)),
        },
    };
    let of_session = |key: &str| session.is_some_and(|(_, session)| session.get(key).is_some());
    let keys = ["sso_account_id", "sso_role_name", "sso_start_url", "sso_region"];
    let is_missing = |key: &&str| profile.get(key).is_none() && !of_session(key);
    let missing: Vec<String> = keys
        .into_iter()
        .filter(is_missing)
        .map(|key| format!("`{key}`"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let place = match session {
        Some((name, _)) => {
            format!("`[sso-session {name}]` has `sso_start_url` and `sso_region`, the profile the rest")
        }
        None => {
            "the profile has all four, or names an `sso_session` that has `sso_start_url` and `sso_region`"
                .to_owned()
        }
    };
    let problem = format!(
        "signs in with `aws sso login`, and has no {}",
        missing.join(", no ")
    );
    Err(of_profile(profile, &problem).hint(format!("{place}; `aws configure sso` writes them")))
}

fn no_session(
    profile: &Profile,
    name: &str,
    profiles: &ProfileSet,
    files: &Files,
) -> infra_core::ProviderError {
    let mut known: Vec<&str> = profiles.sso_sessions().collect();
    known.sort_unstable();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => {
            "there is no session at all; `aws configure sso-session` makes one".to_owned()
        }
        None => format!("sessions there: {}", known.join(", ")),
    };
    let problem = format!(
        "has `sso_session = {name}`, and there is no `[sso-session {name}]` in {}",
        files.config
    );
    of_profile(profile, &problem).hint(hint)
}
