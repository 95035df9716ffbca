//! Against Debian's `docker-registry`, with a password, and read back by `skopeo`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use infra_oci::{
    Credentials, Digest, ErrorClass, Image, ImageBuilder, OpenOptions, Progress, PushEvent, PushOptions,
    Registry, Source, no_progress,
};
use infra_sandbox::DebianRegistry;
use tempfile::TempDir;

use crate::support::proxy::Proxy;
use crate::support::{Recorder, builder, layer, open, opened, opened_with_big_layer, quick};

const USERNAME: &str = DebianRegistry::USERNAME;
const PASSWORD: &str = DebianRegistry::PASSWORD;

/// A registry, and a folder for what it keeps.
struct Real {
    registry: DebianRegistry,
    _folder: TempDir,
}

impl Real {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            registry: DebianRegistry::start(&folder.path().join("registry")).unwrap(),
            _folder: folder,
        }
    }

    fn credentials() -> Credentials {
        Credentials::new(USERNAME, PASSWORD)
    }

    fn client(&self) -> Registry {
        self.client_at(self.registry.address())
    }

    fn client_at(&self, address: &str) -> Registry {
        Registry::with_settings(address, Some(Self::credentials()), quick()).unwrap()
    }

    fn skopeo(&self, arguments: &[&str]) -> String {
        let output = Command::new("skopeo")
            .arg("--insecure-policy")
            .args(arguments)
            .output()
            .unwrap_or_else(|error| {
                panic!("skopeo cannot be run ({error}); the Debian package of that name has it")
            });
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "skopeo {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn address_of(&self, name: &str) -> String {
        format!("docker://{}/{name}", self.registry.host())
    }

    fn inspected_digest(&self, name: &str) -> String {
        let credentials = format!("{USERNAME}:{PASSWORD}");
        let address = self.address_of(name);
        let format = "{{.Digest}}";
        let arguments = [
            "inspect",
            "--tls-verify=false",
            "--creds",
            &credentials,
            "--format",
            format,
            &address,
        ];
        self.skopeo(&arguments).trim().to_owned()
    }

    /// Fetches an image with all its blobs.
    fn fetch(&self, name: &str, target: &str) {
        let credentials = format!("{USERNAME}:{PASSWORD}");
        let address = self.address_of(name);
        self.skopeo(&[
            "copy",
            "--all",
            "--src-tls-verify=false",
            "--src-creds",
            &credentials,
            &address,
            target,
        ]);
    }
}

fn tags(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn what_is_pushed_is_read_back_with_the_same_digest() {
    let real = Real::start();
    let folder = TempDir::new().unwrap();
    let image = opened(&folder.path().join("image"), &builder()).await;
    let client = real.client();
    let push = async |names: &[&str]| {
        client
            .push(
                &image,
                "team/app",
                &tags(names),
                &PushOptions::default(),
                &no_progress(),
            )
            .await
            .unwrap()
    };
    let report = push(&["v1", "latest"]).await;
    assert_eq!((report.blobs_sent, report.tags_written.len()), (3, 2));
    for tag in ["v1", "latest"] {
        assert_eq!(
            real.inspected_digest(&format!("team/app:{tag}")),
            image.digest().as_str()
        );
    }
    let copy = folder.path().join("copy");
    real.fetch("team/app:v1", &format!("oci:{}:v1", shown(&copy)));
    assert_eq!(open(&Source::Layout(copy)).await.digest(), image.digest());

    let again = push(&["v1"]).await;
    assert_eq!(
        (
            again.blobs_sent,
            again.bytes_sent,
            again.blobs_present,
            again.requests
        ),
        (0, 0, 3, 2)
    );
}

#[tokio::test]
async fn archives_that_others_write_are_understood() {
    let real = Real::start();
    let folder = TempDir::new().unwrap();
    let image = opened(&folder.path().join("image"), &builder()).await;
    let client = real.client();
    let push = async |image: &Image, repository: &str| {
        client
            .push(
                image,
                repository,
                &tags(&["v1"]),
                &PushOptions::default(),
                &no_progress(),
            )
            .await
            .unwrap()
    };
    push(&image, "team/app").await;

    let oci = folder.path().join("oci.tar");
    real.fetch("team/app:v1", &format!("oci-archive:{}:v1", shown(&oci)));
    assert_eq!(open(&Source::Archive(oci)).await.digest(), image.digest());

    let docker = folder.path().join("docker.tar");
    real.fetch(
        "team/app:v1",
        &format!("docker-archive:{}:app:v1", shown(&docker)),
    );
    let options = OpenOptions {
        reference: Some("app:v1".to_owned()),
        ..OpenOptions::default()
    };
    let legacy = Image::open(&Source::Archive(docker), &options).await.unwrap();
    assert_eq!(legacy.blobs().len(), 3);
    push(&legacy, "team/legacy").await;
    assert_eq!(real.inspected_digest("team/legacy:v1"), legacy.digest().as_str());
    let copy = folder.path().join("copy");
    real.fetch("team/legacy:v1", &format!("oci:{}:v1", shown(&copy)));
    assert_eq!(open(&Source::Layout(copy)).await.digest(), legacy.digest());
}

#[tokio::test]
async fn a_multi_platform_image_is_read_back_whole() {
    let real = Real::start();
    let folder = TempDir::new().unwrap();
    let images = ["amd64", "arm64"].map(|name| ImageBuilder::new(name).layer(layer(2_000, 5)));
    let layout = folder.path().join("image");
    ImageBuilder::build_multi_platform(&images, None)
        .unwrap()
        .write_folder(&layout)
        .unwrap();
    let image = open(&Source::Layout(layout)).await;
    let client = real.client();
    client
        .push(
            &image,
            "multi",
            &tags(&["v1"]),
            &PushOptions::default(),
            &no_progress(),
        )
        .await
        .unwrap();
    let copy = folder.path().join("copy");
    real.fetch("multi:v1", &format!("oci:{}:v1", shown(&copy)));
    assert_eq!(open(&Source::Layout(copy)).await.digest(), image.digest());

    let reference = format!("{}/multi:v1", real.registry.host()).parse().unwrap();
    let source = Source::Registry {
        reference,
        credentials: Some(Real::credentials()),
    };
    let options = OpenOptions {
        platform: Some("linux/arm64".parse().unwrap()),
        ..OpenOptions::default()
    };
    let arm = Image::open(&source, &options).await.unwrap();
    assert_eq!(arm.digest(), images[1].build().unwrap().digest());
    let mounted = client
        .push(&arm, "arm", &[], &PushOptions::default(), &no_progress())
        .await
        .unwrap();
    assert_eq!((mounted.blobs_mounted, mounted.blobs_sent), (2, 0));
}

#[tokio::test]
async fn wrong_passwords_and_absent_images() {
    let real = Real::start();
    let client = real.client();
    assert_eq!(client.head_manifest("absent", "v1").await.unwrap(), None);
    assert!(!client.blob_exists("absent", &Digest::of(b"x")).await.unwrap());
    let error = client.get_manifest("absent", "v1").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NotFound);
    assert_eq!(error.faults()[0].code, "MANIFEST_UNKNOWN");
    for credentials in [None, Some(Credentials::new(USERNAME, "wrong"))] {
        let client = Registry::with_settings(real.registry.address(), credentials, quick()).unwrap();
        let error = client.head_manifest("absent", "v1").await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Unauthorized);
    }
}

