//! From files or a registry to an opened image: read the manifests, check them, locate the blobs.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use tempfile::TempDir;

use super::files::{Files, opening};
use super::{Image, Manifest, OpenOptions, docker_archive, select};
use crate::blob::{Blob, Content, blocking};
use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::{
    Descriptor, ImageConfig, ImageIndex, ImageManifest, LARGEST_MANIFEST_BYTES, ManifestKind, Platform,
};
use crate::reference::Reference;
use crate::registry::Registry;

/// An index may list indexes, but nobody nests them deeper.
const DEEPEST_INDEX: usize = 4;

/// Where manifests and blobs are read from.
#[derive(Clone)]
enum Origin {
    Files(Arc<Files>),
    Remote { registry: Registry, repository: String },
}

pub(super) async fn archive(
    path: &Path,
    keep: Option<Arc<TempDir>>,
    options: &OpenOptions,
) -> Result<Image, Error> {
    let owned = path.to_owned();
    let files = Arc::new(blocking(move || Files::of_archive(&owned, keep)).await?);
    if let Some(index) = read(&files, "index.json").await? {
        return from_layout(files, &index, options).await;
    }
    match read(&files, "manifest.json").await? {
        Some(table) => {
            let root = docker_archive::open(files, &table, options).await?;
            check_platform(&root, options.platform.as_ref(), &opening(path)).await?;
            Ok(Image::new(root))
        }
        None => Err(
            Error::invalid(opening(path), "it has neither `index.json` nor `manifest.json`")
                .with_hint("an image archive is written by `docker save` or as an OCI archive"),
        ),
    }
}

pub(super) async fn layout(folder: &Path, options: &OpenOptions) -> Result<Image, Error> {
    let files = Arc::new(Files::Folder(folder.to_owned()));
    let no_layout = |missing: &str| {
        Error::invalid(
            opening(folder),
            format!("it is no OCI image layout: there is no `{missing}`"),
        )
        .with_hint("`layout` names the folder that holds `oci-layout`, `index.json` and `blobs`")
    };
    read(&files, "oci-layout")
        .await?
        .ok_or_else(|| no_layout("oci-layout"))?;
    let index = read(&files, "index.json")
        .await?
        .ok_or_else(|| no_layout("index.json"))?;
    from_layout(files, &index, options).await
}

async fn from_layout(files: Arc<Files>, index: &Bytes, options: &OpenOptions) -> Result<Image, Error> {
    let doing = opening(files.path());
    let index: ImageIndex = parse(index, &doing, "`index.json`")?;
    let known = index
        .manifests
        .iter()
        .filter(|entry| ManifestKind::of(&entry.media_type).is_some());
    let candidates = known.map(select::candidate_of).collect();
    let platform = options.platform.as_ref();
    let chosen = select::one(&doing, candidates, options.reference.as_deref(), platform)?;
    open(&Origin::Files(files), chosen.value, platform, &doing).await
}

pub(super) async fn remote(
    registry: Registry,
    reference: &Reference,
    options: &OpenOptions,
) -> Result<Image, Error> {
    let repository = reference.repository().to_owned();
    let pulled = registry.get_manifest(&repository, reference.identifier()).await?;
    let size = pulled.bytes.len() as u64;
    let descriptor = Descriptor::new(&pulled.media_type, pulled.digest, size);
    let doing = format!("opening image {reference}");
    open(
        &Origin::Remote { registry, repository },
        descriptor,
        options.platform.as_ref(),
        &doing,
    )
    .await
}

async fn open(
    origin: &Origin,
    descriptor: Descriptor,
    platform: Option<&Platform>,
    doing: &str,
) -> Result<Image, Error> {
    let root = load(origin, descriptor, platform, doing, 0).await?;
    check_platform(&root, platform, doing).await?;
    Ok(Image::new(root))
}

/// Reads a manifest and what hangs on it. With a platform, an index is replaced by its fitting manifest.
fn load<'a>(
    origin: &'a Origin,
    descriptor: Descriptor,
    platform: Option<&'a Platform>,
    doing: &'a str,
    depth: usize,
) -> BoxFuture<'a, Result<Manifest, Error>> {
    Box::pin(async move {
        let digest = descriptor.digest.clone();
        let what = format!("manifest {digest}");
        let bytes = origin.manifest(&descriptor, doing).await?;
        let (mut blobs, mut children) = (Vec::new(), Vec::new());
        match ManifestKind::of(&descriptor.media_type) {
            None => {
                let problem = format!("{what} has the unknown type `{}`", descriptor.media_type);
                return Err(Error::invalid(doing, problem)
                    .with_hint("OCI images and Docker images of schema 2 are understood"));
            }
            Some(ManifestKind::Image) => {
                let manifest: ImageManifest = parse(&bytes, doing, &what)?;
                for part in std::iter::once(manifest.config).chain(manifest.layers) {
                    blobs.push(origin.blob(part, doing).await?);
                }
            }
            Some(ManifestKind::Index) if depth == DEEPEST_INDEX => {
                return Err(Error::invalid(
                    doing,
                    format!("{what} is an index in too many other indexes"),
                ));
            }
            Some(ManifestKind::Index) => {
                let index: ImageIndex = parse(&bytes, doing, &what)?;
                if let Some(wanted) = platform {
                    let child = for_platform(index.manifests, wanted, doing)?;
                    return load(origin, child, platform, doing, depth + 1).await;
                }
                for child in index.manifests {
                    children.push(load(origin, child, None, doing, depth + 1).await?);
                }
            }
        }
        let Descriptor {
            media_type, platform, ..
        } = descriptor;
        Ok(Manifest {
            digest,
            media_type,
            bytes,
            platform,
            blobs,
            children,
        })
    })
}

