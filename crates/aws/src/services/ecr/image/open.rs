//! How an image is opened, and what is told of its push.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_oci::{Image as OciImage, OpenOptions, Progress, PushEvent};

use super::{Image, ImageField};
use crate::errors::of_registry;
use crate::prelude::*;
use crate::services::ecr::image_source::SourceField;

/// Opens the image and checks that it is the one that was planned.
pub(super) async fn open(aws: &Clients, spec: &Image, call: &Call) -> ProviderResult<OciImage> {
    let platform = match &spec.platform {
        Some(text) => Some(
            text.parse()
                .map_err(|error| ProviderError::new(ErrorClass::Invalid, format!("platform: {error}")))?,
        ),
        None => None,
    };
    let lines = call.clone();
    let options = OpenOptions {
        platform,
        on_build_line: Some(Arc::new(move |line: &str| lines.note(line))),
        pull_base_images: aws.pull_base_images,
        apart: aws.images().builds.own.clone(),
        registry: aws.images().registries.settings.clone(),
        ..OpenOptions::default()
    };
    let mut from = spec.source.located()?;
    if let infra_oci::Source::Registry {
        reference,
        credentials,
    } = &mut from
    {
        *credentials = aws
            .images()
            .registries
            .source_credentials(reference.registry(), reference.repository())
            .await?;
    }
    let image = match from {
        infra_oci::Source::Build(build) => {
            let planned = spec.fingerprint.as_deref();
            aws.images().builds.image(build, planned, &options).await?
        }
        other => OciImage::open(&other, &options).await.map_err(of_registry)?,
    };
    match &spec.digest {
        Some(wanted) if *wanted != image.digest().to_string() => Err(ProviderError::new(
            ErrorClass::Invalid,
            format!("the image is {}, but {wanted} was planned", image.digest()),
        )
        .hint("the image was changed meanwhile: plan again")),
        _ => Ok(image),
    }
}

/// Which key of the source says where an image is that is there already, and what it says.
pub(super) fn place_of(attributes: &Attributes) -> Option<(SourceField, &str)> {
    let source = known(attributes, ImageField::Source)?.as_map()?;
    let keys = [SourceField::Archive, SourceField::Layout, SourceField::Registry];
    keys.into_iter()
        .find_map(|key| Some((key, known_str(source, key)?)))
}

pub(super) fn no_platform(text: &str) -> Option<String> {
    text.parse::<infra_oci::Platform>()
        .err()
        .map(|error| error.to_string())
}

pub(super) fn no_digest(text: &str) -> Option<String> {
    text.parse::<infra_oci::Digest>()
        .err()
        .map(|error| error.to_string())
}

/// Adds the blobs of a push up to one number of bytes.
pub(super) fn progress_of(call: Call, total: u64) -> Progress {
    let done = std::sync::Mutex::new(BTreeMap::new());
    Arc::new(move |event: PushEvent| {
        let (digest, bytes) = match event {
            PushEvent::BlobProgress {
                digest, sent_bytes, ..
            } => (digest, sent_bytes),
            PushEvent::BlobPresent { digest, size_bytes }
            | PushEvent::BlobDone {
                digest, size_bytes, ..
            } => (digest, size_bytes),
            _ => return,
        };
        let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.insert(digest.to_string(), bytes);
        call.bytes(done.values().sum(), total);
    })
}
