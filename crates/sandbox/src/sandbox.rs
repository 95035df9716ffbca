//! The sandbox of one project root: start, status, stop, reset.

use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{SandboxError, last_lines};
use crate::instance::{Health, Instance};
use crate::private;
use crate::process::ProcessIdentity;
use crate::requests::Requests;
use crate::{program, venv};

/// How long the emulator may take until it answers. It needs seconds; a machine that is busy needs more.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the emulator may take to end by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The sandbox of one project root.
#[derive(Debug, Clone)]
pub struct Sandbox {
    folder: PathBuf,
    venv: PathBuf,
}

/// How to start the emulator.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// The factor on AWS's durations: 1 waits as long as AWS does, 0 not at all. When it is not given, the
    /// environment variable `INFRA_SANDBOX_TIME_SCALE` or the emulator's default (1/50) holds. An emulator that
    /// runs already keeps its own.
    pub time_scale: Option<f64>,
    /// The port; a free one when it is not given.
    pub port: Option<u16>,
}

/// An emulator that runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// The URL of every AWS service, without a trailing slash.
    pub endpoint: String,
    /// The URL of the image registry behind ECR, without `/v2/`.
    pub registry_url: String,
    /// The folder for states of this instance. It exists, and is gone when the instance is.
    pub state_dir: PathBuf,
    /// Names the instance; a reset makes a new one.
    pub instance_id: String,
    /// The factor on AWS's durations.
    pub time_scale: f64,
    /// The emulator's process.
    pub pid: u32,
    /// The emulator's log.
    pub log: PathBuf,
    /// True when this call started it.
    pub started_now: bool,
}

/// Whether an emulator runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It runs and answers.
    Running(Running),
    /// None runs.
    Stopped,
}

impl Sandbox {
    /// The sandbox of the project at `root`. Nothing is touched yet. The Python environment is where
    /// [`VENV_VARIABLE`](crate::VENV_VARIABLE) says, else below the root.
    pub fn new(root: impl AsRef<Path>) -> Self {
        // Absolute, since the emulator runs in a folder of its own.
        let root = std::path::absolute(root.as_ref()).unwrap_or_else(|_| root.as_ref().to_owned());
        let folder = root.join(".infra").join("sandbox");
        let venv = env::var_os(venv::VENV_VARIABLE)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
            .map(|path| std::path::absolute(&path).unwrap_or(path))
            .unwrap_or_else(|| folder.join("venv"));
        Self { folder, venv }
    }

    /// The same sandbox with its Python environment elsewhere.
    #[must_use]
    pub fn with_venv(self, venv: impl Into<PathBuf>) -> Self {
        Self {
            venv: venv.into(),
            ..self
        }
    }

    /// The folder of the Python environment, whether it exists or not.
    pub fn venv(&self) -> &Path {
        &self.venv
    }

