//! One request to a registry: who asks, what counts as passing trouble, and what a refusal means.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, HeaderValue};
use reqwest::{Body, Method, Response, StatusCode, Url};

use super::address::{Address, require_safe, shown};
use super::auth::{Authority, Credentials, Scope};
use super::refusal::{class_of, faults, hint, is_passing, retry_after};
use crate::error::{Error, ErrorClass};
use crate::network::Network;

/// How patient the client is, and which way it goes. The defaults suit registries across the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrySettings {
    /// How often a request, or the upload of a blob, is tried in all. At least 1.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each further one.
    pub first_delay: Duration,
    /// The longest wait between two attempts, also when the registry asks for a longer one.
    pub longest_delay: Duration,
    /// How long a registry may take to answer what was sent completely.
    pub answer_timeout: Duration,
    /// How long an upload or download may stand still.
    pub stall_timeout: Duration,
    /// How the registry, and what it names, is reached.
    pub network: Network,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(300),
            stall_timeout: Duration::from_secs(60),
            network: Network::default(),
        }
    }
}

impl RegistrySettings {
    /// The wait after a failed attempt, the first attempt being 1.
    pub(crate) fn delay_after(&self, attempt: u32, error: &Error) -> Duration {
        let doubled = self
            .first_delay
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        doubled
            .max(error.retry_after().unwrap_or_default())
            .min(self.longest_delay)
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const MOST_REDIRECTS: usize = 5;

/// More of a refusal than this is not read.
const LONGEST_REFUSAL_BYTES: usize = 64 * 1024;

/// The client of one registry. Clones share connections, tokens and nothing else.
#[derive(Clone)]
pub(crate) struct Transport {
    client: reqwest::Client,
    pub(crate) address: Address,
    authority: Arc<Authority>,
    pub(crate) settings: RegistrySettings,
    requests: Arc<AtomicU64>,
}

/// A request. `doing` begins its errors, such as "pushing blob sha256:…".
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) scope: &'a Scope,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) doing: &'a str,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, url: Url, scope: &'a Scope, doing: &'a str) -> Self {
        Self {
            method,
            url,
            scope,
            headers: Vec::new(),
            doing,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// "PUT https://…", as errors name the request.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, shown(&self.url))
    }
}

/// An answer, and the credentials that the request carried.
pub(crate) struct Answer {
    pub(crate) response: Response,
    carried: Option<HeaderValue>,
}

