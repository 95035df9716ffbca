//! Pushing an image: what is there stays, the rest goes up in parallel, manifests and tags come last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt, stream};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use super::auth::Scope;
use super::events::{Progress, PushEvent, PushOptions, PushReport};
use super::transport::{Call, Transport};
use super::upload::{Outcome, Upload};
use super::{Registry, blob_exists, claimed_digest, head_manifest};
use crate::blob::Blob;
use crate::digest::Digest;
use crate::error::{Error, ErrorClass};
use crate::image::{Image, Manifest};

impl Registry {
    /// Pushes an image with all its platforms, and writes its tags; without tags it is known by its digest
    /// alone.
    ///
    /// Layers are read as streams: the memory that is needed does not grow with the image. Dropping the
    /// future ends the push; what is up by then is found by the next one.
    ///
    /// # Errors
    /// [`ErrorClass::NotFound`] if there is no such repository, [`ErrorClass::TagImmutable`] if a tag
    /// names another image and may not move, [`ErrorClass::Invalid`] if a blob does not have its digest,
    /// [`ErrorClass::Unauthorized`] and [`ErrorClass::Denied`], and [`ErrorClass::Transient`] when the
    /// allowed retries were in vain.
    pub async fn push(
        &self,
        image: &Image,
        repository: &str,
        tags: &[String],
        options: &PushOptions,
        progress: &Progress,
    ) -> Result<PushReport, Error> {
        let transport = self.transport.counting_anew();
        let mount_sources = mount_sources(self, image, repository, options);
        let push = Push {
            scope: Scope::push(repository, &mount_sources),
            transport: &transport,
            registry: self,
            repository,
            options,
            progress,
            bytes_sent: Arc::default(),
        };
        push.run(image, tags).await
    }
}

/// The repositories that blobs may be mounted from.
fn mount_sources(registry: &Registry, image: &Image, repository: &str, options: &PushOptions) -> Vec<String> {
    let of_blobs = image
        .blobs()
        .into_iter()
        .filter_map(|blob| mount_source(registry, blob, repository));
    let mut sources: Vec<String> = options.mount_from.iter().cloned().collect();
    sources.extend(of_blobs.map(str::to_owned));
    sources.sort();
    sources.dedup();
    sources
}

/// Where a blob lies in the same registry, if its image was opened from there.
fn mount_source<'a>(registry: &Registry, blob: &'a Blob, repository: &str) -> Option<&'a str> {
    let (origin, from) = blob.remote()?;
    (origin.address() == registry.address() && from != repository).then_some(from)
}

struct Push<'a> {
    transport: &'a Transport,
    registry: &'a Registry,
    scope: Scope,
    repository: &'a str,
    options: &'a PushOptions,
    progress: &'a Progress,
    bytes_sent: Arc<AtomicU64>,
}

#[derive(Default)]
struct Counts {
    sent: usize,
    mounted: usize,
    present: usize,
}

