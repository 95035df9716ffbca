//! A registry: what is there, and pushing to it, over the OCI distribution protocol.

mod address;
mod auth;
mod challenge;
mod docker_config;
mod docker_helper;
mod events;
mod push;
mod refusal;
mod transport;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use self::address::Address;
use self::auth::Scope;
use self::transport::{Call, Transport};
use crate::blob::BlobStream;
use crate::digest::Digest;
use crate::error::{Error, ErrorClass};
use crate::manifest::LARGEST_MANIFEST_BYTES;

pub use self::auth::Credentials;
pub use self::events::{Progress, PushEvent, PushOptions, PushReport, no_progress};
pub use self::transport::RegistrySettings;

const ACCEPTED_MANIFESTS: HeaderValue = HeaderValue::from_static(
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json",
);

/// The client of one registry. Cloning is cheap; clones share connections and tokens.
#[derive(Clone)]
pub struct Registry {
    transport: Arc<Transport>,
}

/// A manifest as a registry gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledManifest {
    /// The bytes, unchanged.
    pub bytes: Bytes,
    /// The media type that the registry gave.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
}

impl Registry {
    /// The registry at an address: `https://host[:port]`, or `http://…` on this machine only. A bare host
    /// means `https`, unless it is this machine.
    ///
    /// The credentials are sent as Basic authentication, and to the token service that the registry names
    /// if it wants Bearer tokens.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] when the address is not one of those.
    pub fn new(address: &str, credentials: Option<Credentials>) -> Result<Self, Error> {
        Self::with_settings(address, credentials, RegistrySettings::default())
    }

    /// As [`Registry::new`], with another patience.
    ///
    /// # Errors
    /// As [`Registry::new`].
    pub fn with_settings(
        address: &str,
        credentials: Option<Credentials>,
        settings: RegistrySettings,
    ) -> Result<Self, Error> {
        let transport = Transport::new(Address::parse(address)?, credentials, settings)?;
        Ok(Self {
            transport: Arc::new(transport),
        })
    }

    /// The address, without a slash at its end.
    pub fn address(&self) -> &str {
        self.transport.address.shown()
    }

    /// The digest of the manifest that a tag or a digest names; `None` if there is none, or no such
    /// repository.
    ///
    /// # Errors
    /// The registry cannot be reached, or refuses.
    pub async fn head_manifest(&self, repository: &str, reference: &str) -> Result<Option<Digest>, Error> {
        head_manifest(&self.transport, &Scope::pull(repository), repository, reference).await
    }

    /// The manifest that a tag or a digest names, with its digest checked.
    ///
    /// # Errors
    /// [`ErrorClass::NotFound`] if there is none; [`ErrorClass::Invalid`] if the bytes do not have the
    /// digest that was asked for; else the registry cannot be reached, or refuses.
    pub async fn get_manifest(&self, repository: &str, reference: &str) -> Result<PulledManifest, Error> {
        get_manifest(&self.transport, &Scope::pull(repository), repository, reference).await
    }

    /// Whether a repository holds a blob.
    ///
    /// # Errors
    /// The registry cannot be reached, or refuses.
    pub async fn blob_exists(&self, repository: &str, digest: &Digest) -> Result<bool, Error> {
        blob_exists(&self.transport, &Scope::pull(repository), repository, digest).await
    }

    /// A blob as it comes, unchecked.
    pub(crate) async fn blob_stream(&self, repository: &str, digest: &Digest) -> Result<BlobStream, Error> {
        let doing = format!("reading blob {digest}");
        let url = self.transport.address.blob(repository, digest)?;
        let scope = Scope::pull(repository);
        let call = Call::new(Method::GET, url.clone(), &scope, &doing);
        // The time for the answer is bounded, the time for all its bytes is not, only for each piece.
        let response = self.transport.open(&call).await?;
        if !response.status().is_success() {
            return Err(self.transport.refusal(&call, response).await);
        }
        let stall_timeout = self.transport.settings.stall_timeout;
        let pieces = stream::try_unfold((response, doing), move |(mut response, doing)| async move {
            let piece = tokio::time::timeout(stall_timeout, response.chunk()).await;
            let broken = || Error::transient(doing.as_str(), "the download broke off");
            let piece = piece.map_err(|elapsed| broken().caused_by(elapsed))?;
            let piece = piece.map_err(|error| broken().caused_by(error.without_url()))?;
            Ok(piece.map(|piece| (piece, (response, doing))))
        });
        Ok(pieces.boxed())
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Registry({})", self.address())
    }
}

