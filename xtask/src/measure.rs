//! Size and speed of the release binary, as medians.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use infra_sandbox::{Sandbox, VENV_VARIABLE};

use crate::setup;
use crate::workspace::{cargo, root, run as run_program, shown, target};

const STACK: &str = "stacks/dev02-us-east-1.toml";

/// How often to look how much memory a process has: the kernel keeps the peak, so only its last growth
/// before the end can be missed.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[derive(Debug, Args)]
pub struct Measure {
    /// How often each short command runs; whole applies run a tenth as often, three times at least
    #[arg(long, default_value_t = 31, value_parser = clap::value_parser!(u32).range(3..))]
    runs: u32,
}

/// Builds the release binary and measures it.
///
/// # Errors
/// It does not build, or a run does not succeed.
pub fn run(command: &Measure) -> Result<()> {
    run_program(&mut cargo(&["build", "--release", "--locked"]))?;
    let binary = target().join("release/infra");
    let setup = setup::emulators()?;
    let project = project()?;
    let infra = |arguments: &[&str]| {
        let mut command = Command::new(&binary);
        command
            .args(arguments)
            .current_dir(project.path())
            .env(VENV_VARIABLE, &setup.venv)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    };
    let short = command.runs;
    let long = (command.runs / 10).max(3);

    let size = fs::metadata(&binary)
        .with_context(|| format!("{} is not there", binary.display()))?
        .len();
    show("size of the binary", &megabytes(size), "once");
    let start = medians(short, || infra(&["--version"]))?;
    show(
        "start-up (`infra --version`)",
        &milliseconds(start.time),
        &times(short),
    );
    let validate = medians(short, || infra(&["validate", STACK]))?;
    show(
        &format!("`infra validate {STACK}`"),
        &milliseconds(validate.time),
        &times(short),
    );

    let sandbox = StoppedAtTheEnd(Sandbox::new(project.path()).with_venv(&setup.venv));
    sandbox
        .0
        .start(&infra_sandbox::StartOptions::default(), &mut |_| {})?;
    let mut applies = Vec::new();
    let mut diffs = Vec::new();
    let mut destroys = Vec::new();
    for _ in 0..long {
        applies.push(measured(infra(&["apply", STACK, "--sandbox", "-y"]))?);
        diffs.push(measured(infra(&["diff", STACK, "--sandbox"]))?);
        destroys.push(measured(infra(&["destroy", STACK, "--sandbox", "-y"]))?);
    }
    for (name, runs) in [("apply", applies), ("diff", diffs), ("destroy", destroys)] {
        let median = median(runs);
        show(
            &format!("whole `infra {name}`, sandbox"),
            &milliseconds(median.time),
            &times(long),
        );
        show(
            &format!("peak memory of `infra {name}`"),
            &megabytes(median.memory),
            &times(long),
        );
    }
    Ok(())
}

/// A folder that is a project of its own, so that neither its sandbox nor its state is anybody else's.
fn project() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for part in ["stacks", "examples/app"] {
        copy(&root().join(part), &folder.path().join(part))?;
    }
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

struct StoppedAtTheEnd(Sandbox);

impl Drop for StoppedAtTheEnd {
    fn drop(&mut self) {
        // There is nobody to tell, and the folder that names it goes right after.
        let _ = self.0.stop();
    }
}

/// One run of a process.
#[derive(Debug, Clone, Copy)]
struct Run {
    time: Duration,
    /// The most that was resident, in bytes.
    memory: u64,
}

fn medians(runs: u32, command: impl Fn() -> Command) -> Result<Run> {
    // Once before, so that the binary and the files are in the system's cache.
    timed(command())?;
    let runs = (0..runs).map(|_| timed(command())).collect::<Result<Vec<_>>>()?;
    Ok(median(runs))
}

/// The median of each figure.
fn median(runs: Vec<Run>) -> Run {
    let middle = |mut figures: Vec<u128>| {
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    let nanoseconds = middle(runs.iter().map(|run| run.time.as_nanos()).collect());
    let memory = middle(runs.iter().map(|run| run.memory.into()).collect());
    Run {
        time: Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)),
        memory: u64::try_from(memory).unwrap_or(u64::MAX),
    }
}

/// A run that nobody looks at meanwhile: for what is over in milliseconds.
fn timed(mut command: Command) -> Result<Run> {
    let start = Instant::now();
    let output = command.output()?;
    let time = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{}` ended with {}:\n{said}",
        shown(&command),
        output.status
    );
    Ok(Run { time, memory: 0 })
}

/// A run with its peak memory, which Linux tells as long as the process lives.
fn measured(mut command: Command) -> Result<Run> {
    let log = tempfile::NamedTempFile::new()?;
    command.stderr(log.reopen()?);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak_memory(&status_file).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK_AGAIN);
    };
    let time = start.elapsed();
    if !status.success() {
        let said = fs::read_to_string(log.path()).unwrap_or_default();
        bail!("`{}` ended with {status}:\n{said}", shown(&command));
    }
    Ok(Run { time, memory })
}

/// `VmHWM`, in bytes; `None` when there is no such process any more.
fn peak_memory(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn show(what: &str, figure: &str, how_often: &str) {
    println!("{what:52} {figure:>12}  {how_often}");
}

fn times(runs: u32) -> String {
    format!("median of {runs}")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_each_figure() {
        let run = |milliseconds, memory| Run {
            time: Duration::from_millis(milliseconds),
            memory,
        };
        let median = median(vec![run(5, 1), run(1, 9), run(900, 5)]);
        assert_eq!((median.time, median.memory), (Duration::from_millis(5), 5));
    }

    #[test]
    fn the_peak_of_a_process_is_read_while_it_lives() {
        assert!(measured(Command::new("true")).is_ok());
        let own = peak_memory(Path::new("/proc/self/status"));
        assert!(own.is_some_and(|bytes| bytes > 100_000), "{own:?}");
        assert_eq!(peak_memory(Path::new("/proc/0/status")), None);
    }

    #[test]
    fn a_run_that_fails_says_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo nothing works >&2; exit 3"]);
        let error = measured(command).unwrap_err().to_string();
        assert!(error.contains("nothing works") && error.contains("3"), "{error}");
    }
}