impl Push<'_> {
    async fn run(&self, image: &Image, tags: &[String]) -> Result<PushReport, Error> {
        let blobs = pushable(image.blobs());
        let size_bytes = blobs.iter().map(|blob| blob.size()).sum();
        (self.progress)(PushEvent::Planned {
            blobs: blobs.len(),
            size_bytes,
        });
        let missing = self.missing_manifests(image).await?;
        let needed = needed_blobs(&missing);
        let needed_digests: BTreeSet<&Digest> = needed.iter().map(|blob| blob.digest()).collect();
        let mut counts = Counts::default();
        for blob in &blobs {
            if !needed_digests.contains(blob.digest()) {
                // A registry does not take a manifest without its blobs.
                self.present(blob, &mut counts);
            }
        }
        self.blobs(&needed, &mut counts).await?;
        let root = image.manifest();
        let mut manifests_sent = 0;
        for manifest in missing
            .iter()
            .filter(|manifest| manifest.digest() != root.digest())
        {
            self.write_manifest(manifest, None).await?;
            manifests_sent += 1;
        }
        let (mut tags_written, mut tags_unchanged) = (Vec::new(), Vec::new());
        // The first tag brings a missing manifest along with it.
        let mut root_is_missing = missing.iter().any(|manifest| manifest.digest() == root.digest());
        manifests_sent += usize::from(root_is_missing);
        for tag in tags {
            if self.tag(root, tag).await? {
                root_is_missing = false;
                tags_written.push(tag.clone());
            } else {
                tags_unchanged.push(tag.clone());
            }
        }
        if root_is_missing {
            self.write_manifest(root, None).await?;
        }
        Ok(PushReport {
            digest: root.digest().clone(),
            blobs_sent: counts.sent,
            blobs_mounted: counts.mounted,
            blobs_present: counts.present,
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            requests: self.transport.requests(),
            manifests_sent,
            tags_written,
            tags_unchanged,
        })
    }

    /// The manifests that the repository does not have. One that it has, it has with all that hangs on it.
    async fn missing_manifests<'i>(&self, image: &'i Image) -> Result<Vec<&'i Manifest>, Error> {
        let root = image.manifest();
        let mut missing = Vec::new();
        if self.has_manifest(root).await? {
            return Ok(missing);
        }
        for manifest in image.manifests() {
            if manifest.digest() == root.digest() || !self.has_manifest(manifest).await? {
                missing.push(manifest);
            }
        }
        Ok(missing)
    }

    async fn has_manifest(&self, manifest: &Manifest) -> Result<bool, Error> {
        let digest = manifest.digest().as_str();
        Ok(
            head_manifest(self.transport, &self.scope, self.repository, digest)
                .await?
                .is_some(),
        )
    }

    async fn blobs(&self, blobs: &[&Blob], counts: &mut Counts) -> Result<(), Error> {
        let parallel = self.options.parallel_blobs.max(1);
        // Owned, since a closure over borrowed items makes a future that no task may carry to another thread.
        let owned: Vec<Blob> = blobs.iter().map(|blob| (*blob).clone()).collect();
        let mut done = stream::iter(owned)
            .map(|blob| async move {
                let outcome = self.blob(&blob).await;
                (blob, outcome)
            })
            .buffer_unordered(parallel);
        while let Some((blob, outcome)) = done.next().await {
            match outcome? {
                None => self.present(&blob, counts),
                Some(Outcome::Sent) => counts.sent += 1,
                Some(Outcome::Mounted) => counts.mounted += 1,
            }
        }
        Ok(())
    }

    fn present(&self, blob: &Blob, counts: &mut Counts) {
        counts.present += 1;
        let (digest, size_bytes) = (blob.digest().clone(), blob.size());
        (self.progress)(PushEvent::BlobPresent { digest, size_bytes });
    }

    /// `None` if the blob was there.
    async fn blob(&self, blob: &Blob) -> Result<Option<Outcome>, Error> {
        if blob_exists(self.transport, &self.scope, self.repository, blob.digest()).await? {
            return Ok(None);
        }
        let (digest, size_bytes) = (blob.digest().clone(), blob.size());
        (self.progress)(PushEvent::BlobStarted {
            digest: digest.clone(),
            size_bytes,
        });
        let own_source = mount_source(self.registry, blob, self.repository);
        let upload = Upload {
            transport: self.transport,
            scope: &self.scope,
            repository: self.repository,
            blob,
            mount_from: own_source.or(self.options.mount_from.as_deref()),
            progress: self.progress,
            bytes_sent: &self.bytes_sent,
            doing: format!("pushing blob {digest} to {}", self.repository),
        };
        let outcome = upload.run().await?;
        let mounted = outcome == Outcome::Mounted;
        (self.progress)(PushEvent::BlobDone {
            digest,
            size_bytes,
            mounted,
        });
        Ok(Some(outcome))
    }

    /// Makes a tag name the image; `false` if it did already.
    async fn tag(&self, root: &Manifest, tag: &str) -> Result<bool, Error> {
        let current = head_manifest(self.transport, &self.scope, self.repository, tag).await?;
        if current.as_ref() == Some(root.digest()) {
            return Ok(false);
        }
        let error = match self.write_manifest(root, Some(tag)).await {
            Ok(()) => return Ok(true),
            Err(error) if matches!(error.status(), Some(400..=499)) => error,
            Err(error) => return Err(error),
        };
        // Another push may have been faster.
        let current = match current {
            Some(current) => Some(current),
            None => head_manifest(self.transport, &self.scope, self.repository, tag).await?,
        };
        match current {
            Some(current) if current == *root.digest() => Ok(false),
            Some(current) if speaks_of_immutability(&error) => {
                let doing = format!("writing tag {}:{tag}", self.repository);
                let problem = format!("it names {current} and may not be moved to {}", root.digest());
                let status = error.status().unwrap_or_default();
                let faults = error.faults().to_vec();
                Err(Error::new(ErrorClass::TagImmutable, doing, problem)
                    .answered(status, faults, None)
                    .caused_by(error)
                    .with_hint("take another tag, or let tags of this repository be changed"))
            }
            _ => Err(error),
        }
    }

    async fn write_manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Result<(), Error> {
        let digest = manifest.digest();
        let name = tag.unwrap_or(digest.as_str());
        let doing = format!("writing manifest {}:{name}", self.repository);
        let media_type = HeaderValue::from_str(manifest.media_type())
            .map_err(|error| Error::invalid(doing.as_str(), "its media type is no text").caused_by(error))?;
        let url = self.transport.address.manifest(self.repository, name)?;
        let call = Call::new(Method::PUT, url, &self.scope, &doing).header(CONTENT_TYPE, media_type);
        let response = self.transport.send(&call, Some(manifest.bytes().clone())).await?;
        if !response.status().is_success() {
            return Err(self.transport.refusal(&call, response).await);
        }
        if let Some(stored) = claimed_digest(response.headers())
            && stored != *digest
        {
            let problem = format!("the registry stored it as {stored}, not as {digest}");
            return Err(Error::new(ErrorClass::Other, doing, problem)
                .with_hint("the registry changes what it is given, so the image cannot be found by digest"));
        }
        let tag = tag.map(str::to_owned);
        (self.progress)(PushEvent::ManifestWritten {
            digest: digest.clone(),
            tag,
        });
        Ok(())
    }
}

