//! Looking at AWS: everything that the state knows, in as few calls as the providers can.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::time::Duration;

use futures::future::join_all;
use infra_core::state::RecordStatus;
use infra_core::{
    Attributes, ErrorClass, HeldData, Observation, PhysicalId, ProviderError, ResourceAddress,
    ResourceRecord, StackTag, State, TypeName,
};
use infra_plan::HeldNames;
use infra_provider::{Found, Providers};
use tokio::time::Instant;

use crate::cancel::Cancellation;
use crate::retry::Pace;

/// What AWS has of what the state knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refreshed {
    /// By address.
    pub observations: BTreeMap<ResourceAddress, Observation>,
    /// Of replaced things that are still to be deleted.
    pub deposed: BTreeMap<(ResourceAddress, PhysicalId), Observation>,
    /// Whether what is to be deleted or replaced holds data, as far as AWS was asked.
    pub held_data: BTreeMap<(ResourceAddress, PhysicalId), HeldData>,
    /// What has the names that things which are to be made are to have, where those stay with what has them.
    pub held_names: HeldNames,
}

/// What AWS has could not be read, of one type or several.
#[derive(Debug, Clone)]
pub struct RefreshError {
    /// Each type with the reason, in order of their names.
    failures: Vec<(TypeName, ProviderError)>,
}

impl RefreshError {
    /// One type cannot be read.
    pub(crate) fn of(type_name: TypeName, source: ProviderError) -> Self {
        Self {
            failures: vec![(type_name, source)],
        }
    }

    /// The types that cannot be read, each with the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&TypeName, &ProviderError)> {
        self.failures
            .iter()
            .map(|(type_name, source)| (type_name, source))
    }

    /// Whether all that stands in the way is that we may not.
    pub(crate) fn is_denied(&self) -> bool {
        self.failures
            .iter()
            .all(|(_, source)| source.class == ErrorClass::Denied)
    }

    /// The error with every reason changed.
    pub(crate) fn map(self, change: impl Fn(ProviderError) -> ProviderError) -> Self {
        let failures = self.failures.into_iter();
        Self {
            failures: failures
                .map(|(type_name, source)| (type_name, change(source)))
                .collect(),
        }
    }
}

/// A single reason is the error's source; several are told here, what to do about them once for all that it mends.
impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(type_name, _)] = self.failures.as_slice() {
            return write!(f, "cannot read the resources of type {type_name}");
        }
        write!(f, "cannot read the resources of {} types", self.failures.len())?;
        let mut hints: Vec<&str> = Vec::new();
        for (type_name, source) in &self.failures {
            write!(f, "\n  {type_name}: {source}")?;
            let hint = source.hint.as_deref();
            hints.extend(hint.filter(|hint| !hints.contains(hint)));
        }
        hints.iter().try_for_each(|hint| write!(f, "\n  help: {hint}"))
    }
}

impl Error for RefreshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.failures.as_slice() {
            [(_, source)] => Some(source),
            _ => None,
        }
    }
}

/// One thing that the state knows.
#[derive(Debug, Clone)]
struct Known<'a> {
    address: ResourceAddress,
    id: PhysicalId,
    deposed: bool,
    /// What was observed when it was left working.
    last: Option<&'a Attributes>,
}

impl<'a> Known<'a> {
    fn current(address: &ResourceAddress, record: &'a ResourceRecord) -> Self {
        let works = record.status == RecordStatus::Ready;
        Self {
            address: address.clone(),
            id: record.physical_id.clone(),
            deposed: false,
            last: works.then_some(&record.observed),
        }
    }

    fn deposed(address: &ResourceAddress, id: &PhysicalId) -> Self {
        Self {
            address: address.clone(),
            id: id.clone(),
            deposed: true,
            last: None,
        }
    }
}

/// Reads all resources of the state, one call of `read` for each type, all types at the same time.
///
/// # Errors
/// Every type that cannot be read.
pub async fn refresh(providers: &dyn Providers, state: &State) -> Result<Refreshed, RefreshError> {
    let current = state.resources.iter();
    let current = current.map(|(address, record)| Known::current(address, record));
    let deposed = state.deposed.iter().flat_map(|(address, records)| {
        let ids = records.iter().map(|record| &record.physical_id);
        ids.map(move |id| Known::deposed(address, id))
    });
    read(providers, &current.chain(deposed).collect::<Vec<_>>()).await
}

