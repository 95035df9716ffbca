//! Operations that real AWS has and an emulator may lack.
//!
//! They tell something that is nice to know (the tags of a scalable target, how a rollout ended), so an
//! emulator without them is still good enough. AWS itself always signs its answers with a request id and
//! names an error's code: an answer with neither is not from an AWS service that knows the operation.

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

fn is_unknown_operation<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if error.code() == Some("UnknownOperationException") {
        return true;
    }
    let status = error.raw_response().map(|response| response.status().as_u16());
    matches!(status, Some(404 | 500 | 501)) && error.code().is_none() && error.request_id().is_none()
}
