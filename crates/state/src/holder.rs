//! Who holds a stack: what is written into the lock file.

use std::fmt;
use std::fs;

use infra_core::RunId;
use serde::{Deserialize, Serialize};

/// A process that works on a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The machine's own id where the system has one (`/etc/machine-id`); else empty.
    #[serde(default)]
    pub machine: String,
    /// The id of the running kernel (`/proc/sys/kernel/random/boot_id`), the same in every container of one
    /// machine; empty where the system has none.
    #[serde(default)]
    pub boot: String,
    /// The process id on its machine.
    pub pid: u32,
    /// When the process started, as the system counts it (on Linux in ticks since the machine's start): tells it
    /// from a later one with the same id. Empty where the system does not tell.
    #[serde(default)]
    pub started: String,
    /// The command in words, such as `infra apply`.
    pub command: String,
    /// The run, if the command is one.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Since when, in milliseconds since 1970 (UTC).
    pub since_unix_ms: u64,
}

impl Holder {
    /// This process, from now on.
    pub fn this_process(command: impl Into<String>, run: Option<RunId>) -> Self {
        Self {
            user: user(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            machine: first_line("/etc/machine-id"),
            boot: first_line("/proc/sys/kernel/random/boot_id"),
            pid: std::process::id(),
            started: start_of("self").unwrap_or_default(),
            command: command.into(),
            run,
            since_unix_ms: now_unix_ms(),
        }
    }

    /// Since when, as text.
    pub fn since(&self) -> String {
        i64::try_from(self.since_unix_ms)
            .ok()
            .and_then(|milliseconds| jiff::Timestamp::from_millisecond(milliseconds).ok())
            .map_or_else(
                || format!("{} ms after 1970", self.since_unix_ms),
                |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            )
    }

    /// Whether both run, or ran, on the same machine, where the kernel ends the locks of a dead process.
    /// Another boot of the same machine counts: what ran before it is dead.
    pub(crate) fn same_machine(&self, other: &Self) -> bool {
        let same_kernel = !self.boot.is_empty() && self.boot == other.boot;
        // Containers of one image can share a machine id, machines of one image a name; not both at once. A name
        // alone is enough only where the system has nothing better.
        let knows_only_names = [self, other].iter().all(|holder| holder.boot.is_empty());
        let same_name = self.host == other.host
            && self.machine == other.machine
            && (!self.machine.is_empty() || knows_only_names);
        same_kernel || same_name
    }

    /// Whether the process certainly has ended, as far as `me` can see: it ran on this very kernel, and its id
    /// is free or belongs to a process that started at another time. (A container does not see the processes of
    /// another one: then this is no proof, and only good for words.)
    pub(crate) fn seems_dead(&self, me: &Self) -> bool {
        let visible = !self.boot.is_empty() && self.boot == me.boot && !self.started.is_empty();
        visible && start_of(&self.pid.to_string()).as_ref() != Some(&self.started)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{}, process {} (`{}`",
            self.user, self.host, self.pid, self.command
        )?;
        if let Some(run) = &self.run {
            write!(f, ", run {run}")?;
        }
        f.write_str(")")
    }
}

fn user() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::geteuid().as_raw()))
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path)
        .ok()
        .and_then(|text| text.lines().next().map(|line| line.trim().to_owned()))
        .unwrap_or_default()
}

/// When a process started, by field 22 of `/proc/<pid>/stat`, see proc_pid_stat(5).
fn start_of(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before the last bracket may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// Now, in milliseconds since 1970 (UTC).
pub(crate) fn now_unix_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// A number of seconds for people: `42 s`, `12 min`, `3 h`, `2 d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_for_people() {
        let cases = [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_800, "2 d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(age(seconds), expected);
        }
        let holder = Holder {
            since_unix_ms: 1_700_000_000_123,
            ..Holder::this_process("infra apply", None)
        };
        assert_eq!(holder.since(), "2023-11-14 22:13:20 UTC");
    }

    #[test]
    fn machines_are_told_apart() {
        let holder = |host: &str, machine: &str, boot: &str| Holder {
            host: host.into(),
            machine: machine.into(),
            boot: boot.into(),
            ..Holder::this_process("infra apply", None)
        };
        let me = holder("host", "machine", "boot");
        for (other, same) in [
            (holder("host", "machine", "boot"), true),
            (holder("host", "machine", "before"), true),
            (holder("container", "image", "boot"), true),
            (holder("container", "machine", "other"), false),
            (holder("host", "other", "other"), false),
        ] {
            assert_eq!(me.same_machine(&other), same, "{other:?}");
        }
        assert!(!holder("a", "", "").same_machine(&holder("b", "", "")));
        assert!(holder("a", "", "").same_machine(&holder("a", "", "")));
        // Two containers of one name on two machines, neither with an id of its own.
        assert!(!holder("runner", "", "one").same_machine(&holder("runner", "", "other")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_dead_process_is_told_from_a_later_one_with_its_id() {
        let me = Holder::this_process("infra apply", None);
        assert!(!me.started.is_empty() && !me.seems_dead(&me));
        let earlier = Holder {
            started: "1".into(),
            ..me.clone()
        };
        assert!(earlier.seems_dead(&me));
        let elsewhere = Holder {
            boot: "another".into(),
            ..earlier
        };
        assert!(!elsewhere.seems_dead(&me));
    }
}
