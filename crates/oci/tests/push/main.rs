//! Pushing to a registry that behaves, and to one that does not.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod credentials;
mod failures;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use infra_oci::{
    Credentials, Digest, ErrorClass, Image, ImageBuilder, OpenOptions, PushEvent, PushOptions, PushReport,
    Registry, RegistrySettings, Source, no_progress,
};
use tempfile::TempDir;

use support::double::{Behaviour, Double, Fault};
use support::{Recorder, builder, client, layer, opened};

const PASSWORD: (&str, &str) = ("infra", "not-a-real-password");

fn credentials() -> Option<Credentials> {
    Some(Credentials::new(PASSWORD.0, PASSWORD.1))
}

async fn image() -> Image {
    // The folder may go: what matters of it is read at push time, so keep it by leaking its guard.
    opened(&TempDir::new().unwrap().keep(), &builder()).await
}

async fn push(registry: &Registry, image: &Image, tags: &[&str]) -> Result<PushReport, infra_oci::Error> {
    push_with(registry, image, tags, &Recorder::default()).await
}

async fn push_with(
    registry: &Registry,
    image: &Image,
    tags: &[&str],
    recorder: &Recorder,
) -> Result<PushReport, infra_oci::Error> {
    let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
    registry
        .push(
            image,
            "team/app",
            &tags,
            &PushOptions::default(),
            &recorder.progress(),
        )
        .await
}

/// Everything of the image is there, byte by byte.
fn assert_complete(double: &Double, image: &Image, tag: &str) {
    assert_eq!(
        double.manifest("team/app", tag).as_ref(),
        Some(image.manifest().bytes())
    );
    for blob in image.blobs() {
        let bytes = double.blob("team/app", blob.digest()).unwrap();
        assert_eq!(Digest::of(&bytes), *blob.digest());
    }
}

#[tokio::test]
async fn a_first_push_sends_all_and_a_second_almost_nothing() {
    let double = Double::start(Behaviour::default()).await;
    let (registry, image, recorder) = (client(&double, None), image().await, Recorder::default());
    let report = push_with(&registry, &image, &["v1", "latest"], &recorder)
        .await
        .unwrap();
    assert_complete(&double, &image, "latest");
    assert_eq!(
        (report.blobs_sent, report.blobs_mounted, report.blobs_present),
        (3, 0, 0)
    );
    assert_eq!(report.bytes_sent, image.size_bytes());
    assert_eq!(report.manifests_sent, 1);
    assert_eq!(
        (report.tags_written.join(" "), report.tags_unchanged.len()),
        ("v1 latest".to_owned(), 0)
    );
    assert_eq!(report.requests, double.take_log().len() as u64);

    let events = recorder.events();
    assert_eq!(
        events[0],
        PushEvent::Planned {
            blobs: 3,
            size_bytes: image.size_bytes()
        }
    );
    for blob in image.blobs() {
        let (digest, size_bytes) = (blob.digest().clone(), blob.size());
        let position = |wanted: PushEvent| events.iter().position(|event| *event == wanted).unwrap();
        let started = position(PushEvent::BlobStarted {
            digest: digest.clone(),
            size_bytes,
        });
        let whole = PushEvent::BlobProgress {
            digest: digest.clone(),
            sent_bytes: size_bytes,
            size_bytes,
        };
        let done = PushEvent::BlobDone {
            digest,
            size_bytes,
            mounted: false,
        };
        assert!(started < position(whole.clone()) && position(whole) < position(done));
    }

    let report = push(&registry, &image, &["v1"]).await.unwrap();
    assert_eq!(
        (report.blobs_sent, report.blobs_present, report.bytes_sent),
        (0, 3, 0)
    );
    assert_eq!(
        (report.tags_written.len(), report.tags_unchanged.join(" ")),
        (0, "v1".to_owned())
    );
    let digest = image.digest();
    assert_eq!(
        double.take_log(),
        [
            format!("HEAD /v2/team/app/manifests/{digest}"),
            "HEAD /v2/team/app/manifests/v1".to_owned()
        ]
    );
}

