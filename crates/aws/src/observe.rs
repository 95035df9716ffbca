//! Every call to AWS is told as an event, and calls that change something are never repeated by the SDK.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;
use infra_core::event::EventKind;
use infra_provider::{Progress, current_address};
use tokio::time::Instant;

use crate::errors::is_throttled;
use crate::limits::Waited;

/// Whether an operation may change something, by its name: AWS's reading operations start with these verbs.
pub fn is_mutating(operation: &str) -> bool {
    ![
        "Describe",
        "Get",
        "List",
        "BatchGet",
        "BatchCheck",
        "Head",
        "AssumeRole",
        // Of KMS: what it makes is kept by whoever asks.
        "GenerateDataKey",
        "Decrypt",
    ]
    .iter()
    .any(|verb| operation.starts_with(verb))
}

/// Tells calls and sets who may repeat them.
#[derive(Clone)]
pub struct Observer {
    service: &'static str,
    progress: Arc<dyn Progress>,
}

impl Observer {
    /// An observer for one service's client.
    pub fn new(service: &'static str, progress: Arc<dyn Progress>) -> Self {
        Self { service, progress }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Observer({})", self.service)
    }
}

#[derive(Debug)]
struct Started(Instant);

impl Storable for Started {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for Observer {
    fn name(&self) -> &'static str {
        "Observer"
    }

    /// A create whose answer was lost must not be repeated blindly: the engine first looks for what it
    /// left. So the SDK retries reads only.
    ///
    /// Not earlier than here: which operation it is stands in the configuration only after
    /// `read_before_execution` of a client's interceptors, and what the SDK makes of all layers then hides theirs.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An operation without a name is not known to be a read.
        if config
            .load::<Metadata>()
            .is_none_or(|metadata| is_mutating(metadata.name()))
        {
            config.interceptor_state().store_put(RetryConfig::disabled());
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Started(Instant::now()));
        Ok(())
    }

    /// What the request waits for its token is not the call's own time.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let waited = Waited::default();
        context.request_mut().add_extension(waited.clone());
        config.interceptor_state().store_put(waited);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config
            .load::<Metadata>()
            .map_or_else(String::new, |metadata| metadata.name().to_owned());
        let started = config
            .load::<Started>()
            .map_or_else(Instant::now, |started| started.0);
        let waited = config.load::<Waited>().map(Waited::time).unwrap_or_default();
        let duration = started.elapsed().saturating_sub(waited);
        let mut throttled = false;
        let error = match context.output_or_error() {
            Some(Err(error)) => Some(match context.response() {
                Some(response) => {
                    let status = response.status().as_u16();
                    let code = error_code(response);
                    throttled = is_throttled(self.service, code.as_deref(), status);
                    code.unwrap_or_else(|| format!("HTTP {status}"))
                }
                None if error.is_timeout_error() => "timed out".to_owned(),
                None if error.as_connector_error().is_some_and(ConnectorError::is_timeout) => {
                    "timed out".to_owned()
                }
                None => "no answer".to_owned(),
            }),
            _ => None,
        };
        self.progress.report(EventKind::ApiCall {
            address: current_address(),
            service: self.service.to_owned(),
            mutating: is_mutating(&operation),
            operation,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            error,
            throttled,
        });
        Ok(())
    }
}

/// AWS's error code in an answer: in a header or as `__type` or `code` where the protocol is JSON, as an
/// element where it is XML. See <https://smithy.io/2.0/aws/protocols/index.html>.
fn error_code(response: &HttpResponse) -> Option<String> {
    let in_header = response.headers().get("x-amzn-errortype").map(str::to_owned);
    let code = in_header.or_else(|| {
        let body = std::str::from_utf8(response.body().bytes()?).ok()?;
        if let Some((_, rest)) = body.split_once("<Code>") {
            return Some(rest.split_once("</Code>")?.0.to_owned());
        }
        let json: serde_json::Value = serde_json::from_str(body).ok()?;
        let code = json.get("__type").or_else(|| json.get("code"))?;
        code.as_str().map(str::to_owned)
    })?;
    // `com.amazonaws.ecs#ClusterNotFoundException:http://…`
    let code = code.rsplit('#').next()?.split(':').next()?.trim();
    let is_code = !code.is_empty()
        && code
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || ".-_".contains(character));
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::always::Always;
    use crate::environment::READ_ATTEMPTS;

    #[tokio::test(start_paused = true)]
    async fn what_changes_something_is_sent_once_and_reads_are_repeated() {
        for status in [None, Some(500), Some(503)] {
            let http = Always::answering(status, "<html></html>");
            let config = aws_sdk_ec2::config::Builder::from(&http.config())
                .retry_config(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS))
                .interceptor(Observer::new("ec2", Arc::new(infra_provider::Silent)))
                .build();
            let client = aws_sdk_ec2::Client::from_conf(config);
            assert!(
                client
                    .create_vpc()
                    .cidr_block("10.0.0.0/16")
                    .send()
                    .await
                    .is_err()
            );
            assert_eq!(http.asked(), 1, "CreateVpc, {status:?}");
            assert!(client.describe_vpcs().send().await.is_err());
            assert_eq!(http.asked(), 1 + READ_ATTEMPTS, "DescribeVpcs, {status:?}");
        }
    }

    #[test]
    fn an_answer_tells_its_error_code_in_every_protocol() {
        for (header, body, code, throttled) in [
            (
                None,
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
                Some("RequestLimitExceeded"),
                true,
            ),
            (
                None,
                r#"{"__type":"com.amazonaws.ecs#ClusterNotFoundException","message":"a"}"#,
                Some("ClusterNotFoundException"),
                false,
            ),
            (
                Some("TooManyRequestsException:http://internal.amazon.com/coral/"),
                r#"{"message":"Too Many Requests"}"#,
                Some("TooManyRequestsException"),
                true,
            ),
            (None, r#"{"code":"NotFound"}"#, Some("NotFound"), false),
            (None, "<html><script>alert(1)</script></html>", None, false),
            (None, "<Code><b>bold</b></Code>", None, false),
            (None, "", None, false),
        ] {
            let mut response = HttpResponse::new(400.try_into().unwrap(), SdkBody::from(body));
            if let Some(header) = header {
                response.headers_mut().insert("x-amzn-errortype", header);
            }
            let found = error_code(&response);
            assert_eq!(found.as_deref(), code, "{body}");
            assert_eq!(is_throttled("ec2", found.as_deref(), 400), throttled, "{body}");
        }
    }

    #[test]
    fn reading_operations_are_known_by_their_verb() {
        for reading in [
            "DescribeVpcs",
            "GetAuthorizationToken",
            "ListTasks",
            "BatchGetImage",
            "GenerateDataKey",
            "Decrypt",
        ] {
            assert!(!is_mutating(reading), "{reading}");
        }
        for mutating in [
            "CreateVpc",
            "PutRolePolicy",
            "ChangeResourceRecordSets",
            "BatchDeleteImage",
        ] {
            assert!(is_mutating(mutating), "{mutating}");
        }
    }
}
