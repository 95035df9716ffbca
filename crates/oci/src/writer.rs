//! A small image writer: files in, image out, the same bytes every time and without any tool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::error::{Error, ErrorClass};
use crate::gzip;
use crate::image::blob_path;
use crate::manifest::{Descriptor, ImageIndex, ImageManifest, Platform, media_type};

/// A regular file of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Its path in the image, with `/`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its permissions, such as `0o644`.
    pub mode: u32,
}

impl LayerFile {
    /// A file that everybody may read.
    pub fn new(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            bytes: bytes.into(),
            mode: 0o644,
        }
    }

    /// A file that everybody may run.
    pub fn program(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            mode: 0o755,
            ..Self::new(path, bytes)
        }
    }
}

/// Describes an image for Linux. All times in it are 1970 and all owners root, so that the same description
/// has the same digest everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBuilder {
    architecture: String,
    name: Option<String>,
    environment: Vec<String>,
    entrypoint: Vec<String>,
    command: Vec<String>,
    exposed_ports: BTreeSet<u16>,
    working_directory: Option<String>,
    layers: Vec<Vec<LayerFile>>,
}

impl ImageBuilder {
    /// An image without layers for an architecture in Go's names, such as `amd64` or `arm64`.
    pub fn new(architecture: impl Into<String>) -> Self {
        Self {
            architecture: architecture.into(),
            name: None,
            environment: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            exposed_ports: BTreeSet::new(),
            working_directory: None,
            layers: Vec::new(),
        }
    }

    /// The name that the layout gives it. The digest does not depend on it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// The program that the container runs.
    pub fn entrypoint<Item: Into<String>>(mut self, words: impl IntoIterator<Item = Item>) -> Self {
        self.entrypoint = words.into_iter().map(Into::into).collect();
        self
    }

    /// The arguments of the entrypoint, or the program if there is none.
    pub fn command<Item: Into<String>>(mut self, words: impl IntoIterator<Item = Item>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// Says that the container listens on a TCP port.
    pub fn exposed_port(mut self, port: u16) -> Self {
        self.exposed_ports.insert(port);
        self
    }

    /// The folder that the program starts in.
    pub fn working_directory(mut self, path: impl Into<String>) -> Self {
        self.working_directory = Some(path.into());
        self
    }

    /// Adds a layer. The order of the files does not matter, and their folders are made.
    pub fn layer(mut self, files: Vec<LayerFile>) -> Self {
        self.layers.push(files);
        self
    }

    /// Makes the image.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] for a path that is empty, leaves the image, or occurs twice in a layer.
    pub fn build(&self) -> Result<ImageLayout, Error> {
        let mut layout = ImageLayout::new();
        let manifest = self.write_into(&mut layout)?;
        layout.finish(manifest, self.name.as_deref())
    }

    /// Makes a multi-platform image of images for different architectures.
    ///
    /// # Errors
    /// As [`ImageBuilder::build`].
    pub fn build_multi_platform(images: &[Self], name: Option<&str>) -> Result<ImageLayout, Error> {
        let mut layout = ImageLayout::new();
        let mut manifests = Vec::new();
        for image in images {
            let (os, architecture) = ("linux".to_owned(), image.architecture.clone());
            let mut manifest = image.write_into(&mut layout)?;
            manifest.platform = Some(Platform {
                os,
                architecture,
                variant: None,
            });
            manifests.push(manifest);
        }
        let index = layout.add_json(media_type::OCI_INDEX, &index_of(manifests))?;
        layout.finish(index, name)
    }

    fn write_into(&self, layout: &mut ImageLayout) -> Result<Descriptor, Error> {
        let mut diff_ids = Vec::new();
        let mut layers = Vec::new();
        for files in &self.layers {
            let plain = layer_tar(files)?;
            let mut compressed = Vec::new();
            let (diff_id, _) = gzip::compress(plain.as_slice(), &mut compressed).map_err(unwritten)?;
            diff_ids.push(diff_id);
            layers.push(layout.add(media_type::OCI_LAYER_GZIP, compressed));
        }
        let config = json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": self.architecture,
            "os": "linux",
            "config": self.container_config(),
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = layout.add_json(media_type::OCI_CONFIG, &config)?;
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: Some(media_type::OCI_MANIFEST.to_owned()),
            config,
            layers,
        };
        layout.add_json(media_type::OCI_MANIFEST, &manifest)
    }

    fn container_config(&self) -> Value {
        let mut config = Map::new();
        let mut put = |key: &str, is_empty: bool, value: Value| {
            if !is_empty {
                config.insert(key.to_owned(), value);
            }
        };
        let ports: BTreeMap<String, Value> = self
            .exposed_ports
            .iter()
            .map(|port| (format!("{port}/tcp"), json!({})))
            .collect();
        put("Env", self.environment.is_empty(), json!(self.environment));
        put("Entrypoint", self.entrypoint.is_empty(), json!(self.entrypoint));
        put("Cmd", self.command.is_empty(), json!(self.command));
        put("ExposedPorts", ports.is_empty(), json!(ports));
        put(
            "WorkingDir",
            self.working_directory.is_none(),
            json!(self.working_directory),
        );
        Value::Object(config)
    }
}

