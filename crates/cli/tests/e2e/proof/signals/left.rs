//! What a run has started and left running.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long what a run had started may take to be gone after it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says of which run a process is; whatever that starts inherits it.
pub const MARK: &str = "INFRA_PROOF_RUN";

/// Nothing that the run had started goes on without it.
pub fn nothing_is_left_running(mark: &str) {
    let mark = format!("{MARK}={mark}");
    let since = Instant::now();
    loop {
        let left = running(mark.as_bytes());
        if left.is_empty() {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "it left running: {left:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The command lines of all processes that have this among their environment.
fn running(mark: &[u8]) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    let marked = processes.filter(|process| {
        // One that has ended meanwhile, or that is somebody else's, cannot be read.
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark)
    });
    marked
        .map(|process| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
        .collect()
}

/// The command lines of the processes with this mark, once there are any.
///
/// Starting one returns when it leaves the memory of the starter, a moment before the kernel shows
/// its own environment.
fn found_in_time(mark: &[u8]) -> Vec<String> {
    let since = Instant::now();
    loop {
        let found = running(mark);
        if !found.is_empty() || since.elapsed() >= PATIENCE {
            return found;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn what_is_left_running_is_found() {
    let mark = format!("{}-left", std::process::id());
    let mut left = Command::new("sleep")
        .arg("1000")
        .env(MARK, &mark)
        .spawn()
        .unwrap();
    let found = found_in_time(format!("{MARK}={mark}").as_bytes());
    left.kill().unwrap();
    left.wait().unwrap();
    assert_eq!(found, ["sleep 1000 "]);
    nothing_is_left_running(&mark);
}
