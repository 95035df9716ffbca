//! Images from archives and layouts: those that are whole, and those that are not.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bad;
#[path = "../support/mod.rs"]
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};

use infra_oci::{Digest, Error, ErrorClass, Image, ImageBuilder, LayerFile, OpenOptions, Source, media_type};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::{layer, open};

/// Files of an archive in the making; a link has `->` and its target as content.
struct Archive(Vec<(String, Vec<u8>)>);

impl Archive {
    fn write(&self, path: &Path) {
        let mut archive = tar::Builder::new(std::fs::File::create(path).unwrap());
        for (name, bytes) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            if let Some(target) = std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.strip_prefix("->"))
            {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                archive.append_link(&mut header, name, target).unwrap();
            } else {
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
            }
        }
        archive.finish().unwrap();
    }
}

fn plain_layer(text: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    archive.append_data(&mut header, "file", text.as_bytes()).unwrap();
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn config(layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids } })
        .to_string()
        .into_bytes()
}

/// What `docker save app:1` wrote before archives had an OCI layout inside, a repeated layer as a link.
fn docker_archive() -> Archive {
    let layers = [plain_layer("one"), plain_layer("two"), plain_layer("one")];
    let table = json!([{
        "Config": "config.json", "RepoTags": ["app:1"],
        "Layers": ["a/layer.tar", "b/layer.tar", "c/layer.tar"],
    }]);
    let [one, two, _] = layers.clone();
    Archive(vec![
        ("a/layer.tar".into(), one),
        ("b/layer.tar".into(), two),
        ("c/layer.tar".into(), b"->../a/layer.tar".to_vec()),
        ("config.json".into(), config(&layers)),
        ("manifest.json".into(), table.to_string().into_bytes()),
    ])
}

async fn open_archive(archive: &Archive, options: &OpenOptions) -> Result<Image, Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("image.tar");
    archive.write(&path);
    Image::open(&Source::Archive(path), options).await
}

fn set(archive: &mut Archive, name: &str, bytes: Vec<u8>) {
    archive.0.iter_mut().find(|(held, _)| held == name).unwrap().1 = bytes;
}

fn layout_archive(images: &[(&str, ImageBuilder)]) -> Archive {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut manifests = Vec::new();
    for (name, image) in images {
        let layout = image.clone().name(*name).build().unwrap();
        for (path, bytes) in layout.files() {
            if path == "index.json" {
                let index: Value = serde_json::from_slice(bytes).unwrap();
                manifests.push(index["manifests"][0].clone());
            } else if !files.iter().any(|(held, _)| held == path) {
                files.push((path.to_owned(), bytes.to_vec()));
            }
        }
    }
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    files.push(("index.json".into(), index.to_string().into_bytes()));
    Archive(files)
}

#[tokio::test]
async fn archive_and_layout_keep_their_digest() {
    let folder = TempDir::new().unwrap();
    let built = support::builder().name("app:1").build().unwrap();
    let (layout, archive, zipped) = (
        folder.path().join("layout"),
        folder.path().join("a.tar"),
        folder.path().join("a.tar.gz"),
    );
    built.write_folder(&layout).unwrap();
    built.write_archive(&archive).unwrap();
    std::fs::write(&zipped, gzip(&std::fs::read(&archive).unwrap())).unwrap();
    for source in [
        Source::Layout(layout),
        Source::Archive(archive),
        Source::Archive(zipped),
    ] {
        let image = open(&source).await;
        assert_eq!(image.digest(), built.digest());
        assert_eq!(image.manifest().media_type(), media_type::OCI_MANIFEST);
        assert_eq!(image.blobs().len(), 3);
        for blob in image.blobs() {
            let bytes = read(blob).await;
            assert_eq!(
                (bytes.len() as u64, Digest::of(&bytes)),
                (blob.size(), blob.digest().clone())
            );
        }
    }
}