/// How registries say it: ECR `TAG_INVALID` with a sentence on immutability, Harbor and Quay with 412 or 409
/// and words of the kind.
fn speaks_of_immutability(error: &Error) -> bool {
    let says = |text: &str| {
        let text = text.to_ascii_lowercase();
        [
            "immutable",
            "cannot be overwritten",
            "already exist",
            "alreadyexist",
        ]
        .iter()
        .any(|word| text.contains(word))
    };
    error
        .faults()
        .iter()
        .any(|fault| fault.code == "TAG_INVALID" || says(&fault.code) || says(&fault.message))
        || matches!(error.status(), Some(409 | 412))
}

fn pushable(blobs: Vec<&Blob>) -> Vec<&Blob> {
    blobs.into_iter().filter(|blob| !blob.is_foreign()).collect()
}

/// The blobs of some manifests, each once, the largest first, so that the longest way is begun early.
fn needed_blobs<'i>(manifests: &[&'i Manifest]) -> Vec<&'i Blob> {
    let mut seen = BTreeSet::new();
    let blobs = manifests.iter().flat_map(|manifest| manifest.blobs());
    let blobs = blobs.filter(|blob| seen.insert(blob.digest())).collect();
    let mut blobs = pushable(blobs);
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size()));
    blobs
}
