//! Builds: an image made now by the build tool that is there.
//!
//! | tool | how its image becomes an archive |
//! |---|---|
//! | buildx with a driver that can | `--output type=oci` |
//! | docker (also buildx over the daemon, whose driver cannot export) | `docker save` |
//! | podman | `podman save --format oci-archive` |
//! | buildah | `buildah push … oci-archive:` |

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::OpenOptions;
use super::children::Group;
use crate::blob::blocking;
use crate::error::{Error, ErrorClass};
use crate::manifest::Platform;

/// What is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The folder whose files the build may use.
    pub context: PathBuf,
    /// The Dockerfile; `None` is the `Dockerfile` in the context.
    pub dockerfile: Option<PathBuf>,
    /// The stage of the Dockerfile that is the image; `None` is the last.
    pub target: Option<String>,
    /// Build arguments. They can be read in the image's history: they are no place for secrets.
    pub args: BTreeMap<String, String>,
    /// The platform that is built for; `None` is that of the build tool.
    pub platform: Option<Platform>,
}

/// Gets each line that a build tool writes, without its end.
pub type BuildLine = Arc<dyn Fn(&str) + Send + Sync>;

/// A built archive; the folder around it lives as long as somebody keeps it.
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) keep: Arc<TempDir>,
}

/// How many of a failed tool's last lines its error shows.
const LAST_LINES: usize = 20;

/// A longer line is given in pieces.
const LONGEST_LINE_BYTES: u64 = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tool {
    Buildx {
        program: PathBuf,
        leading: Vec<&'static str>,
    },
    Docker(PathBuf),
    Podman(PathBuf),
    Buildah(PathBuf),
}

pub(super) async fn run(build: &Build, options: &OpenOptions) -> Result<Built, Error> {
    let doing = format!("building the image of `{}`", build.context.display());
    let folder = TempDir::new().map_err(|error| Error::file(doing.as_str(), &std::env::temp_dir(), error))?;
    let archive = folder.path().join("image.tar");
    let id_file = folder.path().join("image-id");
    let tool_path = options
        .tool_path
        .clone()
        .or_else(|| std::env::var_os("PATH"))
        .unwrap_or_default();
    let tool = detect(&tool_path, &doing).await?;
    let kept_out = kept_out(build, &tool, options, folder.path(), &doing).await?;
    let steps = Steps {
        doing,
        on_line: options.on_build_line.clone(),
        needs_buildkit: kept_out.is_some(),
    };
    let build = kept_out.as_ref().unwrap_or(build);
    match &tool {
        Tool::Buildx { program, leading } => {
            let mut arguments: Vec<OsString> = leading.iter().map(Into::into).collect();
            arguments.extend(["build".into(), "--progress=plain".into(), "--output".into()]);
            arguments.push(joined("type=oci,dest=", &archive));
            arguments.extend(docker_pull(options));
            steps.run(program, arguments, build_arguments(build)).await?;
        }
        Tool::Docker(program) => {
            let own = docker_pull(options);
            let id = steps.build_with_id_file(program, build, &id_file, own).await?;
            steps
                .run(program, ["save", "--output"], [archive.clone().into(), id.into()])
                .await?;
        }
        Tool::Podman(program) => {
            let own = podman_arguments(build, options);
            let id = steps.build_with_id_file(program, build, &id_file, own).await?;
            let save = ["save", "--format", "oci-archive", "--output"];
            steps
                .run(program, save, [archive.clone().into(), plain_id(&id).into()])
                .await?;
        }
        Tool::Buildah(program) => {
            // Alone of all it keeps no layers by itself, and without them each build has another digest.
            let mut own = vec!["--layers".into()];
            own.extend(podman_arguments(build, options));
            let id = steps.build_with_id_file(program, build, &id_file, own).await?;
            let target = joined("oci-archive:", &archive);
            steps.run(program, ["push", plain_id(&id)], [target]).await?;
        }
    }
    Ok(Built {
        path: archive,
        keep: Arc::new(folder),
    })
}

/// The build without what is not to be in it.
async fn kept_out(
    build: &Build,
    tool: &Tool,
    options: &OpenOptions,
    folder: &Path,
    doing: &str,
) -> Result<Option<Build>, Error> {
    let prefers_containerfile = matches!(tool, Tool::Podman(_) | Tool::Buildah(_));
    let (build, apart) = (build.clone(), options.apart.clone());
    let (folder, doing) = (folder.to_owned(), doing.to_owned());
    blocking(move || build.keeping_out(&apart, &folder, prefers_containerfile, &doing)).await
}

fn joined(prefix: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(prefix);
    whole.push(path);
    whole
}

fn plain_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

/// The arguments that all tools share, the context last.
fn build_arguments(build: &Build) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(dockerfile) = &build.dockerfile {
        arguments.extend(["--file".into(), dockerfile.into()]);
    }
    if let Some(target) = &build.target {
        arguments.extend(["--target".into(), target.into()]);
    }
    for (name, value) in &build.args {
        arguments.extend(["--build-arg".into(), format!("{name}={value}").into()]);
    }
    if let Some(platform) = &build.platform {
        arguments.extend(["--platform".into(), platform.to_string().into()]);
    }
    arguments.push(build.context.clone().into());
    arguments
}

/// Docker and buildx ask the registry for every image that a build begins with.
fn docker_pull(options: &OpenOptions) -> Vec<OsString> {
    let pull = options.pull_base_images.then(|| "--pull".into());
    pull.into_iter().collect()
}