    /// The Python that has moto and boto3, made first if need be: for tests that change resources by hand.
    ///
    /// # Errors
    /// When there is no usable Python, or the packages cannot be had.
    pub fn python(&self, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, SandboxError> {
        venv::prepare(&self.venv, progress)?;
        Ok(venv::python(&self.venv))
    }

    /// Starts the emulator, or finds the one that runs.
    ///
    /// # Errors
    /// When the Python environment cannot be made, or the emulator does not come up or does not answer.
    pub fn start(
        &self,
        options: &StartOptions,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Running, SandboxError> {
        let _lock = self.lock()?;
        if let Some(mut instance) = self.instance() {
            if instance.is_starting() && instance.program == program::hash() {
                progress("the emulator is being started already; waiting until it answers");
                self.await_answer(&mut instance, None)?;
                return self.running(&instance, true);
            }
            match instance.health() {
                Health::Well(_) if instance.program == program::hash() => {
                    return self.running(&instance, false);
                }
                Health::Well(_) => progress(
                    "the running emulator is of another version of infra; a new, empty one takes its place",
                ),
                Health::Dead => {
                    progress("the emulator is gone and its resources with it; starting a new, empty one");
                }
                Health::Silent(source) => {
                    let pid = instance.process.pid;
                    return Err(SandboxError::Unresponsive {
                        pid,
                        port: instance.port,
                        source,
                    });
                }
            }
            self.end(&instance)?;
        }
        venv::prepare(&self.venv, progress)?;
        let program = program::unpack(&self.folder)?;
        self.remove_instances()?;
        progress("starting the emulator");
        let instance = self.launch(options, &program)?;
        self.running(&instance, true)
    }

    /// Whether an emulator runs.
    ///
    /// # Errors
    /// When its process lives but does not answer.
    pub fn status(&self) -> Result<Status, SandboxError> {
        match self.healthy() {
            Ok(instance) => Ok(Status::Running(self.running(&instance, false)?)),
            Err(SandboxError::NotRunning) => Ok(Status::Stopped),
            Err(error) => Err(error),
        }
    }

    /// Ends the emulator and removes its state. Returns whether there was one.
    ///
    /// # Errors
    /// When the process cannot be ended, or its files cannot be removed.
    pub fn stop(&self) -> Result<bool, SandboxError> {
        if !self.folder.is_dir() {
            return Ok(false);
        }
        let _lock = self.lock()?;
        let instance = self.instance();
        let alive = instance
            .as_ref()
            .is_some_and(|instance| instance.process.is_alive());
        if let Some(instance) = instance {
            self.end(&instance)?;
        }
        self.remove_instances()?;
        Ok(alive)
    }

    /// Empties the emulator and its registry, and starts a new, empty state with a new instance id.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn reset(&self) -> Result<Running, SandboxError> {
        let _lock = self.lock()?;
        let former = self.healthy()?;
        let instance = Instance {
            instance_id: new_instance_id(),
            ..former.clone()
        };
        self.make_state_dir(&instance.instance_id)?;
        // Were we killed between these two, the ids would differ: the next start takes the instance for dead.
        former.ask(
            "POST",
            &format!("/_infra/reset?instance_id={}", instance.instance_id),
            "",
        )?;
        instance.write(&self.instance_path())?;
        remove_folder(&self.instances().join(&former.instance_id))?;
        self.running(&instance, false)
    }

    /// What the emulator has been asked.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn requests(&self) -> Result<Requests, SandboxError> {
        let page = "/_infra/requests";
        let body = self.ask("GET", page, "")?;
        serde_json::from_str(&body).map_err(|error| SandboxError::Answer {
            path: page.to_owned(),
            status: 200,
            body: error.to_string(),
        })
    }

