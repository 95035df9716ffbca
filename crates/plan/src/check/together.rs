//! What one call makes.

use std::collections::BTreeMap;

use infra_core::plan::StepDependency;
use infra_core::{Step, StepId, StepOperation, Strength, TypeDefinition};

use super::Checker;
use crate::together::texts;

impl<'c> Checker<'c, '_> {
    /// A call is made of deletes and creates that its type has a call for, and all that has to come before one of them
    /// comes before the others.
    pub(super) fn together(&mut self) {
        let plan = self.plan;
        let mut calls: BTreeMap<StepId, Vec<&'c Step>> = BTreeMap::new();
        for step in &plan.steps {
            if let Some(first) = step.together {
                calls.entry(first).or_default().push(step);
            }
        }
        for (first, steps) in calls {
            let name = format!("the call of step {}", first.0);
            self.require(steps.len() > 1 && steps[0].id == first, || {
                format!("{name} is not that of its steps")
            });
            let makes = |operation| steps.iter().any(|step| step.operation == operation);
            let are_fit = steps
                .iter()
                .all(|step| matches!(step.operation, StepOperation::Delete | StepOperation::Create));
            let has_both = makes(StepOperation::Delete) && makes(StepOperation::Create);
            self.require(are_fit && has_both, || {
                format!("{name} makes something else than deletes and creates")
            });
            let scope = self.scope(steps[0]);
            let same = scope.is_some() && steps.iter().all(|step| self.scope(step) == scope);
            self.require(same, || format!("{name} is of things that no call can be of"));
            let before = outside(&steps, steps[0]);
            let shared = steps.iter().all(|step| outside(&steps, step) == before);
            let is_over = before.iter().all(|before| before.strength == Strength::Ready);
            self.require(shared && is_over, || {
                format!("{name} may be made before all that has to come before it")
            });
        }
    }

    fn scope(&self, step: &Step) -> Option<(&'c infra_core::TypeName, Vec<&'c str>)> {
        let definition: &'c dyn TypeDefinition = self.definition(&step.address)?;
        let together = definition.schema().together.as_ref()?;
        let attributes = match step.operation {
            StepOperation::Create => &self.changes.get(&step.address)?.wanted,
            _ => self.before(step)?,
        };
        Some((&definition.schema().name, texts(together, attributes)?))
    }
}

/// What a step of a call waits for outside of it.
fn outside(steps: &[&Step], step: &Step) -> Vec<StepDependency> {
    let is_of_it = |before: &StepDependency| steps.iter().any(|step| step.id == before.step);
    let before = step.after.iter().filter(|before| !is_of_it(before));
    before.copied().collect()
}
