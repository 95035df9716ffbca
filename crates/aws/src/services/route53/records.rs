//! The records of a run: their reads and changes, and which of these are not everywhere yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{Change, ChangeAction, ResourceRecordSet};
use infra_core::PhysicalId;
use infra_provider::ProviderResult;

use super::changes::Changes;
use super::names::Key;
use super::reads::Reads;
use crate::errors::built;
use crate::serial::Serial;

/// Records, by way of the client of a run.
#[derive(Debug)]
pub struct Records {
    /// What reads them.
    pub reads: Reads,
    changes: Changes,
    /// The changes that this process made and that may not be everywhere yet, by the record's id.
    under_way: Mutex<BTreeMap<PhysicalId, String>>,
}

impl Records {
    /// With a client, and the queues of its run.
    pub fn new(client: &Client, serial: &Serial) -> Self {
        Self {
            reads: Reads::new(client.clone()),
            changes: Changes::new(client.clone(), serial.clone()),
            under_way: Mutex::default(),
        }
    }

    /// Makes changes of one zone in one batch, and keeps its id until it is everywhere.
    ///
    /// # Errors
    /// Why they were refused.
    pub async fn change(
        &self,
        zone: &str,
        changes: Vec<(Key, ChangeAction, ResourceRecordSet)>,
    ) -> ProviderResult<()> {
        let batch = changes.iter().map(|(_, action, records)| {
            let change = Change::builder().action(action.clone());
            built(change.resource_record_set(records.clone()).build())
        });
        let done = self
            .changes
            .make(zone, batch.collect::<ProviderResult<_>>()?)
            .await?;
        let mut under_way = self.under_way();
        for (key, action, _) in changes {
            match &done {
                Some(change) if action != ChangeAction::Delete => {
                    under_way.insert(key.id(), change.clone());
                }
                _ => drop(under_way.remove(&key.id())),
            }
        }
        Ok(())
    }

    /// Those of these records whose last change by this process is not everywhere yet.
    ///
    /// # Errors
    /// What GetChange answers.
    pub async fn pending(
        &self,
        ids: impl Iterator<Item = &PhysicalId>,
    ) -> ProviderResult<BTreeSet<PhysicalId>> {
        let asked: Vec<(PhysicalId, String)> = {
            let under_way = self.under_way();
            ids.filter_map(|id| Some((id.clone(), under_way.get(id)?.clone())))
                .collect()
        };
        // Those of one batch have one change.
        let changes: BTreeSet<&String> = asked.iter().map(|(_, change)| change).collect();
        let answers = self.reads.pending(changes.into_iter().cloned()).await?;
        let mut under_way = self.under_way();
        let mut pending = BTreeSet::new();
        for (id, change) in asked {
            if answers.get(&change) == Some(&true) {
                pending.insert(id);
            } else if under_way.get(&id) == Some(&change) {
                under_way.remove(&id);
            }
        }
        Ok(pending)
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<PhysicalId, String>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
