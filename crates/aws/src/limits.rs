//! How fast each service may be called: a token bucket per account, region and service in front of its HTTP
//! clients, halved when AWS throttles and recovering afterwards.
//!
//! AWS counts all that an account does, so clients of several stacks in one process share their buckets. Waiting
//! for a token is no part of a request: its time-out begins when it is sent.
//!
//! Rates are AWS's published ones where there are any (API Gateway: 10 requests/s, burst 40, for the whole
//! account; Route 53: 5/s; EC2: about 100 with 20/s refill for reads), and careful ones elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use tokio::time::Instant;

/// Time for one try of one request, from its sending to the last byte of its answer. AWS's slowest control-plane
/// calls answer within half of this.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);

/// Services that count an account's requests in all regions together.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html>
const GLOBAL: [&str; 2] = ["iam", "route53"];

/// Requests per second and burst of a service.
fn rate(service: &str) -> (f64, f64) {
    match service {
        "apigatewayv2" => (10.0, 40.0),
        "acm" | "route53" | "tagging" => (5.0, 5.0),
        "iam" => (15.0, 50.0),
        "ec2" => (20.0, 100.0),
        "ecr" | "ecs" | "logs" | "elbv2" | "applicationautoscaling" => (20.0, 60.0),
        _ => (20.0, 40.0),
    }
}

/// A token bucket whose rate sinks when the service says "slow down".
#[derive(Debug)]
pub struct Bucket {
    inner: Mutex<Tokens>,
}

#[derive(Debug)]
struct Tokens {
    full_rate: f64,
    rate: f64,
    burst: f64,
    level: f64,
    last: Instant,
}

/// How much of the full rate comes back in a second without throttling.
const RECOVERY_PER_SECOND: f64 = 0.05;
/// The least share of the full rate.
const LEAST_SHARE: f64 = 0.05;

impl Bucket {
    /// A full bucket with this service's rate; `unlimited` for emulators.
    pub fn new(service: &str, unlimited: bool) -> Self {
        let (rate, burst) = if unlimited { (1e6, 1e6) } else { rate(service) };
        let tokens = Tokens {
            full_rate: rate,
            rate,
            burst,
            level: burst,
            last: Instant::now(),
        };
        Self {
            inner: Mutex::new(tokens),
        }
    }

    /// Waits for one token. Tokens are taken in advance, so that waiters keep their order.
    pub async fn take(&self) {
        let wait = {
            let mut tokens = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.refill();
            tokens.level -= 1.0;
            if tokens.level >= 0.0 {
                0.0
            } else {
                -tokens.level / tokens.rate
            }
        };
        if wait > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(wait)).await;
        }
    }

    /// The service throttled: half the rate, and nothing saved up.
    pub fn throttled(&self) {
        let mut tokens = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.refill();
        tokens.rate = (tokens.rate / 2.0).max(tokens.full_rate * LEAST_SHARE);
        tokens.level = tokens.level.min(0.0);
    }
}

impl Tokens {
    fn refill(&mut self) {
        let now = Instant::now();
        let seconds = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        self.level = (self.level + seconds * self.rate).min(self.burst);
        self.rate = (self.rate + seconds * self.full_rate * RECOVERY_PER_SECOND).min(self.full_rate);
    }
}

/// Account, region (empty where it does not matter), service.
type Key = (String, String, &'static str);

/// The buckets of one process, by account, region and service.
#[derive(Debug)]
pub struct Buckets {
    by_key: Mutex<BTreeMap<Key, Arc<Bucket>>>,
}

/// Those of this process.
pub static BUCKETS: Buckets = Buckets::new();

impl Buckets {
    const fn new() -> Self {
        Self {
            by_key: Mutex::new(BTreeMap::new()),
        }
    }

    /// The bucket that all clients of this service share which act in this account and region.
    pub fn shared(&self, account_id: &str, region: &str, service: &'static str) -> Arc<Bucket> {
        let region = if GLOBAL.contains(&service) { "" } else { region };
        let key = (account_id.to_owned(), region.to_owned(), service);
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            by_key
                .entry(key)
                .or_insert_with(|| Arc::new(Bucket::new(service, false))),
        )
    }
}

/// How long a request waited for its token. It travels with the request, so that who measures the attempt can
/// tell waiting from calling.
#[derive(Debug, Clone, Default)]
pub struct Waited(Arc<AtomicU64>);