impl Transport {
    pub(crate) fn new(
        address: Address,
        credentials: Option<Credentials>,
        settings: RegistrySettings,
    ) -> Result<Self, Error> {
        let redirects = reqwest::redirect::Policy::custom(|attempt| {
            if attempt.previous().len() > MOST_REDIRECTS {
                attempt.error("too many redirects")
            } else if require_safe(attempt.url(), "following a redirect").is_err() {
                attempt.error("a redirect away from https is refused")
            } else {
                attempt.follow()
            }
        });
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("infra/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            // What the other side does not take in that time has stalled, also within the system's buffers.
            .tcp_user_timeout(settings.stall_timeout)
            .redirect(redirects)
            .no_proxy();
        let proxies = &settings.network.proxies;
        if !proxies.is_empty() {
            let proxies = proxies.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| {
                proxies.of(url).map(|proxy| proxy.url().clone())
            }));
        }
        let doing = "making an HTTP client";
        let failed = |error| Error::new(ErrorClass::Other, doing, "it cannot be set up").caused_by(error);
        let trust = &settings.network.trust;
        // This machine's are not read for a registry on it that needs none.
        if address.is_tls() || !trust.is_machines() {
            builder = builder.tls_built_in_root_certs(trust.is_machines());
            for certificate in trust.certificates() {
                builder = builder
                    .add_root_certificate(reqwest::Certificate::from_der(certificate).map_err(failed)?);
            }
        }
        let client = builder.build().map_err(failed)?;
        let authority = Arc::new(Authority::new(
            address.clone(),
            credentials,
            settings.network.clone(),
        ));
        Ok(Self {
            client,
            address,
            authority,
            settings,
            requests: Arc::default(),
        })
    }

    /// The same client, counting its requests from zero.
    pub(crate) fn counting_anew(&self) -> Self {
        Self {
            requests: Arc::default(),
            ..self.clone()
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a request that may be repeated, until there is an answer that is not passing trouble. Any
    /// other status is the caller's to judge. The answer is short: its time is bounded as a whole.
    pub(crate) async fn send(&self, call: &Call<'_>, body: Option<Bytes>) -> Result<Response, Error> {
        self.repeat(call, body, Some(self.settings.answer_timeout)).await
    }

    /// As [`Transport::send`], for an answer whose body may take any time.
    pub(crate) async fn open(&self, call: &Call<'_>) -> Result<Response, Error> {
        self.repeat(call, None, None).await
    }

    async fn repeat(
        &self,
        call: &Call<'_>,
        body: Option<Bytes>,
        timeout: Option<Duration>,
    ) -> Result<Response, Error> {
        let mut renewed = false;
        let mut attempt = 1;
        loop {
            let once = self.send_once(call, body.clone().map(Body::from), timeout);
            let answer = match tokio::time::timeout(self.settings.answer_timeout, once).await {
                Ok(answer) => answer,
                Err(_) => Err(self.late(call)),
            };
            let error = match answer {
                Ok(answer) if answer.response.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    match self.renew(call.scope, &answer).await {
                        Ok(true) => {
                            renewed = true;
                            continue;
                        }
                        Ok(false) => return Err(self.refusal(call, answer.response).await),
                        Err(error) => error,
                    }
                }
                Ok(answer) if is_passing(answer.response.status()) => {
                    self.refusal(call, answer.response).await
                }
                Ok(answer) => return Ok(answer.response),
                Err(error) => error,
            };
            if error.class() != ErrorClass::Transient || attempt >= self.settings.attempts {
                return Err(error);
            }
            tokio::time::sleep(self.settings.delay_after(attempt, &error)).await;
            attempt += 1;
        }
    }

    /// Sends a request once. An error is of class Transient when there was no answer.
    pub(crate) async fn send_once(
        &self,
        call: &Call<'_>,
        body: Option<Body>,
        timeout: Option<Duration>,
    ) -> Result<Answer, Error> {
        let mut request = self.client.request(call.method.clone(), call.url.clone());
        let mut carried = None;
        if self.address.trusts(&call.url) {
            carried = self.authority.header(&self.client, call.scope).await?;
            if let Some(header) = &carried {
                request = request.header(AUTHORIZATION, header.clone());
            }
        }
        for (name, value) in &call.headers {
            request = request.header(name, value.clone());
        }
        request = match body {
            Some(body) => request.body(body),
            // Without a body some servers still insist on being told that there is none.
            None if call.method != Method::GET && call.method != Method::HEAD => {
                request.header(CONTENT_LENGTH, HeaderValue::from_static("0"))
            }
            None => request,
        };
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        match request.send().await {
            Ok(response) => Ok(Answer { response, carried }),
            Err(error) if error.is_redirect() => Err(Error::invalid(
                call.doing,
                format!("{} was redirected", call.shown()),
            )
            .caused_by(error.without_url())),
            Err(error) => Err(self.lost(call, error)),
        }
    }

    /// No answer, or not all of it.
    pub(crate) fn lost(&self, call: &Call<'_>, error: reqwest::Error) -> Error {
        if error.is_timeout() {
            return self.late(call).caused_by(error.without_url());
        }
        // That is the same however often it is tried.
        if let Some(hint) = self.settings.network.certificate_hint(&error) {
            return Error::new(
                ErrorClass::Other,
                call.doing,
                format!("{} was not sent{}", call.shown(), self.way(call)),
            )
            .caused_by(error.without_url())
            .with_hint(hint);
        }
        let hint = match self.settings.network.proxies.of(&call.url) {
            Some(proxy) => format!(
                "check that the proxy {proxy} can be reached from here and lets {} through; NO_PROXY names what is \
                 asked directly",
                self.address.shown()
            ),
            None => format!("check that {} can be reached from here", self.address.shown()),
        };
        Error::transient(
            call.doing,
            format!("{} was not answered{}", call.shown(), self.way(call)),
        )
        .caused_by(error.without_url())
        .with_hint(hint)
    }

    fn late(&self, call: &Call<'_>) -> Error {
        Error::transient(
            call.doing,
            format!("{} was not answered in time{}", call.shown(), self.way(call)),
        )
    }

    /// " through the proxy …", if the request goes through one.
    fn way(&self, call: &Call<'_>) -> String {
        let proxy = self.settings.network.proxies.of(&call.url);
        proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"))
    }

    /// After a 401: `true` if there is a new token to try.
    pub(crate) async fn renew(&self, scope: &Scope, answer: &Answer) -> Result<bool, Error> {
        let headers = answer.response.headers();
        self.authority
            .renew(&self.client, scope, answer.carried.as_ref(), headers)
            .await
    }

    /// The error that an answer means which was not hoped for.
    pub(crate) async fn refusal(&self, call: &Call<'_>, mut response: Response) -> Error {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(piece)) = response.chunk().await {
                body.extend_from_slice(&piece);
                if body.len() > LONGEST_REFUSAL_BYTES {
                    break;
                }
            }
        };
        // A refusal whose text does not come is still a refusal.
        let _ = tokio::time::timeout(self.settings.stall_timeout, read).await;
        let faults = faults(&body);
        let class = class_of(status, &faults);
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {}", said.join("; "))
        };
        let problem = format!("{} was answered with {status}{said}", call.shown());
        let error = Error::new(class, call.doing, problem).answered(status.as_u16(), faults, retry_after);
        match hint(class) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        let settings = RegistrySettings {
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(5),
            ..RegistrySettings::default()
        };
        let plain = Error::transient("a", "b");
        let waits: Vec<u64> = (1..5)
            .map(|n| settings.delay_after(n, &plain).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 5]);
        assert_eq!(settings.delay_after(u32::MAX, &plain).as_secs(), 5);
        let asked = plain.answered(429, Vec::new(), Some(Duration::from_secs(3)));
        assert_eq!(settings.delay_after(1, &asked).as_secs(), 3);
    }
}
