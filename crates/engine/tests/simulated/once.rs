//! What is done once in a run: a resource is worked out when it is planned and when it is carried out, decoded for all
//! calls of its job, and an outcome that nothing is waited for after is one entry of the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use infra_core::state::JournalEntry;
use infra_core::{
    Attributes, Catalogue, ErrorClass, EvaluationError, Expression, PhysicalId, ProviderError, Reference,
    RunOutcome, Scope, Stack, Template, TypeDefinition, TypeName, Value,
};
use infra_engine::Session;
use infra_provider::{
    Block, Call, Created, ErasedResource, Found, Observations, Provider, ProviderResult, Providers,
    Recognition, Resource, Rules, Service, Update,
};
use infra_state::StateStore;
use infra_testkit::stack;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tokio::sync::Mutex;

use crate::bench::{Bench, apply, failures};
use crate::stacks::everything_on;

/// A thing whose decodings are counted.
#[derive(Debug, Clone, Deserialize, Block)]
struct Thing {
    /// Its name.
    #[attribute(immutable)]
    #[serde(deserialize_with = "counted")]
    name: String,
    /// A note.
    note: Option<String>,
    /// What a create cannot set.
    #[attribute(set_after_create)]
    late: Option<String>,
}

static DECODED: AtomicUsize = AtomicUsize::new(0);

fn counted<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    DECODED.fetch_add(1, Ordering::Relaxed);
    String::deserialize(deserializer)
}

/// What there is.
#[derive(Debug, Clone, Default)]
struct There(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    things: BTreeMap<PhysicalId, PartialThing>,
    /// How often each call is still refused as one too many.
    refusals: BTreeMap<&'static str, u32>,
}

impl There {
    /// A call that is refused twice.
    async fn call(&self, name: &'static str) -> ProviderResult<()> {
        let mut held = self.0.lock().await;
        let refusals = held.refusals.entry(name).or_insert(2);
        if *refusals == 0 {
            return Ok(());
        }
        *refusals -= 1;
        Err(ProviderError::new(ErrorClass::Throttled, "too many"))
    }

    async fn all(&self) -> Observations<Thing> {
        let there = self.0.lock().await.things.clone();
        there
            .into_iter()
            .map(|(id, thing)| (id, Found::ready(thing)))
            .collect()
    }
}

impl Service for There {
    type Clients = Self;
}

fn observed(thing: &Thing) -> PartialThing {
    PartialThing {
        name: thing.name.as_str().into(),
        note: thing.note.clone().into(),
        late: thing.late.clone().into(),
    }
}

impl Resource for Thing {
    const NAME: &'static str = "counted.thing";
    const IAM_ACTIONS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "";
    const RULES: Rules<ThingField> = Rules {
        natural_key: &[ThingField::Name],
        recognition: Recognition::NaturalKey,
        ..Rules::NONE
    };
    type Service = There;

    async fn create(there: &There, _: &Call, spec: Self) -> ProviderResult<Created<PartialThing>> {
        there.call("create").await?;
        let spec = Self { late: None, ..spec };
        let id = PhysicalId::new(spec.name.clone());
        let found = observed(&spec);
        there.0.lock().await.things.insert(id.clone(), found.clone());
        Ok(Created::new(id.as_str(), found))
    }

    async fn read(there: &There, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        let mut all = there.all().await;
        all.retain(|id, _| ids.contains(id));
        Ok(all)
    }

    async fn update(there: &There, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        there.call("update").await?;
        there
            .0
            .lock()
            .await
            .things
            .insert(id.clone(), observed(&update.spec));
        Ok(())
    }

    async fn delete(there: &There, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        there.0.lock().await.things.remove(id);
        Ok(())
    }

    async fn holders(there: &There, given: &PartialThing) -> ProviderResult<Observations<Self>> {
        let mut all = there.all().await;
        all.retain(|_, found| found.observed.name == given.name);
        Ok(all)
    }
}

/// A catalogue of that one type.
struct OneType(TypeName, ErasedResource<Thing>);