async fn read(providers: &dyn Providers, things: &[Known<'_>]) -> Result<Refreshed, RefreshError> {
    let mut by_type: BTreeMap<&TypeName, Vec<&Known<'_>>> = BTreeMap::new();
    for thing in things {
        by_type.entry(thing.address.type_name()).or_default().push(thing);
    }
    let reads = by_type.iter().map(async |(type_name, things)| {
        let Some(provider) = providers.provider(type_name) else {
            // The planner says what it thinks of a type that is not known any more.
            return Ok((things, BTreeMap::new()));
        };
        let ids: Vec<PhysicalId> = things.iter().map(|thing| thing.id.clone()).collect();
        let last: Vec<Option<&Attributes>> = things.iter().map(|thing| thing.last).collect();
        // All reads begin in one go, so that providers can make those that belong together one call: without this,
        // the scheduler would have some of them begin later.
        let found = tokio::task::unconstrained(provider.read_again(&ids, &last)).await;
        let told = async {
            let found = found?;
            let ids: Vec<PhysicalId> = found.keys().cloned().collect();
            let tags = provider.stack_tags(&ids).await?;
            Ok((things, joined(found, tags)))
        };
        told.await.map_err(|source| ((*type_name).clone(), source))
    });
    let mut refreshed = Refreshed::default();
    let mut failures = Vec::new();
    for read in join_all(reads).await {
        let (things, found) = match read {
            Ok(read) => read,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        for thing in things {
            let observation = match found.get(&thing.id) {
                Some((found, stack_tag)) => Observation::Present {
                    attributes: found.observed.clone(),
                    health: found.health.clone(),
                    stack_tag: stack_tag.clone(),
                },
                None => Observation::Absent,
            };
            refreshed.note(thing, observation);
        }
    }
    if failures.is_empty() {
        Ok(refreshed)
    } else {
        Err(RefreshError { failures })
    }
}

/// What was found, each with whose it is.
fn joined(
    found: BTreeMap<PhysicalId, Found<Attributes>>,
    mut tags: BTreeMap<PhysicalId, StackTag>,
) -> BTreeMap<PhysicalId, (Found<Attributes>, StackTag)> {
    let with_tag = |(id, found)| {
        let tag = tags.remove(&id).unwrap_or_default();
        (id, (found, tag))
    };
    found.into_iter().map(with_tag).collect()
}

impl Refreshed {
    fn note(&mut self, thing: &Known<'_>, observation: Observation) {
        if thing.deposed {
            let key = (thing.address.clone(), thing.id.clone());
            self.deposed.insert(key, observation);
        } else {
            self.observations.insert(thing.address.clone(), observation);
        }
    }

    /// Whether something that the state knows was not found.
    pub(crate) fn misses_something(&self) -> bool {
        self.observations.values().any(Observation::is_absent)
            || self.deposed.values().any(Observation::is_absent)
    }

    /// Looks again for what was not found, for as long as `patience` says that AWS's lists may be late: what was
    /// just made must not be taken for gone and made a second time.
    ///
    /// # Errors
    /// Every type that cannot be read.
    pub(crate) async fn look_again(
        &mut self,
        providers: &dyn Providers,
        state: &State,
        pace: Pace,
        patience: Duration,
        cancellation: &Cancellation,
    ) -> Result<(), RefreshError> {
        let started = Instant::now();
        let mut pause = pace.first_poll;
        while self.misses_something() && started.elapsed() < patience && cancellation.sleep(pause).await {
            self.take(read(providers, &self.missing(state)).await?);
            pause = pause.mul_f64(1.5).min(pace.slowest_poll);
        }
        Ok(())
    }

    /// Reads some of the resources again.
    ///
    /// # Errors
    /// Every type that cannot be read.
    pub(crate) async fn read_again(
        &mut self,
        providers: &dyn Providers,
        state: &State,
        addresses: &BTreeSet<ResourceAddress>,
    ) -> Result<(), RefreshError> {
        let resources = addresses
            .iter()
            .filter_map(|address| state.resources.get_key_value(address));
        let known: Vec<Known<'_>> = resources
            .map(|(address, record)| Known::current(address, record))
            .collect();
        self.take(read(providers, &known).await?);
        Ok(())
    }

    fn take(&mut self, again: Self) {
        self.observations.extend(again.observations);
        self.deposed.extend(again.deposed);
    }

    fn missing<'a>(&self, state: &'a State) -> Vec<Known<'a>> {
        let absent = self
            .observations
            .iter()
            .filter(|(_, observation)| observation.is_absent());
        let current =
            absent.filter_map(|(address, _)| Some(Known::current(address, state.resources.get(address)?)));
        let absent = self
            .deposed
            .iter()
            .filter(|(_, observation)| observation.is_absent());
        let deposed = absent.map(|((address, id), _)| Known::deposed(address, id));
        current.chain(deposed).collect()
    }

    /// Everything as the state has it: for a plan that does not ask AWS.
    pub fn of_state(state: &State) -> Self {
        let observations = state
            .resources
            .iter()
            .map(|(address, record)| (address.clone(), infra_plan::observation_of_record(record)))
            .collect();
        let deposed = state
            .deposed
            .iter()
            .flat_map(|(address, records)| records.iter().map(move |record| (address, record)))
            .map(|(address, record)| {
                (
                    (address.clone(), record.physical_id.clone()),
                    infra_plan::observation_of_record(record),
                )
            })
            .collect();
        Self {
            observations,
            deposed,
            held_data: BTreeMap::new(),
            held_names: HeldNames::new(),
        }
    }
}
