//! Waiters: polling until a resource works, or is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use infra_core::event::EventKind;
use infra_core::{Attributes, ErrorClass, Health, PhysicalId, ProviderError, ResourceAddress};
use infra_provider::{Found, Provider, ProviderResult, Wait, serving};
use tokio::time::Instant;

use crate::cancel::{Cancellation, cancelled};
use crate::events::Reporter;
use crate::retry::Pace;

/// What a waiter needs.
#[derive(Clone, Copy)]
pub(crate) struct Waiter<'a> {
    pub provider: &'a dyn Provider,
    pub address: &'a ResourceAddress,
    pub id: &'a PhysicalId,
    /// With the time that is expected of this very wait for the typical one.
    pub wait: Wait,
    pub pace: Pace,
    pub reporter: &'a Reporter,
    pub cancellation: &'a Cancellation,
}

/// What one look means for the wait.
enum Look {
    /// What was waited for is there.
    Over,
    /// Not yet: AWS's word for its state.
    NotYet(String),
    /// It never will be: AWS's word for its state.
    Failed(String),
    /// It is not there any more.
    Gone(String),
}

impl Waiter<'_> {
    /// Polls until it works; what was observed then. `not_shown` tells which attributes a look shows otherwise than
    /// was asked for: AWS may answer for a while as if the change that is waited for had not been. When it does so for
    /// longer, something has undone the change.
    ///
    /// # Errors
    /// It failed, it is gone, it took too long, it works otherwise than was asked for, or waiting was cancelled.
    pub async fn until_ready(
        &self,
        not_shown: impl Fn(&Attributes) -> BTreeSet<String> + Send + Sync,
    ) -> Result<Attributes, ProviderError> {
        let visible_after = self.pace.consistency_window.max(Duration::from_secs(2));
        let contradicted_since: Mutex<Option<Duration>> = Mutex::default();
        let contradicts = |is: bool, elapsed: Duration| {
            let mut since = contradicted_since.lock().unwrap_or_else(PoisonError::into_inner);
            if !is {
                *since = None;
            }
            elapsed.saturating_sub(*since.get_or_insert(elapsed))
        };
        let observed = self
            .poll(&|found, elapsed| {
                let otherwise = match found {
                    Some(Found {
                        observed,
                        health: Health::Ready,
                    }) => not_shown(observed),
                    _ => BTreeSet::new(),
                };
                let contradicted_for = contradicts(!otherwise.is_empty(), elapsed);
                match found.map(|found| &found.health) {
                    Some(Health::Ready) if otherwise.is_empty() => Look::Over,
                    Some(Health::Ready) if contradicted_for < self.pace.not_ready_for => {
                        Look::NotYet("the change is not visible yet".into())
                    }
                    Some(Health::Ready) => Look::Failed(works_otherwise(&otherwise)),
                    Some(Health::Pending(status)) => Look::NotYet(status.clone()),
                    Some(Health::Failed(status)) => Look::Failed(status.clone()),
                    Some(Health::Deleting(status)) => {
                        Look::Gone(format!("somebody is deleting it: {status}"))
                    }
                    // Just made and not in AWS's lists yet; much later it has been deleted by somebody.
                    None if elapsed < visible_after => Look::NotYet("not visible yet".into()),
                    None => Look::Gone("it is gone: somebody deleted it meanwhile".into()),
                }
            })
            .await?;
        Ok(observed.unwrap_or_default())
    }

    /// Polls until AWS no longer has it.
    ///
    /// # Errors
    /// It took too long, or waiting was cancelled.
    pub async fn until_gone(&self) -> Result<(), ProviderError> {
        self.poll(&|found, _| match found.map(|found| &found.health) {
            None => Look::Over,
            // A list from before the delete.
            Some(Health::Ready) => Look::NotYet("still listed".into()),
            Some(Health::Deleting(status) | Health::Pending(status) | Health::Failed(status)) => {
                Look::NotYet(status.clone())
            }
        })
        .await
        .map(|_| ())
    }

    async fn poll(
        &self,
        judge: &(dyn Fn(Option<&Found<Attributes>>, Duration) -> Look + Send + Sync),
    ) -> Result<Option<Attributes>, ProviderError> {
        let started = Instant::now();
        let mut status = String::new();
        let mut looks = FuturesUnordered::new();
        let mut due = started;
        loop {
            let has_room = looks.len() < self.most_looks(started);
            let answer = tokio::select! {
                biased;
                () = self.cancellation.reached(2) => return Err(self.stopped()),
                Some(answer) = looks.next() => answer,
                () = tokio::time::sleep_until(due), if has_room => {
                    looks.push(self.look());
                    due = self.next_look(started);
                    continue;
                }
            };
            match answer {
                Ok(mut found) => {
                    let found = found.remove(self.id);
                    match judge(found.as_ref(), started.elapsed()) {
                        Look::Over => return Ok(found.map(|found| found.observed)),
                        Look::Failed(status) => return Err(self.failed(&status).await),
                        Look::Gone(message) => return Err(ProviderError::new(ErrorClass::NotFound, message)),
                        Look::NotYet(now) => status = now,
                    }
                    self.reporter.send(EventKind::Waiting {
                        address: self.address.clone(),
                        status: status.clone(),
                    });
                }
                // The SDK has retried already; a wait has time to spare, and AWS is not to be pressed.
                Err(error) if matches!(error.class, ErrorClass::Throttled | ErrorClass::Transient) => {
                    due = self.next_look(started);
                }
                Err(error) => return Err(error),
            }
            if self.most_looks(started) == 1 {
                due = due.max(Instant::now() + self.pace.first_poll);
            }
            if started.elapsed() >= self.wait.timeout {
                return Err(self.timed_out(&status).await);
            }
        }
    }

    /// One look, once whoever reads what is told of it is not too far behind.
    async fn look(&self) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        self.cancellation.until(1, self.reporter.room()).await;
        let look = self.provider.read(std::slice::from_ref(self.id));
        serving(self.address.clone(), look).await
    }

    fn most_looks(&self, started: Instant) -> usize {
        self.pace.most_looks(self.wait.typical, started.elapsed())
    }

    /// When to look after a look that begins, or fails, now.
    fn next_look(&self, started: Instant) -> Instant {
        Instant::now() + self.pace.poll_pause(self.wait.typical, started.elapsed())
    }

    /// The error of a resource in a failed state, by AWS's word for that, and why it came to it.
    pub async fn failed(&self, status: &str) -> ProviderError {
        ProviderError::new(ErrorClass::Failed, self.explained(status.to_owned()).await)
    }

    /// A message with what the provider finds out about the reason.
    async fn explained(&self, message: String) -> String {
        let explaining = tokio::time::timeout(EXPLAINING, self.provider.explain(self.id));
        match self.cancellation.until(2, explaining).await {
            Some(Ok(Some(reason))) => format!("{message}\n{reason}"),
            _ => message,
        }
    }

    fn stopped(&self) -> ProviderError {
        cancelled(format!("while waiting for: {}", self.wait.what))
    }

    async fn timed_out(&self, status: &str) -> ProviderError {
        let message = format!(
            "gave up after {} s waiting for: {} (last seen: {status})",
            self.wait.timeout.as_secs(),
            self.wait.what
        );
        ProviderError::new(ErrorClass::TimedOut, self.explained(message).await).hint(
            "run the same command again to go on waiting, or give it longer by `timeouts` of the resource",
        )
    }
}

/// How long it is asked why something failed or takes too long.
const EXPLAINING: Duration = Duration::from_secs(60);

fn works_otherwise(otherwise: &BTreeSet<String>) -> String {
    let names: Vec<String> = otherwise.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "it works, but not as it was asked to: {} is not what was sent, because AWS or somebody else took the \
         change back",
        names.join(", ")
    )
}
