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
    /// Here and not before the execution, where a client's interceptors do not know the operation yet.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map(Metadata::name);
        if operation.is_none_or(is_mutating) {
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
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use infra_provider::Silent;

    use super::*;

    /// What a request meets that is not answered well.
    #[derive(Debug, Clone, Copy)]
    enum Trouble {
        Answer(u16),
        TimeOut,
        BrokenConnection,
    }

    /// A network where every request meets the same trouble, and is counted.
    #[derive(Debug, Clone)]
    struct Network {
        trouble: Trouble,
        requests: Arc<AtomicU32>,
    }

    impl HttpClient for Network {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    impl HttpConnector for Network {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.requests.fetch_add(1, Ordering::Relaxed);
            HttpConnectorFuture::ready(match self.trouble {
                Trouble::Answer(status) => {
                    Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::empty()))
                }
                Trouble::TimeOut => Err(ConnectorError::timeout("too late".into())),
                Trouble::BrokenConnection => Err(ConnectorError::io("reset".into())),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_something_is_sent_once_whatever_becomes_of_it() {
        for trouble in [
            Trouble::Answer(500),
            Trouble::Answer(503),
            Trouble::Answer(502),
            Trouble::TimeOut,
            Trouble::BrokenConnection,
        ] {
            let requests = Arc::new(AtomicU32::new(0));
            let network = Network {
                trouble,
                requests: Arc::clone(&requests),
            };
            let config = aws_sdk_ec2::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("testing", "testing", None, None, "test"))
                .retry_config(RetryConfig::standard().with_max_attempts(3))
                .http_client(network)
                .interceptor(Observer::new("ec2", Arc::new(Silent)))
                .build();
            let client = aws_sdk_ec2::Client::from_conf(config);
            client.create_vpc().send().await.unwrap_err();
            assert_eq!(requests.swap(0, Ordering::Relaxed), 1, "{trouble:?}");
            client.describe_vpcs().send().await.unwrap_err();
            assert_eq!(requests.load(Ordering::Relaxed), 3, "{trouble:?}");
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
