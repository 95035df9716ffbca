//! Who asks: Basic credentials, and the Bearer tokens that some registries want instead.
//!
//! The flow is that of the [token authentication
//! specification](https://distribution.github.io/distribution/spec/auth/token/).

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::address::{Address, require_safe, shown};
use super::challenge::{self, Challenge};
use crate::error::{Error, ErrorClass};
use crate::network::Network;

/// What a registry is asked with. `Debug` does not show its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    secret: Secret,
    /// Whether no other host may see them, not even one that the registry names.
    confined: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Password {
        username: String,
        password: String,
    },
    /// What the registry's token service gives tokens for, in the manner of OAuth2.
    Refresh(String),
    /// A token of the registry's own, sent as it is.
    Bearer(String),
}

impl Credentials {
    /// A user name and a password.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::of(Secret::Password {
            username: username.into(),
            password: password.into(),
        })
    }

    /// An identity token, as some registries give it at a login: their token service gives tokens for it.
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self::of(Secret::Refresh(token.into()))
    }

    /// A token that the registry takes as it is.
    pub fn registry_token(token: impl Into<String>) -> Self {
        Self::of(Secret::Bearer(token.into()))
    }

    fn of(secret: Secret) -> Self {
        Self {
            secret,
            confined: false,
        }
    }

    /// The same, for the registry's own host only: a token service on another host does not get them.
    #[must_use]
    pub fn confined(self) -> Self {
        Self {
            confined: true,
            ..self
        }
    }

    /// The base64 of `user:password`, as cloud registries hand out their tokens.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] when it is not that.
    pub fn from_basic_token(token: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::invalid(
                "reading a registry token",
                "it is not the base64 of a user name, `:` and a password",
            )
        };
        let text = STANDARD
            .decode(token.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(wrong)?;
        let (username, password) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self::new(username, password))
    }

    fn header(&self) -> Option<HeaderValue> {
        match &self.secret {
            Secret::Password { username, password } => secret(&format!(
                "Basic {}",
                STANDARD.encode(format!("{username}:{password}"))
            )),
            Secret::Bearer(token) => secret(&format!("Bearer {token}")),
            Secret::Refresh(_) => None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Credentials");
        match &self.secret {
            Secret::Password { username, .. } => shown.field("username", username),
            Secret::Refresh(_) => shown.field("kind", &"identity token"),
            Secret::Bearer(_) => shown.field("kind", &"registry token"),
        };
        shown.finish_non_exhaustive()
    }
}

/// What a request is allowed to do with the token that it carries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope(Vec<String>);

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull")])
    }

    /// Pushing to a repository, and mounting from others.
    pub(crate) fn push(repository: &str, mount_from: &[String]) -> Self {
        let mut scopes = vec![format!("repository:{repository}:pull,push")];
        scopes.extend(mount_from.iter().map(|from| format!("repository:{from}:pull")));
        Self(scopes)
    }
}

/// The token of a scope, and where the next one comes from.
struct Token {
    header: HeaderValue,
    expires_at: Instant,
    realm: Realm,
}

#[derive(Clone)]
struct Realm {
    url: Url,
    service: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

/// A token that names no lifetime lives 60 seconds, per the specification.
const DEFAULT_LIFETIME_SECONDS: u64 = 60;

/// Renewed this much early, so that it does not expire on the way.
const MARGIN_SECONDS: u64 = 10;

const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Credentials and the tokens got with them.
pub(crate) struct Authority {
    address: Address,
    credentials: Option<Credentials>,
    network: Network,
    tokens: Mutex<HashMap<Scope, Token>>,
    /// The identity token that the token service gave instead of ours, if it did.
    refreshed: Mutex<Option<String>>,
}

impl Authority {
    pub(crate) fn new(address: Address, credentials: Option<Credentials>, network: Network) -> Self {
        Self {
            address,
            credentials,
            network,
            tokens: Mutex::default(),
            refreshed: Mutex::default(),
        }
    }

    /// What a request carries: the token of its scope, renewed if it is about to expire; else the
    /// credentials; else nothing.
    pub(crate) async fn header(
        &self,
        client: &reqwest::Client,
        scope: &Scope,
    ) -> Result<Option<HeaderValue>, Error> {
        let mut tokens = self.tokens.lock().await;
        let Some(token) = tokens.get(scope) else {
            return Ok(self.credentials.as_ref().and_then(Credentials::header));
        };
        if Instant::now() < token.expires_at {
            return Ok(Some(token.header.clone()));
        }
        let realm = token.realm.clone();
        let token = self.fetch(client, scope, realm).await?;
        let header = token.header.clone();
        tokens.insert(scope.clone(), token);
        Ok(Some(header))
    }

    /// Answers a 401. `true` if the request may be made again with what [`Authority::header`] gives now.
    pub(crate) async fn renew(
        &self,
        client: &reqwest::Client,
        scope: &Scope,
        refused: Option<&HeaderValue>,
        answer: &HeaderMap,
    ) -> Result<bool, Error> {
        let secret = self.credentials.as_ref().map(|credentials| &credentials.secret);
        // Instead of a token that the registry does not take it would give one for nobody.
        if matches!(secret, Some(Secret::Bearer(_))) {
            return Ok(false);
        }
        let Some(realm) = bearer_realm(answer)? else {
            return Ok(false);
        };
        let mut tokens = self.tokens.lock().await;
        // Several requests may have been refused with the same token: the first of them renews it.
        if tokens
            .get(scope)
            .is_some_and(|token| Some(&token.header) != refused)
        {
            return Ok(true);
        }
        let token = self.fetch(client, scope, realm).await?;
        tokens.insert(scope.clone(), token);
        Ok(true)
    }

