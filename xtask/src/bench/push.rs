//! A push of a large image to Debian's registry, beside skopeo with the same image and registry.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::process::{Run, measured, median, timed};
use super::project::Bench;
use super::row::{Row, Unit};
use crate::workspace::is_installed;

const GROUP: &str = "push";

const LAYERS: usize = 8;
const LAYER_BYTES: usize = 62_500_000;
const SEED: usize = 1;

/// The registry answers within a second or two.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// Writes the image.
const IMAGE: &str = include_str!("image.py");

/// Measures; nothing where there is no registry or no skopeo.
///
/// # Errors
/// A run does not succeed.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    for program in ["docker-registry", "skopeo"] {
        if !is_installed(program) {
            println!("push: there is no {program}: `cargo xtask setup` installs it where it may");
            return Ok(Vec::new());
        }
    }
    let folder = tempfile::tempdir()?;
    let images = [("whole", false), ("changed", true)];
    for (name, changed) in images {
        image(bench, &folder.path().join(name), changed)?;
    }
    let mut runs: [Vec<(Run, Run)>; 3] = Default::default();
    for _ in 0..bench.long_runs() {
        let (ours, theirs) = (Registry::start()?, Registry::start()?);
        let pushing = Pushing::new(bench, &ours)?;
        for (kind, image) in ["whole", "whole", "changed"].into_iter().enumerate() {
            let image = folder.path().join(image);
            runs[kind].push((pushing.push(&image)?, skopeo(&image, &theirs)?));
        }
    }
    let mut rows = Vec::new();
    for (name, runs) in ["fresh", "unchanged", "one layer changed"].into_iter().zip(&runs) {
        let (ours, theirs): (Vec<Run>, Vec<Run>) = runs.iter().copied().unzip();
        let (ours, theirs) = (median(&ours), median(&theirs));
        rows.push(
            Row::new(
                GROUP,
                format!("500 MB in 8 layers, {name}"),
                ours.seconds(),
                Unit::Seconds,
            )
            .against("skopeo", theirs.seconds())
            .at_most(1.0),
        );
        rows.push(Row::new(GROUP, format!("memory, {name}"), ours.memory as f64, Unit::Bytes).at_most(64e6));
    }
    Ok(rows)
}

fn image(bench: &Bench, folder: &Path, changed: bool) -> Result<()> {
    let mut command = Command::new(&bench.python);
    command.args(["-c", IMAGE]).arg(folder);
    command.args([LAYERS, LAYER_BYTES, SEED].map(|number| number.to_string()));
    if changed {
        command.arg("changed");
    }
    timed(command).context("the image cannot be written").map(|_| ())
}

fn skopeo(image: &Path, registry: &Registry) -> Result<Run> {
    let mut command = Command::new("skopeo");
    command
        .args(["copy", "--dest-tls-verify=false", "--insecure-policy", "--quiet"])
        .arg(format!("oci:{}", image.display()))
        .arg(format!("docker://{}/bench:latest", registry.host));
    measured(command)
}

/// A stack of a repository and an image, whose pushes go to a registry.
struct Pushing<'a> {
    bench: &'a Bench,
    project: super::project::Project,
    host: String,
}

impl<'a> Pushing<'a> {
    fn new(bench: &'a Bench, registry: &Registry) -> Result<Self> {
        let project = bench.project(0.0)?;
        let pushing = Self {
            bench,
            project,
            host: registry.host.clone(),
        };
        // The repository is there before anything is measured.
        pushing.write("")?;
        measured(pushing.apply())?;
        Ok(pushing)
    }

    fn push(&self, image: &Path) -> Result<Run> {
        self.write(&format!(
            "\n[ecr.image.app]\nrepository_uri = \"${{ecr.repository.app.repository_uri}}\"\nsource = {{ layout = \"{}\" }}\n",
            image.display()
        ))?;
        measured(self.apply())
    }

    fn write(&self, more: &str) -> Result<()> {
        let text = format!(
            "[stack]\nname = \"push\"\nenvironment = \"bench\"\nstage = \"bench\"\nregion = \"us-east-1\"\n\n\
             [ecr.repository.app]\nrepository_name = \"bench\"\nforce_delete = true\n{more}"
        );
        fs::write(self.project.path().join("push.toml"), text)?;
        Ok(())
    }

    fn apply(&self) -> Command {
        let mut command = self
            .bench
            .infra(self.project.path(), ["apply", "push.toml", "--sandbox", "-y"]);
        command.env("INFRA_ECR_REGISTRY", format!("http://{}", self.host));
        command
    }
}

/// Debian's registry on the loopback interface, which ends with this.
struct Registry {
    process: Child,
    host: String,
    _folder: TempDir,
}

impl Registry {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Free until the registry takes it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let host = format!("127.0.0.1:{port}");
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n",
                data.display()
            ),
        )?;
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("docker-registry cannot be started")?;
        let registry = Self {
            process,
            host,
            _folder: folder,
        };
        let start = Instant::now();
        while std::net::TcpStream::connect(&registry.host).is_err() {
            if start.elapsed() > START_PATIENCE {
                bail!("docker-registry does not answer on {}", registry.host);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
