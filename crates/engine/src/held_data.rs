//! What a plan makes AWS be asked beside what the state has: whether what it deletes or replaces holds data.

use std::collections::BTreeMap;

use futures::future::join_all;
use infra_core::{HeldData, PhysicalId, Plan, ResourceAddress, TypeName};
use infra_provider::Providers;

use crate::error::EngineError;
use crate::refresh::Refreshed;
use crate::session::{Planned, Prepared, RunRequest, Session};

impl Session {
    /// The plan with what AWS says now of the data that it would lose, and of what has names that it would give to others.
    /// Nothing is asked where there is no such thing.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn with_held_data(
        &self,
        planned: Planned,
        request: RunRequest,
    ) -> Result<Planned, EngineError> {
        let (held_data, held_names) =
            futures::join!(ask(&planned.plan, &*self.providers), self.held_names(&planned));
        if held_data.is_empty() && held_names.is_empty() {
            return Ok(planned);
        }
        let Planned {
            prepared,
            lookups,
            unseen,
            refreshed,
            ..
        } = planned;
        let prepared = Prepared {
            made: prepared,
            lookups,
            unseen,
        };
        let refreshed = Refreshed {
            held_data,
            held_names,
            ..refreshed
        };
        self.plan_from(request, prepared, refreshed)
    }
}

/// What AWS says of everything whose data is at stake, a type in one go. What it does not tell counts as holding some.
async fn ask(plan: &Plan, providers: &dyn Providers) -> BTreeMap<(ResourceAddress, PhysicalId), HeldData> {
    let mut by_type: BTreeMap<&TypeName, Vec<(&ResourceAddress, PhysicalId)>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.data.is_some()) {
        if let Some(id) = &change.physical_id {
            let things = by_type.entry(change.address.type_name()).or_default();
            things.push((&change.address, id.clone()));
        }
    }
    let asked = by_type.into_iter().map(async |(type_name, things)| {
        let ids: Vec<PhysicalId> = things.iter().map(|(_, id)| id.clone()).collect();
        let Some(provider) = providers.provider(type_name) else {
            return Vec::new();
        };
        let empty = provider.without_data(&ids).await;
        let held = |id: &PhysicalId| match &empty {
            Ok(empty) if empty.contains(id) => HeldData::Nothing,
            Ok(_) => HeldData::Something,
            Err(error) => HeldData::Unclear(error.to_string()),
        };
        things
            .into_iter()
            .map(|(address, id)| {
                let held = held(&id);
                ((address.clone(), id), held)
            })
            .collect()
    });
    join_all(asked).await.into_iter().flatten().collect()
}
