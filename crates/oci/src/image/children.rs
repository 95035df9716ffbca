//! Build tools under way. Each leads a process group of its own, so that Ctrl-C in a terminal does not reach it
//! while the program finishes what is in flight, and so that it can be ended with everything that it started.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The groups of all builds under way in this process.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Ends all builds at once, for a process that is about to end without cleaning up.
pub fn end_builds() {
    for group in groups().iter() {
        end(*group);
    }
}

/// A tool under way; when it is dropped before [`Group::over`] it is ended, and so is all that it started.
pub(super) struct Group(Option<Pid>);

impl Group {
    /// Starts the tool as the leader of its group.
    pub(super) fn spawn(command: &mut Command) -> std::io::Result<(Child, Self)> {
        let child = command.process_group(0).spawn()?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let group = number.and_then(Pid::from_raw);
        groups().extend(group);
        Ok((child, Self(group)))
    }

    /// The leader has ended by itself: its number may soon be somebody else's.
    pub(super) fn over(mut self) {
        if let Some(group) = self.0.take() {
            groups().retain(|other| *other != group);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            end(group);
            groups().retain(|other| *other != group);
        }
    }
}

fn end(group: Pid) {
    // One that is gone is what is wanted.
    let _ = kill_process_group(group, Signal::KILL);
}

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}
