//! One after the other: changes of things that AWS refuses to change twice at the same time.
//!
//! An HTTP API answers a second change of itself with 409 "concurrent modification", a hosted zone with
//! PriorRequestNotComplete. Trying again would work, but each refused request costs one of the few that the
//! account has per second, so the changes of one such thing queue here instead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// A queue for each thing that takes one change at a time, within this process. Clones share the queues.
#[derive(Debug, Clone, Default)]
pub struct Serial {
    queues: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

impl Serial {
    /// Waits, in order of asking, until no other change of `thing` is under way. The turn ends when the guard
    /// goes, also when the call is given up. Whoever takes several turns takes them in one fixed order.
    pub async fn turn(&self, thing: String) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(queues.entry(thing).or_default())
        };
        queue.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn changes_of_one_thing_wait_for_each_other_and_for_no_other() {
        let serial = Serial::default();
        let shared = serial.clone();
        let first = serial.turn("api a".into()).await;
        let mut second = Box::pin(shared.turn("api a".into()));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(shared.turn("api b".into()).now_or_never().is_some());
        drop(first);
        assert!(second.now_or_never().is_some());
    }
}
