//! Before anything is touched: whether what a plan is going to write down can be sealed.

use infra_core::{StepOperation, Value};

use crate::error::EngineError;
use crate::session::{Planned, Session};

impl Session {
    /// Why the key is gone when this process ends, where the plan is going to seal something with it.
    pub fn unsealable(&self, planned: &Planned) -> Option<String> {
        let why = self.journal.lost_key()?;
        let plan = &planned.plan;
        let makes = |operation| matches!(operation, StepOperation::Create | StepOperation::Update);
        let made = plan.steps.iter().filter(|step| makes(step.operation));
        let in_steps = made.map(|step| &step.address).any(|address| {
            let mut changes = plan.changes.iter();
            let wanted = changes.find(|change| change.address == *address);
            let wanted = wanted.map(|change| &change.wanted);
            let is_set = |name: &String| {
                wanted.is_some_and(|wanted| wanted.get(name).is_some_and(|value| !value.is_null()))
            };
            let provider = self.providers.provider(address.type_name());
            let is_told = provider.is_some_and(|provider| {
                let schema = provider.schema();
                let mut attributes = schema.attributes.iter();
                attributes.any(|(name, attribute)| attribute.sensitive && is_set(name))
            });
            is_told || wanted.is_some_and(|wanted| wanted.values().any(Value::has_secret))
        });
        let mut outputs = plan.outputs.values();
        (in_steps || outputs.any(|output| output.after.has_secret())).then(|| why.to_owned())
    }

    /// # Errors
    /// [`EngineError::KeyLost`].
    pub(crate) fn check_key(&self, planned: &Planned) -> Result<(), EngineError> {
        match self.unsealable(planned) {
            Some(why) => Err(EngineError::KeyLost(why)),
            None => Ok(()),
        }
    }
}
