//! A state that is gone altogether: what stands at AWS of a stack whose state knows nothing.
//!
//! Without a look, an apply would make a second one of all that has no unique name.

use std::time::Duration;

use infra_core::{ErrorClass, ProviderError};
use infra_provider::Standing;
use infra_state::RunRecord;

use crate::cancel::cancelled;
use crate::session::Session;

/// A look that is not over by then is given up: it is made in case, and a stack that has nothing is the rule.
const PATIENCE: Duration = Duration::from_secs(20);

impl Session {
    /// What AWS has with the tag of this stack, although the state knows nothing and never did. Of a state that knows, or
    /// once knew, anything, nothing is asked; nor of one that was rebuilt, for which everything is looked for by
    /// [`Session::find_again`].
    ///
    /// # Errors
    /// AWS did not tell.
    pub async fn unknown_to_the_state(&self) -> Result<Vec<Standing>, ProviderError> {
        let Some(survey) = self.providers.survey() else {
            return Ok(Vec::new());
        };
        let stack = self.journal.with_state(|state| {
            let is_new = state.is_empty() && state.intents.is_empty() && !state.rebuilt;
            is_new.then(|| state.stack.clone())
        });
        let Some(stack) = stack else {
            return Ok(Vec::new());
        };
        // What it cannot read, it cannot say to have known.
        let history = self.journal.history().unwrap_or_default();
        if history.iter().any(knew_something) {
            return Ok(Vec::new());
        }
        let looked = tokio::time::timeout(PATIENCE, survey.tagged(&stack));
        match self.cancellation.until(1, looked).await {
            Some(Ok(told)) => told,
            Some(Err(_)) => Err(ProviderError::new(
                ErrorClass::TimedOut,
                format!("no answer within {} s", PATIENCE.as_secs()),
            )),
            None => Err(cancelled("before AWS had told what it has of the stack")),
        }
    }
}

/// Whether a run made, changed or let go of anything, as far as its end tells.
fn knew_something(run: &RunRecord) -> bool {
    run.end.as_ref().is_none_or(|end| end.summary.done.any())
}
