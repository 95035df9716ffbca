//! Before anything is touched: whether what a plan changes and deletes is this stack's.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use infra_core::{Health, Observation, PhysicalId, Plan, ResourceAddress, StackTag, StepOperation, TypeName};
use infra_plan::{ownership, refused_ownership};

use crate::error::EngineError;
use crate::refresh::RefreshError;
use crate::session::{Planned, Session};

impl Session {
    /// Refuses a plan that would touch what is not surely this stack's. What no look of this process has told of, since the
    /// plan was saved or was made without a look, is looked at now.
    ///
    /// # Errors
    /// [`EngineError::NotOurs`], or AWS cannot be looked at. [`EngineError::Cancelled`] after the first request to stop.
    pub(crate) async fn check_ownership(&self, planned: &Planned) -> Result<(), EngineError> {
        let stack = planned.stack.as_deref();
        let refused = refused_ownership(&planned.plan, stack, &self.commands);
        if !refused.is_empty() {
            return Err(EngineError::NotOurs(refused));
        }
        let told = self.cancellation.until(1, self.told(&planned.plan)).await;
        let told = told.ok_or(EngineError::Cancelled)??;
        let refused = refused_ownership(&self.by_what_is_told(planned, &told), stack, &self.commands);
        match refused.is_empty() {
            true => Ok(()),
            false => Err(EngineError::NotOurs(refused)),
        }
    }

    /// Whose everything is that the plan's steps change or delete.
    async fn told(&self, plan: &Plan) -> Result<BTreeMap<(TypeName, PhysicalId), StackTag>, RefreshError> {
        let mut by_type: BTreeMap<&TypeName, BTreeSet<PhysicalId>> = BTreeMap::new();
        for step in &plan.steps {
            let touches = matches!(
                step.operation,
                StepOperation::Update | StepOperation::Retag | StepOperation::Delete
            );
            if let (true, Some(id)) = (touches, &step.physical_id) {
                let ids = by_type.entry(step.address.type_name()).or_default();
                ids.insert(id.clone());
            }
        }
        let asked = by_type.into_iter().map(async |(type_name, ids)| {
            let Some(provider) = self.providers.provider(type_name) else {
                return Ok(BTreeMap::new());
            };
            let ids: Vec<PhysicalId> = ids.into_iter().collect();
            let told = provider.stack_tags(&ids).await;
            let told = told.map_err(|source| RefreshError::of(type_name.clone(), source))?;
            Ok::<_, RefreshError>(
                told.into_iter()
                    .map(|(id, tag)| ((type_name.clone(), id), tag))
                    .collect(),
            )
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    /// The plan as it would be, had it been made with these tags.
    fn by_what_is_told(&self, planned: &Planned, told: &BTreeMap<(TypeName, PhysicalId), StackTag>) -> Plan {
        let mut plan = planned.plan.clone();
        self.journal.with_state(|state| {
            for change in &mut plan.changes {
                let address = &change.address;
                let Some(id) = &change.physical_id else { continue };
                let current = state.resources.get(address);
                let deposed = state.deposed.get(address).into_iter().flatten();
                let record = current
                    .into_iter()
                    .chain(deposed)
                    .find(|record| record.physical_id == *id);
                let tag = told.get(&(address.type_name().clone(), id.clone()));
                let provider = self.providers.provider(address.type_name());
                if let (Some(record), Some(tag), Some(provider)) = (record, tag, provider) {
                    let health = health(planned, address, id);
                    change.ownership = ownership(
                        &state.stack,
                        provider.schema().tagging,
                        record,
                        tag,
                        health,
                        change.action,
                    );
                }
            }
        });
        plan
    }
}

/// How it was when it was looked at; without a look it is taken to work.
fn health<'a>(planned: &'a Planned, address: &ResourceAddress, id: &PhysicalId) -> &'a Health {
    let refreshed = &planned.refreshed;
    let deposed = refreshed.deposed.get(&(address.clone(), id.clone()));
    match deposed.or_else(|| refreshed.observations.get(address)) {
        Some(Observation::Present { health, .. }) => health,
        _ => &Health::Ready,
    }
}
