//! Archives and layouts that are not whole, or are something else.

use super::*;

#[tokio::test]
async fn bad_archives_are_clear_errors() {
    type Spoil = Box<dyn Fn(&mut Archive)>;
    let layers = |text: &'static str| -> Spoil {
        Box::new(move |archive| set(archive, "a/layer.tar", plain_layer(text)))
    };
    let replace = |name: &'static str, text: &'static str| -> Spoil {
        Box::new(move |archive| set(archive, name, text.as_bytes().to_vec()))
    };
    let remove =
        |name: &'static str| -> Spoil { Box::new(move |archive| archive.0.retain(|(held, _)| held != name)) };
    let docker: Vec<(Spoil, &str)> = vec![
        (layers("another"), "is damaged: its bytes have the digest sha256:"),
        (remove("b/layer.tar"), "layer `b/layer.tar` is not in it"),
        (remove("a/layer.tar"), "layer `"),
        (
            remove("config.json"),
            "the configuration `config.json` is not in it",
        ),
        (
            remove("manifest.json"),
            "it has neither `index.json` nor `manifest.json`",
        ),
        (
            replace("manifest.json", "{"),
            "`manifest.json` cannot be understood",
        ),
        (replace("manifest.json", "[]"), "it holds no image"),
        (
            replace("config.json", r#"{"rootfs":{"diff_ids":[]}}"#),
            "it has 3 layers, but the image configuration speaks of 0",
        ),
        (
            replace("config.json", "no"),
            "the image configuration cannot be understood",
        ),
        (
            replace("c/layer.tar", "->layer.tar"),
            "is a link that leads nowhere",
        ),
    ];
    for (spoil, problem) in docker {
        let mut archive = docker_archive();
        spoil(&mut archive);
        let error = open_archive(&archive, &OpenOptions::default()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(problem), "{problem}: {error}");
    }
}

#[tokio::test]
async fn bad_layouts_are_clear_errors() {
    let image = ImageBuilder::new("amd64").layer(layer(10_000, 4));
    let built = image.build().unwrap();
    let (manifest, blobs) = (built.digest().hex().to_owned(), "blobs/sha256");
    type Spoil<'a> = Box<dyn Fn(&Path) + 'a>;
    let biggest = |folder: &Path| {
        let files = std::fs::read_dir(folder.join(blobs))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
    };
    let cases: Vec<(Spoil, &str)> = vec![
        (
            Box::new(|folder| std::fs::remove_file(folder.join("oci-layout")).unwrap()),
            "there is no `oci-layout`",
        ),
        (
            Box::new(|folder| std::fs::remove_file(folder.join("index.json")).unwrap()),
            "there is no `index.json`",
        ),
        (
            Box::new(|folder| std::fs::write(folder.join("index.json"), "[").unwrap()),
            "`index.json` cannot be understood",
        ),
        (
            Box::new(|folder| std::fs::remove_file(folder.join(blobs).join(&manifest)).unwrap()),
            "is not in it",
        ),
        (
            Box::new(|folder| std::fs::remove_file(biggest(folder)).unwrap()),
            "is not in it",
        ),
        (
            Box::new(|folder| std::fs::write(biggest(folder), "short").unwrap()),
            "has 5 bytes, but its manifest says",
        ),
        (
            Box::new(|folder| {
                let path = folder.join(blobs).join(&manifest);
                let text = std::fs::read_to_string(&path)
                    .unwrap()
                    .replace("\"schemaVersion\":2", "\"schemaVersion\":3");
                std::fs::write(path, text).unwrap();
            }),
            "its bytes have the digest",
        ),
        (
            Box::new(|folder| {
                let index = json!({ "schemaVersion": 2, "manifests": [{
                    "mediaType": media_type::OCI_MANIFEST, "digest": "sha256:../../x", "size": 1,
                }] });
                std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
            }),
            "`index.json` cannot be understood",
        ),
    ];
    for (spoil, problem) in cases {
        let folder = TempDir::new().unwrap();
        built.write_folder(folder.path()).unwrap();
        spoil(folder.path());
        let source = Source::Layout(folder.path().to_owned());
        let error = Image::open(&source, &OpenOptions::default()).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(problem), "{problem}: {error}");
    }
}

#[tokio::test]
async fn files_that_are_no_archive() {
    let folder = TempDir::new().unwrap();
    let whole = folder.path().join("whole.tar");
    support::builder().build().unwrap().write_archive(&whole).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    let zipped = gzip(&bytes);
    let cases: [(&[u8], &str); 6] = [
        (b"", "there is nothing in the archive"),
        (&[b'x'; 2_000], "it cannot be read as a tar archive"),
        (&bytes[..bytes.len() - 1_000_000], "it ends in the middle of `"),
        (&zipped[..zipped.len() / 2], "the archive cannot be decompressed"),
        (b"\x28\xb5\x2f\xfd....", "the archive is compressed with zstd"),
        (b"BZh91AY", "the archive is compressed with bzip2"),
    ];
    for (bytes, problem) in cases {
        let path = folder.path().join("bad.tar");
        std::fs::write(&path, bytes).unwrap();
        let error = Image::open(&Source::Archive(path), &OpenOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::Invalid, "{error}");
        assert!(error.to_string().contains(problem), "{problem}: {error}");
    }
    let absent = Source::Archive(folder.path().join("absent.tar"));
    let error = Image::open(&absent, &OpenOptions::default()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert!(error.to_string().contains("absent.tar"), "{error}");
}