/// The manifest that serves a platform: an equal one before one that merely serves, else the first.
fn for_platform(manifests: Vec<Descriptor>, wanted: &Platform, doing: &str) -> Result<Descriptor, Error> {
    let platform_of = |entry: &Descriptor| entry.platform.clone();
    let equal = manifests
        .iter()
        .position(|entry| platform_of(entry).as_ref() == Some(wanted));
    let serving = || {
        manifests
            .iter()
            .position(|entry| platform_of(entry).is_some_and(|p| p.serves(wanted)))
    };
    let Some(position) = equal.or_else(serving) else {
        // Attestations stand in an index with the platform `unknown/unknown`.
        let held: Vec<String> = manifests
            .iter()
            .filter_map(platform_of)
            .filter(|platform| platform.os != "unknown")
            .map(|platform| platform.to_string())
            .collect();
        let held = if held.is_empty() {
            "names no platform".to_owned()
        } else {
            format!("is for {}", held.join(", "))
        };
        return Err(Error::invalid(
            doing,
            format!("there is no image for {wanted}: it {held}"),
        ));
    };
    manifests
        .into_iter()
        .nth(position)
        .ok_or_else(|| Error::invalid(doing, "the index is empty"))
}

/// An image that stands in no index says in its configuration which platform it is for.
async fn check_platform(root: &Manifest, wanted: Option<&Platform>, doing: &str) -> Result<(), Error> {
    let (Some(wanted), Some(config)) = (wanted, root.blobs.first()) else {
        return Ok(());
    };
    let bytes = config.read(LARGEST_MANIFEST_BYTES).await?;
    let config: ImageConfig = parse(&bytes, doing, "the image configuration")?;
    let actual = config.platform();
    if actual.serves(wanted) {
        return Ok(());
    }
    Err(Error::invalid(
        doing,
        format!("the image is for {actual}, but {wanted} was asked for"),
    )
    .with_hint(format!("build it for {wanted}, or ask for {actual}")))
}

impl Origin {
    async fn manifest(&self, descriptor: &Descriptor, doing: &str) -> Result<Bytes, Error> {
        match self {
            Self::Files(_) => {
                let missing = || {
                    Error::invalid(doing, format!("manifest {} is not in it", descriptor.digest)).with_hint(
                        "if only some platforms of the image are there, name one of them (`platform`)",
                    )
                };
                let blob = self.find(descriptor.clone(), doing).await?.ok_or_else(missing)?;
                blob.read(LARGEST_MANIFEST_BYTES).await
            }
            Self::Remote { registry, repository } => {
                let pulled = registry
                    .get_manifest(repository, descriptor.digest.as_str())
                    .await?;
                Ok(pulled.bytes)
            }
        }
    }

    async fn blob(&self, descriptor: Descriptor, doing: &str) -> Result<Blob, Error> {
        let digest = descriptor.digest.clone();
        let missing = || {
            Error::invalid(doing, format!("blob {digest} is not in it"))
                .with_hint("the image is not complete: make or fetch it again")
        };
        if descriptor.is_foreign() {
            return Ok(Blob::new(descriptor, Content::Bytes(Bytes::new())));
        }
        self.find(descriptor, doing).await?.ok_or_else(missing)
    }

    async fn find(&self, descriptor: Descriptor, doing: &str) -> Result<Option<Blob>, Error> {
        let files = match self {
            Self::Files(files) => Arc::clone(files),
            Self::Remote { registry, repository } => {
                let (registry, repository) = (registry.clone(), repository.clone());
                return Ok(Some(Blob::new(
                    descriptor,
                    Content::Remote { registry, repository },
                )));
            }
        };
        let path = blob_path(&descriptor.digest);
        let Some(slice) = blocking(move || files.find(&path)).await? else {
            return Ok(None);
        };
        if slice.length != descriptor.size {
            let Descriptor { digest, size, .. } = descriptor;
            let problem = format!(
                "blob {digest} has {} bytes, but its manifest says {size}",
                slice.length
            );
            return Err(
                Error::invalid(doing, problem).with_hint("the image is damaged: make or fetch it again")
            );
        }
        Ok(Some(Blob::new(descriptor, Content::File(slice))))
    }
}

/// Where a layout keeps a blob.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

async fn read(files: &Arc<Files>, name: &'static str) -> Result<Option<Bytes>, Error> {
    let files = Arc::clone(files);
    blocking(move || files.read(name, LARGEST_MANIFEST_BYTES)).await
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    doing: &str,
    what: &str,
) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::invalid(doing, format!("{what} cannot be understood")).caused_by(error))
}
