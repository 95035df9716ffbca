//! Ctrl-C, SIGTERM, and a terminal that is closed. The first Ctrl-C: finish what is in flight; the second, and the first
//! SIGTERM or SIGHUP: stop waiting; one more: end at once. Who sends SIGTERM kills soon: GitLab's runner 10 seconds after
//! it (<https://docs.gitlab.com/runner/configuration/advanced-configuration/>), GitHub's 7.5 seconds after SIGINT sends
//! it, and kills 2.5 seconds later.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use infra_engine::Cancellation;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::exit::Exit;

/// Signals that come together are one wish: a terminal that goes away sends several, and who passes Ctrl-C on
/// sends it a second time.
const TOGETHER: Duration = Duration::from_millis(100);

/// The level at which nothing is waited for any more.
const WAITING_ENDS: u8 = 2;

/// The level at which the process ends.
const THE_END: u8 = 3;

/// Raises the cancellation with each signal; the third level ends the process, which the journal makes safe. A thread of
/// its own listens, so that nothing that the program is busy with keeps it from ending.
///
/// # Errors
/// When the system does not let signals be caught.
pub fn watch(cancellation: &Cancellation) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the listener for signals cannot be started")?;
    let ignored = ignored();
    let signals = {
        let _inside = runtime.enter();
        [
            (SignalKind::interrupt(), 1),
            (SignalKind::terminate(), WAITING_ENDS),
            (SignalKind::hangup(), WAITING_ENDS),
        ]
        .into_iter()
        .filter(|(kind, _)| !ignored.contains(*kind))
        .map(|(kind, least)| Ok((signal(kind)?, least)))
        .collect::<io::Result<Vec<(Signal, u8)>>>()
        .context("signals cannot be caught")?
    };
    let cancellation = cancellation.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(listen(signals, &cancellation)))
        .context("the listener for signals cannot be started")?;
    Ok(())
}

/// Each signal comes with the level that it means at least.
async fn listen(signals: Vec<(Signal, u8)>, cancellation: &Cancellation) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for (mut signal, least) in signals {
        let sender = sender.clone();
        tokio::spawn(async move { while signal.recv().await.is_some() && sender.send(least).is_ok() {} });
    }
    drop(sender);
    let mut last: Option<Instant> = None;
    while let Some(least) = receiver.recv().await {
        let is_same_wish = last.is_some_and(|last| last.elapsed() < TOGETHER);
        if is_same_wish && cancellation.level() >= least {
            continue;
        }
        last = Some(Instant::now());
        if cancellation.raise_to(least) >= THE_END {
            end_at_once();
        }
    }
}

/// Nothing is cleaned up but what would go on without us.
fn end_at_once() {
    infra_aws::end_builds();
    let (told, wait) = std::sync::mpsc::channel();
    // Somebody may be stuck in writing to the terminal: the end does not depend on it.
    std::thread::spawn(move || {
        let _ = writeln!(
            io::stderr(),
            "Ended at once. The next run first asks AWS what became of calls that were cut off."
        );
        let _ = told.send(());
    });
    let _ = wait.recv_timeout(TOGETHER);
    std::process::exit(i32::from(Exit::Cancelled.number()));
}

/// The signals that this process was started to ignore: by `nohup`, or in the background by a shell.
#[derive(Debug, PartialEq)]
struct Ignored(u64);

impl Ignored {
    fn contains(&self, kind: SignalKind) -> bool {
        u32::try_from(kind.as_raw_value() - 1).is_ok_and(|bit| self.0 >> bit & 1 == 1)
    }

    /// From the lines of `/proc/<pid>/status`.
    fn of_status(status: &str) -> Self {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Self(mask.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap_or(0)))
    }
}

/// Where the system does not tell, none.
fn ignored() -> Ignored {
    Ignored::of_status(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_from_the_start_is_read_from_the_status() {
        let ignored = Ignored::of_status("Name:\tinfra\nSigIgn:\t0000000000001003\nSigCgt:\tff\n");
        assert!(ignored.contains(SignalKind::hangup()) && ignored.contains(SignalKind::interrupt()));
        assert!(ignored.contains(SignalKind::pipe()) && !ignored.contains(SignalKind::terminate()));
        for nothing in ["", "SigIgn:\tzz"] {
            assert_eq!(Ignored::of_status(nothing), Ignored(0));
        }
    }
}