async fn head_manifest(
    transport: &Transport,
    scope: &Scope,
    repository: &str,
    reference: &str,
) -> Result<Option<Digest>, Error> {
    let doing = format!("looking for {repository}:{reference}");
    let url = transport.address.manifest(repository, reference)?;
    let call = Call::new(Method::HEAD, url, scope, &doing).header(ACCEPT, ACCEPTED_MANIFESTS);
    let response = transport.send(&call, None).await?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(None),
        status if status.is_success() => match claimed_digest(response.headers()) {
            Some(digest) => Ok(Some(digest)),
            // The header is optional: without it the manifest itself tells.
            None => Ok(Some(
                get_manifest(transport, scope, repository, reference)
                    .await?
                    .digest,
            )),
        },
        _ => Err(transport.refusal(&call, response).await),
    }
}

async fn get_manifest(
    transport: &Transport,
    scope: &Scope,
    repository: &str,
    reference: &str,
) -> Result<PulledManifest, Error> {
    let doing = format!("reading {repository}:{reference}");
    let url = transport.address.manifest(repository, reference)?;
    let call = Call::new(Method::GET, url, scope, &doing).header(ACCEPT, ACCEPTED_MANIFESTS);
    let mut attempt = 1;
    let (headers, bytes) = loop {
        let response = transport.send(&call, None).await?;
        if !response.status().is_success() {
            return Err(transport.refusal(&call, response).await);
        }
        let headers = response.headers().clone();
        match read_manifest(transport, &call, response).await {
            Ok(bytes) => break (headers, bytes),
            Err(error) if error.class() == ErrorClass::Transient && attempt < transport.settings.attempts => {
                tokio::time::sleep(transport.settings.delay_after(attempt, &error)).await;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    };
    let digest = Digest::of(&bytes);
    let expected = reference.parse().ok().or_else(|| claimed_digest(&headers));
    if expected.as_ref().is_some_and(|expected| *expected != digest) {
        let problem = format!("the manifest's bytes have the digest {digest}, which is another");
        return Err(Error::invalid(doing, problem));
    }
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
    Ok(PulledManifest {
        bytes,
        media_type,
        digest,
    })
}

async fn read_manifest(
    transport: &Transport,
    call: &Call<'_>,
    mut response: Response,
) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| transport.lost(call, error))?
    {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > LARGEST_MANIFEST_BYTES {
            let problem = format!("the manifest has more than {LARGEST_MANIFEST_BYTES} bytes");
            return Err(Error::invalid(call.doing, problem));
        }
    }
    Ok(bytes.into())
}

async fn blob_exists(
    transport: &Transport,
    scope: &Scope,
    repository: &str,
    digest: &Digest,
) -> Result<bool, Error> {
    let doing = format!("looking for blob {digest}");
    let url = transport.address.blob(repository, digest)?;
    let call = Call::new(Method::HEAD, url, scope, &doing);
    let response = transport.send(&call, None).await?;
    match response.status() {
        StatusCode::NOT_FOUND => Ok(false),
        status if status.is_success() => Ok(true),
        // The registry knows the blob: it sent us to its storage, which may refuse a HEAD.
        _ if response.url().origin() != call.url.origin() => Ok(true),
        _ => Err(transport.refusal(&call, response).await),
    }
}

fn claimed_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// Where an answer's `Location` leads.
fn location(transport: &Transport, call: &Call<'_>, response: &Response) -> Result<Option<Url>, Error> {
    let Some(value) = response.headers().get(reqwest::header::LOCATION) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|error| {
        Error::invalid(
            call.doing,
            format!("{} was answered with a Location that is no text", call.shown()),
        )
        .caused_by(error)
    })?;
    transport.address.follow(&call.url, text).map(Some)
}
