//! When a failed call is made again, and after how long.

use std::time::Duration;

use infra_core::ErrorClass;
use tokio::time::Instant;

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
    /// How long a refused delete is tried before AWS is asked what is in the way; then again after twice as long, and so on.
    pub obstacles_after: Duration,
    /// How long something that was just made may be missing from AWS's own lists. A create whose answer was
    /// lost is looked for this long before it counts as never having happened.
    pub consistency_window: Duration,
    /// The shortest pause of a waiter, which its first one is.
    pub first_poll: Duration,
    /// The longest pause of a waiter.
    pub slowest_poll: Duration,
    /// How long things take, as a factor on AWS's typical times.
    pub time_scale: f64,
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
        obstacles_after: Duration::from_secs(15),
        consistency_window: Duration::from_secs(10),
        first_poll: Duration::from_millis(500),
        slowest_poll: Duration::from_secs(5),
        time_scale: 1.0,
    };

    /// For an emulator on the same machine, where everything takes a fraction of the time.
    pub const EMULATOR: Self = Self {
        first_retry: Duration::from_millis(50),
        slowest_retry: Duration::from_secs(1),
        throttled_for: Duration::from_secs(60),
        transient_tries: 6,
        not_ready_for: Duration::from_secs(20),
        in_use_for: Duration::from_secs(60),
        obstacles_after: Duration::from_secs(1),
        consistency_window: Duration::from_millis(1500),
        first_poll: Duration::from_millis(20),
        slowest_poll: Duration::from_millis(500),
        time_scale: 1.0,
    };
}

/// Looks of one waiter that may be under way at the same time.
const MOST_LOOKS: usize = 3;
/// This part of the expected time before and after it is when it may work any moment.
const NEARLY: u32 = 8;

/// Above this share of AWS's durations an emulator is no quicker than AWS where it counts.
const QUICK: f64 = 0.1;

impl Pace {
    /// For an emulator with this factor on AWS's durations.
    pub fn of_emulator(time_scale: f64) -> Self {
        let pace = if time_scale <= QUICK {
            Self::EMULATOR
        } else {
            Self::AWS
        };
        Self { time_scale, ..pace }
    }

    /// How long something takes here that takes AWS `typical`.
    pub fn scaled(&self, typical: Duration) -> Duration {
        Duration::try_from_secs_f64(typical.as_secs_f64() * self.time_scale).unwrap_or(typical)
    }

    /// The pause of a waiter before it looks again, after waiting so long for something that is expected to take
    /// `expected`: short at first, for it may be quicker; then a thirtieth of the expected time, or of a longer one; and the
    /// closer that time comes the shorter, so that little is lost between the moment that it works and the look
    /// that shows it.
    pub fn poll_pause(&self, expected: Duration, waited: Duration) -> Duration {
        let slowest = (expected.max(waited) / 30).clamp(self.first_poll, self.slowest_poll);
        let nearby = (expected.abs_diff(waited) / 8).max(expected / 90);
        (waited / 2).min(nearby).clamp(self.first_poll, slowest)
    }

    /// How many looks of a waiter may be under way, after waiting so long for something that is expected to take
    /// `expected`: [`MOST_LOOKS`] when it may work any moment, so that answers which take longer than the pauses do
    /// not hold the next look up. At other times one, so that an AWS that is slow is not asked the more for it.
    pub fn most_looks(&self, expected: Duration, waited: Duration) -> usize {
        if expected.abs_diff(waited) <= expected / NEARLY {
            MOST_LOOKS
        } else {
            1
        }
    }
}

/// The tries of one call so far.
///
/// Each class of errors has a bound of its own, so that a delete that had to wait long for something in its way
/// does not end with the first answer that gets lost. Throttling and what is likely to pass are bounded together
/// for as long as AWS answers nothing else; every other class from its first error on. So any mix of them ends.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    pace: Pace,
    started: Instant,
    count: u32,
    /// Since when AWS answers nothing but that it is too busy or in trouble.
    in_trouble: Option<Instant>,
    /// Failures in that time that are likely to pass.
    transient: u32,
    not_ready: Option<Instant>,
    in_use: Option<Instant>,
    blocked: Option<Instant>,
    blocked_for: Duration,
    taken: Option<Instant>,
    taken_for: Duration,
    not_found: Option<Instant>,
}

