//! Calls on their way to the cloud and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{ErrorClass, ProviderError, ResourceAddress};
use infra_provider::{Progress, ProviderResult, Silent};
use tokio::time::{Instant, sleep};

use crate::faults::{Fate, Faults};
use crate::kind::Kind;
use crate::stop::{Moment, Stop};
use crate::world::{When, World};

/// Calls made so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calls {
    /// Those that change something, answered or not.
    pub changing: u64,
    /// Those that only read.
    pub reading: u64,
    /// By operation and resource, such as `create net.part.a`, and `read net.part`.
    pub each: BTreeMap<String, u64>,
}

pub(crate) struct Shared {
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub world: World,
    pub faults: Faults,
    pub stop: Stop,
    pub calls: Calls,
    /// By the same names as in [`Calls::each`]: failures in a row.
    pub failed: BTreeMap<String, u32>,
    pub refused: BTreeMap<String, ErrorClass>,
    pub files: BTreeMap<String, String>,
    pub progress: Arc<dyn Progress>,
    pub under_way: BTreeSet<u64>,
    pub most_under_way: usize,
}

/// One changing call.
pub(crate) struct Change<'a> {
    pub kind: &'a Arc<Kind>,
    /// `create`, `update`, `delete`, `change` for several at once.
    pub operation: &'static str,
    pub address: &'a ResourceAddress,
}

impl Shared {
    /// With a world and what goes wrong in it: nobody has called yet.
    pub fn new(world: World, faults: Faults, files: BTreeMap<String, String>) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                world,
                faults,
                stop: Stop::default(),
                calls: Calls::default(),
                failed: BTreeMap::new(),
                refused: BTreeMap::new(),
                files,
                progress: Arc::new(Silent),
                under_way: BTreeSet::new(),
                most_under_way: 0,
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn file(&self, name: &str) -> Option<String> {
        self.lock().files.get(name).cloned()
    }

    /// Makes a changing call. Its effect is not undone by the caller going away: a request that was sent
    /// arrives.
    pub async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: Change<'_>,
        effect: impl FnOnce(&mut World, When) -> ProviderResult<T> + Send + 'static,
    ) -> ProviderResult<T> {
        let name = format!("{} {}", change.operation, change.address);
        let (number, nth, stop) = {
            let mut inner = self.lock();
            if inner.stop.is_dead() {
                (0, 0, Some(Moment::BeforeEffect))
            } else {
                let stop = inner.stop.next();
                let nth = inner.calls.count(&name, true);
                let number = inner.calls.changing;
                inner.under_way.insert(number);
                inner.most_under_way = inner.most_under_way.max(inner.under_way.len());
                (number, nth, stop)
            }
        };
        if let Some(moment) = stop {
            self.lock().cut_off(&name, nth, moment, effect);
            return std::future::pending().await;
        }
        let started = Instant::now();
        let (there, back) = self.lock().faults.latency(change.operation, &name, nth);
        let shared = Arc::clone(self);
        let (kind, subject) = (Arc::clone(change.kind), name.clone());
        let operation = change.operation;
        let request = tokio::spawn(async move {
            sleep(there).await;
            let result = shared.lock().arrive(&kind, operation, &subject, nth, effect);
            shared.lock().under_way.remove(&number);
            sleep(back).await;
            result
        });
        let result = request.await.expect("the cloud does not fail");
        if self.lock().stop.is_dead() {
            return std::future::pending().await;
        }
        self.report(
            Some(change.address),
            change.kind,
            operation,
            started,
            result.as_ref().err(),
        );
        result
    }

    /// What earlier reads have told, which takes no call.
    pub fn told<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock().world)
    }

    /// Makes a reading call, again and again while it fails by chance.
    pub async fn look<T>(
        &self,
        kind: &Arc<Kind>,
        address: Option<&ResourceAddress>,
        operation: &'static str,
        look: impl FnOnce(&mut World, Instant) -> T,
    ) -> ProviderResult<T> {
        let name = format!("{operation} {}", kind.schema.name);
        loop {
            let started = Instant::now();
            let (latency, fate) = {
                let mut inner = self.lock();
                let nth = inner.calls.count(&name, false);
                let failed = inner.failed.get(&name).copied().unwrap_or(0);
                let (there, back) = inner.faults.latency(operation, &name, nth);
                (there + back, inner.faults.of_read(&name, nth, failed))
            };
            sleep(latency).await;
            if self.lock().stop.is_dead() {
                return std::future::pending().await;
            }
            let failed = {
                let mut inner = self.lock();
                inner.note(&name, fate != Fate::Answered);
                match (inner.refused.get(&name), fate) {
                    (Some(class), _) => Some(*class),
                    (None, Fate::Answered) => None,
                    (None, Fate::Throttled) => Some(ErrorClass::Throttled),
                    (None, Fate::BrokenBefore | Fate::AnswerLost) => Some(ErrorClass::Transient),
                }
            };
            let error = failed.map(|class| failure(kind, operation, class));
            self.report(address, kind, operation, started, error.as_ref());
            match error {
                None => return Ok(look(&mut self.lock().world, Instant::now())),
                // A provider's SDK makes reads again that fail for reasons that pass.
                Some(_) if fate != Fate::Answered => sleep(Duration::from_millis(200)).await,
                Some(error) => return Err(error),
            }
        }
    }

    fn report(
        &self,
        address: Option<&ResourceAddress>,
        kind: &Kind,
        operation: &str,
        started: Instant,
        error: Option<&ProviderError>,
    ) {
        let progress = Arc::clone(&self.lock().progress);
        progress.report(EventKind::ApiCall {
            address: address.cloned(),
            service: kind.schema.name.service().to_owned(),
            operation: format!("{operation}-{}", kind.schema.name.kind()),
            mutating: matches!(operation, "create" | "update" | "delete" | "change"),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error: error.map(|error| format!("{:?}", error.class)),
            throttled: error.is_some_and(|error| error.class == ErrorClass::Throttled),
        });
    }
}