impl Waited {
    fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }

    /// The time so far.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl Storable for Waited {
    type Storer = StoreReplace<Self>;
}

/// An HTTP client that takes a token before each request, retries included, and then gives it
/// [`ATTEMPT_TIMEOUT`].
#[derive(Debug)]
pub struct LimitedClient {
    inner: SharedHttpClient,
    bucket: Arc<Bucket>,
}

impl LimitedClient {
    /// Puts a bucket in front of a client.
    pub fn new(inner: SharedHttpClient, bucket: Arc<Bucket>) -> Self {
        Self { inner, bucket }
    }
}

impl HttpClient for LimitedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(LimitedConnector {
            inner: self.inner.http_connector(settings, components),
            bucket: Arc::clone(&self.bucket),
        })
    }
}

#[derive(Debug, Clone)]
struct LimitedConnector {
    inner: SharedHttpConnector,
    bucket: Arc<Bucket>,
}

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self { inner, bucket } = self.clone();
        HttpConnectorFuture::new(async move {
            let asked = Instant::now();
            bucket.take().await;
            if let Some(waited) = request.extension::<Waited>() {
                waited.add(asked.elapsed());
            }
            let response = tokio::time::timeout(ATTEMPT_TIMEOUT, answer(&inner, request))
                .await
                .unwrap_or_else(|_| {
                    let seconds = ATTEMPT_TIMEOUT.as_secs();
                    Err(ConnectorError::timeout(
                        format!("no complete answer within {seconds} s").into(),
                    ))
                })?;
            if is_throttle(&response) {
                bucket.throttled();
            }
            Ok(response)
        })
    }
}

/// The whole answer: AWS's control planes stream none, and its bytes count into the time-out.
async fn answer(inner: &SharedHttpConnector, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let mut response = inner.call(request).await?;
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let bytes = ByteStream::new(body)
        .collect()
        .await
        .map_err(|error| ConnectorError::io(error.into()))?;
    *response.body_mut() = SdkBody::from(bytes.into_bytes());
    Ok(response)
}

fn is_throttle(response: &HttpResponse) -> bool {
    match response.status().as_u16() {
        429 => return true,
        400 | 503 => {}
        _ => return false,
    }
    let text = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
    ["Throttl", "RequestLimitExceeded", "TooManyRequests"]
        .iter()
        .any(|code| text.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_the_rest_comes_at_the_rate() {
        let bucket = Bucket::new("route53", false);
        let start = Instant::now();
        for _ in 0..15 {
            bucket.take().await;
        }
        assert_eq!(start.elapsed().as_millis().div_ceil(100), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_halves_the_rate_which_recovers() {
        let bucket = Bucket::new("route53", false);
        bucket.throttled();
        let start = Instant::now();
        for _ in 0..5 {
            bucket.take().await;
        }
        assert!(
            start.elapsed() > Duration::from_millis(1500),
            "{:?}",
            start.elapsed()
        );
        tokio::time::sleep(Duration::from_secs(60)).await;
        bucket.take().await;
        assert_eq!(bucket.inner.lock().unwrap().rate, 5.0);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_of_one_account_share_a_bucket_and_accounts_do_not() {
        let buckets = Buckets::new();
        let bucket = |account, region, service| buckets.shared(account, region, service);
        let one = bucket("111111111111", "us-east-1", "ecs");
        assert!(Arc::ptr_eq(&one, &bucket("111111111111", "us-east-1", "ecs")));
        assert!(!Arc::ptr_eq(&one, &bucket("222222222222", "us-east-1", "ecs")));
        assert!(!Arc::ptr_eq(&one, &bucket("111111111111", "eu-west-1", "ecs")));
        assert!(!Arc::ptr_eq(&one, &bucket("111111111111", "us-east-1", "ecr")));

        // Route 53 and IAM count all regions together.
        let start = Instant::now();
        for _ in 0..10 {
            bucket("111111111111", "us-east-1", "route53").take().await;
            bucket("111111111111", "eu-west-1", "route53").take().await;
        }
        assert_eq!(start.elapsed().as_secs(), 3);
        let other = Instant::now();
        for _ in 0..5 {
            bucket("222222222222", "us-east-1", "route53").take().await;
        }
        assert_eq!(other.elapsed(), Duration::ZERO);
    }
}
