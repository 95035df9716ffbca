//! A project folder with an AWS of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use infra_oci::{ImageBuilder, LayerFile};
use infra_sandbox::{DebianRegistry, PlainMoto, Requests, Sandbox, StartOptions, TemporarySandbox};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::account::{Held, Lister};
use super::run::Run;
use super::scripts::Scripts;

/// The account that everything is in unless a test says otherwise.
pub const ACCOUNT: &str = "123456789012";

/// The region that everything is in unless a test says otherwise.
pub const REGION: &str = "us-east-1";

/// The factor on AWS's durations: short, but everything that is pending at AWS is pending here too.
const TIME_SCALE: f64 = 0.002;

/// The root of the repository.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The Python environment, made by whoever comes first.
fn venv() -> PathBuf {
    std::env::var_os("INFRA_SANDBOX_VENV")
        .filter(|value| !value.is_empty())
        .map_or_else(|| workspace().join(".infra/sandbox/venv"), PathBuf::from)
}

/// The binary that is tested: another one, such as that of a release, or the one that was built with the tests.
fn binary() -> PathBuf {
    std::env::var_os("INFRA_TEST_BINARY")
        .filter(|value| !value.is_empty())
        .map_or_else(|| env!("CARGO_BIN_EXE_infra").into(), PathBuf::from)
}

