//! Accounts that are refused, and calls that wait, hang or are repeated.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use infra_core::event::EventKind;
use tokio::time::Instant;

use super::*;
use crate::always::Always;
use crate::environment::READ_ATTEMPTS;

#[test]
fn an_account_that_is_not_allowed_is_refused() {
    let identity = AwsIdentity {
        account_id: "123456789012".into(),
        partition: "aws".into(),
        arn: "arn:aws:iam::123456789012:user/test".into(),
    };
    assert!(check_account(&identity, &[]).is_ok());
    assert!(check_account(&identity, &["123456789012".into()]).is_ok());
    let error = check_account(&identity, &["210987654321".into()]).unwrap_err();
    assert!(error.message.contains("123456789012") && error.message.contains("210987654321"));
}

/// A client of Route 53, 5 calls a second, whose answers come from there.
fn limited(http: impl HttpClient + 'static, calls: &Arc<Calls>) -> aws_sdk_route53::Client {
    let config = Always::answering(Some(200), "")
        .config()
        .to_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS))
        .timeout_config(unlimited_timeouts())
        .build();
    let bucket = Arc::new(Bucket::new("route53", false));
    let progress: Arc<dyn Progress> = calls.clone();
    client!(
        aws_sdk_route53,
        "route53",
        &config,
        SharedHttpClient::new(http),
        bucket,
        &progress
    )
}

/// How long each call took, and what came of it.
#[derive(Default)]
struct Calls(Mutex<Vec<(u64, Option<String>)>>);

impl Progress for Calls {
    fn report(&self, event: EventKind) {
        if let EventKind::ApiCall {
            duration_ms, error, ..
        } = event
        {
            self.0.lock().unwrap().push((duration_ms, error));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_token_times_nothing_out_and_is_no_part_of_a_call() {
    let body =
        "<GetHostedZoneCountResponse><HostedZoneCount>1</HostedZoneCount></GetHostedZoneCountResponse>";
    let (http, calls) = (Always::answering(Some(200), body), Arc::default());
    let client = limited(http.clone(), &calls);
    let start = Instant::now();
    let answers = futures::future::join_all((0..1_000).map(|_| client.get_hosted_zone_count().send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 0);
    assert_eq!(start.elapsed().as_secs(), 199);
    assert_eq!(http.asked(), 1_000);
    let calls = calls.0.lock().unwrap();
    assert_eq!(calls.len(), 1_000);
    assert!(
        calls.iter().all(|(duration_ms, _)| *duration_ms < 10),
        "{calls:?}"
    );
}

/// Never answers, or begins an answer that does not end.
#[derive(Debug, Clone)]
struct Stalled {
    begins: bool,
}

impl HttpClient for Stalled {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Stalled {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        if self.begins {
            let body = SdkBody::from_body_1_x(Endless);
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), body)))
        } else {
            HttpConnectorFuture::new(std::future::pending())
        }
    }
}

struct Endless;

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_or_end_times_out_and_reads_are_repeated() {
    for begins in [false, true] {
        let calls = Arc::default();
        let client = limited(Stalled { begins }, &calls);
        let error = client
            .get_hosted_zone_count()
            .send()
            .await
            .aws("route53", "GetHostedZoneCount");
        assert_eq!(error.unwrap_err().class, ErrorClass::Transient);
        let calls = calls.0.lock().unwrap();
        let timed_out = (60_000..60_010, Some("timed out"));
        assert_eq!(calls.len(), READ_ATTEMPTS as usize, "{calls:?}");
        for (duration_ms, error) in calls.iter() {
            assert!(timed_out.0.contains(duration_ms), "{calls:?}");
            assert_eq!(error.as_deref(), timed_out.1);
        }
    }
}
