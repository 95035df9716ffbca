//! Faults that the emulator makes on demand, for tests of what a run makes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::sandbox::Sandbox;

const PAGE: &str = "/_infra/faults";

/// What goes wrong, and how often. Nothing does by default.
///
/// Each request, of AWS or of the registry, reading or changing something, meets at most one of the kinds that
/// have a probability, so these may be 1 together. They are drawn from a generator with [`seed`](Self::seed) in
/// the order in which requests arrive.
///
/// ```
/// use infra_sandbox::{Faults, Kill};
///
/// let storm = Faults { seed: 7, throttled: 0.10, server_error: 0.05, reset: 0.03, lost_answer: 0.03, ..Faults::default() };
/// let killed = Faults::from(Kill::peer_before(12));
/// assert_eq!(storm.kill, None);
/// assert_eq!(killed.throttled, 0.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// The same requests in the same order meet the same faults with the same seed.
    pub seed: u64,
    /// How much later each answer comes, in milliseconds. Many requests wait at once.
    pub latency_ms: f64,
    /// By how much that varies, in milliseconds, up and down.
    pub jitter_ms: f64,
    /// Probability that a request is refused as being one too many, in the service's own form.
    pub throttled: f64,
    /// Probability that a request is answered with 500 or 503: in the service's own form, or, for one in four,
    /// with a page or an empty body as from a load balancer before the service. It has no effect.
    pub server_error: f64,
    /// Probability that the connection is reset before the request is carried out.
    pub reset: f64,
    /// Probability that the connection is reset after the request was carried out.
    pub lost_answer: f64,
    /// Probability that nothing is answered and the connection closes after
    /// [`time_out_seconds`](Self::time_out_seconds). Half of these requests are carried out.
    pub time_out: f64,
    /// How long such a connection stays open.
    pub time_out_seconds: f64,
    /// Probability that a bare page of HTML comes in place of an answer, as from a proxy that never asked AWS. The request
    /// has no effect.
    pub proxy_page: f64,
    /// The statuses of such pages, each as often as the others.
    pub proxy_page_statuses: Vec<u16>,
    /// Probability that a read of EC2, ECS, ELB or IAM that meets nothing else does not show what was made,
    /// changed or deleted within [`stale_window_seconds`](Self::stale_window_seconds).
    pub stale_reads: f64,
    /// How far behind such a read is; 10 at most.
    pub stale_window_seconds: f64,
    /// The operations that meet faults and latency, such as `ec2.CreateVpc` or `ecs.*`; all of them when empty. The
    /// services have the names of AWS's models. It concerns neither credentials nor a kill.
    pub only: Vec<String>,
    /// Credentials that are no good any more.
    pub credentials: Option<RefusedCredentials>,
    /// A process to end.
    pub kill: Option<Kill>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            seed: 0,
            latency_ms: 0.0,
            jitter_ms: 0.0,
            throttled: 0.0,
            server_error: 0.0,
            reset: 0.0,
            lost_answer: 0.0,
            time_out: 0.0,
            time_out_seconds: 5.0,
            proxy_page: 0.0,
            proxy_page_statuses: vec![404, 500],
            stale_reads: 0.0,
            stale_window_seconds: 1.0,
            only: Vec::new(),
            credentials: None,
            kill: None,
        }
    }
}

impl From<Kill> for Faults {
    fn from(kill: Kill) -> Self {
        Self {
            kill: Some(kill),
            ..Self::default()
        }
    }
}

/// Refuses the credentials that were used until a moment. Others, such as those of a new session, are good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedCredentials {
    /// What AWS says of them.
    pub say: CredentialsProblem,
    /// How many requests are answered before that, counted from the set-up. When 0, no credentials are good.
    pub after: u64,
    /// The access keys that this is about, as a pattern such as `ASIA*`.
    pub keys: String,
}

impl RefusedCredentials {
    /// All credentials that are used for the first so many requests expire after them.
    pub fn expired_after(requests: u64) -> Self {
        Self {
            say: CredentialsProblem::Expired,
            after: requests,
            keys: "*".to_owned(),
        }
    }
}

/// What AWS says of credentials that are no good, each service in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsProblem {
    /// Their time is over.
    Expired,
    /// There is no such access key.
    Unknown,
    /// The request is signed by a clock that is fast.
    NotYetCurrent,
}

/// SIGKILL for a process at a request that can change something. Linux only, and only for a process of the
/// emulator's own user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// Which process.
    pub pid: KillTarget,
    /// At which of the requests that can change something, counted from 1 and from when it was set up. They are
    /// those of [`Requests::mutating`](crate::Requests), uploads to the registry among them.
    pub at_mutating: u64,
    /// Whether that request still takes effect. It is never answered.
    pub when: KillMoment,
}

