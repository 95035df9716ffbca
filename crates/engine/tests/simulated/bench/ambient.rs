//! Time and names as a test has them.

use std::sync::atomic::{AtomicU64, Ordering};

use infra_engine::Ambient;
use infra_testkit::Chance;
use tokio::time::Instant;

/// The simulated time as the time of day, and names that a seed decides.
pub struct Simulated {
    seed: u64,
    start: Instant,
    named: AtomicU64,
}

impl Simulated {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            start: Instant::now(),
            named: AtomicU64::new(0),
        }
    }
}

impl Ambient for Simulated {
    fn now_unix_ms(&self) -> u64 {
        let since = u64::try_from(self.start.elapsed().as_millis()).expect("a short story");
        1_700_000_000_000 + since
    }

    fn unique(&self) -> String {
        let nth = self.named.fetch_add(1, Ordering::Relaxed);
        let mixed = Chance::of(self.seed, &["name", &nth.to_string()]).number();
        format!("{mixed:016x}-{nth}")
    }
}