/// A finished image in memory, in the form of an OCI image layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLayout {
    files: BTreeMap<String, Vec<u8>>,
    digest: Digest,
}

impl ImageLayout {
    fn new() -> Self {
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec();
        Self {
            files: BTreeMap::from([("oci-layout".to_owned(), version)]),
            digest: Digest::of(&[]),
        }
    }

    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::of(media_type, &bytes);
        self.files.insert(blob_path(&descriptor.digest), bytes);
        descriptor
    }

    fn add_json(&mut self, media_type: &str, value: &impl serde::Serialize) -> Result<Descriptor, Error> {
        let bytes = serde_json::to_vec(value).map_err(unwritten)?;
        Ok(self.add(media_type, bytes))
    }

    fn finish(mut self, mut root: Descriptor, name: Option<&str>) -> Result<Self, Error> {
        self.digest = root.digest.clone();
        if let Some(name) = name {
            root.annotations
                .insert("org.opencontainers.image.ref.name".to_owned(), name.to_owned());
        }
        let index = serde_json::to_vec(&index_of(vec![root])).map_err(unwritten)?;
        self.files.insert("index.json".to_owned(), index);
        Ok(self)
    }

    /// The digest of the image.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The files of the layout, by their path in it.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Writes the layout into a folder, which is made if need be. What is there already stays.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_folder(&self, folder: &Path) -> Result<(), Error> {
        for (path, bytes) in &self.files {
            let target = folder.join(path);
            let parent = target.parent().unwrap_or(folder);
            let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&target, bytes));
            written.map_err(|error| Error::file("writing an image layout", &target, error))?;
        }
        Ok(())
    }

    /// Writes an OCI archive: the layout as a tar file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_archive(&self, path: &Path) -> Result<(), Error> {
        let files = self
            .files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice(), 0o644));
        let bytes = tar_of(files)?;
        std::fs::write(path, bytes).map_err(|error| Error::file("writing an image archive", path, error))
    }
}

fn index_of(manifests: Vec<Descriptor>) -> ImageIndex {
    ImageIndex {
        schema_version: 2,
        media_type: Some(media_type::OCI_INDEX.to_owned()),
        manifests,
    }
}

fn layer_tar(files: &[LayerFile]) -> Result<Vec<u8>, Error> {
    let mut sorted = BTreeMap::new();
    for file in files {
        let path = file.path.trim_start_matches('/');
        let plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !plain || sorted.insert(path, file).is_some() {
            let problem = format!("`{}` is given twice, or is no path within the image", file.path);
            return Err(Error::invalid("making a layer", problem));
        }
    }
    tar_of(
        sorted
            .into_iter()
            .map(|(path, file)| (path, file.bytes.as_slice(), file.mode)),
    )
}

/// A tar file of sorted paths, each folder before what is in it.
fn tar_of<'a>(files: impl Iterator<Item = (&'a str, &'a [u8], u32)>) -> Result<Vec<u8>, Error> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for (path, bytes, mode) in files {
        for (slash, _) in path.match_indices('/') {
            let folder = &path[..=slash];
            if folders.insert(folder) {
                let mut header = header(tar::EntryType::Directory, 0, 0o755);
                archive
                    .append_data(&mut header, folder, &[][..])
                    .map_err(unwritten)?;
            }
        }
        let mut header = header(tar::EntryType::Regular, bytes.len() as u64, mode);
        archive.append_data(&mut header, path, bytes).map_err(unwritten)?;
    }
    archive.into_inner().map_err(unwritten)
}

fn header(kind: tar::EntryType, size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        ErrorClass::Other,
        "making an image",
        "a part of it cannot be written",
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> LayerFile {
        LayerFile::new("srv/www/index.html", text)
    }

    #[test]
    fn the_same_description_has_the_same_digest() {
        let image = |files| {
            ImageBuilder::new("amd64")
                .env("A", "b")
                .exposed_port(8080)
                .layer(files)
        };
        let one = image(vec![page("hello"), LayerFile::program("/bin/run", "x")]);
        let two = image(vec![LayerFile::program("bin/run", "x"), page("hello")]).name("named");
        assert_eq!(one.build().unwrap().digest(), two.build().unwrap().digest());
        let other = image(vec![page("hello!")]);
        assert_ne!(one.build().unwrap().digest(), other.build().unwrap().digest());
    }

    #[test]
    fn paths_stay_in_the_image() {
        for path in ["", "/", "../etc/passwd", "a/../../b", "a//b", "./a"] {
            let image = ImageBuilder::new("amd64").layer(vec![LayerFile::new(path, "")]);
            assert!(image.build().is_err(), "{path}");
        }
        let twice = ImageBuilder::new("amd64").layer(vec![page("a"), page("b")]);
        assert!(twice.build().unwrap_err().to_string().contains("given twice"));
    }
}