#[tokio::test]
async fn without_tags_the_image_is_there_by_digest() {
    let double = Double::start(Behaviour::default()).await;
    let (registry, image) = (client(&double, None), image().await);
    let report = push(&registry, &image, &[]).await.unwrap();
    assert_complete(&double, &image, report.digest.as_str());
    let digest = registry
        .head_manifest("team/app", image.digest().as_str())
        .await
        .unwrap();
    assert_eq!(digest.as_ref(), Some(image.digest()));
    assert_eq!(registry.head_manifest("team/app", "v1").await.unwrap(), None);
    assert!(
        registry
            .blob_exists("team/app", image.blobs()[0].digest())
            .await
            .unwrap()
    );
    assert!(
        !registry
            .blob_exists("team/other", image.blobs()[0].digest())
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn only_the_blobs_that_are_missing_are_sent() {
    let double = Double::start(Behaviour::default()).await;
    let registry = client(&double, None);
    push(&registry, &image().await, &["v1"]).await.unwrap();
    let changed = opened(&TempDir::new().unwrap().keep(), &builder().layer(layer(500, 3))).await;
    let report = push(&registry, &changed, &["v1"]).await.unwrap();
    // A new configuration and a new layer; the two layers below are the same.
    assert_eq!((report.blobs_sent, report.blobs_present), (2, 2));
    assert!(report.bytes_sent < 10_000, "{}", report.bytes_sent);
    assert_complete(&double, &changed, "v1");
}

#[tokio::test]
async fn immutable_tags() {
    let double = Double::start(Behaviour {
        immutable: true,
        ..Behaviour::default()
    })
    .await;
    let (registry, first) = (client(&double, None), image().await);
    push(&registry, &first, &["v1"]).await.unwrap();
    let again = push(&registry, &first, &["v1"]).await.unwrap();
    assert_eq!(again.tags_unchanged, ["v1"]);

    let second = opened(&TempDir::new().unwrap().keep(), &ImageBuilder::new("arm64")).await;
    let error = push(&registry, &second, &["v1"]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::TagImmutable);
    let text = error.to_string();
    assert!(
        text.contains(first.digest().as_str()) && text.contains(second.digest().as_str()),
        "{text}"
    );
    assert_eq!(
        double.manifest("team/app", "v1").as_ref(),
        Some(first.manifest().bytes())
    );
}

#[tokio::test]
async fn someone_else_was_faster_with_the_same_image() {
    let double = Double::start(Behaviour::default()).await;
    let (registry, image) = (client(&double, None), image().await);
    push(&registry, &image, &["v1"]).await.unwrap();
    double.fault("HEAD", "/manifests/v1", Fault::Refuse(404, "", ""));
    double.fault(
        "PUT",
        "/manifests/v1",
        Fault::Refuse(400, "TAG_INVALID", "it is immutable"),
    );
    let report = push(&registry, &image, &["v1"]).await.unwrap();
    assert_eq!(report.tags_unchanged, ["v1"]);
    assert_eq!(double.faults_left(), 0);
}

#[tokio::test]
async fn blobs_are_mounted_from_a_sister_repository() {
    let double = Double::start(Behaviour::default()).await;
    let (registry, image) = (client(&double, None), image().await);
    push(&registry, &image, &["v1"]).await.unwrap();
    let options = PushOptions {
        mount_from: Some("team/app".to_owned()),
        ..PushOptions::default()
    };
    let report = registry
        .push(&image, "team/copy", &[], &options, &no_progress())
        .await
        .unwrap();
    assert_eq!(
        (report.blobs_mounted, report.blobs_sent, report.bytes_sent),
        (3, 0, 0)
    );

    // And an image that is opened in the registry itself knows where it lies.
    let reference = format!("{}/team/app:v1", double.address().trim_start_matches("http://"));
    let source = Source::Registry {
        reference: reference.parse().unwrap(),
        credentials: None,
    };
    let there = Image::open(&source, &OpenOptions::default()).await.unwrap();
    let report = registry
        .push(&there, "team/third", &[], &PushOptions::default(), &no_progress())
        .await
        .unwrap();
    assert_eq!((report.blobs_mounted, report.blobs_sent), (3, 0));

    let none = PushOptions {
        mount_from: Some("team/nothing".to_owned()),
        ..PushOptions::default()
    };
    let report = registry
        .push(&image, "team/fourth", &[], &none, &no_progress())
        .await
        .unwrap();
    assert_eq!((report.blobs_mounted, report.blobs_sent), (0, 3));
}

#[tokio::test]
async fn an_index_goes_up_with_all_its_manifests() {
    let double = Double::start(Behaviour::default()).await;
    let registry = client(&double, None);
    let images = ["amd64", "arm64"].map(|name| ImageBuilder::new(name).layer(layer(1_000, 7)));
    let folder = TempDir::new().unwrap();
    ImageBuilder::build_multi_platform(&images, None)
        .unwrap()
        .write_folder(folder.path())
        .unwrap();
    let image = support::open(&Source::Layout(folder.path().to_owned())).await;
    let report = push(&registry, &image, &["v1"]).await.unwrap();
    assert_complete(&double, &image, "v1");
    for child in image.manifest().manifests() {
        assert!(double.manifest("team/app", child.digest().as_str()).is_some());
    }
    // The layer is common to both.
    assert_eq!((report.manifests_sent, report.blobs_sent), (3, 3));
    double.take_log();
    assert_eq!(push(&registry, &image, &["v1"]).await.unwrap().requests, 2);
}

#[tokio::test]
async fn a_damaged_blob_is_never_stored() {
    let folder = TempDir::new().unwrap();
    let image = opened(folder.path(), &builder()).await;
    let big = image.blobs().into_iter().max_by_key(|blob| blob.size()).unwrap();
    let path = folder.path().join("blobs/sha256").join(big.digest().hex());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1_000_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let double = Double::start(Behaviour::default()).await;
    let error = push(&client(&double, None), &image, &["v1"]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert!(
        error
            .to_string()
            .starts_with(&format!("reading blob {}", big.digest())),
        "{error}"
    );
    assert_eq!(double.blob("team/app", big.digest()), None);
    assert_eq!(double.manifest("team/app", "v1"), None);
}

#[tokio::test]
async fn an_image_is_copied_from_another_registry() {
    let (from, to) = (
        Double::start(Behaviour::default()).await,
        Double::start(Behaviour::default()).await,
    );
    let image = image().await;
    push(&client(&from, None), &image, &["v1"]).await.unwrap();
    let reference = format!("{}/team/app:v1", from.address().trim_start_matches("http://"));
    let source = Source::Registry {
        reference: reference.parse().unwrap(),
        credentials: None,
    };
    let options = OpenOptions {
        registry: support::quick(),
        ..OpenOptions::default()
    };
    let there = Image::open(&source, &options).await.unwrap();
    assert_eq!(there.digest(), image.digest());
    let report = push(&client(&to, None), &there, &["v1"]).await.unwrap();
    assert_eq!(report.blobs_sent, 3);
    assert_complete(&to, &image, "v1");

    // The registry that it comes from gives other bytes than it promised.
    let to = Double::start(Behaviour::default()).await;
    from.spoil("team/app", image.blobs()[0].digest(), b"something else");
    let error = push(&client(&to, None), &there, &["v1"]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
    assert_eq!(to.manifest("team/app", "v1"), None);
}

/// A layer of 200 MB goes through a window of a few: at no time is much more of it read than the registry
/// has received.
#[tokio::test]
async fn memory_does_not_grow_with_the_image() {
    const LAYER_BYTES: u64 = 200 * 1024 * 1024;
    const BOUND_BYTES: u64 = 64 * 1024 * 1024;
    let folder = TempDir::new().unwrap();
    let image = support::opened_with_big_layer(folder.path(), LAYER_BYTES).await;
    let double = Double::start(Behaviour {
        forget_bytes: true,
        ..Behaviour::default()
    })
    .await;
    let (received, read, peak) = (
        double.received(),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let progress: infra_oci::Progress = {
        let (read, peak) = (Arc::clone(&read), Arc::clone(&peak));
        Arc::new(move |event| {
            if let PushEvent::BlobProgress {
                sent_bytes,
                size_bytes: LAYER_BYTES,
                ..
            } = event
            {
                read.store(sent_bytes, Ordering::SeqCst);
                peak.fetch_max(
                    sent_bytes.saturating_sub(received.load(Ordering::SeqCst)),
                    Ordering::SeqCst,
                );
            }
        })
    };
    let registry = client(&double, None);
    let report = registry
        .push(
            &image,
            "team/app",
            &["v1".to_owned()],
            &PushOptions::default(),
            &progress,
        )
        .await
        .unwrap();
    assert_eq!(report.bytes_sent, image.size_bytes());
    assert_eq!(read.load(Ordering::SeqCst), LAYER_BYTES);
    let peak = peak.load(Ordering::SeqCst);
    println!("at most {} KiB were read and not yet received", peak / 1024);
    assert!(peak > 0 && peak < BOUND_BYTES, "{peak} bytes were in flight");
}
