//! Changes of records, in batches: a zone takes one change at a time, and a change may be of many records.
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch};
use tokio::sync::oneshot;

use super::names::plain;
use crate::errors::{built, told};
use crate::prelude::*;
use crate::serial::Serial;

/// Changes in one batch: Route 53 takes more, but also counts their characters.
const BATCH: usize = 100;

/// How long the first change waits for others to come along.
const GATHER: Duration = Duration::from_millis(2);

/// Sends changes.
#[derive(Debug)]
pub struct Changes {
    client: Client,
    serial: Serial,
    /// By zone, in order of asking.
    waiting: Mutex<BTreeMap<String, Vec<Waiting>>>,
}

/// Changes that are not sent yet and stay together, and who waits for their number.
#[derive(Debug)]
struct Waiting {
    changes: Vec<Change>,
    done: oneshot::Sender<ProviderResult<Option<String>>>,
}

impl Waiting {
    fn only_deletes(&self) -> bool {
        self.changes
            .iter()
            .all(|change| *change.action() == ChangeAction::Delete)
    }

    /// The names of the records.
    fn names(&self) -> BTreeSet<String> {
        let records = self.changes.iter().filter_map(Change::resource_record_set);
        records.map(|records| plain(records.name())).collect()
    }
}

impl Changes {
    /// With a client, and the queues of its run.
    pub fn new(client: Client, serial: Serial) -> Self {
        Self {
            client,
            serial,
            waiting: Mutex::default(),
        }
    }

    /// Makes changes of a zone, all or none, in their order, and in one batch with whatever others want to change there
    /// now. Returns the batch's id, by which Route 53 tells how far it is.
    ///
    /// # Errors
    /// Why these changes were refused; what others want does not count.
    pub async fn make(&self, zone: &str, changes: Vec<Change>) -> ProviderResult<Option<String>> {
        let (done, mut answer) = oneshot::channel();
        let mine = Waiting { changes, done };
        self.lock().entry(zone.to_owned()).or_default().push(mine);
        tokio::time::sleep(GATHER).await;
        // Whoever has the turn sends what is waiting, this one perhaps among it.
        let turn = tokio::select! {
            biased;
            made = &mut answer => return made.unwrap_or_else(|_| Err(given_up())),
            turn = self.serial.turn(format!("route53 zone {zone}")) => turn,
        };
        loop {
            match answer.try_recv() {
                Ok(made) => return made,
                Err(oneshot::error::TryRecvError::Closed) => return Err(given_up()),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            let batch = self.next_batch(zone);
            if batch.is_empty() {
                break;
            }
            self.send(zone, batch).await;
        }
        drop(turn);
        answer.await.unwrap_or_else(|_| Err(given_up()))
    }

    /// What is sent next. What nobody waits for any more is left to the next run.
    fn next_batch(&self, zone: &str) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let Some(of_zone) = waiting.get_mut(zone) else {
            return Vec::new();
        };
        of_zone.retain(|one| !one.done.is_closed());
        let mut changes = 0;
        let many = of_zone.iter().take_while(|one| {
            changes += one.changes.len();
            changes <= BATCH
        });
        // Those that stay together go together, however many they are.
        let many = many.count().max(1).min(of_zone.len());
        of_zone.drain(..many).collect()
    }