impl Catalogue for OneType {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        (*name == self.0).then_some(&self.1 as &dyn TypeDefinition)
    }

    fn names(&self) -> Vec<TypeName> {
        vec![self.0.clone()]
    }
}

impl Providers for OneType {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        (*name == self.0).then_some(&self.1 as &dyn Provider)
    }
}

/// A text that counts how often it is worked out.
#[derive(Debug)]
struct Counting(&'static str, Arc<AtomicUsize>);

impl Expression for Counting {
    fn source(&self) -> &str {
        self.0
    }

    fn references(&self) -> &[Reference] {
        &[]
    }

    fn evaluate(&self, _: &Scope) -> Result<Value, EvaluationError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(Value::from(self.0))
    }
}

/// A stack of one thing, and how often its note has been worked out.
fn noted(note: &'static str) -> (Stack, Arc<AtomicUsize>) {
    let evaluated = Arc::new(AtomicUsize::new(0));
    let mut stack = stack(json!({ "counted.thing.main": { "name": "main", "late": "later" } }));
    for resource in stack.resources.values_mut() {
        let note = Counting(note, Arc::clone(&evaluated));
        resource
            .attributes
            .insert("note".to_owned(), Template::Expression(Arc::new(note)));
    }
    (stack, evaluated)
}

#[tokio::test(start_paused = true)]
async fn a_resource_is_worked_out_for_its_plan_and_its_job_and_decoded_for_its_job() {
    let bench = Bench::new();
    let name: TypeName = Thing::NAME.parse().unwrap();
    let there = There::default();
    let providers = Arc::new(OneType(name, ErasedResource::new(there)));
    // What there is already is worked out once more before the first step: what expressions see of it.
    for (note, worked_out) in [("one", 2), ("two", 3)] {
        let (stack, evaluated) = noted(note);
        let (session, _receiver) = bench.session();
        let session = Session {
            providers: Arc::clone(&providers) as Arc<dyn Providers>,
            ..session
        };
        DECODED.store(0, Ordering::Relaxed);
        let planned = session.plan(apply(&stack)).await.unwrap();
        assert_eq!(DECODED.load(Ordering::Relaxed), 0, "{note}: by the plan");
        let report = session.execute(planned, "test").await.unwrap();
        assert_eq!(report.outcome, RunOutcome::Completed);
        // Each call was refused twice before, and a create is followed by the update that sets the rest.
        assert_eq!(DECODED.load(Ordering::Relaxed), 1, "{note}: by the run");
        assert_eq!(evaluated.load(Ordering::Relaxed), worked_out, "{note}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_nothing_is_waited_for_after_is_one_entry() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let created = bench.apply(&stack).await;
    assert_eq!(failures(&created.events), [""; 0]);
    let entries = bench.store.journal(0..=bench.state().serial).unwrap();
    let mut waited_for = BTreeSet::new();
    let mut after: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut open = BTreeMap::new();
    for (_, entry) in &entries {
        let (address, kind) = match entry {
            JournalEntry::Intended(intent) => {
                open.insert(&intent.token, &intent.address);
                continue;
            }
            JournalEntry::Created { token, .. } => (open[token], "created"),
            JournalEntry::Updated { token, .. } => (open[token], "updated"),
            JournalEntry::Confirmed { address, .. } => (address, "confirmed"),
            _ => continue,
        };
        let name = address.type_name();
        let provider = bench.cloud.provider(name).unwrap();
        if provider.waits().create.is_some() {
            waited_for.insert(name.to_string());
            continue;
        }
        let is_whole = provider
            .schema()
            .attributes
            .values()
            .all(|attribute| !attribute.set_after_create);
        if is_whole {
            after.entry(address.to_string()).or_default().push(kind);
        }
    }
    assert!(after.len() > 3 && !waited_for.is_empty(), "{after:?}");
    for (address, entries) in after {
        assert_eq!(entries, ["created"], "{address}");
    }
}
