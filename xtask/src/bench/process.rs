//! Runs of a program: how long they took, and the most memory that they had.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::workspace::shown;

/// How often to look how much memory a process has: the kernel keeps the peak, so only its last growth
/// before the end can be missed. What runs long is looked at less often: a look takes time from it.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LATER_LOOKS: Duration = Duration::from_millis(20);

/// One run of a process.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// How long it took.
    pub time: Duration,
    /// The most that was resident, in bytes; 0 when nobody looked.
    pub memory: u64,
}

impl Run {
    /// Seconds.
    pub fn seconds(&self) -> f64 {
        self.time.as_secs_f64()
    }
}

/// The median of each figure.
pub fn median(runs: &[Run]) -> Run {
    let middle = |mut figures: Vec<u128>| {
        figures.sort_unstable();
        figures.get(figures.len() / 2).copied().unwrap_or_default()
    };
    let nanoseconds = middle(runs.iter().map(|run| run.time.as_nanos()).collect());
    let memory = middle(runs.iter().map(|run| run.memory.into()).collect());
    Run {
        time: Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)),
        memory: u64::try_from(memory).unwrap_or(u64::MAX),
    }
}

/// The median of several runs that nobody looks at meanwhile, for what is over in milliseconds; one more goes
/// before, so that binary and files are in the system's cache.
///
/// # Errors
/// A run does not succeed.
pub fn medians(runs: u32, command: impl Fn() -> Command) -> Result<Run> {
    timed(command())?;
    let runs = (0..runs).map(|_| timed(command())).collect::<Result<Vec<_>>>()?;
    Ok(median(&runs))
}

/// A run that nobody looks at meanwhile.
///
/// # Errors
/// It does not succeed.
pub fn timed(mut command: Command) -> Result<Run> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let time = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`{}` ended with {}:\n{}",
        shown(&command),
        output.status,
        last_lines(&said)
    );
    Ok(Run { time, memory: 0 })
}

/// A run with its peak memory, which Linux tells as long as the process lives.
///
/// # Errors
/// It does not succeed.
pub fn measured(command: Command) -> Result<Run> {
    measured_ending(command, 0)
}

/// The same for a run that ends with another exit code.
///
/// # Errors
/// It does not end with `code`.
pub fn measured_ending(mut command: Command, code: i32) -> Result<Run> {
    let log = tempfile::NamedTempFile::new()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.reopen()?);
    let start = Instant::now();
    let mut child = command.spawn()?;
    let status_file = PathBuf::from(format!("/proc/{}/status", child.id()));
    let (over, is_over) = mpsc::channel::<()>();
    let looking = std::thread::spawn(move || {
        let (mut memory, mut pause) = (0, FIRST_LOOK);
        loop {
            memory = memory.max(peak_memory(&status_file).unwrap_or(0));
            if is_over.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
                return memory;
            }
            pause = (pause * 2).min(LATER_LOOKS);
        }
    });
    let status = child.wait();
    let time = start.elapsed();
    drop(over);
    let memory = looking.join().unwrap_or(0);
    let status = status?;
    if status.code() != Some(code) {
        let said = fs::read_to_string(log.path()).unwrap_or_default();
        anyhow::bail!(
            "`{}` ended with {status}:\n{}",
            shown(&command),
            last_lines(&said)
        );
    }
    Ok(Run { time, memory })
}

/// A failed run of ten thousand steps has said a lot.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// `VmHWM`, in bytes; `None` when there is no such process any more.
fn peak_memory(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
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
        let median = median(&[run(5, 1), run(1, 9), run(900, 5)]);
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
        for run in [timed, measured] {
            let mut command = Command::new("sh");
            command.args(["-c", "echo nothing works >&2; exit 3"]);
            let error = run(command).unwrap_err().to_string();
            assert!(error.contains("nothing works") && error.contains('3'), "{error}");
        }
    }
}