    async fn fetch(&self, client: &reqwest::Client, scope: &Scope, realm: Realm) -> Result<Token, Error> {
        let url = realm.url.clone();
        let doing = format!("getting a token from {}", shown(&url));
        let is_confined = self
            .credentials
            .as_ref()
            .is_some_and(|credentials| credentials.confined);
        if is_confined && !self.address.trusts(&url) {
            let problem = format!("the credentials are for {} only", self.address.shown());
            return Err(Error::new(ErrorClass::Denied, doing, problem).with_hint(
                "check the registry's address: this one sends its callers elsewhere for a token",
            ));
        }
        let way = self.network.proxies.of(&url);
        let way = way.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
        let request = self.question(client, scope, &realm).await;
        let lost = |error: reqwest::Error| {
            let lost = match self.network.certificate_hint(&error) {
                Some(hint) => Error::new(
                    ErrorClass::Other,
                    doing.as_str(),
                    format!("it was not asked{way}"),
                )
                .with_hint(hint),
                None => Error::transient(doing.as_str(), format!("there was no answer{way}")),
            };
            lost.caused_by(error.without_url())
        };
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        if !status.is_success() {
            let class = match status.as_u16() {
                401 => ErrorClass::Unauthorized,
                403 => ErrorClass::Denied,
                429 | 500..=599 => ErrorClass::Transient,
                _ => ErrorClass::Other,
            };
            return Err(Error::new(class, doing, format!("the answer was {status}"))
                .answered(status.as_u16(), Vec::new(), None)
                .with_hint(self.hint()));
        }
        let body = answer.bytes().await.map_err(lost)?;
        let unusable = || Error::new(ErrorClass::Other, doing.as_str(), "the answer holds no token");
        let answer: TokenAnswer =
            serde_json::from_slice(&body).map_err(|error| unusable().caused_by(error))?;
        if let Some(refreshed) = answer.refresh_token.filter(|token| !token.is_empty()) {
            *self.refreshed.lock().await = Some(refreshed);
        }
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| !token.is_empty());
        let header = token
            .and_then(|token| secret(&format!("Bearer {token}")))
            .ok_or_else(unusable)?;
        let lifetime = answer
            .expires_in
            .unwrap_or(DEFAULT_LIFETIME_SECONDS)
            .min(MOST_LIFETIME_SECONDS);
        let expires_at = Instant::now() + Duration::from_secs(lifetime.saturating_sub(MARGIN_SECONDS));
        Ok(Token {
            header,
            expires_at,
            realm,
        })
    }

    /// The request for a token: that of the token specification, or for an identity token [that of
    /// OAuth2](https://distribution.github.io/distribution/spec/auth/oauth/).
    async fn question(&self, client: &reqwest::Client, scope: &Scope, realm: &Realm) -> RequestBuilder {
        let mut url = realm.url.clone();
        let service = realm.service.as_deref();
        if let Some(Secret::Refresh(given)) = self.credentials.as_ref().map(|credentials| &credentials.secret)
        {
            let refreshed = self.refreshed.lock().await;
            let scopes = scope.0.join(" ");
            // What the form holds is written as a query is.
            let mut form = url.clone();
            form.set_query(None);
            form.query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", refreshed.as_ref().unwrap_or(given))
                .append_pair("client_id", "infra")
                .append_pair("service", service.unwrap_or_default())
                .append_pair("scope", &scopes);
            let form = form.query().unwrap_or_default().to_owned();
            let request = client.post(url).timeout(TOKEN_TIMEOUT);
            return request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form);
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in &scope.0 {
                query.append_pair("scope", scope);
            }
        }
        let request = client.get(url).timeout(TOKEN_TIMEOUT);
        match self.credentials.as_ref().and_then(Credentials::header) {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        }
    }

    /// What to do when no token is given.
    fn hint(&self) -> String {
        let host = self.address.shown();
        match self.credentials.as_ref().map(|credentials| &credentials.secret) {
            Some(Secret::Refresh(_)) => format!(
                "the identity token of the login for {host} is no longer good: sign in again (`az acr login` for a registry of \
                 Azure, else `docker login`)"
            ),
            _ => "check the user name and the password for the registry".to_owned(),
        }
    }
}

/// Bounds what is added to a clock; a day is more than any push takes.
const MOST_LIFETIME_SECONDS: u64 = 24 * 60 * 60;

fn bearer_realm(answer: &HeaderMap) -> Result<Option<Realm>, Error> {
    let challenges = answer
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(challenge::parse)
        .collect::<Vec<Challenge>>();
    let Some(bearer) = challenges.iter().find(|challenge| challenge.scheme == "bearer") else {
        return Ok(None);
    };
    let doing = "reading the registry's challenge";
    let realm = bearer.parameter("realm").unwrap_or_default();
    let url: Url = realm.parse().map_err(|error| {
        Error::invalid(doing, format!("its realm `{realm}` is no address")).caused_by(error)
    })?;
    // The credentials go there.
    require_safe(&url, doing)?;
    Ok(Some(Realm {
        url,
        service: bearer.parameter("service").map(str::to_owned),
    }))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_tokens_are_taken_apart() {
        let token = STANDARD.encode("AWS:not:a-real-password");
        let credentials = Credentials::from_basic_token(&token).unwrap();
        assert_eq!(credentials, Credentials::new("AWS", "not:a-real-password"));
        assert!(!format!("{credentials:?}").contains("real"));
        for wrong in ["", "%%%", &STANDARD.encode("no colon")] {
            assert!(Credentials::from_basic_token(wrong).is_err(), "{wrong}");
        }
    }
}