    /// Forgets what the emulator has been asked.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn reset_requests(&self) -> Result<(), SandboxError> {
        self.ask("POST", "/_infra/requests/reset", "").map(drop)
    }

    /// Lets that many of AWS's seconds pass in the emulator at once, with all that happens in them: for tests
    /// that would otherwise wait. Nothing passes when the time scale is 0, where everything happens at once.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn advance(&self, aws_seconds: f64) -> Result<(), SandboxError> {
        let page = format!("/_infra/advance?seconds={aws_seconds}");
        self.ask("POST", &page, "").map(drop)
    }

    /// Asks for one of the emulator's own pages.
    pub(crate) fn ask(&self, method: &str, page: &str, body: &str) -> Result<String, SandboxError> {
        self.instance()
            .ok_or(SandboxError::NotRunning)?
            .ask(method, page, body)
    }

    fn instance_path(&self) -> PathBuf {
        self.folder.join("instance.json")
    }

    fn instances(&self) -> PathBuf {
        self.folder.join("instances")
    }

    /// The blobs of the registry. They belong to the process, which empties the folder when it is reset.
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn instance(&self) -> Option<Instance> {
        Instance::read(&self.instance_path())
    }

    fn healthy(&self) -> Result<Instance, SandboxError> {
        let instance = self.instance().ok_or(SandboxError::NotRunning)?;
        match instance.health() {
            Health::Well(_) => Ok(instance),
            Health::Dead => Err(SandboxError::NotRunning),
            Health::Silent(source) => Err(SandboxError::Unresponsive {
                pid: instance.process.pid,
                port: instance.port,
                source,
            }),
        }
    }

    /// Only one process at a time starts, stops or resets.
    fn lock(&self) -> Result<File, SandboxError> {
        private::folder(&self.folder)?;
        let path = self.folder.join("lock");
        let file = private::file(&path)?;
        file.lock().map_err(SandboxError::file("lock", &path))?;
        Ok(file)
    }

    fn running(&self, instance: &Instance, started_now: bool) -> Result<Running, SandboxError> {
        let url = format!("http://127.0.0.1:{}", instance.port);
        Ok(Running {
            endpoint: url.clone(),
            registry_url: url,
            state_dir: self.make_state_dir(&instance.instance_id)?,
            instance_id: instance.instance_id.clone(),
            time_scale: instance.time_scale,
            pid: instance.process.pid,
            log: instance.log.clone(),
            started_now,
        })
    }

    fn make_state_dir(&self, instance_id: &str) -> Result<PathBuf, SandboxError> {
        let path = self.instances().join(instance_id).join("state");
        private::folder(&path)?;
        Ok(path)
    }

    /// Ends an instance's process if it still is that process.
    fn end(&self, instance: &Instance) -> Result<(), SandboxError> {
        let pid = instance.process.pid;
        instance
            .process
            .end(STOP_PATIENCE)
            .map_err(|source| SandboxError::Stop { pid, source })
    }

    /// Removes what belongs to instances and processes that are no more.
    fn remove_instances(&self) -> Result<(), SandboxError> {
        let path = self.instance_path();
        if path.exists() {
            fs::remove_file(&path).map_err(SandboxError::file("remove", &path))?;
        }
        remove_folder(&self.data())?;
        remove_folder(&self.instances())
    }

    fn launch(&self, options: &StartOptions, program: &Path) -> Result<Instance, SandboxError> {
        let instance_id = new_instance_id();
        self.make_state_dir(&instance_id)?;
        let log = self.folder.join("emulator.log");
        let file = private::file(&log)?;
        let errors = file.try_clone().map_err(SandboxError::file("create", &log))?;

        let mut command = Command::new(venv::python(&self.venv));
        command
            .args(["-m", "infra_sandbox", "--instance-id", &instance_id])
            .arg("--data-dir")
            .arg(self.data())
            .arg("--port-file")
            .arg(self.port_file(&instance_id))
            .args(["--port", &options.port.unwrap_or(0).to_string()]);
        if let Some(scale) = options.time_scale {
            command.args(["--time-scale", &scale.to_string()]);
        }
        command
            .env("PYTHONPATH", program)
            .env_remove("PYTHONHOME")
            // No folder of an instance: a reset removes that under the process's feet.
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            // Its own group, so that Ctrl-C in the terminal does not reach it. (It ignores a hang-up by itself.)
            .process_group(0);
        let mut child = command
            .spawn()
            .map_err(|error| failed(&log, format!("it cannot be run ({error})")))?;
        let process = ProcessIdentity::of(child.id())
            .ok_or_else(|| failed(&log, "its process ended at once".to_owned()))?;
        let mut instance = Instance {
            instance_id,
            process,
            port: 0,
            time_scale: 0.0,
            program: program::hash(),
            log,
        };
        // Before it answers: were we interrupted now, the next start would find it and wait on.
        instance.write(&self.instance_path())?;
        self.await_answer(&mut instance, Some(&mut child))?;
        Ok(instance)
    }

    /// Waits until a new emulator answers, and writes down where. One that does not is ended.
    fn await_answer(&self, instance: &mut Instance, child: Option<&mut Child>) -> Result<(), SandboxError> {
        let port_file = self.port_file(&instance.instance_id);
        if let Err(reason) = wait_until_well(child, instance, &port_file) {
            let error = failed(&instance.log, reason);
            self.end(instance)?;
            self.remove_instances()?;
            return Err(error);
        }
        instance.write(&self.instance_path())
    }

    /// Where an emulator writes its port once it listens.
    fn port_file(&self, instance_id: &str) -> PathBuf {
        self.instances().join(instance_id).join("port")
    }
}

fn failed(log: &Path, reason: String) -> SandboxError {
    SandboxError::Start {
        reason,
        output: last_lines(&fs::read_to_string(log).unwrap_or_default(), 20),
        log: log.to_owned(),
    }
}

/// Waits until a new emulator answers; the error says what happened instead. Only its parent is told how it ended.
fn wait_until_well(
    mut child: Option<&mut Child>,
    instance: &mut Instance,
    port_file: &Path,
) -> Result<(), String> {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        match child.as_mut().map(|child| child.try_wait()) {
            Some(Ok(Some(status))) => return Err(format!("it ended with {status}")),
            Some(Err(error)) => return Err(error.to_string()),
            None if !instance.process.is_alive() => return Err("it ended".to_owned()),
            Some(Ok(None)) | None => {}
        }
        if let Ok(text) = fs::read_to_string(port_file)
            && let Ok(port) = text.trim().parse()
        {
            instance.port = port;
            if let Health::Well(time_scale) = instance.health() {
                instance.time_scale = time_scale;
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!(
        "it did not answer within {} seconds",
        START_TIMEOUT.as_secs()
    ))
}

fn new_instance_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn remove_folder(path: &Path) -> Result<(), SandboxError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SandboxError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}
