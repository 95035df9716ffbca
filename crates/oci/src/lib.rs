//! Container images: digests, layers, and the OCI distribution protocol. Knows no AWS.
//!
//! An image comes from a [`Source`] (an archive, a layout folder, another registry, or a build) and becomes
//! an [`Image`]: a manifest whose bytes are never changed, and blobs that are opened as streams. A
//! [`Registry`] pushes it, sending only what the registry lacks.
//!
//! What this crate may not know: any cloud, any stack file, any terminal. It prints nothing. Of the
//! environment it reads `PATH`, where it looks for a build tool. Which proxies and whose certificates are taken is
//! given to it ([`Network`]).
//!
//! The rules come from the [OCI distribution](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md)
//! and [image](https://github.com/opencontainers/image-spec/blob/v1.1.0/spec.md) specifications.

mod blob;
mod digest;
mod docker_hub;
mod error;
mod gzip;
mod image;
mod manifest;
mod network;
mod reference;
mod registry;
mod writer;

pub use blob::{Blob, BlobStream};
pub use digest::{Digest, InvalidDigest};
pub use error::{Error, ErrorClass, Fault};
pub use image::{
    Build, BuildLine, Fingerprint, Image, Manifest, OWN_BEGINNINGS, OpenOptions, Source, end_builds,
};
pub use manifest::{InvalidPlatform, Platform, media_type};
pub use network::{Named, Network, Proxies, Proxy, Trust, errors};
pub use reference::{InvalidReference, Reference};
pub use registry::{
    Credentials, Progress, PulledManifest, PushEvent, PushOptions, PushReport, Registry, RegistrySettings,
    no_progress,
};
pub use writer::{ImageBuilder, ImageLayout, LayerFile};
