//! For tests: an HTTP client that answers every request in the same way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// Answers, and counts.
#[derive(Debug, Clone)]
pub struct Always {
    status: Option<u16>,
    body: &'static str,
    headers: &'static [(&'static str, &'static str)],
    asked: Arc<AtomicU32>,
}

impl Always {
    /// Answers with this status and body; with `None` the connection is reset.
    pub fn answering(status: Option<u16>, body: &'static str) -> Self {
        Self {
            status,
            body,
            headers: &[],
            asked: Arc::default(),
        }
    }

    /// Adds headers to its answers.
    pub fn with_headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    /// How many requests there were.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    /// The configuration of clients that ask it.
    pub fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "not-a-real-secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.clone())
            .build()
    }
}

impl HttpClient for Always {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Always {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let result = match self.status {
            Some(status) => {
                let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(self.body));
                for (name, value) in self.headers {
                    response.headers_mut().insert(*name, *value);
                }
                Ok(response)
            }
            None => Err(ConnectorError::io("connection reset by peer".into())),
        };
        HttpConnectorFuture::ready(result)
    }
}