    /// Sends a batch and tells everybody. A batch is carried out whole or not at all: one that is refused is sent
    /// again, each one's changes for themselves, to see whose fault it was. Deletes come last then, and not at all where
    /// what else was to be changed at their names is refused: it may be what was to take their place.
    async fn send(&self, zone: &str, mut batch: Vec<Waiting>) {
        // Route 53 holds each change against what those before it leave.
        batch.sort_by_key(|one| !one.only_deletes());
        let all = batch.iter().flat_map(|one| one.changes.clone());
        let made = self.call(zone, all).await;
        let is_refused = made.as_ref().is_err_and(|error| {
            matches!(
                error.class,
                ErrorClass::Invalid
                    | ErrorClass::AlreadyExists
                    | ErrorClass::NotFound
                    | ErrorClass::DependencyNotReady
            )
        });
        // Whoever has stopped waiting finds out in the next run.
        if !is_refused || batch.len() < 2 {
            for one in batch {
                let _ = one.done.send(made.clone());
            }
            return;
        }
        batch.sort_by_key(Waiting::only_deletes);
        let mut refused: BTreeMap<String, ProviderError> = BTreeMap::new();
        for one in batch {
            let names = one.names();
            let before = names.iter().find_map(|name| refused.get(name));
            let made = match before.filter(|_| one.only_deletes()) {
                Some(error) => Err(not_deleted(error)),
                None => self.call(zone, one.changes).await,
            };
            if let Err(error) = &made {
                refused.extend(names.into_iter().map(|name| (name, error.clone())));
            }
            let _ = one.done.send(made);
        }
    }

    async fn call(
        &self,
        zone: &str,
        changes: impl IntoIterator<Item = Change>,
    ) -> ProviderResult<Option<String>> {
        let changes = changes.into_iter().collect();
        let batch = built(ChangeBatch::builder().set_changes(Some(changes)).build())?;
        let answer = self
            .client
            .change_resource_record_sets()
            .hosted_zone_id(zone)
            .change_batch(batch)
            .send()
            .await;
        // The reasons are in a list of their own.
        let reasons = match answer.as_ref().err().and_then(|error| error.as_service_error()) {
            Some(ChangeResourceRecordSetsError::InvalidChangeBatch(invalid)) => invalid.messages().join("; "),
            _ => String::new(),
        };
        let answer = answer
            .aws("route53", "ChangeResourceRecordSets")
            .map_err(|error| with_reasons(error, &reasons))?;
        Ok(answer.change_info().map(|info| info.id().to_owned()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delete stays undone where what was to come at its name was refused.
fn not_deleted(error: &ProviderError) -> ProviderError {
    let message = format!(
        "nothing is deleted at this name, since another change of it was refused: {}",
        error.message
    );
    ProviderError {
        class: ErrorClass::Invalid,
        message,
        ..error.clone()
    }
}

/// Whoever sent the batch was stopped: nobody knows what became of it.
fn given_up() -> ProviderError {
    let message = "the batch that this change was in was given up, and may have been carried out";
    ProviderError {
        service: "route53".into(),
        operation: "ChangeResourceRecordSets".into(),
        ..ProviderError::new(ErrorClass::Transient, message)
    }
}

/// Route 53 has one code for every change that it refuses: what is meant is in the reasons.
fn with_reasons(error: ProviderError, reasons: &str) -> ProviderError {
    if error.class != ErrorClass::Invalid || reasons.is_empty() {
        return error;
    }
    told(
        "route53",
        "ChangeResourceRecordSets",
        error.code.as_deref(),
        reasons,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_changes_are_told_apart_by_their_reasons() {
        let cases = [
            (
                "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists",
                ErrorClass::AlreadyExists,
            ),
            (
                "Tried to delete resource record set [name='a.example.com.', type='A'] but it was not found",
                ErrorClass::NotFound,
            ),
            (
                "Tried to create an alias that targets b.example.com., type A in zone Z1, but that target was \
                 not found",
                ErrorClass::DependencyNotReady,
            ),
            (
                "RRSet with DNS name a.example.org. is not permitted in zone example.com.",
                ErrorClass::Invalid,
            ),
        ];
        for (reason, class) in cases {
            let error = ProviderError {
                code: Some("InvalidChangeBatch".into()),
                ..ProviderError::new(ErrorClass::Invalid, "x")
            };
            let told = with_reasons(error, reason);
            assert_eq!((told.class, told.message.as_str()), (class, reason));
        }
        let throttled = ProviderError::new(ErrorClass::Throttled, "but it already exists");
        assert_eq!(with_reasons(throttled, "").class, ErrorClass::Throttled);
    }
}