#[tokio::test]
async fn a_push_survives_a_cut_wire() {
    let real = Real::start();
    let folder = TempDir::new().unwrap();
    let image = opened(
        folder.path(),
        &ImageBuilder::new("amd64").layer(layer(20_000_000, 6)),
    )
    .await;
    let proxy = Proxy::start(real.registry.host()).await;
    proxy.cut_at(12_000_000);
    let recorder = Recorder::default();
    let client = real.client_at(&proxy.address);
    let pushed = client
        .push(
            &image,
            "cut",
            &tags(&["v1"]),
            &PushOptions::default(),
            &recorder.progress(),
        )
        .await;
    let report = pushed.unwrap();
    assert!(proxy.was_cut());
    assert_eq!(recorder.retries(), 1);
    println!("{} bytes sent for {}", report.bytes_sent, image.size_bytes());
    assert_eq!(real.inspected_digest("cut:v1"), image.digest().as_str());
}

/// 200 MB go up, and at no time is much more of them read than has gone out.
#[tokio::test]
async fn a_big_layer_needs_little_memory() {
    const LAYER_BYTES: u64 = 200 * 1024 * 1024;
    const BOUND_BYTES: u64 = 64 * 1024 * 1024;
    let real = Real::start();
    let folder = TempDir::new().unwrap();
    let image = opened_with_big_layer(folder.path(), LAYER_BYTES).await;
    let proxy = Proxy::start(real.registry.host()).await;
    let (passed, peak) = (Arc::clone(&proxy.passed), Arc::new(AtomicU64::new(0)));
    let progress: Progress = {
        let peak = Arc::clone(&peak);
        Arc::new(move |event| {
            if let PushEvent::BlobProgress {
                sent_bytes,
                size_bytes: LAYER_BYTES,
                ..
            } = event
            {
                peak.fetch_max(
                    sent_bytes.saturating_sub(passed.load(Ordering::SeqCst)),
                    Ordering::SeqCst,
                );
            }
        })
    };
    let client = real.client_at(&proxy.address);
    let report = client
        .push(&image, "big", &tags(&["v1"]), &PushOptions::default(), &progress)
        .await
        .unwrap();
    assert_eq!(report.bytes_sent, image.size_bytes());
    let peak = peak.load(Ordering::SeqCst);
    println!("at most {} KiB were read and had not gone out", peak / 1024);
    assert!(peak > 0 && peak < BOUND_BYTES, "{peak} bytes were in flight");
    assert_eq!(real.inspected_digest("big:v1"), image.digest().as_str());
}
