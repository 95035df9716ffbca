//! Builds, with programs in the place of the tools that write down how they are called.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use infra_oci::{Build, Digest, Error, ErrorClass, Image, OpenOptions, Source};
use tempfile::TempDir;

/// A folder with tools, a log of their calls, and the archive that they give out.
struct Tools {
    folder: TempDir,
    digest: Digest,
    lines: Arc<Mutex<Vec<String>>>,
    apart: Vec<PathBuf>,
}

impl Tools {
    /// Each tool is a shell script; `$ARCHIVE` is the image and `$last` the last argument.
    fn new(scripts: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let built = support::builder().build().unwrap();
        let archive = folder.path().join("prepared.tar");
        built.write_archive(&archive).unwrap();
        for (name, script) in scripts {
            let path = folder.path().join(name);
            let log = folder.path().join("log");
            let text = format!(
                "#!/bin/sh\nARCHIVE='{}'\necho \"{name} $*\" >> '{}'\nfor last; do :; done\n{script}\n",
                archive.display(),
                log.display()
            );
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        Self {
            folder,
            digest: built.digest().clone(),
            lines: Arc::default(),
            apart: Vec::new(),
        }
    }

    async fn build(&self, build: Build) -> Result<Image, Error> {
        self.build_with(build, false).await
    }

    async fn build_with(&self, build: Build, pull_base_images: bool) -> Result<Image, Error> {
        let lines = Arc::clone(&self.lines);
        // `cp` and `sh` come from the system.
        let tool_path = std::env::join_paths([self.folder.path()]).unwrap();
        let options = OpenOptions {
            tool_path: Some(tool_path),
            pull_base_images,
            apart: self.apart.clone(),
            on_build_line: Some(Arc::new(move |line| lines.lock().unwrap().push(line.to_owned()))),
            ..OpenOptions::default()
        };
        Image::open(&Source::Build(build), &options).await
    }

    /// The calls, with the names of temporary files made plain.
    fn calls(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let plain = |word: &str| match word.rsplit_once('/') {
            Some((_, name)) if word.contains("/.tmp") => {
                let kind = word.split(['/', '=']).next().unwrap_or_default();
                let lead = word.split_once('/').map_or("", |(lead, _)| lead);
                let lead = if kind.is_empty() { "" } else { lead };
                format!("{lead}<{name}>")
            }
            _ => word.to_owned(),
        };
        log.lines()
            .map(|line| line.split(' ').map(plain).collect::<Vec<_>>().join(" "))
            .collect()
    }
}

fn everything() -> Build {
    Build {
        context: PathBuf::from("/src/app"),
        dockerfile: Some(PathBuf::from("/src/app/Dockerfile.prod")),
        target: Some("runtime".to_owned()),
        args: BTreeMap::from([
            ("A".to_owned(), "b c".to_owned()),
            ("SECRET".to_owned(), "xyzzy".to_owned()),
        ]),
        platform: Some("linux/arm64".parse().unwrap()),
    }
}

fn simple() -> Build {
    Build {
        context: "/src/app".into(),
        dockerfile: None,
        target: None,
        args: BTreeMap::new(),
        platform: None,
    }
}

const ARGUMENTS: &str = "--file /src/app/Dockerfile.prod --target runtime --build-arg A=b c \
     --build-arg SECRET=xyzzy --platform linux/arm64 /src/app";

/// Writes an image id to the file after `--iidfile`, which is always the third argument.
const WRITE_ID: &str = "echo sha256:abc > \"$3\"; echo building; echo careful >&2";

#[tokio::test]
async fn each_tool_is_called_in_its_way() {
    let exports = "case \"$*\" in *inspect*) echo 'Driver: docker-container';; \
         *) for word; do case \"$word\" in type=oci,dest=*) cp \"$ARCHIVE\" \"${word#type=oci,dest=}\";; esac; done;; esac";
    let docker = format!(
        "case \"$1\" in buildx) exit 1;; version) echo 28;; build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$3\";; esac"
    );
    let docker_driver = format!(
        "case \"$1\" in buildx) echo 'Driver: docker';; version) echo 28;; build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$3\";; esac"
    );
    let docker_down = "exit 1";
    let podman = format!("case \"$1\" in build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$5\";; esac");
    let buildah =
        format!("case \"$1\" in build) {WRITE_ID};; push) cp \"$ARCHIVE\" \"${{last#oci-archive:}}\";; esac");
    let by_id = |tool: &str| format!("{tool} build --iidfile <image-id> {ARGUMENTS}");
    let docker_calls = || {
        vec![
            "docker buildx inspect".to_owned(),
            "docker version --format {{.Server.Version}}".to_owned(),
            by_id("docker"),
            "docker save --output <image.tar> sha256:abc".to_owned(),
        ]
    };
    let buildx =
        |tool: &str| format!("{tool} build --progress=plain --output type=oci,dest=<image.tar> {ARGUMENTS}");
    let podman_calls = || {
        vec![
            by_id("podman"),
            "podman save --format oci-archive --output <image.tar> abc".to_owned(),
        ]
    };
    type Scripts<'a> = Vec<(&'a str, &'a str)>;
    let cases: Vec<(Scripts, Vec<String>)> = vec![
        (
            vec![("buildx", exports)],
            vec!["buildx inspect".to_owned(), buildx("buildx")],
        ),
        (
            vec![("docker", exports)],
            vec!["docker buildx inspect".to_owned(), buildx("docker buildx")],
        ),
        (vec![("docker", &docker), ("podman", &podman)], docker_calls()),
        (vec![("docker", &docker_driver)], docker_calls()),
        (
            vec![
                ("docker", docker_down),
                ("podman", &podman),
                ("buildah", &buildah),
            ],
            [docker_calls()[..2].to_vec(), podman_calls()].concat(),
        ),
        (vec![("podman", &podman)], podman_calls()),
        (
            vec![("buildah", &buildah)],
            vec![
                by_id("buildah").replace("<image-id>", "<image-id> --layers"),
                "buildah push abc oci-archive:<image.tar>".to_owned(),
            ],
        ),
    ];
    for (scripts, expected) in cases {
        let tools = Tools::new(&scripts);
        let image = tools.build(everything()).await.unwrap();
        assert_eq!(*image.digest(), tools.digest);
        assert_eq!(tools.calls(), expected);
        // The image outlives the folder that it was built into.
        use futures::TryStreamExt;
        for blob in image.blobs() {
            let pieces: Vec<_> = blob.open(0).await.unwrap().try_collect().await.unwrap();
            assert_eq!(Digest::of(&pieces.concat()), *blob.digest());
        }
    }
}

#[tokio::test]
async fn newer_base_images_and_an_ignore_file_of_the_dockerfile_are_asked_for_in_each_tools_way() {
    let docker = format!(
        "case \"$1\" in buildx) exit 1;; version) echo 28;; build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$3\";; esac"
    );
    let exports = "case \"$*\" in *inspect*) echo 'Driver: docker-container';; \
         *) for word; do case \"$word\" in type=oci,dest=*) cp \"$ARCHIVE\" \"${word#type=oci,dest=}\";; esac; done;; esac";
    let podman = format!("case \"$1\" in build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$5\";; esac");
    let buildah =
        format!("case \"$1\" in build) {WRITE_ID};; push) cp \"$ARCHIVE\" \"${{last#oci-archive:}}\";; esac");
    let context = TempDir::new().unwrap();
    let ignored = context.path().join("Dockerfile.dockerignore");
    std::fs::write(&ignored, "notes\n").unwrap();
    for (name, script, expected) in [
        ("buildx", exports, "--pull "),
        ("docker", docker.as_str(), "--pull "),
        ("podman", &podman, "--pull-always --ignorefile "),
        ("buildah", &buildah, "--layers --pull-always --ignorefile "),
    ] {
        let tools = Tools::new(&[(name, script)]);
        let build = Build {
            context: context.path().to_owned(),
            ..simple()
        };
        tools.build_with(build.clone(), true).await.unwrap();
        tools.build_with(build, false).await.unwrap();
        let log = std::fs::read_to_string(tools.folder.path().join("log")).unwrap();
        let builds: Vec<&str> = log.lines().filter(|call| call.contains(" build ")).collect();
        assert_eq!(builds.len(), 2, "{log}");
        assert!(builds[0].contains(expected), "{log}");
        assert!(!builds[1].contains("--pull"), "{log}");
        let told = format!("--ignorefile {}", ignored.display());
        assert_eq!(
            builds[1].contains(&told),
            expected.contains("--ignorefile"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn what_is_apart_is_sent_to_no_tool() {
    const SEEN: &str = "before=; for word; do case \"$before\" in --file) \
         cat \"$word\" \"$word.dockerignore\" > \"${0%/*}/seen\"; echo \"buildkit=$DOCKER_BUILDKIT\" >> \"${0%/*}/seen\";; \
         esac; before=$word; done";
    let docker = format!(
        "{SEEN}; case \"$1\" in buildx) exit 1;; version) echo 28;; build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$3\";; esac"
    );
    let exports = format!(
        "{SEEN}; case \"$*\" in *inspect*) echo 'Driver: docker-container';; \
         *) for word; do case \"$word\" in type=oci,dest=*) cp \"$ARCHIVE\" \"${{word#type=oci,dest=}}\";; esac; done;; esac"
    );
    let podman = format!("{SEEN}; case \"$1\" in build) {WRITE_ID};; save) cp \"$ARCHIVE\" \"$5\";; esac");
    let buildah = format!(
        "{SEEN}; case \"$1\" in build) {WRITE_ID};; push) cp \"$ARCHIVE\" \"${{last#oci-archive:}}\";; esac"
    );
    let context = TempDir::new().unwrap();
    for (path, text) in [
        ("Dockerfile", "FROM base\n"),
        (".dockerignore", "notes\nleft-out\n!.local"),
        (".local/share/infra/sealing-key", "key"),
        ("plans/reviewed", infra_oci::OWN_BEGINNINGS[0]),
        ("left-out/reviewed", infra_oci::OWN_BEGINNINGS[0]),
        ("state/log", "1"),
    ] {
        let path = context.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let elsewhere = TempDir::new().unwrap();
    let build = Build {
        context: context.path().to_owned(),
        ..simple()
    };
    for (name, script) in [
        ("buildx", &exports),
        ("docker", &docker),
        ("podman", &podman),
        ("buildah", &buildah),
    ] {
        let mut tools = Tools::new(&[(name, script)]);
        tools.apart = [".local/share/infra/sealing-key", "state", "nowhere"]
            .map(|path| context.path().join(path))
            .to_vec();
        tools.apart.push(elsewhere.path().to_owned());
        tools.build(build.clone()).await.unwrap();
        let seen = std::fs::read_to_string(tools.folder.path().join("seen")).unwrap();
        assert_eq!(
            seen,
            "FROM base\nnotes\nleft-out\n!.local\n/.local/share/infra/sealing-key\n/state\n/plans/reviewed\nbuildkit=1\n",
            "{name}"
        );
        let log = std::fs::read_to_string(tools.folder.path().join("log")).unwrap();
        let by_name = log.contains("--ignorefile ") && log.contains("/Dockerfile.dockerignore");
        assert_eq!(by_name, ["podman", "buildah"].contains(&name), "{log}");
    }
    // What the ignore file leaves out anyway needs nothing more.
    std::fs::write(context.path().join(".dockerignore"), "state\nplans\nleft-out\n").unwrap();
    let mut tools = Tools::new(&[("podman", &podman)]);
    tools.apart = vec![context.path().join("state")];
    tools.build(build).await.unwrap();
    assert!(!tools.folder.path().join("seen").exists());
}

#[tokio::test]
async fn lines_are_given_and_a_failure_has_the_last_of_them() {
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do echo line $i; done; exit 7";
    let tools = Tools::new(&[("podman", script)]);
    let error = tools.build(everything()).await.unwrap_err();
    let lines = tools.lines.lock().unwrap().clone();
    assert_eq!(
        (lines.len(), lines[0].as_str(), lines[24].as_str()),
        (25, "line 1", "line 25")
    );
    assert_eq!(error.class(), ErrorClass::Other);
    let text = error.to_string();
    assert!(
        text.starts_with("building the image of `/src/app`: podman ended with exit status: 7"),
        "{text}"
    );
    assert!(
        text.contains("\nline 6\n") && text.ends_with("\nline 25") && !text.contains("line 5\n"),
        "{text}"
    );
    assert!(!text.contains("xyzzy"), "build arguments are not shown");
}

#[tokio::test]
async fn without_a_tool_the_error_says_so() {
    let error = Tools::new(&[]).build(simple()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("none of buildx, docker, podman and buildah is on the PATH"),
        "{error}"
    );
    let error = Tools::new(&[("docker", "exit 1")])
        .build(simple())
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("its daemon does not answer"),
        "{error}"
    );
}

#[tokio::test]
async fn a_tool_that_writes_nothing_is_an_error() {
    let tools = Tools::new(&[("buildah", "exit 0")]);
    let error = tools.build(simple()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Invalid);
    assert!(error.to_string().contains("image-id"), "{error}");
}

#[tokio::test]
async fn a_build_that_nobody_waits_for_is_ended_with_all_that_it_started() {
    let tools = Tools::new(&[("podman", "exec 3> fifo; sleep 1000 & echo started; sleep 1000")]);
    let fifo = tools.folder.path().join("fifo");
    let script = tools.folder.path().join("podman");
    let text = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, text.replace("fifo", &fifo.display().to_string())).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    // It can be read to its end once no process has it open any more.
    let all_gone = tokio::task::spawn_blocking(move || std::fs::read(fifo).unwrap());
    {
        let mut build = Box::pin(tools.build(simple()));
        let started = async {
            while tools.lines.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = &mut build => panic!("the build ended by itself"),
            () = started => {}
        }
    }
    assert_eq!(all_gone.await.unwrap(), b"");
}
