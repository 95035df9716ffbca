//! Every call to AWS is told as an event, and calls that change something are never repeated by the SDK.

use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;
use infra_core::event::EventKind;
use infra_provider::{Progress, current_address};
use std::sync::Arc;

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
        let error = match context.output_or_error() {
            Some(Err(error)) => Some(match context.response() {
                Some(response) => format!("HTTP {}", response.status().as_u16()),
                None if error.is_timeout_error() => "timed out".to_owned(),
                None => "no answer".to_owned(),
            }),
            _ => None,
        };
        self.progress.report(EventKind::ApiCall {
            address: current_address(),
            service: self.service.to_owned(),
            mutating: is_mutating(&operation),
            operation,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::always::Always;
    use crate::clients::READ_ATTEMPTS;

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
    fn reading_operations_are_known_by_their_verb() {
        for reading in [
            "DescribeVpcs",
            "GetAuthorizationToken",
            "ListTasks",
            "BatchGetImage",
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
