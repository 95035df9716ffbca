//! Docker archives without an OCI layout inside: layers that are plain tar files, and no manifest.
//!
//! The manifest is made here, and the layers are compressed here, always in the same way: the same archive
//! gives the same digest on every machine, for as long as the compressor in `Cargo.lock` stays the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tempfile::TempDir;

use super::files::{Files, opening};
use super::load::parse;
use super::select::{self, Candidate};
use super::{Manifest, OpenOptions};
use crate::blob::{Blob, Content, FileSlice, blocking};
use crate::digest::Digest;
use crate::error::Error;
use crate::gzip::{self, COMPRESSION_LEVEL, Hashing};
use crate::manifest::{Descriptor, ImageConfig, ImageManifest, LARGEST_MANIFEST_BYTES, media_type};

/// An entry of the archive's `manifest.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

/// How many layers are compressed at a time.
const PARALLEL_LAYERS: usize = 4;

pub(super) async fn open(files: Arc<Files>, table: &[u8], options: &OpenOptions) -> Result<Manifest, Error> {
    let doing = opening(files.path());
    let entries: Vec<Entry> = parse(table, &doing, "`manifest.json`")?;
    let mut candidates = Vec::new();
    for entry in entries {
        let config = config_of(&files, &entry, &doing).await?;
        candidates.push(Candidate {
            names: entry.repo_tags.clone().unwrap_or_default(),
            digest: Some(Digest::of(&config)),
            platform: None,
            value: (entry, config),
        });
    }
    let (entry, config_bytes) = select::one(&doing, candidates, options.reference.as_deref(), None)?.value;
    let config: ImageConfig = parse(&config_bytes, &doing, "the image configuration")?;
    let diff_ids = config.rootfs.diff_ids;
    if diff_ids.len() != entry.layers.len() {
        let (layers, ids) = (entry.layers.len(), diff_ids.len());
        let problem = format!("it has {layers} layers, but the image configuration speaks of {ids}");
        return Err(Error::invalid(doing, problem).with_hint("make the archive again"));
    }
    let layers = layers(&files, &diff_ids, &entry.layers, options, &doing).await?;
    let config = Descriptor::of(media_type::OCI_CONFIG, &config_bytes);
    let manifest = ImageManifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        config: config.clone(),
        layers: layers.iter().map(|(descriptor, _)| descriptor.clone()).collect(),
    };
    let bytes: Bytes = serde_json::to_vec(&manifest)
        .map_err(|error| Error::invalid(doing, "its manifest cannot be written").caused_by(error))?
        .into();
    let config = Blob::new(config, Content::Bytes(config_bytes));
    let layers = layers
        .into_iter()
        .map(|(descriptor, slice)| Blob::new(descriptor, Content::File(slice)));
    Ok(Manifest {
        digest: Digest::of(&bytes),
        media_type: media_type::OCI_MANIFEST.to_owned(),
        bytes,
        platform: None,
        blobs: std::iter::once(config).chain(layers).collect(),
        children: Vec::new(),
    })
}

async fn config_of(files: &Arc<Files>, entry: &Entry, doing: &str) -> Result<Bytes, Error> {
    let (files, name) = (Arc::clone(files), entry.config.clone());
    let config = blocking(move || files.read(&name, LARGEST_MANIFEST_BYTES)).await?;
    config.ok_or_else(|| {
        Error::invalid(
            doing,
            format!("the configuration `{}` is not in it", entry.config),
        )
    })
}

/// The compressed layers in the order of the image; a layer that occurs twice is compressed once.
async fn layers(
    files: &Arc<Files>,
    diff_ids: &[Digest],
    paths: &[String],
    options: &OpenOptions,
    doing: &str,
) -> Result<Vec<(Descriptor, FileSlice)>, Error> {
    let folder = Arc::new(Folder::for_layers(options.cache_directory.as_deref())?);
    // Owned, since a closure over borrowed items makes a future that no task may carry to another thread.
    let distinct: BTreeMap<Digest, String> = diff_ids.iter().cloned().zip(paths.iter().cloned()).collect();
    let jobs = distinct.into_iter().map(|(diff_id, path)| {
        let (files, folder) = (Arc::clone(files), Arc::clone(&folder));
        let doing = doing.to_owned();
        blocking(move || {
            let found = files.find(&path)?;
            let plain =
                found.ok_or_else(|| Error::invalid(&doing, format!("layer `{path}` is not in it")))?;
            let layer = layer(&plain, &diff_id, &folder, &doing)?;
            Ok((diff_id, layer))
        })
    });
    let done: BTreeMap<Digest, (Descriptor, FileSlice)> = stream::iter(jobs)
        .buffer_unordered(PARALLEL_LAYERS)
        .try_collect()
        .await?;
    Ok(diff_ids
        .iter()
        .filter_map(|diff_id| done.get(diff_id).cloned())
        .collect())
}

