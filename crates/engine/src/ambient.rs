//! What a run takes from outside and no input decides: the time of day, and names that nothing else has.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time of day and unique names come from. All else that a run depends on is in its input, so with
/// a source that repeats itself a run can be repeated.
pub trait Ambient: Send + Sync {
    /// Milliseconds since 1970 (UTC).
    fn now_unix_ms(&self) -> u64;

    /// A name that no other call, process or machine gets: for runs, and for the tokens by which what a lost
    /// create left is found again.
    fn unique(&self) -> String;
}

/// The machine's clock, and random names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Ambient for Machine {
    /// 0 for a clock before 1970.
    fn now_unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn unique(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}
