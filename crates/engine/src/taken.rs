//! Before the old one of a replacement is deleted: whether somebody else has what the new one is to be called.

use std::collections::BTreeSet;

use futures::future::join_all;
use infra_core::plan::ReplaceOrder;
use infra_core::{
    Action, Attributes, Change, Diagnostic, ErrorClass, Observation, PhysicalId, ProviderError, Stack,
    StepOperation, command,
};
use infra_provider::{Provider, serving};
use tokio::time::Instant;

use crate::error::EngineError;
use crate::refresh::RefreshError;
use crate::session::{Planned, Session};
use crate::settle::holder;

impl Session {
    /// Refuses a plan that would delete something and make another in its place under a name that somebody else's thing
    /// has: AWS would refuse it only once the old one is gone. A name that is not known yet is that of something under
    /// what the run itself makes, as good as always, and is not looked at.
    ///
    /// # Errors
    /// [`EngineError::Taken`], or AWS cannot be asked. [`EngineError::Cancelled`] after the first request to stop.
    pub(crate) async fn check_names(&self, planned: &Planned) -> Result<(), EngineError> {
        // Only a file asks for something new.
        let Some(stack) = planned.stack.as_deref() else {
            return Ok(());
        };
        let looks = planned.plan.changes.iter().filter_map(|change| {
            let provider = self.providers.provider(change.address.type_name())?;
            let key = new_key(planned, change, provider)?;
            Some(self.look_for_holder(stack, change, provider, key))
        });
        let found = self.cancellation.until(1, join_all(looks)).await;
        let mut refused = Vec::new();
        for found in found.ok_or(EngineError::Cancelled)? {
            refused.extend(found?);
        }
        match refused.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Taken(refused)),
        }
    }

    async fn look_for_holder(
        &self,
        stack: &Stack,
        change: &Change,
        provider: &dyn Provider,
        key: Attributes,
    ) -> Result<Option<Diagnostic>, EngineError> {
        let type_name = change.address.type_name();
        let failed = |source: ProviderError| RefreshError::of(type_name.clone(), source);
        // What the last run removed AWS may still show.
        let (started, patience) = (Instant::now(), self.lateness()?);
        let mut pause = self.pace.first_poll;
        loop {
            let holders = serving(change.address.clone(), provider.holders(&key)).await;
            let mut holders = match holders {
                // What it is to be under is not there yet.
                Err(error)
                    if matches!(error.class, ErrorClass::NotFound | ErrorClass::DependencyNotReady) =>
                {
                    return Ok(None);
                }
                holders => holders.map_err(failed)?.into_iter(),
            };
            let Some(id) = holders.find(|id| holder(&self.journal, type_name, id).is_none()) else {
                return Ok(None);
            };
            if started.elapsed() >= patience || !self.cancellation.sleep(pause).await {
                let names = provider.schema().natural_key.join(", ");
                return Ok(Some(refusal(change, &names, &id, stack)));
            }
            pause = pause.mul_f64(1.5).min(self.pace.slowest_poll);
        }
    }
}

/// The known attributes of what is to be made once the old one of a replacement is deleted, where that is called
/// otherwise.
fn new_key(planned: &Planned, change: &Change, provider: &dyn Provider) -> Option<Attributes> {
    let deletes_first =
        change.action == Action::Replace && change.replace_order == Some(ReplaceOrder::DeleteThenCreate);
    let steps: BTreeSet<_> = planned
        .plan
        .steps
        .iter()
        .filter(|step| step.address == change.address && step.operation == StepOperation::Delete)
        .map(|step| &step.physical_id)
        .collect();
    if !deletes_first || !steps.contains(&change.physical_id) {
        return None;
    }
    let mut wanted = change.wanted.clone();
    wanted.extend(provider.derive(&change.wanted));
    wanted.retain(|_, value| !value.has_unknown() && !value.has_secret() && !value.is_null());
    let schema = provider.schema();
    let is_known = |name: &String| {
        let value = change.wanted.get(name);
        value.is_none_or(|value| !value.has_unknown() && !value.has_secret())
    };
    if !schema.natural_key.iter().all(is_known) {
        return None;
    }
    let before = match planned.refreshed.observations.get(&change.address) {
        Some(Observation::Present { attributes, .. }) => schema.natural_name(attributes),
        _ => None,
    };
    let after = schema.natural_name(&wanted)?;
    (before.as_ref() != Some(&after)).then_some(wanted)
}

fn refusal(change: &Change, names: &str, id: &PhysicalId, stack: &Stack) -> Diagnostic {
    let address = &change.address;
    let message = format!(
        "{address} would be replaced, but what the new one would be called ({names}) is taken: {} {id} exists already and \
         was not made by this stack; both are left as they are",
        address.type_name()
    );
    let diagnostic = Diagnostic::error("name-taken", message);
    let diagnostic = match stack.resources.get(address) {
        Some(resource) => diagnostic.at(resource.span.clone(), ""),
        None => diagnostic,
    };
    let (named, address) = (stack.named(), address.to_string());
    diagnostic.help(format!(
        "choose another {names}, remove the other one by hand, or take it over in place of this one: forget this one \
         (`{}`) and `{}`",
        command("state rm", [named.as_str(), &address]),
        command("import", [named.as_str(), &address, id.as_str()])
    ))
}
