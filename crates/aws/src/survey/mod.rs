//! The survey: what carries a stack's tags, and what stands in its VPCs, that the state does not know.
//!
//! Tags first. AWS's index of tags ([`tagged`]) is asked what carries `infra:stack`, and EC2 for itself, since the
//! index is late by minutes; what neither the state nor a read of its type knows is left out, since an index
//! remembers what is gone. Then the networks ([`network`]): one list of each kind, filtered by VPC where the API
//! has such a filter. All lists are asked for at the same time; their number grows with pages only.

mod arns;
mod interfaces;
mod network;
mod rules;
mod tagged;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_smithy_types::DateTime;
use infra_core::{Claim, PhysicalId, ResourceAddress, StackId, TypeName};
use infra_provider::{Managed, ProviderResult, Standing, Survey, SurveyRequest, TAG_ADDRESS, TAG_STACK};

use crate::catalogue::AwsProviders;
use crate::clients::Clients;
use crate::tags::Tags;

#[async_trait]
impl Survey for AwsProviders {
    async fn survey(&self, request: &SurveyRequest<'_>) -> ProviderResult<Vec<Standing>> {
        let look = Look::new(self, request);
        let (tagged, within) = futures::try_join!(tagged::find(&look), network::find(&look))?;
        Ok(merged(within, tagged))
    }

    async fn tagged(&self, stack: &StackId, managed: &[Managed]) -> ProviderResult<Vec<Standing>> {
        let request = SurveyRequest {
            stack,
            name: "",
            managed,
        };
        tagged::in_index(&Look::new(self, &request)).await
    }
}

/// Each thing once. What is first knows where it stands, what is second whose it is.
fn merged(within: Vec<Standing>, tagged: Vec<Standing>) -> Vec<Standing> {
    let mut things: BTreeMap<(TypeName, PhysicalId), Standing> = BTreeMap::new();
    for thing in within.into_iter().chain(tagged) {
        let key = (thing.resource_type.clone(), thing.id.clone());
        match things.entry(key) {
            Entry::Vacant(place) => {
                place.insert(thing);
            }
            Entry::Occupied(mut first) => {
                let first = first.get_mut();
                first.claim = first.claim.take().or(thing.claim);
            }
        }
    }
    things.into_values().collect()
}

/// What a survey looks with.
struct Look<'a> {
    clients: &'a Clients,
    providers: &'a AwsProviders,
    request: &'a SurveyRequest<'a>,
    known: BTreeSet<(String, &'a str)>,
    addresses: BTreeMap<&'a str, &'a ResourceAddress>,
}

impl<'a> Look<'a> {
    fn new(providers: &'a AwsProviders, request: &'a SurveyRequest<'a>) -> Self {
        let managed = request.managed.iter();
        Self {
            clients: providers.clients(),
            providers,
            request,
            known: managed
                .clone()
                .map(|thing| (thing.address.type_name().to_string(), thing.id.as_str()))
                .collect(),
            addresses: managed.map(|thing| (thing.id.as_str(), &thing.address)).collect(),
        }
    }

    /// Whether the state has it.
    fn knows(&self, resource_type: &str, id: &str) -> bool {
        self.known.contains(&(resource_type.to_owned(), id))
    }

    /// The ids that the state has of a type.
    fn ids(&self, resource_type: &str) -> Vec<String> {
        let managed = self.request.managed.iter();
        managed
            .filter(|thing| thing.address.type_name().to_string() == resource_type)
            .map(|thing| thing.id.to_string())
            .collect()
    }

    /// A thing as the survey tells it; `None` when the state knows it.
    fn standing(&self, thing: Thing<'_>) -> Option<Standing> {
        let id = thing.id.filter(|id| !id.is_empty())?;
        if self.knows(thing.resource_type, id) {
            return None;
        }
        let name = thing.tags.get("Name").map(String::as_str).or(thing.said);
        Some(Standing {
            resource_type: thing.resource_type.parse().ok()?,
            id: PhysicalId::new(id),
            name: name.filter(|name| !name.is_empty()).map(str::to_owned),
            claim: claim(&thing.tags),
            near: thing
                .near
                .and_then(|near| self.addresses.get(near))
                .map(|address| (*address).clone()),
            created_unix_ms: thing.created.and_then(unix_ms),
        })
    }
}

/// One thing of an answer.
#[derive(Default)]
struct Thing<'a> {
    resource_type: &'a str,
    id: Option<&'a str>,
    tags: Tags,
    /// What names it where it has no tag `Name`.
    said: Option<&'a str>,
    /// The id of what it stands in.
    near: Option<&'a str>,
    created: Option<&'a DateTime>,
}

/// Who made a thing, by its tags.
fn claim(tags: &Tags) -> Option<Claim> {
    tags.get(TAG_STACK).map(|stack| Claim {
        stack: stack.clone(),
        address: tags.get(TAG_ADDRESS).cloned(),
    })
}

fn unix_ms(time: &DateTime) -> Option<u64> {
    time.to_millis()
        .ok()
        .and_then(|milliseconds| u64::try_from(milliseconds).ok())
}