impl Kill {
    /// Ends the process that makes the n-th such request, before the request takes effect.
    pub fn peer_before(at_mutating: u64) -> Self {
        Self {
            pid: KillTarget::Peer,
            at_mutating,
            when: KillMoment::Before,
        }
    }

    /// Ends the process that makes the n-th such request, after the request took effect.
    pub fn peer_after(at_mutating: u64) -> Self {
        Self {
            when: KillMoment::After,
            ..Self::peer_before(at_mutating)
        }
    }
}

/// Which process a [`Kill`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Target", into = "Target")]
pub enum KillTarget {
    /// The one at the other end of the request's connection.
    Peer,
    /// The one with this number.
    Pid(u32),
}

/// [`KillTarget`] as it is written: `"peer"` or a number.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Target {
    Pid(u32),
    Peer(Peer),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Peer {
    Peer,
}

impl From<Target> for KillTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Pid(pid) => Self::Pid(pid),
            Target::Peer(Peer::Peer) => Self::Peer,
        }
    }
}

impl From<KillTarget> for Target {
    fn from(target: KillTarget) -> Self {
        match target {
            KillTarget::Pid(pid) => Self::Pid(pid),
            KillTarget::Peer => Self::Peer(Peer::Peer),
        }
    }
}

/// When a [`Kill`] happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KillMoment {
    /// Before the request takes effect; it never does.
    Before,
    /// After it took effect.
    After,
}

/// What has come of the faults since they were set up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FaultReport {
    /// What was set up; `None` when nothing is, which counts nothing either.
    pub setup: Option<Faults>,
    /// The requests since then, of AWS and of the registry.
    pub requests: u64,
    /// How many of them could change something.
    pub mutating: u64,
    /// How many met each kind of fault, by the name of its probability (`throttled`, `lost_answer`).
    pub injected: BTreeMap<String, u64>,
    /// The same for each `service.Operation` that met any.
    pub operations: BTreeMap<String, BTreeMap<String, u64>>,
    /// What came of the kill, if there is one.
    pub kill: Option<KillReport>,
}

impl FaultReport {
    /// How many requests met a fault.
    pub fn injected_total(&self) -> u64 {
        self.injected.values().sum()
    }
}

/// What has come of a [`Kill`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KillReport {
    /// Whether it has happened.
    pub killed: bool,
    /// The process that was killed.
    pub pid: Option<u32>,
    /// The `service.Operation` at which it happened or should have; empty before that.
    pub operation: String,
    /// Why it could not happen when it should have; empty otherwise.
    pub error: String,
}

impl Sandbox {
    /// Has the emulator make these faults from now on, and count anew. They replace those that were set up
    /// before; a reset and a stop end them.
    ///
    /// # Errors
    /// When none runs, it does not answer, or it refuses what is set up.
    pub fn set_faults(&self, faults: &Faults) -> Result<(), SandboxError> {
        let text = serde_json::to_string(faults).map_err(unreadable)?;
        self.ask("POST", PAGE, &text).map(drop)
    }

    /// What has come of the faults so far.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn faults(&self) -> Result<FaultReport, SandboxError> {
        self.fault_report("GET")
    }

    /// Switches all faults off; returns what had come of them.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn clear_faults(&self) -> Result<FaultReport, SandboxError> {
        self.fault_report("DELETE")
    }

    fn fault_report(&self, method: &str) -> Result<FaultReport, SandboxError> {
        serde_json::from_str(&self.ask(method, PAGE, "")?).map_err(unreadable)
    }
}

fn unreadable(error: serde_json::Error) -> SandboxError {
    SandboxError::Answer {
        path: PAGE.to_owned(),
        status: 200,
        body: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_the_page_reads_them() {
        let faults = Faults {
            seed: 7,
            only: vec!["ecs.*".to_owned()],
            credentials: Some(RefusedCredentials::expired_after(40)),
            ..Faults::from(Kill::peer_after(3))
        };
        let written = serde_json::to_value(&faults).unwrap();
        assert_eq!(
            written["credentials"],
            serde_json::json!({"say": "expired", "after": 40, "keys": "*"})
        );
        assert_eq!(
            written["kill"],
            serde_json::json!({"pid": "peer", "at_mutating": 3, "when": "after"})
        );
        assert_eq!(written["time_out_seconds"], 5.0);
        assert_eq!(serde_json::from_value::<Faults>(written).unwrap(), faults);

        let kill = Kill {
            pid: KillTarget::Pid(1234),
            ..Kill::peer_before(1)
        };
        assert_eq!(serde_json::to_value(&kill).unwrap()["pid"], 1234);
    }
}
