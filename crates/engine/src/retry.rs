//! When a failed call is made again, and after how long.

use std::time::Duration;

use infra_core::ErrorClass;

/// How patient a run is. All bounds of retries and waits stand here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The first pause before a retry; it doubles each time.
    pub first_retry: Duration,
    /// The longest pause between retries.
    pub slowest_retry: Duration,
    /// How long a throttled call is tried.
    pub throttled_for: Duration,
    /// Tries of a call that failed for reasons that are likely to pass.
    pub transient_tries: u32,
    /// How long a call is tried that AWS refuses because something it needs is not visible yet although it
    /// is there. IAM takes up to about two minutes.
    pub not_ready_for: Duration,
    /// How long a delete is tried that something still stands in the way of.
    pub in_use_for: Duration,
    /// How long something that was just made may be missing from AWS's own lists. A create whose answer was
    /// lost is looked for this long before it counts as never having happened.
    pub consistency_window: Duration,
    /// The first pause of a waiter; it grows by half each time.
    pub first_poll: Duration,
    /// The longest pause of a waiter, as a share of the wait's typical time: a thirtieth.
    pub slowest_poll: Duration,
}

impl Pace {
    /// For AWS.
    pub const AWS: Self = Self {
        first_retry: Duration::from_millis(500),
        slowest_retry: Duration::from_secs(10),
        throttled_for: Duration::from_secs(300),
        transient_tries: 6,
        not_ready_for: Duration::from_secs(180),
        in_use_for: Duration::from_secs(900),
        consistency_window: Duration::from_secs(10),
        first_poll: Duration::from_millis(500),
        slowest_poll: Duration::from_secs(5),
    };

    /// For an emulator on the same machine, where everything takes a fraction of the time.
    pub const EMULATOR: Self = Self {
        first_retry: Duration::from_millis(50),
        slowest_retry: Duration::from_secs(1),
        throttled_for: Duration::from_secs(60),
        transient_tries: 6,
        not_ready_for: Duration::from_secs(20),
        in_use_for: Duration::from_secs(60),
        consistency_window: Duration::from_millis(1500),
        first_poll: Duration::from_millis(50),
        slowest_poll: Duration::from_millis(500),
    };
}

/// The tries of one call so far.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    pace: Pace,
    started: tokio::time::Instant,
    count: u32,
}

impl Tries {
    /// Before the first try.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            started: tokio::time::Instant::now(),
            count: 0,
        }
    }

    /// Tries that failed.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Since the first try.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counts a failed try; the pause before the next one, or `None` when it is enough.
    pub fn next(&mut self, class: ErrorClass) -> Option<Duration> {
        self.count += 1;
        let Pace {
            throttled_for,
            transient_tries,
            not_ready_for,
            in_use_for,
            consistency_window,
            ..
        } = self.pace;
        let elapsed = self.started.elapsed();
        let again = match class {
            ErrorClass::Throttled => elapsed < throttled_for,
            ErrorClass::Transient => self.count < transient_tries,
            ErrorClass::DependencyNotReady => elapsed < not_ready_for,
            ErrorClass::DependencyViolation => elapsed < in_use_for,
            ErrorClass::NotFound => elapsed < consistency_window,
            _ => false,
        };
        again.then(|| self.pause())
    }

    /// Doubles each time, with a fifth of spread that differs from try to try and needs no randomness.
    fn pause(&self) -> Duration {
        let doubled = self
            .pace
            .first_retry
            .saturating_mul(1 << (self.count - 1).min(10));
        let pause = doubled.min(self.pace.slowest_retry);
        let nanos = u64::from(self.started.elapsed().subsec_nanos());
        pause.mul_f64(0.8 + (nanos % 1000) as f64 / 5000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_kind_of_retry_ends() {
        use ErrorClass::*;
        for class in [
            Throttled,
            Transient,
            DependencyNotReady,
            DependencyViolation,
            NotFound,
            Denied,
            Invalid,
        ] {
            let mut tries = Tries::new(Pace::AWS);
            while let Some(pause) = tries.next(class) {
                assert!(pause <= Pace::AWS.slowest_retry);
                tokio::time::sleep(pause).await;
            }
            assert!(tries.count() < 500, "{class:?}");
        }
    }
}
