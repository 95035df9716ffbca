//! Before anything is touched: whether what a plan touches is at two addresses of the state.

use std::collections::BTreeSet;

use infra_core::{Diagnostic, ResourceAddress, Step, StepOperation};
use infra_provider::Recognition;

use crate::error::EngineError;
use crate::session::{Planned, Session};

impl Session {
    /// What the plan would change or delete that is one thing at several addresses: what is done for one of them would be
    /// done to the other. A plan that deletes it at all of them may be carried out.
    pub fn doubled(&self, planned: &Planned) -> Vec<Diagnostic> {
        let plan = &planned.plan;
        let touching = plan.steps.iter().filter(|step| {
            let touches = matches!(
                step.operation,
                StepOperation::Update | StepOperation::Retag | StepOperation::Delete
            );
            let provider = self.providers.provider(step.address.type_name());
            touches && provider.is_some_and(|provider| provider.recognition() != Recognition::Shared)
        });
        let deletes = |address: &ResourceAddress, of: &Step| {
            plan.steps.iter().any(|step| {
                step.operation == StepOperation::Delete
                    && step.address == *address
                    && step.physical_id == of.physical_id
            })
        };
        let stack = planned.stack.as_deref();
        let mut told = BTreeSet::new();
        self.journal.with_state(|state| {
            let mut refused = Vec::new();
            for step in touching {
                let Some(id) = &step.physical_id else { continue };
                let type_name = step.address.type_name();
                let current = state.resources.get(&step.address);
                let deposed = state.deposed.get(&step.address).into_iter().flatten();
                let mut records = current.into_iter().chain(deposed);
                let Some(record) = records.find(|record| record.physical_id == *id) else {
                    continue;
                };
                let all: Vec<_> = state
                    .addresses_of(type_name, record.location.as_ref(), id)
                    .collect();
                if all.len() < 2 || all.iter().all(|(address, _)| deletes(address, step)) || !told.insert(id) {
                    continue;
                }
                let addresses: Vec<String> = all.iter().map(|(address, _)| address.to_string()).collect();
                let resource = stack.and_then(|stack| stack.resources.get(&step.address));
                let error = Diagnostic::error(
                    "one-thing-twice",
                    format!(
                        "the state has {} {id} at {}: what is done for one of them would be done to the other",
                        type_name,
                        addresses.join(" and at "),
                    ),
                )
                .help(format!(
                    "forget all of them but one, and take that out of the file; at AWS it stays as it is: `{}`",
                    self.commands
                        .on("state rm", addresses.last().map(String::as_str))
                ));
                refused.push(match resource {
                    Some(resource) => error.at(resource.span.clone(), ""),
                    None => error,
                });
            }
            refused
        })
    }

    /// # Errors
    /// [`EngineError::Doubled`].
    pub(crate) fn check_doubled(&self, planned: &Planned) -> Result<(), EngineError> {
        let refused = self.doubled(planned);
        match refused.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Doubled(refused)),
        }
    }
}
