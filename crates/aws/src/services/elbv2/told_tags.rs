//! Reading the tags of load balancers, target groups and listeners at once.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use infra_core::PhysicalId;
use infra_provider::{Found, ProviderResult};

use super::common::{ARNS, tags_of};
use crate::clients::Clients;
use crate::joined::{Everything, Joined};
use crate::read::in_batches_that_exist;
use crate::tags::Tags;

/// Reads tags.
pub struct ToldTags {
    client: Client,
    joined: Joined<Tags>,
}

impl ToldTags {
    /// With the clients of a run.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: clients.elbv2.clone(),
            joined: clients.balancing_tags.clone(),
        }
    }

    /// All tags of these things, ours included, and of those that others ask for at the same moment, by ARN.
    /// What is not there is not in the answer.
    ///
    /// # Errors
    /// What DescribeTags answers.
    pub async fn read(&self, arns: impl IntoIterator<Item = String>) -> ProviderResult<Everything<Tags>> {
        let client = self.client.clone();
        let fetch = move |arns: Vec<String>| async move {
            let ids: Vec<PhysicalId> = arns.into_iter().map(PhysicalId::new).collect();
            let told = in_batches_that_exist(&ids, ARNS, async |arns| {
                let tags = tags_of(&client, arns).await?.into_iter();
                Ok(tags
                    .map(|(arn, tags)| (PhysicalId::new(arn), Found::ready(tags)))
                    .collect())
            });
            let told = told.await?.into_iter();
            Ok(told
                .map(|(id, found)| (id.to_string(), found.observed))
                .collect::<BTreeMap<_, _>>())
        };
        self.joined.read(arns, fetch).await
    }
}
