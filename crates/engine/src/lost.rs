//! A state that is gone altogether, or older than what AWS has: what stands there of the stack that it does not know.
//!
//! Without a look, an apply would make a second one of all that has no unique name. AWS is the witness: its index of tags
//! knows what was made for an address, and the journal knows what this state ever had.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use infra_core::plan::Action;
use infra_core::state::JournalEntry;
use infra_core::{ErrorClass, PhysicalId, ProviderError, ResourceAddress, Stack, State, TypeName};
use infra_provider::{Managed, Standing, address_of_tag};
use infra_state::RunRecord;

use crate::cancel::cancelled;
use crate::session::{Planned, Session};

/// A look that is not over by then is given up: it is made in case, and a stack that has nothing is the rule.
const PATIENCE: Duration = Duration::from_secs(20);

/// What AWS has with the tag of a stack that its state does not know.
#[derive(Debug, Clone, PartialEq)]
pub enum Unknown {
    /// AWS was not asked: the state knows all that is declared.
    NotAsked,
    /// The state knows nothing and never did.
    ToNewState(Vec<Standing>),
    /// The state knows something, but not all that is declared. Without what it ever knew.
    ToState(Vec<Standing>),
}

impl Session {
    /// What AWS has with the tag of this stack and the state does not know, where the state knows nothing and never did, or
    /// not all that `declared` has, so that something will be made. To be asked beside [`Session::plan`]. Of a state that was
    /// rebuilt, nothing is asked: everything is looked for by [`Session::find_again`].
    ///
    /// # Errors
    /// AWS did not tell.
    pub async fn unknown_to_the_state(&self, declared: Option<&Stack>) -> Result<Unknown, ProviderError> {
        let lacks = |state: &State| {
            let mut declared = declared.into_iter().flat_map(|stack| stack.resources.keys());
            declared.any(|address| !state.resources.contains_key(address))
        };
        let state = self.journal.snapshot();
        if state.rebuilt {
            return Ok(Unknown::NotAsked);
        }
        // What it cannot read, it cannot say to have known.
        let knew_nothing = || {
            let history = self.journal.history().unwrap_or_default();
            !history.iter().any(knew_something)
        };
        if state.is_empty() && state.intents.is_empty() && knew_nothing() {
            return self.ask_for_tagged().await.map(Unknown::ToNewState);
        }
        if lacks(&state) {
            return self.ask_for_tagged().await.map(Unknown::ToState);
        }
        Ok(Unknown::NotAsked)
    }

    /// What AWS has for addresses that this plan would make something for, and the state never knew: the state is older than
    /// that, and the plan would make a second one. `unknown` is what was found beside planning; where nothing was asked then,
    /// and the plan makes anew what is gone at AWS, AWS is asked now.
    ///
    /// # Errors
    /// AWS did not tell.
    pub async fn newer_than_the_state(
        &self,
        planned: &Planned,
        unknown: Unknown,
    ) -> Result<Vec<(ResourceAddress, Standing)>, ProviderError> {
        let changes = planned.plan.changes.iter();
        let made = changes.filter(|change| change.action == Action::Create);
        // What a create without an answer left is settled: it may be found yet.
        let mut made: BTreeSet<&ResourceAddress> = made.map(|change| &change.address).collect();
        let state = self.journal.snapshot();
        made.retain(|address| state.intents.values().all(|intent| intent.address != **address));
        if made.is_empty() || state.rebuilt {
            return Ok(Vec::new());
        }
        let standing = match unknown {
            Unknown::NotAsked => self.ask_for_tagged().await?,
            Unknown::ToNewState(standing) | Unknown::ToState(standing) => standing,
        };
        if standing.is_empty() {
            return Ok(Vec::new());
        }
        // What was settled meanwhile is known by now.
        let known: BTreeSet<(TypeName, PhysicalId)> = self.ever_known(&state).into_keys().collect();
        let unknown = standing
            .into_iter()
            .filter(|thing| !known.contains(&(thing.resource_type.clone(), thing.id.clone())));
        let made_for = |thing: Standing| {
            let tag = thing.claim.as_ref()?.address.as_ref()?;
            let address = address_of_tag(tag, made.iter().copied())?;
            (made.contains(&address) && *address.type_name() == thing.resource_type)
                .then_some((address, thing))
        };
        Ok(unknown.filter_map(made_for).collect())
    }

    /// What AWS's index of tags has of the stack, without what the state ever knew: the index goes on to have what is gone.
    async fn ask_for_tagged(&self) -> Result<Vec<Standing>, ProviderError> {
        let Some(survey) = self.providers.survey() else {
            return Ok(Vec::new());
        };
        let state = self.journal.snapshot();
        let known: Vec<Managed> = self.ever_known(&state).into_values().collect();
        let looked = tokio::time::timeout(PATIENCE, survey.tagged(&state.stack, &known));
        match self.cancellation.until(1, looked).await {
            Some(Ok(told)) => told,
            Some(Err(_)) => Err(ProviderError::new(
                ErrorClass::TimedOut,
                format!("no answer within {} s", PATIENCE.as_secs()),
            )),
            None => Err(cancelled("before AWS had told what it has of the stack")),
        }
    }

    /// All that the state has and that its journal, as far as it can be read, says that it once had.
    fn ever_known(&self, state: &State) -> BTreeMap<(TypeName, PhysicalId), Managed> {
        let mut known = BTreeMap::new();
        let mut add = |address: &ResourceAddress, id: &PhysicalId, observed: &infra_core::Attributes| {
            let thing = Managed {
                address: address.clone(),
                id: id.clone(),
                observed: observed.clone(),
            };
            known.insert((address.type_name().clone(), id.clone()), thing);
        };
        let mut intended = BTreeMap::new();
        for (_, entry) in self.journal.entries(0..=state.serial).unwrap_or_default() {
            match entry {
                JournalEntry::Intended(intent) => {
                    intended.insert(intent.token.clone(), intent.address.clone());
                }
                JournalEntry::Created { token, record } | JournalEntry::Updated { token, record } => {
                    if let Some(address) = intended.get(&token) {
                        add(address, &record.physical_id, &record.observed);
                    }
                }
                JournalEntry::Confirmed { address, record } => {
                    add(&address, &record.physical_id, &record.observed)
                }
                JournalEntry::Forgotten { address, physical_id } => {
                    add(&address, &physical_id, &infra_core::Attributes::new());
                }
                _ => {}
            }
        }
        let deposed = state.deposed.iter();
        let deposed =
            deposed.flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
        for (address, record) in state.resources.iter().chain(deposed) {
            add(address, &record.physical_id, &record.observed);
        }
        known
    }
}

/// Whether a run made, changed or let go of anything, as far as its end tells.
fn knew_something(run: &RunRecord) -> bool {
    run.end.as_ref().is_none_or(|end| end.summary.done.any())
}
