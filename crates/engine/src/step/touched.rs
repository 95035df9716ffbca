//! What a run has made and removed: what nobody else can have touched, and what AWS may still show.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infra_core::{PhysicalId, ResourceAddress, TypeName};
use tokio::time::Instant;

type Things = BTreeSet<(TypeName, PhysicalId)>;
type Names = BTreeSet<(TypeName, Vec<String>)>;

/// The things that the steps of a run made and removed.
#[derive(Debug)]
pub(crate) struct Touched {
    made: Mutex<Things>,
    removed: Mutex<Things>,
    /// The natural keys that removed things had.
    released: Mutex<Names>,
    /// What is to be called what nobody else is.
    found_free: Mutex<BTreeSet<ResourceAddress>>,
    /// Until then AWS may show what the run before removed, which nobody has written down.
    last_run_shows_until: Instant,
    /// For so long AWS may show what is removed.
    window: Duration,
}

impl Touched {
    /// At the beginning of a run. `lateness`: for how long AWS may still show what was before the last run;
    /// `window`: for how long what was before a call.
    pub fn new(lateness: Duration, window: Duration) -> Self {
        Self {
            made: Mutex::default(),
            removed: Mutex::default(),
            released: Mutex::default(),
            found_free: Mutex::default(),
            last_run_shows_until: Instant::now() + lateness,
            window,
        }
    }

    /// A create call of this run made it.
    pub fn note_made(&self, type_name: &TypeName, id: &PhysicalId) {
        lock(&self.made).insert((type_name.clone(), id.clone()));
    }

    /// A delete call of this run removed it, and released this natural key.
    pub fn note_removed(&self, type_name: &TypeName, id: &PhysicalId, natural_name: Option<Vec<String>>) {
        lock(&self.removed).insert((type_name.clone(), id.clone()));
        if let Some(name) = natural_name {
            lock(&self.released).insert((type_name.clone(), name));
        }
    }

    /// Nobody has what this is to be called.
    pub fn note_free(&self, address: &ResourceAddress) {
        lock(&self.found_free).insert(address.clone());
    }

    /// Whether this run found that nobody has what this is to be called.
    pub fn is_found_free(&self, address: &ResourceAddress) -> bool {
        lock(&self.found_free).contains(address)
    }

    /// Whether this run made it.
    pub fn has_made(&self, thing: &(TypeName, PhysicalId)) -> bool {
        lock(&self.made).contains(thing)
    }

    /// For how long from now AWS may show this thing although it was removed.
    pub fn shows_for(&self, thing: &(TypeName, PhysicalId)) -> Duration {
        self.late_for(lock(&self.removed).contains(thing))
    }

    /// For how long from now AWS may show something with this natural key that was removed.
    pub fn name_shows_for(&self, type_name: &TypeName, natural_name: Vec<String>) -> Duration {
        self.late_for(lock(&self.released).contains(&(type_name.clone(), natural_name)))
    }

    fn late_for(&self, is_of_this_run: bool) -> Duration {
        if is_of_this_run {
            self.window
        } else {
            self.last_run_shows_until
                .saturating_duration_since(Instant::now())
        }
    }
}

fn lock<T>(things: &Mutex<T>) -> MutexGuard<'_, T> {
    things.lock().unwrap_or_else(PoisonError::into_inner)
}