/// What podman and buildah have names of their own for. By `--pull` they take an image that is older than the one on
/// the machine for the old one. Not all of their versions look for an ignore file of the Dockerfile's own.
fn podman_arguments(build: &Build, options: &OpenOptions) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    if options.pull_base_images {
        arguments.push("--pull-always".into());
    }
    if let Some(path) = build.ignore_file_of_dockerfile() {
        arguments.extend(["--ignorefile".into(), path.into()]);
    }
    arguments
}

/// The first tool that is there and works: buildx, docker, podman, buildah.
async fn detect(tool_path: &OsStr, doing: &str) -> Result<Tool, Error> {
    let mut unusable = Vec::new();
    for name in ["buildx", "docker-buildx"] {
        if let Some(program) = find(tool_path, name) {
            match buildx_driver(&program, &[]).await {
                Some(driver) if driver != "docker" => {
                    return Ok(Tool::Buildx {
                        program,
                        leading: Vec::new(),
                    });
                }
                Some(_) => {} // The daemon's own builder cannot export: `docker` below can.
                None => unusable.push(format!("{name} has no builder that works")),
            }
        }
    }
    if let Some(program) = find(tool_path, "docker") {
        match buildx_driver(&program, &["buildx"]).await {
            Some(driver) if driver != "docker" => {
                return Ok(Tool::Buildx {
                    program,
                    leading: vec!["buildx"],
                });
            }
            _ if output(&program, &["version", "--format", "{{.Server.Version}}"])
                .await
                .is_some() =>
            {
                return Ok(Tool::Docker(program));
            }
            _ => unusable.push("docker is there, but its daemon does not answer".to_owned()),
        }
    }
    if let Some(program) = find(tool_path, "podman") {
        return Ok(Tool::Podman(program));
    }
    if let Some(program) = find(tool_path, "buildah") {
        return Ok(Tool::Buildah(program));
    }
    let problem = match unusable.as_slice() {
        [] => "none of buildx, docker, podman and buildah is on the PATH".to_owned(),
        some => format!("no build tool can be used: {}", some.join("; ")),
    };
    Err(Error::new(ErrorClass::Other, doing, problem).with_hint(
        "install or start one of them, or give the image as an archive, a layout or a registry reference",
    ))
}

/// The driver of the builder that buildx would use; `None` if buildx is not there or its builder is down.
async fn buildx_driver(program: &Path, leading: &[&str]) -> Option<String> {
    let arguments: Vec<&str> = leading.iter().copied().chain(["inspect"]).collect();
    let output = output(program, &arguments).await?;
    let driver = output.lines().find_map(|line| line.strip_prefix("Driver:"))?;
    Some(driver.trim().to_owned())
}

/// What a short command writes when it succeeds.
async fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn find(tool_path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(tool_path)
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

struct Steps {
    doing: String,
    on_line: Option<BuildLine>,
    /// Docker's older builder knows no ignore file of a Dockerfile's own: it would send what is to be kept out.
    needs_buildkit: bool,
}

impl Steps {
    async fn build_with_id_file(
        &self,
        program: &Path,
        build: &Build,
        id_file: &Path,
        own_arguments: Vec<OsString>,
    ) -> Result<String, Error> {
        let mut leading: Vec<OsString> = vec!["build".into(), "--iidfile".into(), id_file.into()];
        leading.extend(own_arguments);
        self.run(program, leading, build_arguments(build)).await?;
        let id = tokio::fs::read_to_string(id_file).await;
        let id = id.map_err(|error| Error::file(self.doing.as_str(), id_file, error))?;
        Ok(id.trim().to_owned())
    }

    /// Runs one command to its end. Its arguments are not shown in errors: they may hold build arguments.
    async fn run<First: Into<OsString>>(
        &self,
        program: &Path,
        first: impl IntoIterator<Item = First>,
        rest: impl IntoIterator<Item = OsString>,
    ) -> Result<(), Error> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let failed = |problem: String| Error::new(ErrorClass::Other, self.doing.as_str(), problem);
        let mut command = Command::new(program);
        command
            .args(first.into_iter().map(Into::into))
            .args(rest)
            // A provenance record holds times: with it the same files would never give the same digest.
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.needs_buildkit {
            command.env("DOCKER_BUILDKIT", "1");
        }
        let (mut child, group) = Group::spawn(&mut command)
            .map_err(|error| failed(format!("{name} cannot be started")).caused_by(error))?;
        let last = Mutex::new(VecDeque::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (_, _, status) = tokio::join!(self.lines(stdout, &last), self.lines(stderr, &last), child.wait());
        group.over();
        let status = status.map_err(|error| failed(format!("{name} was lost")).caused_by(error))?;
        if status.success() {
            return Ok(());
        }
        let last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let last: Vec<String> = last.into();
        Err(failed(format!(
            "{name} ended with {status}; its last lines:\n{}",
            last.join("\n")
        )))
    }

    async fn lines(&self, from: Option<impl AsyncRead + Unpin>, last: &Mutex<VecDeque<String>>) {
        let Some(from) = from else { return };
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        // An output that cannot be read ends it; whether the command failed, its status says.
        while (&mut reader)
            .take(LONGEST_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await
            .is_ok_and(|n| n > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if let Some(on_line) = &self.on_line {
                on_line(&text);
            }
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.len() == LAST_LINES {
                last.pop_front();
            }
            last.push_back(text);
        }
    }
}
