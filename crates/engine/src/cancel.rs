//! How a run is stopped: by levels that only rise.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

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
        let mut now = 0;
        self.level.send_modify(|level| {
            *level = level.saturating_add(1);
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

    /// Sleeps; false when the wait was cut short because waiting is to end (level 2).
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.reached(2) => false,
            () = tokio::time::sleep(duration) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_the_second_level_ends_a_wait() {
        let cancellation = Cancellation::default();
        assert_eq!(cancellation.raise(), 1);
        assert!(cancellation.sleep(Duration::from_secs(60)).await);
        let other = cancellation.clone();
        let waiting = tokio::spawn(async move { other.sleep(Duration::from_secs(3600)).await });
        tokio::task::yield_now().await;
        assert_eq!(cancellation.raise(), 2);
        assert!(!waiting.await.unwrap());
    }
}
