//! What goes wrong by chance, and how long things take.

use std::time::Duration;

use crate::chance::Chance;

/// What goes wrong by chance. Percentages are of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Decides every chance.
    pub seed: u64,
    /// Calls that are refused as too many.
    pub throttled_percent: u8,
    /// Changing calls that fail before they had an effect.
    pub broken_before_percent: u8,
    /// Changing calls whose answer is lost after they had their effect.
    pub lost_answer_percent: u8,
    /// Reads that fail for reasons that pass.
    pub broken_reads_percent: u8,
    /// The same call of the same resource never fails more often in a row, so that runs come to an end.
    pub most_in_a_row: u32,
    /// The shortest time a call takes.
    pub fastest: Duration,
    /// The longest time a call takes.
    pub slowest: Duration,
    /// For up to so long after a change reads tell what was before it.
    pub stale_for: Duration,
    /// Things take up to so many times their usual time to work, to change and to go.
    pub lateness: u8,
    /// For up to so long after a thing is gone, what it referred to counts as still used.
    pub lingers_for: Duration,
}

impl Default for Faults {
    fn default() -> Self {
        Self::NONE
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    Throttled,
    BrokenBefore,
    AnswerLost,
}

impl Faults {
    /// Nothing goes wrong, and nothing takes time but waiting for things to work.
    pub const NONE: Self = Self {
        seed: 0,
        throttled_percent: 0,
        broken_before_percent: 0,
        lost_answer_percent: 0,
        broken_reads_percent: 0,
        most_in_a_row: 3,
        fastest: Duration::ZERO,
        slowest: Duration::ZERO,
        stale_for: Duration::ZERO,
        lateness: 1,
        lingers_for: Duration::ZERO,
    };

    /// Everything goes wrong now and then, and calls take a while.
    pub fn stormy(seed: u64) -> Self {
        Self {
            seed,
            throttled_percent: 15,
            broken_before_percent: 8,
            lost_answer_percent: 8,
            broken_reads_percent: 8,
            fastest: Duration::from_millis(20),
            slowest: Duration::from_millis(400),
            ..Self::default()
        }
    }

    /// After this much time reads tell the truth: how long a test should let pass.
    pub fn truth_after(&self) -> Duration {
        self.stale_for + self.lingers_for + self.slowest + Duration::from_secs(1)
    }

    /// The fate of the `nth` changing call of this operation for this subject, `failed` of which just
    /// before it failed in a row.
    pub(crate) fn of_change(&self, operation: &str, subject: &str, nth: u64, failed: u32) -> Fate {
        let mut chance = Chance::of(self.seed, &["change", operation, subject, &nth.to_string()]);
        let roll = chance.below(100);
        let throttled = u64::from(self.throttled_percent);
        let broken = throttled + u64::from(self.broken_before_percent);
        let lost = broken + u64::from(self.lost_answer_percent);
        match roll {
            _ if failed >= self.most_in_a_row => Fate::Answered,
            roll if roll < throttled => Fate::Throttled,
            roll if roll < broken => Fate::BrokenBefore,
            roll if roll < lost => Fate::AnswerLost,
            _ => Fate::Answered,
        }
    }

    /// The fate of the `nth` read of this operation.
    pub(crate) fn of_read(&self, operation: &str, nth: u64, failed: u32) -> Fate {
        let mut chance = Chance::of(self.seed, &["read", operation, &nth.to_string()]);
        let broken = chance.percent(self.broken_reads_percent);
        let throttled = chance.percent(self.throttled_percent);
        match (broken, throttled) {
            _ if failed >= self.most_in_a_row => Fate::Answered,
            (true, _) => Fate::BrokenBefore,
            (_, true) => Fate::Throttled,
            _ => Fate::Answered,
        }
    }

    /// How long the way there and the way back of one call take.
    pub(crate) fn latency(&self, operation: &str, subject: &str, nth: u64) -> (Duration, Duration) {
        let mut chance = Chance::of(self.seed, &["latency", operation, subject, &nth.to_string()]);
        let spread = self.slowest.saturating_sub(self.fastest).as_millis();
        let spread = chance.below(u64::try_from(spread).unwrap_or(u64::MAX).saturating_add(1));
        let whole = self.fastest + Duration::from_millis(spread);
        let there = whole.mul_f64(chance.below(101) as f64 / 100.0);
        (there, whole - there)
    }

    /// How long reads do not see the `nth` change of a subject.
    pub(crate) fn staleness(&self, subject: &str, nth: u64) -> Duration {
        self.up_to("stale", self.stale_for, subject, nth)
    }

    /// How long what the `nth` change of a subject lets go of counts as still used.
    pub(crate) fn lingering(&self, subject: &str, nth: u64) -> Duration {
        self.up_to("linger", self.lingers_for, subject, nth)
    }

    /// How many times its usual time what the `nth` change of a subject sets going takes.
    pub(crate) fn slowness(&self, subject: &str, nth: u64) -> f64 {
        let mut chance = Chance::of(self.seed, &["slow", subject, &nth.to_string()]);
        let tenths = u64::from(self.lateness.max(1) - 1) * 10;
        1.0 + chance.below(tenths + 1) as f64 / 10.0
    }

    fn up_to(&self, what: &str, longest: Duration, subject: &str, nth: u64) -> Duration {
        let mut chance = Chance::of(self.seed, &[what, subject, &nth.to_string()]);
        let bound = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        match bound {
            0 => Duration::ZERO,
            bound => Duration::from_millis(chance.below(bound + 1)),
        }
    }
}