/// A command line in a folder, with nothing of this machine's environment and nobody's own AWS configuration.
pub fn bare_command<I>(folder: &Path, arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LANG", "C.UTF-8")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// What stands for AWS.
pub enum Cloud {
    /// Our emulator, which `--sandbox` finds.
    Sandbox(TemporarySandbox),
    /// Unchanged moto, which is found as any endpoint is, and a real registry.
    Moto {
        /// The emulator.
        moto: PlainMoto,
        /// Where images go.
        registry: DebianRegistry,
    },
}

/// A project. Dropping it stops its emulator and removes its folder.
pub struct Project {
    // The emulator goes before the folder that its log is in.
    cloud: Cloud,
    python: PathBuf,
    scripts: Mutex<Option<Scripts>>,
    folder: TempDir,
    /// The account of scripts and listings.
    pub account: String,
    /// The region of scripts and listings.
    pub region: String,
    environment: BTreeMap<String, String>,
}

impl Project {
    /// A project with the sandbox.
    pub fn sandbox() -> Self {
        Self::with(|root, _| {
            let options = StartOptions {
                time_scale: Some(TIME_SCALE),
                port: None,
            };
            Cloud::Sandbox(TemporarySandbox::start(root, venv(), &options).unwrap())
        })
    }

    /// A project with unchanged moto and Debian's registry.
    pub fn moto() -> Self {
        Self::with(|root, python| {
            let registry = DebianRegistry::start(&root.join("registry")).unwrap();
            let moto = PlainMoto::start(python, &root.join("moto.log")).unwrap();
            Cloud::Moto { moto, registry }
        })
    }

    fn with(start: impl FnOnce(&Path, &Path) -> Cloud) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("stacks")).unwrap();
        let python = Sandbox::new(folder.path())
            .with_venv(venv())
            .python(&mut |_| {})
            .unwrap();
        let cloud = start(folder.path(), &python);
        Self {
            cloud,
            python,
            scripts: Mutex::default(),
            folder,
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            environment: BTreeMap::new(),
        }
    }

    /// The project's folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The same with another environment variable in every run.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// The Python of the emulator's environment.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// The emulator of a project that has the sandbox.
    #[track_caller]
    pub fn emulator(&self) -> &TemporarySandbox {
        match &self.cloud {
            Cloud::Sandbox(sandbox) => sandbox,
            Cloud::Moto { .. } => panic!("this project has no sandbox"),
        }
    }

    /// What stands for AWS.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The URL of every AWS service.
    pub fn endpoint(&self) -> &str {
        match &self.cloud {
            Cloud::Sandbox(sandbox) => &sandbox.running().endpoint,
            Cloud::Moto { moto, .. } => moto.endpoint(),
        }
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes an image layout with one file in it, and returns the image's digest.
    pub fn write_image(&self, path: &str, content: &str) -> String {
        let image = ImageBuilder::new("amd64")
            .layer(vec![LayerFile::new("srv/content", content)])
            .build()
            .unwrap();
        let target = self.root().join(path);
        if target.exists() {
            fs::remove_dir_all(&target).unwrap();
        }
        image.write_folder(&target).unwrap();
        image.digest().to_string()
    }

    /// Copies a file or folder of the repository to the same place in the project.
    pub fn copy(&self, path: &str) {
        copy(&workspace().join(path), &self.root().join(path));
    }

    /// A command line with a clean environment, in the project's folder.
    pub fn command<I>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = bare_command(self.root(), arguments);
        command.env("INFRA_SANDBOX_VENV", venv());
        if let Cloud::Moto { moto, registry } = &self.cloud {
            command
                .env("AWS_ENDPOINT_URL", moto.endpoint())
                .env("AWS_ACCESS_KEY_ID", "testing")
                .env("AWS_SECRET_ACCESS_KEY", "testing")
                .env(
                    "INFRA_ECR_REGISTRY",
                    format!(
                        "http://{}:{}@{}",
                        DebianRegistry::USERNAME,
                        DebianRegistry::PASSWORD,
                        registry.host()
                    ),
                );
        }
        command.envs(&self.environment);
        command
    }

    /// Runs a command line as it is.
    pub fn infra<I>(&self, arguments: I) -> Run
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Run::of(&mut self.command(arguments))
    }

    /// The command line of a command on a stack of this project's cloud.
    pub fn stack_command(&self, command: &str, file: &str, more: &[&str]) -> Command {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push(file);
        arguments.extend(more);
        if matches!(self.cloud, Cloud::Sandbox(_)) {
            arguments.push("--sandbox");
        }
        self.command(arguments)
    }

    /// Runs a command on a stack of this project's cloud.
    pub fn stack(&self, command: &str, file: &str, more: &[&str]) -> Run {
        Run::of(&mut self.stack_command(command, file, more))
    }

    /// Runs a script with boto3 and returns what it leaves in `result`. It has `client(service)`, and
    /// `given`, which is `given`.
    #[track_caller]
    pub fn boto3(&self, given: &Value, script: &str) -> Value {
        let asked = json!({
            "endpoint": self.endpoint(),
            "region": self.region,
            "account": self.account,
            "given": given,
            "script": script,
        });
        let ran = {
            let mut scripts = self.scripts.lock().unwrap();
            scripts
                .get_or_insert_with(|| Scripts::start(&self.python, self.root()))
                .run(&asked)
        };
        ran.unwrap_or_else(|error| panic!("the script failed: {error}\n{script}"))
    }

    /// Sets some of AWS's durations in the emulator, in AWS's seconds.
    #[track_caller]
    pub fn set_durations(&self, durations: impl IntoIterator<Item = (&'static str, f64)>) {
        let durations: BTreeMap<_, _> = durations.into_iter().collect();
        self.boto3(
            &json!({ "durations_seconds": durations }),
            "from urllib.request import Request, urlopen\n\
             page = endpoint + '/_infra/settings'\n\
             result = json.load(urlopen(Request(page, json.dumps(given).encode())))",
        );
    }

    /// What the account holds, beyond what AWS puts into every account.
    #[track_caller]
    pub fn held(&self) -> Held {
        Lister::list(self, false)
    }

    /// The same with every rollout that its services have had.
    #[track_caller]
    pub fn held_with_rollouts(&self) -> Held {
        Lister::list(self, true)
    }

    /// The account has to hold nothing.
    #[track_caller]
    pub fn holds_nothing(&self) {
        let held = self.held();
        assert!(held.is_empty(), "the account still holds {held}");
    }

    /// What the emulator was asked since [`Project::forget_requests`].
    pub fn requests(&self) -> Requests {
        self.emulator().requests().unwrap()
    }

    /// Forgets what the emulator was asked.
    pub fn forget_requests(&self) {
        self.emulator().reset_requests().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
