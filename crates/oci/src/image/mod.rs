//! Images: where they come from, and what an opened one is.

mod build;
mod children;
mod context;
mod docker_archive;
mod files;
mod fingerprint;
mod ignore;
mod kept_out;
mod load;
mod select;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::blob::Blob;
use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::Platform;
use crate::reference::Reference;
use crate::registry::{Credentials, Registry, RegistrySettings};

pub use build::{Build, BuildLine};
pub use children::end_builds;
pub use context::OWN_BEGINNINGS;
pub use fingerprint::Fingerprint;
pub(crate) use load::blob_path;

/// Where an image comes from. Paths are absolute, or relative to the working folder of the process.
#[derive(Debug, Clone)]
pub enum Source {
    /// An archive of `docker save` (with or without an OCI layout inside) or an OCI archive; it may be
    /// compressed with gzip.
    Archive(PathBuf),
    /// An OCI image layout folder, the one that holds `oci-layout` and `index.json`.
    Layout(PathBuf),
    /// An image in another registry.
    Registry {
        /// Its name there.
        reference: Reference,
        /// Who asks; `None` for a public image.
        credentials: Option<Credentials>,
    },
    /// An image that is built now, by buildx, docker, podman or buildah.
    Build(Build),
}

/// How an image is opened.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Which image, where an archive or a layout holds several: a name, a tag or a digest.
    pub reference: Option<String>,
    /// Which platform of a multi-platform image; `None` takes the image with all its platforms. An
    /// image of another platform is an error.
    pub platform: Option<Platform>,
    /// Where compressed layers of legacy Docker archives are kept for the next time, one file for each
    /// layer; the folder is made when it is needed and may be emptied at any time. `None` keeps nothing.
    pub cache_directory: Option<PathBuf>,
    /// Whether a build looks for newer images that it begins with, instead of taking those that are on the machine.
    pub pull_base_images: bool,
    /// Files and folders that no build gets, wherever they are, such as keys and states kept beside the sources.
    pub apart: Vec<PathBuf>,
    /// Gets each line that a build tool writes.
    pub on_build_line: Option<BuildLine>,
    /// Where build tools are looked for, in the form of `PATH`; `None` is the `PATH` of the process.
    pub tool_path: Option<OsString>,
    /// How another registry is talked to.
    pub registry: RegistrySettings,
}

/// An image or a multi-platform index of images, opened: manifests read and checked, blobs located.
///
/// Its digest is that of its manifest's bytes, which are never changed: pushed, they have the same digest.
#[derive(Debug, Clone)]
pub struct Image {
    root: Manifest,
}

/// A manifest with its blobs, or an index with its manifests.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
    pub(crate) platform: Option<Platform>,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) children: Vec<Manifest>,
}

impl Manifest {
    /// The digest of the manifest's bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The media type, one of [`media_type`](crate::media_type).
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The bytes as they are stored and pushed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The platform that an index gives for it; `None` for what stands in no index.
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    /// The configuration (first) and the layers; empty for an index.
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// The manifests of an index, in its order; empty for a single image.
    pub fn manifests(&self) -> &[Manifest] {
        &self.children
    }

    fn collect<'a>(&'a self, into: &mut Vec<&'a Manifest>) {
        for child in &self.children {
            child.collect(into);
        }
        into.push(self);
    }
}

impl Image {
    pub(crate) fn new(root: Manifest) -> Self {
        Self { root }
    }

    /// Opens an image: reads and checks its manifests, and finds its blobs without reading them.
    ///
    /// A build is run here, and the layers of a legacy Docker archive are compressed here; dropping the
    /// future stops the build.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`](crate::ErrorClass::Invalid) for an archive or layout that is damaged,
    /// incomplete, of another platform, or holds several images none of which was asked for (the error
    /// lists them); any class for another registry; [`ErrorClass::Other`](crate::ErrorClass::Other) for
    /// a build that failed (with its last lines), or for which there is no tool.
    pub async fn open(source: &Source, options: &OpenOptions) -> Result<Self, Error> {
        match source {
            Source::Archive(path) => load::archive(path, None, options).await,
            Source::Layout(folder) => load::layout(folder, options).await,
            Source::Build(build) => {
                let archive = build::run(build, options).await?;
                load::archive(&archive.path, Some(Arc::clone(&archive.keep)), options).await
            }
            Source::Registry {
                reference,
                credentials,
            } => {
                let registry = Registry::with_settings(
                    reference.registry(),
                    credentials.clone(),
                    options.registry.clone(),
                )?;
                load::remote(registry, reference, options).await
            }
        }
    }

    /// The digest of the image: of its manifest, or of its index when it is multi-platform.
    pub fn digest(&self) -> &Digest {
        &self.root.digest
    }

    /// The manifest, or the index when the image is multi-platform.
    pub fn manifest(&self) -> &Manifest {
        &self.root
    }

    /// All manifests in the order in which they are pushed: the root last, each digest once.
    pub fn manifests(&self) -> Vec<&Manifest> {
        let mut all = Vec::new();
        self.root.collect(&mut all);
        let mut seen = BTreeSet::new();
        all.retain(|manifest| seen.insert(&manifest.digest));
        all
    }

    /// All blobs of all manifests, each digest once.
    pub fn blobs(&self) -> Vec<&Blob> {
        let mut seen = BTreeSet::new();
        let all = self.manifests().into_iter().flat_map(|manifest| &manifest.blobs);
        all.filter(|blob| seen.insert(blob.digest())).collect()
    }

    /// The size of all blobs together, in bytes, as they are stored.
    pub fn size_bytes(&self) -> u64 {
        self.blobs().into_iter().map(Blob::size).sum()
    }
}
