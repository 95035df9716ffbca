//! Processes that are not our children any more: is it still the one we started, and end it.

use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A process, told from a later one that got the same number by the time it started.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ProcessIdentity {
    pub(crate) pid: u32,
    /// Opaque: ticks since boot on Linux, a date elsewhere.
    pub(crate) started: String,
}

impl ProcessIdentity {
    /// The identity of a process that lives now; None when there is none, or only its exit code is left.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let started = if fs::exists("/proc/self/stat").unwrap_or(false) {
            start_from_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?
        } else {
            start_from_ps(pid)?
        };
        Some(Self { pid, started })
    }

    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Waits up to `patience` for the process to end; true when it is gone.
    pub(crate) fn ends_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Asks the process to end, waits up to `patience`, then ends it. A process that is gone is success.
    pub(crate) fn end(&self, patience: Duration) -> io::Result<()> {
        for (signal, patience) in [(Signal::TERM, patience), (Signal::KILL, Duration::from_secs(10))] {
            if !self.is_alive() {
                return Ok(());
            }
            let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or_else(|| io::Error::other("not a process number"))?;
            match kill_process(pid, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
            if self.ends_within(patience) {
                return Ok(());
            }
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it did not end after SIGKILL",
        ))
    }
}

/// The start time of `/proc/<pid>/stat` (field 22); the command's name before it may hold anything.
fn start_from_stat(stat: &str) -> Option<String> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?
}

fn start_from_ps(pid: u32) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (state, started) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_whatever_the_name() {
        let stat = |state: &str| {
            format!("7 (a) b ({state}) c) {state} 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2")
        };
        assert_eq!(start_from_stat(&stat("S")).as_deref(), Some("987654"));
        assert_eq!(start_from_stat(&stat("Z")), None);
        assert_eq!(start_from_stat("nonsense"), None);
    }

    #[test]
    fn a_process_is_told_from_another_with_its_number() {
        let own = ProcessIdentity::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        let earlier = ProcessIdentity {
            started: "an earlier one".to_owned(),
            ..own
        };
        assert!(!earlier.is_alive());
        earlier.end(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_process_ends_when_asked() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let identity = ProcessIdentity::of(child.id()).unwrap();
        identity.end(Duration::from_secs(10)).unwrap();
        assert!(!identity.is_alive());
        child.wait().unwrap();
    }
}
