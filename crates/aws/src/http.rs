//! The HTTP client of AWS's APIs, and of what credentials come from: it trusts whom the environment says, and goes
//! through the proxies that it names.

use std::error::Error;
use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider as TlsProvider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use infra_core::{ErrorClass, ProviderError};
use infra_oci::{Network, Proxy};
use infra_provider::ProviderResult;

use crate::endpoints::{Endpoints, authority};

/// A client for an emulator on this machine that speaks no TLS: neither certificates nor proxies matter to it, and
/// reading the machine's certificates takes as long as a start does.
pub fn without_tls(endpoints: &Endpoints) -> SharedHttpClient {
    SharedHttpClient::new(Client(Arc::new(Ways {
        direct: Builder::new().build_http(),
        through: Vec::new(),
        network: Network::default(),
        endpoints: endpoints.clone(),
    })))
}

/// A client for everything else.
///
/// # Errors
/// A proxy's address that the SDK does not take.
pub fn client(network: &Network, endpoints: &Endpoints) -> ProviderResult<SharedHttpClient> {
    let wrong = |message: String| ProviderError::new(ErrorClass::Invalid, message);
    let trusted = TrustStore::empty().with_pem_certificate(network.trust.pem());
    let tls = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .map_err(|error| wrong(format!("TLS cannot be set up: {error}")))?;
    let mut through = Vec::new();
    for proxy in network.proxies.all() {
        let config = ProxyConfig::all(proxy.url().as_str())
            .map_err(|_| wrong(format!("the proxy {proxy} cannot be used")))?;
        through.push((proxy.clone(), one_way(&tls, config)));
    }
    Ok(SharedHttpClient::new(Client(Arc::new(Ways {
        direct: one_way(&tls, ProxyConfig::disabled()),
        through,
        network: network.clone(),
        endpoints: endpoints.clone(),
    }))))
}

fn one_way(tls: &TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    let tls = tls.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = ConnectorBuilder::default()
            .tls_provider(TlsProvider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.build()
    })
}

#[derive(Debug)]
struct Ways {
    direct: SharedHttpClient,
    through: Vec<(Proxy, SharedHttpClient)>,
    network: Network,
    endpoints: Endpoints,
}

#[derive(Debug)]
struct Client(Arc<Ways>);

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            ways: Arc::clone(&self.0),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

/// Chooses the way by each request's address.
#[derive(Debug)]
struct Connector {
    ways: Arc<Ways>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let ways = Arc::clone(&self.ways);
        let proxy = ways.network.proxies.of_address(request.uri()).cloned();
        let way = proxy
            .as_ref()
            .and_then(|proxy| ways.through.iter().find(|(one, _)| one == proxy));
        let client = way.map_or(&ways.direct, |(_, client)| client);
        // Built once and kept by the client, with the certificates that it reads.
        let connector = client.http_connector(&self.settings, &self.components);
        HttpConnectorFuture::new(async move {
            let host = authority(request.uri()).unwrap_or_default().to_owned();
            let answer = connector.call(request).await;
            answer.map_err(|error| NotReached::explain(error, host, proxy, &ways))
        })
    }
}

/// Why there was no answer, with what is known of the way to it.
#[derive(Debug, thiserror::Error)]
#[error("the connection failed")]
pub struct NotReached {
    /// What was asked: a host, and its port where that is given.
    pub host: String,
    /// The setting that the host comes from; `None`: it is AWS's own.
    pub set_by: Option<String>,
    /// The proxy that was used.
    pub proxy: Option<Proxy>,
    /// What to do about the other side's certificate, if that was refused.
    pub certificate_hint: Option<String>,
    source: BoxError,
}

impl NotReached {
    fn explain(error: ConnectorError, host: String, proxy: Option<Proxy>, ways: &Ways) -> ConnectorError {
        let certificate_hint = ways.network.certificate_hint(&error);
        let kind = (error.is_timeout(), error.is_user(), error.is_io());
        let (other, is_certificate) = (error.as_other(), certificate_hint.is_some());
        let told = Box::new(Self {
            set_by: ways.endpoints.set_by(&host),
            host,
            proxy,
            certificate_hint,
            source: error.into_source(),
        });
        match kind {
            // Nothing about it changes by trying again: the SDK does that with all but these.
            _ if is_certificate => ConnectorError::user(told),
            (true, ..) => ConnectorError::timeout(told),
            (_, true, _) => ConnectorError::user(told),
            (.., true) => ConnectorError::io(told),
            _ => ConnectorError::other(told, other),
        }
    }

    /// The one in an error's chain of causes.
    pub fn in_chain<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        infra_oci::errors(error).find_map(|error| error.downcast_ref())
    }

    /// What was not reached, and why.
    pub fn told(&self, why: &str) -> String {
        let by = self.set_by.as_ref();
        let by = by.map_or_else(String::new, |by| format!(" ({by})"));
        let through = self.proxy.as_ref();
        let through = through.map_or_else(String::new, |proxy| format!(" (through the proxy {proxy})"));
        format!("no answer from {}{by}{through}: {why}", self.host)
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        if let Some(hint) = &self.certificate_hint {
            return hint.clone();
        }
        if let Some(proxy) = &self.proxy {
            return format!(
                "check that the proxy {proxy} can be reached from here and lets this address through; NO_PROXY names what is \
                 asked directly"
            );
        }
        match self.set_by.as_deref() {
            Some("the sandbox") => {
                "`infra sandbox status` tells whether it runs, and `infra sandbox start` starts it".to_owned()
            }
            Some(by) => format!("the address is that of {by}: look whether it is right, and whether it can be reached from here"),
            None => "look at the region, and at this machine's network and names (DNS); behind a proxy, HTTPS_PROXY names it"
                .to_owned(),
        }
    }
}
