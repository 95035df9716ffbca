//! How a run is stopped: by levels that only rise.

use std::sync::Arc;
use std::time::Duration;

use infra_core::{ErrorClass, ProviderError};
use infra_provider::ProviderResult;
use tokio::sync::watch;

/// How long an answer of AWS is waited for after the second request to stop: long enough for most calls that
/// were sent, and short enough for a machine that kills its jobs two seconds later.
pub const ANSWER_GRACE: Duration = Duration::from_millis(1200);

/// The user's wish to stop. Level 1: what is in flight is finished and nothing is started. Level 2: waiting
/// ends, what is known is written down. (The third is the process's own end, which needs nobody's help.)
#[derive(Debug, Clone)]
pub struct Cancellation {
    level: Arc<watch::Sender<u8>>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Self {
            level: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Cancellation {
    /// Raises the level by one and returns it.
    pub fn raise(&self) -> u8 {
        self.raise_to(0)
    }

    /// Raises the level by one, and to this one at least, and returns it.
    pub fn raise_to(&self, least: u8) -> u8 {
        let mut now = 0;
        self.level.send_modify(|level| {
            *level = level.saturating_add(1).max(least);
            now = *level;
        });
        now
    }

    /// The level now; 0 means that nobody wants to stop.
    pub fn level(&self) -> u8 {
        *self.level.borrow()
    }

    /// Returns when the level is at least `level`.
    pub async fn reached(&self, level: u8) {
        let mut receiver = self.level.subscribe();
        // The sender lives as long as `self`, so this ends only by the level.
        let _ = receiver.wait_for(|now| *now >= level).await;
    }

    /// Sleeps before a look at something that is under way; false when the wait was cut short because waiting
    /// is to end (level 2).
    pub async fn sleep(&self, duration: Duration) -> bool {
        self.until(2, tokio::time::sleep(duration)).await.is_some()
    }

    /// Sleeps before a call is made again; false when it is not to be made, because nothing is to be started
    /// any more (level 1).
    pub async fn pause(&self, duration: Duration) -> bool {
        self.until(1, tokio::time::sleep(duration)).await.is_some()
    }

    /// What `future` comes to, unless the level is reached first. It is then dropped where it stands.
    pub async fn until<F: Future>(&self, level: u8, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.reached(level) => None,
            output = future => Some(output),
        }
    }

    /// The answer of a call that changes something. When waiting is to end (level 2) it still has
    /// [`ANSWER_GRACE`]; then the call is left to itself, and what became of it is not known.
    ///
    /// # Errors
    /// The call's own, and [`ErrorClass::Cancelled`] when it was left to itself.
    pub async fn answer<T>(&self, call: impl Future<Output = ProviderResult<T>>) -> ProviderResult<T> {
        let too_late = async {
            self.reached(2).await;
            tokio::time::sleep(ANSWER_GRACE).await;
        };
        tokio::select! {
            biased;
            answer = call => answer,
            () = too_late => Err(cancelled("without AWS's answer; the next run finds out what became of it")),
        }
    }
}

/// Something was not brought to its end because the user wants to stop. `what` goes on from "stopped".
pub(crate) fn cancelled(what: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorClass::Cancelled, what)
}

/// A call that failed would have been made again, but the user wants to stop.
pub(crate) fn not_again(error: &ProviderError) -> ProviderError {
    cancelled(format!("before the next try; the last one failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_second_level_ends_a_wait_and_the_first_ends_a_pause() {
        let cancellation = Cancellation::default();
        assert!(cancellation.pause(Duration::from_secs(60)).await);
        assert_eq!(cancellation.raise(), 1);
        assert!(!cancellation.pause(Duration::from_secs(60)).await);
        assert!(cancellation.sleep(Duration::from_secs(60)).await);
        let other = cancellation.clone();
        let waiting = tokio::spawn(async move { other.sleep(Duration::from_secs(3600)).await });
        tokio::task::yield_now().await;
        assert_eq!(cancellation.raise(), 2);
        assert!(!waiting.await.unwrap());
    }

    #[test]
    fn a_level_can_be_passed_over_and_none_is_taken_back() {
        let cancellation = Cancellation::default();
        assert_eq!(cancellation.raise_to(2), 2);
        assert_eq!(cancellation.raise_to(2), 3);
        let cancellation = Cancellation::default();
        assert_eq!((cancellation.raise(), cancellation.raise_to(2)), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_has_a_moment_left_after_the_second_level() {
        let cancellation = Cancellation::default();
        let after = async |duration: Duration| {
            tokio::time::sleep(duration).await;
            Ok(())
        };
        cancellation.raise();
        cancellation.answer(after(Duration::from_secs(50))).await.unwrap();
        cancellation.raise();
        cancellation.answer(after(ANSWER_GRACE / 2)).await.unwrap();
        let started = tokio::time::Instant::now();
        let error = cancellation
            .answer(after(Duration::from_secs(50)))
            .await
            .unwrap_err();
        assert_eq!(error.class, ErrorClass::Cancelled);
        assert_eq!(started.elapsed(), ANSWER_GRACE);
    }
}