async fn read(blob: &infra_oci::Blob) -> Vec<u8> {
    use futures::TryStreamExt;
    let pieces: Vec<_> = blob.open(0).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn a_docker_archive_always_gives_the_same_image() {
    let cache = TempDir::new().unwrap();
    let cached = OpenOptions {
        cache_directory: Some(cache.path().join("layers")),
        ..OpenOptions::default()
    };
    let first = open_archive(&docker_archive(), &OpenOptions::default())
        .await
        .unwrap();
    // The digest of this very archive, for ever: whoever changes the compressor changes what is deployed.
    assert_eq!(
        first.digest().as_str(),
        "sha256:b59a286bf77cbd6bc8aa32660f882708a1e1ff9492bccfd46afd9eb226e47cf8"
    );
    let mut again = docker_archive();
    again.0.reverse();
    for options in [OpenOptions::default(), cached.clone(), cached.clone()] {
        assert_eq!(
            open_archive(&again, &options).await.unwrap().digest(),
            first.digest()
        );
    }
    let manifest: Value = serde_json::from_slice(first.manifest().bytes()).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    assert_eq!(layers[0], layers[2]);
    assert_eq!(layers[0]["mediaType"], media_type::OCI_LAYER_GZIP);
    let mut plain = Vec::new();
    let compressed = read(&first.manifest().blobs()[1]).await;
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut plain).unwrap();
    assert!(
        plain == plain_layer("one"),
        "the first layer holds something else"
    );

    // What was spoilt in the cache is made anew.
    let kept: Vec<PathBuf> = std::fs::read_dir(cache.path().join("layers"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(kept.len(), 2);
    std::fs::write(&kept[0], gzip(b"something else")).unwrap();
    std::fs::write(&kept[1], "no gzip").unwrap();
    let image = open_archive(&docker_archive(), &cached).await.unwrap();
    assert_eq!(image.digest(), first.digest());
    for blob in image.blobs() {
        read(blob).await;
    }
}

#[tokio::test]
async fn layers_that_are_compressed_already_stay_as_they_are() {
    let layers = [plain_layer("one")];
    let compressed = gzip(&layers[0]);
    let table = json!([{ "Config": "config.json", "RepoTags": null, "Layers": ["one.tar.gz"] }]);
    let archive = Archive(vec![
        ("manifest.json".into(), table.to_string().into_bytes()),
        ("config.json".into(), config(&layers)),
        ("one.tar.gz".into(), compressed.clone()),
    ]);
    let image = open_archive(&archive, &OpenOptions::default()).await.unwrap();
    assert_eq!(*image.manifest().blobs()[1].digest(), Digest::of(&compressed));
}

#[tokio::test]
async fn one_of_several_images_is_asked_for() {
    let (one, two) = (
        ImageBuilder::new("amd64").layer(layer(10, 1)),
        ImageBuilder::new("amd64"),
    );
    let archive = layout_archive(&[("app:1", one.clone()), ("docker.io/library/app:2", two.clone())]);
    let ask = |reference: &str| OpenOptions {
        reference: Some(reference.into()),
        ..OpenOptions::default()
    };
    let (first, second) = (one.build().unwrap(), two.build().unwrap());
    let cases = [
        ("app:1", first.digest()),
        ("docker.io/library/app:1", first.digest()),
        ("app:2", second.digest()),
        (first.digest().as_str(), first.digest()),
    ];
    for (reference, digest) in cases {
        let image = open_archive(&archive, &ask(reference)).await.unwrap();
        assert_eq!(image.digest(), digest, "{reference}");
    }
    let error = open_archive(&archive, &OpenOptions::default()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert!(
        error
            .to_string()
            .ends_with("it holds 2 images: app:1, docker.io/library/app:2"),
        "{error}"
    );
    let error = open_archive(&archive, &ask("app:3")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no image `app:3`, but app:1, docker.io/library/app:2"),
        "{error}"
    );

    // Two names for one image are no choice to make.
    let twice = layout_archive(&[("app:1", one.clone()), ("app:latest", one)]);
    assert_eq!(
        open_archive(&twice, &OpenOptions::default())
            .await
            .unwrap()
            .digest(),
        first.digest()
    );

    let mut docker = docker_archive();
    let entry = |tag: &str, config: &str, layer: &str| json!({ "Config": config, "RepoTags": [tag], "Layers": [layer] });
    let table = json!([
        entry("app:1", "one.json", "a/layer.tar"),
        entry("app:2", "two.json", "b/layer.tar")
    ]);
    set(&mut docker, "manifest.json", table.to_string().into_bytes());
    docker.0.push(("one.json".into(), config(&[plain_layer("one")])));
    docker.0.push(("two.json".into(), config(&[plain_layer("two")])));
    let error = open_archive(&docker, &OpenOptions::default()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("it holds 2 images: app:1, app:2"),
        "{error}"
    );
    assert!(open_archive(&docker, &ask("app:2")).await.is_ok());
}

#[tokio::test]
async fn a_platform_is_picked() {
    let folder = TempDir::new().unwrap();
    let images = ["amd64", "arm64"].map(ImageBuilder::new);
    let all = ImageBuilder::build_multi_platform(&images, None).unwrap();
    all.write_folder(folder.path()).unwrap();
    let source = Source::Layout(folder.path().to_owned());
    let ask = |platform: &str| OpenOptions {
        platform: Some(platform.parse().unwrap()),
        ..OpenOptions::default()
    };
    let whole = open(&source).await;
    assert_eq!((whole.digest(), whole.manifests().len()), (all.digest(), 3));
    assert_eq!(whole.manifest().media_type(), media_type::OCI_INDEX);
    for (platform, index) in [("linux/amd64", 0), ("linux/arm64", 1), ("linux/arm64/v8", 1)] {
        let image = Image::open(&source, &ask(platform)).await.unwrap();
        assert_eq!(
            image.digest(),
            images[index].build().unwrap().digest(),
            "{platform}"
        );
        assert_eq!(image.manifests().len(), 1);
    }
    let error = Image::open(&source, &ask("windows/amd64")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("for windows/amd64: it is for linux/amd64, linux/arm64"),
        "{error}"
    );

    // Of a layout with one platform's blobs only, that platform can be had.
    let arm = images[1].build().unwrap();
    std::fs::remove_file(folder.path().join("blobs/sha256").join(arm.digest().hex())).unwrap();
    assert!(Image::open(&source, &ask("linux/amd64")).await.is_ok());
    let error = Image::open(&source, &OpenOptions::default()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("only some platforms"), "{error}");

    // What stands in no index says itself what it is for.
    let single = layout_archive(&[("app:1", ImageBuilder::new("amd64"))]);
    assert!(open_archive(&single, &ask("linux/amd64")).await.is_ok());
    let error = open_archive(&single, &ask("linux/arm64")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is for linux/amd64, but linux/arm64 was asked for"),
        "{error}"
    );
}

#[test]
fn written_files_are_where_they_should_be() {
    let image = ImageBuilder::new("amd64")
        .env("PORT", "8080")
        .entrypoint(["/bin/serve"])
        .command(["--quiet"])
        .working_directory("/srv")
        .exposed_port(8080)
        .layer(vec![
            LayerFile::program("bin/serve", "x"),
            LayerFile::new("srv/index.html", "hello"),
        ]);
    let layout = image.build().unwrap();
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let config = layout
        .files()
        .filter_map(|(_, bytes)| json(bytes))
        .find(|value| value.get("rootfs").is_some());
    assert_eq!(
        config.unwrap()["config"],
        json!({
            "Env": ["PORT=8080"], "Entrypoint": ["/bin/serve"], "Cmd": ["--quiet"], "WorkingDir": "/srv",
            "ExposedPorts": { "8080/tcp": {} },
        })
    );
    let layer = layout
        .files()
        .find(|(_, bytes)| bytes.starts_with(&[0x1f, 0x8b]))
        .unwrap()
        .1;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer));
    let listed: Vec<(String, u32, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap(), header.mtime().unwrap())
        })
        .collect();
    let expected = [
        ("bin/", 0o755),
        ("bin/serve", 0o755),
        ("srv/", 0o755),
        ("srv/index.html", 0o644),
    ];
    assert_eq!(listed, expected.map(|(path, mode)| (path.to_owned(), mode, 0)));
}
