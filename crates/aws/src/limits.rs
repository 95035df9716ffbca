//! How fast each service may be called: a token bucket per service in front of its HTTP client, halved
//! when AWS throttles and recovering afterwards.
//!
//! Rates are AWS's published ones where there are any (API Gateway: 10 requests/s, burst 40, for the whole
//! account; Route 53: 5/s; EC2: about 100 with 20/s refill for reads), and careful ones elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use tokio::time::Instant;

/// Requests per second and burst of a service.
fn rate(service: &str) -> (f64, f64) {
    match service {
        "apigatewayv2" => (10.0, 40.0),
        "route53" | "tagging" => (5.0, 5.0),
        "iam" => (15.0, 50.0),
        "ec2" => (20.0, 100.0),
        "ecr" | "ecs" | "logs" | "elbv2" | "autoscaling" => (20.0, 60.0),
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

/// An HTTP client that takes a token before each request, retries included.
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
            bucket.take().await;
            let mut response = inner.call(request).await?;
            if is_throttle(&mut response).await {
                bucket.throttled();
            }
            Ok(response)
        })
    }
}

/// Error answers are small: one is read whole to see whether it is a throttle, and put back.
async fn is_throttle(response: &mut HttpResponse) -> bool {
    match response.status().as_u16() {
        429 => return true,
        400 | 503 => {}
        _ => return false,
    }
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    match aws_smithy_types::byte_stream::ByteStream::new(body)
        .collect()
        .await
    {
        Ok(bytes) => {
            let bytes = bytes.into_bytes();
            let text = String::from_utf8_lossy(&bytes);
            let throttled = ["Throttl", "RequestLimitExceeded", "TooManyRequests"]
                .iter()
                .any(|code| text.contains(code));
            *response.body_mut() = SdkBody::from(bytes);
            throttled
        }
        Err(_) => {
            *response.body_mut() = SdkBody::empty();
            false
        }
    }
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
}