impl Inner {
    fn when(&self, name: &str, nth: u64) -> When {
        When {
            now: Instant::now(),
            stale: self.faults.staleness(name, nth),
            lingers: self.faults.lingering(name, nth),
            slowness: self.faults.slowness(name, nth),
        }
    }

    /// A request reaches the cloud.
    fn arrive<T>(
        &mut self,
        kind: &Kind,
        operation: &str,
        name: &str,
        nth: u64,
        effect: impl FnOnce(&mut World, When) -> ProviderResult<T>,
    ) -> ProviderResult<T> {
        let failed = self.failed.get(name).copied().unwrap_or(0);
        let fate = self.faults.of_change(operation, name, nth, failed);
        let when = self.when(name, nth);
        let result = match (self.refused.get(name), fate) {
            (Some(class), _) => Err(failure(kind, operation, *class)),
            (_, Fate::Throttled) => Err(failure(kind, operation, ErrorClass::Throttled)),
            (_, Fate::BrokenBefore) => Err(failure(kind, operation, ErrorClass::Transient)),
            (_, Fate::AnswerLost) => match effect(&mut self.world, when) {
                Ok(_) => Err(failure(kind, operation, ErrorClass::Transient)),
                refused => refused,
            },
            (_, Fate::Answered) => effect(&mut self.world, when),
        };
        self.note(name, fate != Fate::Answered);
        result.map_err(|error| ProviderError {
            operation: format!("{operation}-{}", kind.schema.name.kind()),
            ..error
        })
    }

    /// The process dies at this call.
    fn cut_off<T>(
        &mut self,
        name: &str,
        nth: u64,
        moment: Moment,
        effect: impl FnOnce(&mut World, When) -> ProviderResult<T>,
    ) {
        if moment == Moment::AfterEffect {
            let when = self.when(name, nth);
            // Nobody hears of it, be it done or refused.
            let _ = effect(&mut self.world, when);
        }
        self.stop.die();
    }

    fn note(&mut self, name: &str, has_failed: bool) {
        let failed = self.failed.entry(name.to_owned()).or_default();
        *failed = if has_failed { *failed + 1 } else { 0 };
    }
}

impl Calls {
    /// Counts a call and says the how manieth of its name it is.
    fn count(&mut self, name: &str, changing: bool) -> u64 {
        if changing {
            self.changing += 1;
        } else {
            self.reading += 1;
        }
        let each = self.each.entry(name.to_owned()).or_default();
        *each += 1;
        *each
    }
}

fn failure(kind: &Kind, operation: &str, class: ErrorClass) -> ProviderError {
    ProviderError {
        service: kind.schema.name.service().to_owned(),
        operation: format!("{operation}-{}", kind.schema.name.kind()),
        ..ProviderError::new(class, "by the test's will")
    }
}
