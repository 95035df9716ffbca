//! Helpers of the tests: a registry that misbehaves when asked to, and images to push.

#![allow(dead_code, reason = "each test file uses some of it")]

pub mod double;
pub mod proxy;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use infra_oci::{
    Credentials, Image, ImageBuilder, LayerFile, OpenOptions, Progress, PushEvent, Registry,
    RegistrySettings, Source,
};

use self::double::Double;

/// Attempts as in earnest, without the waits.
pub fn quick() -> RegistrySettings {
    RegistrySettings {
        attempts: 4,
        first_delay: Duration::ZERO,
        longest_delay: Duration::ZERO,
        ..RegistrySettings::default()
    }
}

pub fn client(double: &Double, credentials: Option<Credentials>) -> Registry {
    Registry::with_settings(double.address(), credentials, quick()).unwrap()
}

/// Bytes that gzip cannot make smaller, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A layer whose compressed size is a little more than that of its file.
pub fn layer(length: usize, seed: u64) -> Vec<LayerFile> {
    vec![LayerFile::new(format!("data/{seed}"), noise(length, seed))]
}

/// One big layer (3 MB, above what goes up in one request) and one small.
pub fn builder() -> ImageBuilder {
    ImageBuilder::new("amd64")
        .command(["/bin/app"])
        .layer(layer(3_000_000, 1))
        .layer(layer(1_000, 2))
}

/// Opens an image after writing it to a folder.
pub async fn opened(folder: &Path, image: &ImageBuilder) -> Image {
    image.build().unwrap().write_folder(folder).unwrap();
    open(&Source::Layout(folder.to_owned())).await
}

pub async fn open(source: &Source) -> Image {
    Image::open(source, &OpenOptions::default()).await.unwrap()
}

/// Keeps all events of a push.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<PushEvent>>>);

impl Recorder {
    pub fn progress(&self) -> Progress {
        let events = Arc::clone(&self.0);
        Arc::new(move |event| events.lock().unwrap().push(event))
    }

    pub fn events(&self) -> Vec<PushEvent> {
        self.0.lock().unwrap().clone()
    }

    pub fn retries(&self) -> usize {
        self.events()
            .iter()
            .filter(|event| matches!(event, PushEvent::BlobRetried { .. }))
            .count()
    }
}

/// An image whose one layer is a sparse file of zeros: big, and no burden on the disk.
pub async fn opened_with_big_layer(folder: &Path, length: u64) -> Image {
    ImageBuilder::new("amd64")
        .build()
        .unwrap()
        .write_folder(folder)
        .unwrap();
    let blobs = folder.join("blobs/sha256");
    let small = open(&Source::Layout(folder.to_owned())).await;
    let path = blobs.join("layer");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(length).unwrap();
    let digest = sha256_of_zeros(length);
    std::fs::rename(&path, blobs.join(digest.trim_start_matches("sha256:"))).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(small.manifest().bytes()).unwrap();
    let media_type = "application/vnd.oci.image.layer.v1.tar";
    manifest["layers"] = serde_json::json!([{ "mediaType": media_type, "digest": digest, "size": length }]);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let digest = infra_oci::Digest::of(&manifest);
    std::fs::write(blobs.join(digest.hex()), &manifest).unwrap();
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": infra_oci::media_type::OCI_MANIFEST, "digest": digest, "size": manifest.len(),
    }] });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    open(&Source::Layout(folder.to_owned())).await
}

fn sha256_of_zeros(length: u64) -> String {
    use sha2::Digest as _;
    let (mut hasher, zeros) = (sha2::Sha256::new(), vec![0; 1024 * 1024]);
    assert_eq!(length % zeros.len() as u64, 0);
    for _ in 0..length / zeros.len() as u64 {
        hasher.update(&zeros);
    }
    format!("sha256:{}", hex::encode(hasher.finalize()))
}