/// Where compressed layers go: the cache, or a folder that lives as long as the image.
enum Folder {
    Cache(std::path::PathBuf),
    Temporary(Arc<TempDir>),
}

impl Folder {
    fn for_layers(cache: Option<&Path>) -> Result<Self, Error> {
        let doing = "making a folder for compressed layers";
        match cache {
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|error| Error::file(doing, path, error))?;
                Ok(Self::Cache(path.to_owned()))
            }
            None => {
                let folder =
                    TempDir::new().map_err(|error| Error::file(doing, &std::env::temp_dir(), error))?;
                Ok(Self::Temporary(Arc::new(folder)))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Cache(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    fn keep(&self) -> Option<Arc<TempDir>> {
        match self {
            Self::Cache(_) => None,
            Self::Temporary(folder) => Some(Arc::clone(folder)),
        }
    }
}

/// A layer as it is pushed. Some tools write layers that are compressed already: those stay as they are.
fn layer(
    plain: &FileSlice,
    diff_id: &Digest,
    folder: &Folder,
    doing: &str,
) -> Result<(Descriptor, FileSlice), Error> {
    let unreadable = |error| Error::file(doing, &plain.path, error);
    if starts_as_gzip(plain).map_err(unreadable)? {
        let layer = inspect(plain)
            .map_err(|error| Error::invalid(doing, format!("layer {diff_id} is damaged")).caused_by(error))?;
        expect_diff_id(&layer.diff_id, diff_id, doing)?;
        return Ok((layer.descriptor(plain.length), plain.clone()));
    }
    let path = folder
        .path()
        .join(format!("{}.{COMPRESSION_LEVEL}.tar.gz", diff_id.hex()));
    if let Ok(data) = std::fs::metadata(&path) {
        let kept = FileSlice {
            path: path.clone().into(),
            offset: 0,
            length: data.len(),
            keep: folder.keep(),
        };
        // What is not what was written there is simply written again.
        if let Ok(layer) = inspect(&kept)
            && layer.diff_id == *diff_id
        {
            return Ok((layer.descriptor(kept.length), kept));
        }
    }
    let unwritable = |error| Error::file("compressing a layer", &path, error);
    let mut file = tempfile::NamedTempFile::new_in(folder.path()).map_err(unwritable)?;
    let (layer, length) = compress(plain, file.as_file_mut()).map_err(unwritable)?;
    expect_diff_id(&layer.diff_id, diff_id, doing)?;
    file.persist(&path).map_err(|error| unwritable(error.error))?;
    Ok((
        layer.descriptor(length),
        FileSlice {
            path: path.into(),
            offset: 0,
            length,
            keep: folder.keep(),
        },
    ))
}

fn expect_diff_id(actual: &Digest, expected: &Digest, doing: &str) -> Result<(), Error> {
    if actual == expected {
        return Ok(());
    }
    Err(Error::invalid(
        doing,
        format!("layer {expected} is damaged: its bytes have the digest {actual}"),
    )
    .with_hint("make the archive again"))
}

struct Layer {
    /// The digest of the bytes before compression.
    diff_id: Digest,
    /// The digest of the bytes after it.
    digest: Digest,
}

impl Layer {
    fn descriptor(self, size: u64) -> Descriptor {
        Descriptor::new(media_type::OCI_LAYER_GZIP, self.digest, size)
    }
}

fn open_slice(slice: &FileSlice) -> std::io::Result<impl Read> {
    let mut file = File::open(&slice.path)?;
    file.seek(SeekFrom::Start(slice.offset))?;
    Ok(file.take(slice.length))
}

fn starts_as_gzip(slice: &FileSlice) -> std::io::Result<bool> {
    let mut start = Vec::new();
    open_slice(slice)?.take(2).read_to_end(&mut start)?;
    Ok(start == [0x1f, 0x8b])
}

/// Both digests of a compressed layer.
fn inspect(slice: &FileSlice) -> std::io::Result<Layer> {
    let mut compressed = Hashing::new(open_slice(slice)?);
    let mut plain = Hashing::new(std::io::sink());
    std::io::copy(&mut MultiGzDecoder::new(&mut compressed), &mut plain)?;
    std::io::copy(&mut compressed, &mut std::io::sink())?;
    Ok(Layer {
        diff_id: plain.finish().0,
        digest: compressed.finish().0,
    })
}

fn compress(plain: &FileSlice, file: &mut File) -> std::io::Result<(Layer, u64)> {
    let (diff_id, digest) = gzip::compress(open_slice(plain)?, std::io::BufWriter::new(&mut *file))?;
    let length = file.metadata()?.len();
    Ok((Layer { diff_id, digest }, length))
}
