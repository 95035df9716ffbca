//! Deletes and creates that one call makes, which is carried out whole or not at all.
//!
//! Each has an intent of its own before the call and an outcome after it. The outcomes of the deletes come first: what is
//! made may have the very id of what is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{join_all, try_join_all};
use infra_core::{Attributes, ErrorClass, Health, Intent, Operation, PhysicalId, ProviderError, StepId};
use infra_provider::{Call, Found, Provider, ProviderResult, Spec};
use tokio::time::Instant;

use super::delete::{is_gone, last_seen};
use super::intent::Effect;
use super::{Finished, Job, Keep, StepError, StepRun};
use crate::cancel::not_again;
use crate::retry::Tries;

/// What a create of the call made.
type Made = (PhysicalId, Found<Attributes>);

/// A step that the call deletes for.
struct Leaving {
    run: StepRun,
    id: PhysicalId,
    last: Attributes,
    keep: Keep,
}

/// A step that the call creates for.
struct Coming {
    run: StepRun,
    wanted: Spec,
    applied: Attributes,
    keep: Keep,
}

/// The intents of a call's steps, in their order.
struct Intents {
    leaving: Vec<Intent>,
    coming: Vec<Intent>,
}

struct Together<'a> {
    provider: &'a dyn Provider,
    leaving: Vec<Leaving>,
    coming: Vec<Coming>,
    /// The first of those that come: what is told of the call is told of it.
    first: StepId,
}

/// Why nothing came of a call.
enum Failure {
    /// One step stood in the way of all of them: nothing was called, or AWS refused.
    Of(StepId, StepError),
    /// Nobody knows what became of it.
    Unknown(ProviderError),
}

impl Failure {
    fn of(step: StepId) -> impl Fn(StepError) -> Self {
        move |error| Self::Of(step, error)
    }
}

/// Carries out the jobs of steps that one call makes, and tells how each ended.
pub(crate) async fn run_together(parts: Vec<(StepRun, Job)>) {
    if !parts.iter().any(|(_, job)| matches!(job, Job::Create { .. })) {
        // Nothing is made after all: what goes needs no call of all of them.
        join_all(parts.into_iter().map(|(run, job)| run.run(job))).await;
        return;
    }
    let (mut leaving, mut coming) = (Vec::new(), Vec::new());
    for (run, job) in parts {
        match job {
            Job::Delete { id, record, .. } => {
                let (keep, last) = last_seen(*record);
                leaving.push(Leaving { run, id, last, keep });
            }
            Job::Create {
                wanted,
                applied,
                keep,
            } => coming.push(Coming {
                run,
                wanted,
                applied,
                keep,
            }),
            // It needs no call.
            other => run.run(other).await,
        }
    }
    let Some(first) = coming.first() else { return };
    let (step, type_name) = (first.run.step, first.run.address.type_name().clone());
    let providers = Arc::clone(&first.run.shared.providers);
    let Some(provider) = providers.provider(&type_name) else {
        return;
    };
    let together = Together {
        provider,
        leaving,
        coming,
        first: step,
    };
    match together.carry_out().await {
        Ok(made) => together.end_well(made).await,
        Err(failure) => together.end_badly(failure).await,
    }
}

