//! Reading records and the progress of changes: what many ask for at the same moment is asked once. Route 53 takes five
//! requests a second of an account, and a batch of a hundred records has as many waiters.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{ChangeStatus, ResourceRecordSet, RrType};
use futures::future::try_join_all;

use super::names::{Key, plain};
use crate::joined::{Everything, Joined};
use crate::prelude::*;

/// Up to so many records of a zone are looked up one by one, however small the zone is.
const FEW: usize = 3;
/// ListResourceRecordSets gives at most 300 records a page.
const PAGE: i32 = 300;
/// No zone has that many pages: a zone has 10,000 records unless AWS was asked for more.
const MOST_PAGES: usize = 2000;

/// Reads records.
#[derive(Debug, Clone)]
pub struct Reads {
    client: Client,
    records: Joined<ResourceRecordSet>,
    pending: Joined<bool>,
    /// How many pages zones had when they were last listed.
    pages: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Reads {
    /// With a client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            records: Joined::default(),
            pending: Joined::default(),
            pages: Arc::default(),
        }
    }

    /// These records, and those that others ask for at the same moment, by [`Key::id`]; those that are not there
    /// are missing.
    ///
    /// # Errors
    /// What ListResourceRecordSets answers.
    pub async fn records(
        &self,
        keys: impl IntoIterator<Item = &Key>,
    ) -> ProviderResult<Everything<ResourceRecordSet>> {
        let reads = self.clone();
        let fetch = move |ids: Vec<String>| async move {
            let mut zones: BTreeMap<String, Vec<Key>> = BTreeMap::new();
            for id in ids {
                let key = Key::of(&PhysicalId::new(id))?;
                zones.entry(key.zone.clone()).or_default().push(key);
            }
            let found = try_join_all(zones.iter().map(async |(zone, keys)| {
                let records = reads.of_zone(zone, keys).await?.into_iter();
                let by_id = records.map(|records| (key_of(zone, &records).id().to_string(), records));
                ProviderResult::Ok(by_id.collect::<Vec<_>>())
            }));
            Ok(found.await?.into_iter().flatten().collect())
        };
        let ids = keys.into_iter().map(|key| key.id().to_string());
        self.records.read(ids.collect::<Vec<_>>(), fetch).await
    }

    /// Which of these changes, and of those that others ask for at the same moment, are not everywhere yet.
    ///
    /// # Errors
    /// What GetChange answers.
    pub async fn pending(
        &self,
        changes: impl IntoIterator<Item = String>,
    ) -> ProviderResult<Everything<bool>> {
        let client = self.client.clone();
        let fetch = move |changes: Vec<String>| async move {
            let answers = try_join_all(changes.into_iter().map(async |change| {
                let answer = client.get_change().id(&change).send().await;
                // Route 53 forgets changes after a while, long after they are everywhere.
                let answer = answer.aws("route53", "GetChange").absent_is_none()?;
                let info = answer.as_ref().and_then(|answer| answer.change_info());
                let is_pending = info.is_some_and(|info| *info.status() == ChangeStatus::Pending);
                ProviderResult::Ok((change, is_pending))
            }));
            Ok(answers.await?.into_iter().collect())
        };
        self.pending.read(changes, fetch).await
    }

    /// One record, asked for by itself.
    ///
    /// # Errors
    /// What ListResourceRecordSets answers.
    pub async fn find(&self, key: &Key) -> ProviderResult<Option<ResourceRecordSet>> {
        // The list begins where this record is or would be; emulators begin at the first of its name and type.
        let at_most = if key.set_identifier.is_some() { PAGE } else { 1 };
        let answer = self
            .client
            .list_resource_record_sets()
            .hosted_zone_id(&key.zone)
            .start_record_name(&key.name)
            .start_record_type(RrType::from(key.kind.as_str()))
            .set_start_record_identifier(key.set_identifier.clone())
            .max_items(at_most)
            .send()
            .await
            .aws("route53", "ListResourceRecordSets")
            .absent_is_none()?;
        let records = answer.map(|answer| answer.resource_record_sets);
        let mut records = records.into_iter().flatten();
        Ok(records.find(|records| key_of(&key.zone, records) == *key))
    }

    /// Records of a zone, these at the least, by as few requests as it takes; none when there is no such zone.
    async fn of_zone(&self, zone: &str, keys: &[Key]) -> ProviderResult<Vec<ResourceRecordSet>> {
        let pages = {
            let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            pages.get(zone).copied().unwrap_or_default()
        };
        if keys.len() <= pages.max(FEW) {
            let one_by_one = keys.iter().map(|key| self.find(key));
            Ok(try_join_all(one_by_one).await?.into_iter().flatten().collect())
        } else {
            self.all(zone).await
        }
    }

    async fn all(&self, zone: &str) -> ProviderResult<Vec<ResourceRecordSet>> {
        let mut all = Vec::new();
        let (mut name, mut kind, mut identifier) = (None, None, None);
        for page in 1..=MOST_PAGES {
            let answer = self
                .client
                .list_resource_record_sets()
                .hosted_zone_id(zone)
                .set_start_record_name(name)
                .set_start_record_type(kind)
                .set_start_record_identifier(identifier)
                .max_items(PAGE)
                .send()
                .await
                .aws("route53", "ListResourceRecordSets")
                .absent_is_none()?;
            let Some(answer) = answer else { break };
            all.extend(answer.resource_record_sets);
            if !answer.is_truncated {
                let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
                pages.insert(zone.to_owned(), page);
                break;
            }
            (name, kind, identifier) = (
                answer.next_record_name,
                answer.next_record_type,
                answer.next_record_identifier,
            );
        }
        Ok(all)
    }
}

/// What tells records apart.
pub fn key_of(zone: &str, records: &ResourceRecordSet) -> Key {
    Key {
        zone: zone.to_owned(),
        name: plain(records.name()),
        kind: records.r#type().as_str().to_owned(),
        set_identifier: records.set_identifier().map(str::to_owned),
    }
}
