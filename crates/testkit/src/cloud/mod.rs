//! The simulated cloud as a test holds it.

mod calls;

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ResourceAddress, TypeName, Value};
use infra_provider::{Progress, Providers};
use tokio::time::Instant;

use crate::faults::Faults;
use crate::kinds::kinds;
use crate::provider::SimulatedType;
use crate::stop::Moment;
use crate::world::{Listed, Meddling, World};

pub use self::calls::Calls;
pub(crate) use self::calls::{Change, Shared};

/// A simulated cloud. Clones are the same cloud.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
    pub(crate) types: Arc<BTreeMap<TypeName, SimulatedType>>,
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
        let shared = Shared::new(world, faults, files);
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

    /// Somebody puts data into a resource's thing.
    pub fn fill(&self, address: &str) {
        self.meddle(address, Meddling::Fill);
    }

    /// Somebody says by the tag of a resource's thing that it is this stack's.
    pub fn give_to(&self, address: &str, stack: &str) {
        self.meddle(
            address,
            Meddling::Tag(infra_provider::TAG_STACK, stack.to_owned()),
        );
    }

    /// Somebody takes all tags off a resource's thing.
    pub fn untag(&self, address: &str) {
        self.meddle(address, Meddling::Untag);
    }

    /// Somebody removes a resource's thing and makes one of their own, exactly like it and under the same id.
    pub fn make_anew(&self, address: &str) {
        self.meddle(address, Meddling::MakeAnew);
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

    /// Somebody removes what was made by hand.
    pub fn uproot(&self, type_name: &str, id: &PhysicalId) {
        let name: TypeName = type_name.parse().expect("a type's name");
        let gone = self.shared.lock().world.uproot(name, id.clone());
        assert!(gone, "there is no {id}");
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