impl Together<'_> {
    async fn carry_out(&self) -> Result<Vec<Made>, Failure> {
        let gone: BTreeSet<PhysicalId> = self.leaving.iter().map(|leaving| leaving.id.clone()).collect();
        let mut there_before = Vec::new();
        for Coming { run, wanted, .. } in &self.coming {
            let there = run.there_before(self.provider, wanted, &gone).await;
            there_before.push(there.map_err(Failure::of(run.step))?);
        }
        let intents = self.intend(there_before).await?;
        match self.call(&intents, &gone).await {
            Ok(made) => {
                let noted = self.note(intents, &made).await;
                noted.map_err(Failure::of(self.first))?;
                Ok(made)
            }
            Err((error, effect)) => {
                let run = &self.coming[0].run;
                let error = run.shared.reporter.redaction().error(error);
                let closed = self.close(&intents, &error, effect).await;
                closed.map_err(Failure::of(self.first))?;
                Err(match effect {
                    Effect::Unknown => Failure::Unknown(error),
                    Effect::Nothing | Effect::Unseen => Failure::Of(self.first, StepError::Failed(error)),
                })
            }
        }
    }

    /// All intents, durable.
    async fn intend(&self, there_before: Vec<Option<BTreeSet<PhysicalId>>>) -> Result<Intents, Failure> {
        let leaving = self.leaving.iter().map(async |Leaving { run, id, last, keep }| {
            let intent = run.intend(Operation::Delete, Some(id), last, Vec::new(), keep, None);
            intent.await.map_err(Failure::of(run.step))
        });
        let coming = self.coming.iter().zip(there_before).map(
            async |(
                Coming {
                    run, applied, keep, ..
                },
                there_before,
            )| {
                let intent = run.intend(Operation::Create, None, applied, Vec::new(), keep, there_before);
                intent.await.map_err(Failure::of(run.step))
            },
        );
        let (leaving, coming) = futures::join!(join_all(leaving), join_all(coming));
        let mut failure = None;
        let mut those = |all: Vec<Result<Intent, Failure>>| -> Vec<Intent> {
            let mut intents = Vec::new();
            for intent in all {
                match intent {
                    Ok(intent) => intents.push(intent),
                    Err(found) => failure = failure.take().or(Some(found)),
                }
            }
            intents
        };
        let intents = Intents {
            leaving: those(leaving),
            coming: those(coming),
        };
        let Some(failure) = failure else {
            return Ok(intents);
        };
        if let Failure::Of(_, StepError::Failed(error)) = &failure {
            let closed = self.close(&intents, error, Effect::Nothing).await;
            closed.map_err(Failure::of(self.first))?;
        }
        Err(failure)
    }

    /// Closes intents of a call that came to nothing. Only of what is made it can show later.
    async fn close(&self, intents: &Intents, error: &ProviderError, effect: Effect) -> Result<(), StepError> {
        let run = &self.coming[0].run;
        let of_deletes = match effect {
            Effect::Unseen => Effect::Nothing,
            other => other,
        };
        let leaving = intents
            .leaving
            .iter()
            .map(|intent| run.close(intent, error, of_deletes));
        let coming = intents
            .coming
            .iter()
            .map(|intent| run.close(intent, error, effect));
        futures::try_join!(try_join_all(leaving), try_join_all(coming))?;
        Ok(())
    }

    /// Makes the call until it is certain what became of it. The error comes with what AWS may have done.
    async fn call(
        &self,
        intents: &Intents,
        gone: &BTreeSet<PhysicalId>,
    ) -> Result<Vec<Made>, (ProviderError, Effect)> {
        let Coming { run, .. } = &self.coming[0];
        let cancellation = &run.shared.cancellation;
        let deletes: Vec<(Call, PhysicalId)> = self
            .leaving
            .iter()
            .zip(&intents.leaving)
            .map(|(leaving, intent)| (leaving.run.call(&intent.token), leaving.id.clone()))
            .collect();
        let creates: Vec<(Call, Spec)> = self
            .coming
            .iter()
            .zip(&intents.coming)
            .map(|(coming, intent)| (coming.run.call(&intent.token), coming.wanted.clone()))
            .collect();
        let calls = creates.iter().map(|(call, _)| call.clone());
        let attributes = intents
            .coming
            .iter()
            .map(|intent| intent.attributes.clone().into());
        let meant: Vec<(Call, Spec)> = calls.zip(attributes).collect();
        let mut tries = self.tries();
        let mut effect = Effect::Nothing;
        loop {
            let call = self.provider.in_one_call(&deletes, &creates);
            let error = match cancellation.answer(creates[0].0.scope(call)).await {
                Ok(created) => return Ok(created.into_iter().map(|made| (made.id, made.found)).collect()),
                Err(error) if error.class == ErrorClass::Cancelled => return Err((error, Effect::Unknown)),
                Err(error) => error,
            };
            let is_uncertain = !error.class.has_no_effect();
            if is_uncertain {
                effect = Effect::Unseen;
            }
            // A call that comes after one that was carried out finds its names taken.
            if effect == Effect::Unseen && !matches!(error.class, ErrorClass::Throttled) {
                match self.look_for(&meant, gone).await {
                    Ok(Some(made)) => return Ok(made),
                    Ok(None) if cancellation.level() >= 2 => {
                        return Err((not_again(&error), Effect::Unknown));
                    }
                    Ok(None) => {}
                    Err(_) => return Err((error, Effect::Unknown)),
                }
            }
            let Some(pause) = tries.next(error.class) else {
                return Err((error, effect));
            };
            run.retrying(&tries, pause, &error);
            if !cancellation.pause(pause).await {
                return Err((not_again(&error), effect));
            }
        }
    }

    fn tries(&self) -> Tries {
        let Coming { run, wanted, .. } = &self.coming[0];
        let tries = run.tries_of_create(self.provider, wanted);
        match self.leaving.iter().any(|leaving| leaving.run.follows_deletes) {
            true => tries.after_deletes(),
            false => tries,
        }
    }

    /// What the call made, if it was carried out: all of it is there, and nothing else of what it was to delete. Looks
    /// for as long as AWS's lists may be late.
    async fn look_for(
        &self,
        meant: &[(Call, Spec)],
        gone: &BTreeSet<PhysicalId>,
    ) -> ProviderResult<Option<Vec<Made>>> {
        let shared = &self.coming[0].run.shared;
        let started = Instant::now();
        let mut pause = shared.pace.first_poll;
        loop {
            let look = self.look(meant, gone);
            match shared.cancellation.until(2, look).await.transpose()? {
                Some(Some(made)) => return Ok(Some(made)),
                Some(None) => {}
                None => return Ok(None),
            }
            let is_enough = started.elapsed() >= shared.pace.consistency_window;
            if is_enough || !shared.cancellation.sleep(pause).await {
                return Ok(None);
            }
            pause = pause.mul_f64(1.5).min(shared.pace.slowest_poll);
        }
    }

    async fn look(
        &self,
        meant: &[(Call, Spec)],
        gone: &BTreeSet<PhysicalId>,
    ) -> ProviderResult<Option<Vec<Made>>> {
        let mut ids = Vec::new();
        for (call, meant) in meant {
            let recovered = call.scope(self.provider.recover(call, meant));
            match recovered.await? {
                Some(id) => ids.push(id),
                None => return Ok(None),
            }
        }
        let still = gone.iter().filter(|id| !ids.contains(id)).cloned();
        let asked: Vec<PhysicalId> = still.chain(ids.iter().cloned()).collect();
        let mut found = self.provider.read(&asked).await?;
        found.retain(|_, found| !matches!(found.health, Health::Deleting(_)));
        let made: Option<Vec<Made>> = ids
            .into_iter()
            .map(|id| found.remove(&id).map(|found| (id, found)))
            .collect();
        Ok(made.filter(|_| found.is_empty()))
    }

    /// All outcomes, durable.
    async fn note(&self, intents: Intents, made: &[Made]) -> Result<(), StepError> {
        let leaving = self.leaving.iter().zip(intents.leaving);
        let gone = leaving.map(|(Leaving { run, id, last, .. }, intent)| {
            run.note(run.deleted(self.provider, intent, id, last))
        });
        try_join_all(gone).await?;
        let coming = self.coming.iter().zip(&intents.coming).zip(made);
        let there = coming.map(|((Coming { run, wanted, .. }, intent), (id, found))| {
            run.note(run.created(self.provider, intent, wanted, id, found.clone()))
        });
        try_join_all(there).await?;
        Ok(())
    }

    async fn end_well(self, made: Vec<Made>) {
        for Leaving { run, id, .. } in self.leaving {
            run.end(Ok(is_gone(id))).await;
        }
        let provider = self.provider;
        let rest = self
            .coming
            .into_iter()
            .zip(made)
            .map(async |(coming, (id, found))| {
                let Coming {
                    run,
                    wanted,
                    applied,
                    keep,
                } = coming;
                let result: Result<Finished, StepError> =
                    run.go_on(provider, id, found, wanted, applied, keep).await;
                run.end(result).await;
            });
        join_all(rest).await;
    }

    /// The step that stood in the way is told of first: the others are left out because of it.
    async fn end_badly(self, failure: Failure) {
        let leaving = self.leaving.into_iter().map(|leaving| leaving.run);
        let runs: Vec<StepRun> = leaving
            .chain(self.coming.into_iter().map(|coming| coming.run))
            .collect();
        match failure {
            Failure::Unknown(error) => {
                for run in runs {
                    run.end(Err(StepError::Failed(error.clone()))).await;
                }
            }
            Failure::Of(step, error) => {
                let (at_fault, others): (Vec<StepRun>, Vec<StepRun>) =
                    runs.into_iter().partition(|run| run.step == step);
                let error = match error {
                    StepError::NotReady(error, _) => StepError::Failed(error),
                    other => other,
                };
                if let Some(run) = at_fault.first() {
                    run.end(Err(error)).await;
                }
                for run in others {
                    run.end(Err(StepError::LeftOut(step))).await;
                }
            }
        }
    }
}
