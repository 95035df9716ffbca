//! What stands at AWS without an address: orphans of this stack, and what others put into its networks.

use std::collections::BTreeSet;

use infra_core::{
    Claim, NextStep, PhysicalId, ProviderError, ResourceAddress, Stack, State, TypeName, Unmanaged,
    UnmanagedKind,
};
use infra_provider::{Managed, Providers, Standing, SurveyRequest, address_of_tag, stack_tag};

use crate::refresh::Refreshed;
use crate::session::{Planned, Session};

impl Session {
    /// Looks for what carries the stack's tags or stands in its networks and has no address in the state, in
    /// order of kind, type and id. To be asked once open intents are settled, as [`Session::plan`] does:
    /// what a lost create left would be taken for an orphan before.
    ///
    /// # Errors
    /// AWS could not be asked.
    pub async fn unmanaged(&self, stack: &Stack, planned: &Planned) -> Result<Vec<Unmanaged>, ProviderError> {
        let Some(survey) = self.providers.survey() else {
            return Ok(Vec::new());
        };
        let state = self.journal.snapshot();
        let managed = managed(&state, &planned.refreshed);
        let request = SurveyRequest {
            stack: &stack.id,
            name: &stack.name,
            managed: &managed,
        };
        let standing = survey.survey(&request).await?;
        Ok(sorted_out(standing, stack, &state, &*self.providers))
    }
}

/// All that the state knows, with what was last seen of it.
fn managed(state: &State, refreshed: &Refreshed) -> Vec<Managed> {
    let current = state.resources.iter().map(|(address, record)| {
        let observed = refreshed.observations.get(address);
        let observed = observed
            .and_then(|seen| seen.attributes())
            .unwrap_or(&record.observed);
        Managed {
            address: address.clone(),
            id: record.physical_id.clone(),
            observed: observed.clone(),
        }
    });
    let deposed = state.deposed.iter().flat_map(|(address, records)| {
        records.iter().map(|record| Managed {
            address: address.clone(),
            id: record.physical_id.clone(),
            observed: record.observed.clone(),
        })
    });
    current.chain(deposed).collect()
}

fn sorted_out(
    standing: Vec<Standing>,
    stack: &Stack,
    state: &State,
    providers: &dyn Providers,
) -> Vec<Unmanaged> {
    let known = known_ids(state);
    let mut found: Vec<Unmanaged> = standing
        .into_iter()
        .filter(|thing| !known.contains(&(&thing.resource_type, &thing.id)))
        .map(|mut thing| {
            let is_ours = thing
                .claim
                .as_ref()
                .is_some_and(|claim| claim.stack == stack_tag(&stack.id));
            let address = made_for(&thing, stack, state);
            if let (Some(claim), Some(address)) = (&mut thing.claim, &address) {
                claim.address = Some(address.to_string());
            }
            let has_type = providers.definition(&thing.resource_type).is_some();
            Unmanaged {
                kind: if is_ours {
                    UnmanagedKind::Orphan
                } else {
                    UnmanagedKind::Foreign
                },
                next: next_step(&thing, address, is_ours, has_type, stack, state),
                resource_type: thing.resource_type,
                id: thing.id,
                name: thing.name,
                near: thing.near,
                created_unix_ms: thing.created_unix_ms,
                claim: thing.claim,
            }
        })
        .collect();
    found.sort();
    found
}

fn known_ids(state: &State) -> BTreeSet<(&TypeName, &PhysicalId)> {
    let current = state.resources.iter();
    let deposed = state.deposed.iter();
    let deposed = deposed.flat_map(|(address, records)| records.iter().map(move |record| (address, record)));
    current
        .chain(deposed)
        .map(|(address, record)| (address.type_name(), &record.physical_id))
        .collect()
}

/// The address that the tag of a thing names.
fn made_for(thing: &Standing, stack: &Stack, state: &State) -> Option<ResourceAddress> {
    let known = stack.resources.keys().chain(state.resources.keys());
    address_of_tag(
        thing.claim.as_ref()?.address.as_ref()?,
        known.chain(state.deposed.keys()),
    )
}

fn next_step(
    thing: &Standing,
    address: Option<ResourceAddress>,
    is_ours: bool,
    has_type: bool,
    stack: &Stack,
    state: &State,
) -> NextStep {
    match &thing.claim {
        Some(Claim { stack: other, .. }) if !is_ours => {
            return NextStep::LeaveToStack { stack: other.clone() };
        }
        _ if !has_type => return NextStep::NoSuchType,
        _ => {}
    }
    match address.filter(|address| address.type_name() == &thing.resource_type) {
        Some(address) if state.resources.contains_key(&address) => NextStep::Remove { address },
        Some(address) if stack.resources.contains_key(&address) => NextStep::Import { address },
        _ => NextStep::DeclareAndImport,
    }
}