impl Tries {
    /// Before the first try.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            started: Instant::now(),
            count: 0,
            in_trouble: None,
            transient: 0,
            not_ready: None,
            in_use: None,
            blocked: None,
            blocked_for: Duration::ZERO,
            taken: None,
            taken_for: Duration::ZERO,
            not_found: None,
        }
    }

    /// Tries of a delete that comes after others, in this run, of what used the thing: for a while AWS may still
    /// count what is gone. Without this, what only somebody else can put out of the way ends it at once.
    pub fn after_deletes(self) -> Self {
        Self {
            blocked_for: self.pace.consistency_window,
            ..self
        }
    }

    /// Tries of a create whose name another thing may have had that was removed: for so long AWS may still count what
    /// is gone. Without this, a name that is taken ends it at once.
    pub fn of_a_name_that_shows(self, taken_for: Duration) -> Self {
        Self { taken_for, ..self }
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
        if !matches!(class, ErrorClass::Throttled | ErrorClass::Transient) {
            self.in_trouble = None;
            self.transient = 0;
        }
        let pace = self.pace;
        let again = match class {
            ErrorClass::Throttled => since(&mut self.in_trouble) < pace.throttled_for,
            ErrorClass::Transient => {
                self.transient += 1;
                since(&mut self.in_trouble);
                self.transient < pace.transient_tries
            }
            ErrorClass::DependencyNotReady => since(&mut self.not_ready) < pace.not_ready_for,
            ErrorClass::DependencyViolation => since(&mut self.in_use) < pace.in_use_for,
            ErrorClass::Blocked => since(&mut self.blocked) < self.blocked_for,
            ErrorClass::AlreadyExists => since(&mut self.taken) < self.taken_for,
            ErrorClass::NotFound => since(&mut self.not_found) < pace.consistency_window,
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

/// How long ago it began, which is now if it had not.
fn since(began: &mut Option<Instant>) -> Duration {
    began.get_or_insert_with(Instant::now).elapsed()
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
            Blocked,
            AlreadyExists,
            Credentials,
            Denied,
            Invalid,
        ] {
            let mut tries = Tries::new(Pace::AWS).after_deletes();
            tries = tries.of_a_name_that_shows(Pace::AWS.consistency_window);
            while let Some(pause) = tries.next(class) {
                assert!(pause <= Pace::AWS.slowest_retry);
                tokio::time::sleep(pause).await;
            }
            assert!(tries.count() < 500, "{class:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_waiting_mends_is_tried_once_unless_this_run_may_just_have_mended_it() {
        let at_once = Tries::new(Pace::AWS);
        let may_have_mended = at_once.after_deletes();
        let may_have_released = at_once.of_a_name_that_shows(Pace::AWS.consistency_window);
        let late = Pace::AWS.consistency_window + Pace::AWS.slowest_retry;
        for (mut tries, class, longest) in [
            (at_once, ErrorClass::Blocked, Duration::ZERO),
            (at_once, ErrorClass::AlreadyExists, Duration::ZERO),
            (may_have_released, ErrorClass::AlreadyExists, late),
            (at_once, ErrorClass::Credentials, Duration::ZERO),
            (may_have_mended, ErrorClass::Credentials, Duration::ZERO),
            (may_have_mended, ErrorClass::Blocked, late),
        ] {
            let took = failing_with(&mut tries, &[class]).await;
            assert!(took <= longest, "{class:?} took {took:?}");
            assert_eq!(tries.count() == 1, longest.is_zero(), "{class:?}");
        }
    }

    /// Fails with these classes in turn until it is enough; how long that took.
    async fn failing_with(tries: &mut Tries, classes: &[ErrorClass]) -> Duration {
        let started = Instant::now();
        for class in classes.iter().cycle().take(5_000) {
            match tries.next(*class) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return started.elapsed(),
            }
        }
        unreachable!("{classes:?} never end");
    }

    #[tokio::test(start_paused = true)]
    async fn every_mix_of_retries_ends() {
        use ErrorClass::*;
        let retried = [
            Throttled,
            Transient,
            DependencyNotReady,
            DependencyViolation,
            NotFound,
        ];
        let longest = Pace::AWS.in_use_for + Pace::AWS.throttled_for;
        for first in retried {
            for second in retried {
                for third in retried {
                    let mix = [first, second, third];
                    let took = failing_with(&mut Tries::new(Pace::AWS), &mix).await;
                    assert!(took <= longest, "{mix:?} took {took:?}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_class_does_not_use_up_the_patience_for_another() {
        use ErrorClass::*;
        for (waited_for, then, tries_at_least) in [
            (DependencyViolation, Transient, Pace::AWS.transient_tries),
            (DependencyViolation, Throttled, 20),
            (DependencyViolation, DependencyNotReady, 10),
            (DependencyNotReady, NotFound, 2),
        ] {
            let mut tries = Tries::new(Pace::AWS);
            while tries.elapsed() < Duration::from_secs(170) {
                let pause = tries.next(waited_for).unwrap();
                tokio::time::sleep(pause).await;
            }
            let before = tries.count();
            failing_with(&mut tries, &[then]).await;
            let made = tries.count() - before;
            assert!(made >= tries_at_least, "{then:?} after {waited_for:?}: {made}");
        }
    }

    #[test]
    fn looks_overlap_only_about_when_the_wait_is_expected_to_end() {
        for (expected, waited, looks) in [
            (80, 0, 1),
            (80, 69, 1),
            (80, 70, MOST_LOOKS),
            (80, 90, MOST_LOOKS),
            (80, 91, 1),
            // Where nothing takes time, nothing is about to end.
            (0, 1, 1),
        ] {
            let [expected, waited] = [expected, waited].map(Duration::from_secs);
            assert_eq!(
                Pace::AWS.most_looks(expected, waited),
                looks,
                "{waited:?} of {expected:?}"
            );
        }
    }

    /// How late the look comes that shows what has worked since `ready`, and which one it is.
    fn lateness(pace: Pace, expected: Duration, ready: Duration) -> (Duration, u32) {
        let (mut waited, mut looks) = (Duration::ZERO, 1);
        while waited < ready {
            waited += pace.poll_pause(expected, waited);
            looks += 1;
        }
        (waited - ready, looks)
    }

    #[test]
    fn a_waiter_looks_most_often_when_the_end_is_expected() {
        let seconds = Duration::from_secs_f64;
        for (expected, ready, latest, looks_at_most) in [
            // About when it is expected: a hundredth late at most.
            (90.0, 90.0, 1.0, 50),
            (90.0, 85.0, 1.0, 45),
            (150.0, 155.0, 1.7, 55),
            // Much sooner or later: not much later than it took, and no more than a few seconds.
            (90.0, 2.0, 1.0, 6),
            (150.0, 30.0, 5.0, 20),
            (90.0, 600.0, 5.0, 250),
            // What is quick is looked at as often as AWS may be asked.
            (2.0, 2.0, 0.5, 6),
        ] {
            let (late, looks) = lateness(Pace::AWS, seconds(expected), seconds(ready));
            assert!(
                late <= seconds(latest) && looks <= looks_at_most,
                "{expected} s expected, {ready} s: {late:?} late, {looks} looks"
            );
        }
        let quick = Pace::of_emulator(0.02);
        let expected = quick.scaled(seconds(90.0));
        let (late, looks) = lateness(quick, expected, expected);
        assert!(
            late <= seconds(0.02) && looks <= 50,
            "{late:?} late, {looks} looks"
        );
        let at_once = Pace::of_emulator(0.0);
        assert_eq!(
            at_once.poll_pause(at_once.scaled(seconds(90.0)), Duration::ZERO),
            quick.first_poll
        );
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_over_with_another_answer() {
        use ErrorClass::*;
        let mut tries = Tries::new(Pace::AWS);
        for _ in 0..20 {
            for class in [Transient, Transient, Throttled, DependencyViolation] {
                assert!(tries.next(class).is_some());
            }
        }
    }
}
