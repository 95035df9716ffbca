//! The simulated cloud as a test holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use infra_core::event::EventKind;
use infra_core::{
    Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress, TypeName, Value,
};
use infra_provider::{Progress, ProviderResult, Providers, Silent};
use tokio::time::{Instant, sleep};

use crate::faults::{Fate, Faults};
use crate::kind::Kind;
use crate::kinds::kinds;
use crate::provider::SimulatedType;
use crate::stop::{Moment, Stop};
use crate::world::{Listed, Meddling, When, World};

/// A simulated cloud. Clones are the same cloud.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
    pub(crate) types: Arc<BTreeMap<TypeName, SimulatedType>>,
}

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

struct Inner {
    world: World,
    faults: Faults,
    stop: Stop,
    calls: Calls,
    /// By the same names as in [`Calls::each`]: failures in a row.
    failed: BTreeMap<String, u32>,
    refused: BTreeMap<String, ErrorClass>,
    files: BTreeMap<String, String>,
    progress: Arc<dyn Progress>,
    under_way: BTreeSet<u64>,
    most_under_way: usize,
}

/// One changing call.
pub(crate) struct Change<'a> {
    pub kind: &'a Arc<Kind>,
    /// `create`, `update`, `delete`.
    pub operation: &'static str,
    pub address: &'a ResourceAddress,
}

impl Default for Cloud {
    fn default() -> Self {
        Self::new()
    }
}

impl Cloud {
    /// An empty cloud in which nothing goes wrong.
    pub fn new() -> Self {
        Self::of(World::default(), Faults::default(), BTreeMap::new())
    }

    /// A cloud that has what this one has by now and goes its own way, with the same faults and a new process.
    #[must_use]
    pub fn fork(&self) -> Self {
        let inner = self.shared.lock();
        Self::of(inner.world.clone(), inner.faults, inner.files.clone())
    }

    fn of(world: World, faults: Faults, files: BTreeMap<String, String>) -> Self {
        let shared = Arc::new(Shared {
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
        });
        let types = kinds()
            .iter()
            .map(|kind| {
                let simulated = SimulatedType::new(Arc::clone(kind), Arc::clone(&shared));
                (kind.schema.name.clone(), simulated)
            })
            .collect();
        Self {
            shared,
            types: Arc::new(types),
        }
    }

    /// The cloud's types for an engine.
    pub fn providers(&self) -> Arc<dyn Providers> {
        Arc::new(self.clone())
    }

    /// Lets things go wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.lock().faults = faults;
    }

    /// Where each call is reported once it is over.
    pub fn report_to(&self, progress: Arc<dyn Progress>) {
        self.shared.lock().progress = progress;
    }

    /// Everything that exists, what is going away included.
    pub fn listing(&self) -> Vec<Listed> {
        self.shared.lock().world.listing(Instant::now())
    }

    /// The things made for a resource.
    pub fn things_of(&self, address: &str) -> Vec<Listed> {
        let address = read_address(address);
        let mut things = self.listing();
        things.retain(|thing| thing.made_for.as_ref() == Some(&address));
        things
    }

    /// Somebody sets an attribute of a resource's thing by hand; `Null` clears it.
    pub fn change(&self, address: &str, attribute: &str, value: impl Into<Value>) {
        self.meddle(address, Meddling::Set(attribute.to_owned(), value.into()));
    }

    /// Somebody removes a resource's thing by hand, whatever uses it.
    pub fn remove(&self, address: &str) {
        self.meddle(address, Meddling::Remove);
    }

    /// From now on a resource's thing has this health; `None`: its own again.
    pub fn set_health(&self, address: &str, health: Option<Health>) {
        self.meddle(address, Meddling::Health(health));
    }

    fn meddle(&self, address: &str, meddling: Meddling) {
        let done = self.shared.lock().world.meddle(&read_address(address), meddling);
        assert!(done, "nothing was made for {address}");
    }

    /// Somebody makes a thing by hand, without our tags.
    pub fn plant(&self, type_name: &str, attributes: Attributes) -> PhysicalId {
        let name: TypeName = type_name.parse().expect("a type's name");
        let kind = Arc::clone(self.types.get(&name).expect("a known type").kind());
        self.shared.lock().world.plant(&kind, attributes, Instant::now())
    }

    /// Things made for this resource from now on will fail instead of working; `None`: work again.
    pub fn doom(&self, address: &str, reason: Option<&str>) {
        let address = read_address(address);
        let dooms = &mut self.shared.lock().world.dooms;
        match reason {
            Some(reason) => dooms.insert(address, reason.to_owned()),
            None => dooms.remove(&address),
        };
    }

    /// From now on this call (`create net.part.a`) is refused; `None`: allowed again.
    pub fn refuse(&self, call: &str, class: Option<ErrorClass>) {
        let refused = &mut self.shared.lock().refused;
        match class {
            Some(class) => refused.insert(call.to_owned(), class),
            None => refused.remove(call),
        };
    }

    /// The content of a file on this machine: what an `app.image` of that source is made from.
    pub fn write_file(&self, name: &str, content: &str) {
        self.shared
            .lock()
            .files
            .insert(name.to_owned(), content.to_owned());
    }

    /// Calls so far.
    pub fn calls(&self) -> Calls {
        self.shared.lock().calls.clone()
    }

    /// The most changing calls that were under way at one time.
    pub fn most_under_way(&self) -> usize {
        self.shared.lock().most_under_way
    }

    /// The process dies at the `nth` changing call from now on, the next one being 1: that call and all
    /// later ones never return. What has been sent by then arrives.
    pub fn stop_at(&self, nth: u64, moment: Moment) {
        self.shared.lock().stop.set(nth, moment);
    }

    /// Returns when the process has died.
    pub async fn died(&self) {
        let mut dead = self.shared.lock().stop.watch();
        // The sender lives as long as the cloud.
        let _ = dead.wait_for(|dead| *dead).await;
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.shared.lock().stop.is_dead()
    }

    /// A new process: calls return again.
    pub fn revive(&self) {
        self.shared.lock().stop.clear();
    }
}

fn read_address(text: &str) -> ResourceAddress {
    text.parse().expect("an address")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
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
            mutating: matches!(operation, "create" | "update" | "delete"),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            error: error.map(|error| format!("{:?}", error.class)),
        });
    }
}

impl Inner {
    fn when(&self, name: &str, nth: u64) -> When {
        When {
            now: Instant::now(),
            stale: self.faults.staleness(name, nth),
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

/// How long a test should let pass so that every late read is over.
impl Faults {
    /// After this much time reads tell the truth.
    pub fn truth_after(&self) -> Duration {
        self.stale_for + self.slowest + Duration::from_secs(1)
    }
}
