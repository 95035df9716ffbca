//! What a build's files are known by.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use infra_oci::{Build, Error, ErrorClass, Fingerprint};
use tempfile::TempDir;

/// A folder with the sources of an image.
struct Sources(TempDir);

impl Sources {
    fn new() -> Self {
        let sources = Self(TempDir::new().unwrap());
        sources
            .write("Dockerfile", "FROM scratch\nCOPY . .\n")
            .write("src/main.py", "print(1)\n")
            .write("notes/today.txt", "nothing\n");
        sources
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn build(&self) -> Build {
        Build {
            context: self.0.path().to_owned(),
            dockerfile: None,
            target: None,
            args: BTreeMap::new(),
            platform: None,
        }
    }

    async fn fingerprint(&self) -> String {
        self.build().fingerprint(&[]).await.unwrap().to_string()
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn another_checkout_of_the_same_has_the_same() {
    let (one, two) = (Sources::new(), Sources::new());
    let before = one.fingerprint().await;
    assert!(Fingerprint::is_one(&before), "{before}");
    let main = two.path("src/main.py");
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::options()
        .append(true)
        .open(&main)
        .unwrap()
        .set_times(times)
        .unwrap();
    // Another umask.
    mode(&main, 0o666);
    // What the same sources have in one clone and not in the other.
    two.write(".git/index", "times")
        .write("vendored/.git", "gitdir: elsewhere");
    fs::create_dir_all(two.path("empty/folder")).unwrap();
    let _socket = UnixListener::bind(two.path("socket")).unwrap();
    assert_eq!(two.fingerprint().await, before);
}

#[tokio::test]
async fn whatever_is_different_in_the_image_is_another_one() {
    type Change = fn(&Sources);
    let changes: [(&str, Change); 9] = [
        ("content", |sources| {
            _ = sources.write("src/main.py", "print(2)\n")
        }),
        ("more", |sources| _ = sources.write("src/more.py", "")),
        ("hidden", |sources| _ = sources.write(".env", "A=1")),
        ("less", |sources| {
            fs::remove_file(sources.path("src/main.py")).unwrap()
        }),
        ("name", |sources| {
            fs::rename(sources.path("src/main.py"), sources.path("src/Main.py")).unwrap();
        }),
        ("program", |sources| mode(&sources.path("src/main.py"), 0o755)),
        ("link", |sources| {
            symlink("main.py", sources.path("src/link")).unwrap()
        }),
        ("link instead of a file", |sources| {
            let path = sources.path("src/main.py");
            fs::remove_file(&path).unwrap();
            symlink("print(1)\n", path).unwrap();
        }),
        ("Dockerfile", |sources| {
            _ = sources.write("Dockerfile", "FROM scratch\n")
        }),
    ];
    let mut seen = vec![Sources::new().fingerprint().await];
    for (what, change) in changes {
        let sources = Sources::new();
        change(&sources);
        let found = sources.fingerprint().await;
        assert!(!seen.contains(&found), "{what}");
        seen.push(found);
    }
}

#[tokio::test]
async fn what_the_build_does_not_get_does_not_count() {
    let sources = Sources::new();
    sources.write(
        ".dockerignore",
        "notes\n.dockerignore\n*.log\nDockerfile\n!notes/kept.txt\n",
    );
    let before = sources.fingerprint().await;
    sources.write("notes/today.txt", "much\n").write("a.log", "1");
    assert_eq!(sources.fingerprint().await, before);
    // The Dockerfile counts although the build cannot copy it, and so does what is taken back.
    sources.write("Dockerfile", "FROM scratch\nCOPY src .\n");
    let other = sources.fingerprint().await;
    assert_ne!(other, before);
    sources.write("notes/kept.txt", "1");
    assert_ne!(sources.fingerprint().await, other);
}

#[tokio::test]
async fn what_is_apart_does_not_count_whatever_way_leads_there() {
    let sources = Sources::new();
    let before = sources.fingerprint().await;
    sources.write("state/log", "1").write("plan.json", "{}");
    assert_ne!(sources.fingerprint().await, before);
    let links = TempDir::new().unwrap();
    symlink(sources.0.path(), links.path().join("project")).unwrap();
    let apart = [
        links.path().join("project/state"),
        sources.path("src/../plan.json"),
        sources.path("nowhere"),
    ];
    for context in [sources.0.path().to_owned(), links.path().join("project")] {
        let mut build = sources.build();
        build.context = context;
        assert_eq!(build.fingerprint(&apart).await.unwrap().to_string(), before);
    }
}

#[tokio::test]
async fn what_infra_has_written_does_not_count_whatever_its_name() {
    let sources = Sources::new();
    let before = sources.fingerprint().await;
    for (name, beginning) in ["src/reviewed", "page.html"]
        .into_iter()
        .zip(infra_oci::OWN_BEGINNINGS)
    {
        sources.write(name, &format!("{beginning}and more"));
        assert_eq!(sources.fingerprint().await, before, "{name}");
        sources.write(name, &format!(" {beginning}"));
        assert_ne!(sources.fingerprint().await, before, "{name}");
        fs::remove_file(sources.path(name)).unwrap();
    }
}

#[tokio::test]
async fn a_dockerfile_may_have_an_ignore_file_of_its_own() {
    let sources = Sources::new();
    sources
        .write("deploy/api.Dockerfile", "FROM scratch\n")
        .write("deploy/api.Dockerfile.dockerignore", "src\n")
        .write(".dockerignore", "notes\n");
    let of_its_own = || async {
        let mut build = sources.build();
        build.dockerfile = Some(sources.path("deploy/api.Dockerfile"));
        build.fingerprint(&[]).await.unwrap()
    };
    let before = (of_its_own().await, sources.fingerprint().await);
    sources.write("src/main.py", "print(2)\n");
    let after = (of_its_own().await, sources.fingerprint().await);
    assert_eq!(after.0, before.0);
    assert_ne!(after.1, before.1);
    sources.write("deploy/api.Dockerfile", "FROM scratch\nCOPY notes .\n");
    assert_ne!(of_its_own().await, before.0);
}

#[tokio::test]
async fn what_cannot_be_built_is_told_before_it_is_built() {
    async fn told(build: Build) -> Error {
        build.fingerprint(&[]).await.unwrap_err()
    }
    let sources = Sources::new();
    let with = |context: &str, dockerfile: Option<&str>| Build {
        context: sources.path(context),
        dockerfile: dockerfile.map(|name| sources.path(name)),
        ..sources.build()
    };
    for (build, parts) in [
        (with("nowhere", None), ["nowhere", "No such file"]),
        (with("src/main.py", None), ["src/main.py", "no folder"]),
        (with("src", None), ["src", "no Dockerfile"]),
        (with("src", Some("src/other")), ["src/other", "No such file"]),
    ] {
        let error = told(build).await;
        assert_eq!(error.class(), ErrorClass::Invalid);
        let mut said = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            said.push_str(&cause.to_string());
        }
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    sources.write(".dockerignore", "a\n[b\n");
    let said = told(sources.build()).await.to_string();
    assert!(said.contains(".dockerignore`: line 2: `[b`"), "{said}");
    // Podman and buildah know this name too.
    fs::remove_file(sources.path(".dockerignore")).unwrap();
    fs::rename(sources.path("Dockerfile"), sources.path("Containerfile")).unwrap();
    sources.fingerprint().await;
}
