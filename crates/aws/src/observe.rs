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
use aws_smithy_types::config_bag::{ConfigBag, Layer, Storable, StoreReplace};
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
    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config
            .load::<Metadata>()
            .is_some_and(|metadata| is_mutating(metadata.name()))
        {
            let mut layer = Layer::new("NoRetryOfChanges");
            layer.store_put(RetryConfig::disabled());
            config.push_layer(layer);
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
    use super::is_mutating;

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
