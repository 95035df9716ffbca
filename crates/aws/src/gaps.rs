//! Operations that real AWS has and an emulator may lack.
//!
//! They tell something that is nice to know (the tags of a scalable target, how a rollout ended), so an
//! emulator without them is still good enough. An operation counts as missing only where the endpoint says so in words
//! that are AWS's or an emulator's. A page of a proxy or a load balancer is a failure, whatever its status.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::request_id::RequestId;
use infra_provider::ProviderResult;

use crate::errors::AwsResult;

/// One operation that may be missing. Once it was found missing it is not asked for again.
#[derive(Debug, Default)]
pub struct Optional {
    is_missing: AtomicBool,
}

impl Optional {
    /// Whether it was found missing.
    pub fn is_missing(&self) -> bool {
        self.is_missing.load(Ordering::Relaxed)
    }

    /// What the operation answered; `None` when the endpoint does not know it.
    ///
    /// # Errors
    /// Every other error.
    pub fn answer<T, E>(
        &self,
        result: Result<T, SdkError<E, HttpResponse>>,
        service: &str,
        operation: &str,
    ) -> ProviderResult<Option<T>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match result {
            Err(error) if is_unknown_operation(&error) => {
                self.is_missing.store(true, Ordering::Relaxed);
                Ok(None)
            }
            result => result.aws(service, operation).map(Some),
        }
    }
}

/// A missing operation answers like a server error, which the SDK would otherwise repeat for a minute.
pub fn few_retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3)
}

/// Codes with a part of their message in lower case by which an endpoint says that it does not know an operation.
const UNKNOWN: &[(&str, &str)] = &[
    // AWS's JSON services, and its query services: the "Common errors" of their references.
    ("UnknownOperationException", ""),
    ("InvalidAction", ""),
    // LocalStack, with status 501.
    ("InternalFailure", "not yet implemented"),
    ("InternalFailure", "not implemented"),
];

fn is_unknown_operation<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let Some(response) = error.raw_response() else {
        return false;
    };
    match error.code() {
        Some(code) => {
            let message = error.message().unwrap_or_default().to_lowercase();
            UNKNOWN
                .iter()
                .any(|(known, part)| *known == code && message.contains(part))
        }
        None => error.request_id().is_none() && is_of_moto(response),
    }
}

/// What moto's own server (Werkzeug's) answers for an operation that it lacks: a page of Werkzeug's, by its `Server`
/// header and its looks.
fn is_of_moto(response: &HttpResponse) -> bool {
    let is_werkzeug = response
        .headers()
        .get("server")
        .is_some_and(|server| server.starts_with("Werkzeug/") && server.contains(" Python/"));
    let page = response.body().bytes().unwrap_or_default();
    let page = String::from_utf8_lossy(page).to_lowercase();
    is_werkzeug
        && matches!(response.status().as_u16(), 404 | 500 | 501)
        && page.starts_with("<!doctype html>")
        && response.headers().get("via").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::always::Always;

    const HTML: &str = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n";
    const WERKZEUG: &[(&str, &str)] = &[("server", "Werkzeug/3.1.9 Python/3.11.2")];
    const JSON: &[(&str, &str)] = &[("content-type", "application/x-amz-json-1.1")];

    #[tokio::test(start_paused = true)]
    async fn an_operation_is_missing_only_where_the_endpoint_says_so() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: &[(u16, &'static str, Headers, bool)] = &[
            // A proxy, a load balancer, a gateway.
            (404, "<html>Not Found</html>", &[], false),
            (404, HTML, &[("server", "nginx")], false),
            (404, "", &[], false),
            (500, HTML, &[("server", "squid")], false),
            (500, "", &[], false),
            (501, "<html>Not Implemented</html>", &[], false),
            (502, HTML, WERKZEUG, false),
            // A proxy that hands on what something behind it answered.
            (
                500,
                HTML,
                &[("server", "Werkzeug/3.1.9 Python/3.11.2"), ("via", "1.1 squid")],
                false,
            ),
            // AWS in trouble.
            (500, r#"{"__type":"ServerException","message":"x"}"#, JSON, false),
            (
                500,
                r#"{"__type":"InternalFailure","message":"The request processing has failed."}"#,
                JSON,
                false,
            ),
            // The emulators, and AWS's own word.
            (500, HTML, WERKZEUG, true),
            (404, HTML, WERKZEUG, true),
            (400, r#"{"__type":"UnknownOperationException"}"#, JSON, true),
            (
                501,
                r#"{"__type":"InternalFailure","message":"The API action is not yet implemented or a pro feature"}"#,
                JSON,
                true,
            ),
        ];
        for (status, body, headers, is_missing) in cases {
            let config = Always::answering(Some(*status), body)
                .with_headers(headers)
                .config();
            let client = aws_sdk_ecs::Client::new(&config);
            let operation = Optional::default();
            let answer = client.list_service_deployments().service("x").send().await;
            let answer = operation.answer(answer, "ecs", "ListServiceDeployments");
            assert_eq!(operation.is_missing(), *is_missing, "{status} {body} {headers:?}");
            assert_eq!(answer.is_ok(), *is_missing, "{answer:?}");
        }
    }
}
