//! The death of the process at a chosen call.

use tokio::sync::watch;

/// On which side of its effect a call is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call never reached the cloud.
    BeforeEffect,
    /// The call did what it was to do, and nobody was told.
    AfterEffect,
}

/// Counts changing calls and says at which the process dies.
#[derive(Debug)]
pub(crate) struct Stop {
    calls: u64,
    at: Option<(u64, Moment)>,
    dead: watch::Sender<bool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            calls: 0,
            at: None,
            dead: watch::Sender::new(false),
        }
    }
}

impl Stop {
    /// Lets the process die at the `nth` changing call from now on, the next one being 1.
    pub fn set(&mut self, nth: u64, moment: Moment) {
        self.at = Some((self.calls + nth, moment));
    }

    /// A new process: nothing is set any more.
    pub fn clear(&mut self) {
        self.at = None;
        self.dead.send_replace(false);
    }

    /// Counts a changing call; on which side of its effect the process dies, if it does.
    pub fn next(&mut self) -> Option<Moment> {
        self.calls += 1;
        self.at
            .filter(|(at, _)| *at == self.calls)
            .map(|(_, moment)| moment)
    }

    pub fn die(&self) {
        self.dead.send_replace(true);
    }

    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    pub fn watch(&self) -> watch::Receiver<bool> {
        self.dead.subscribe()
    }
}
