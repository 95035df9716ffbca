//! Reading the tags of load balancers, target groups and listeners at once.

use std::collections::BTreeMap;

use super::common::{ARNS, tags_of};
use crate::joined::Everything;
use crate::prelude::*;
use crate::read::in_batches_that_exist;

/// All tags of these things, ours included, and of those that others ask for at the same moment, by ARN.
/// What is not there is not in the answer.
///
/// # Errors
/// What DescribeTags answers.
pub async fn read(aws: &Clients, arns: impl IntoIterator<Item = String>) -> ProviderResult<Everything<Tags>> {
    let client = aws.elbv2.clone();
    let fetch = move |arns: Vec<String>| async move {
        let ids: Vec<PhysicalId> = arns.into_iter().map(PhysicalId::new).collect();
        let told = in_batches_that_exist(&ids, ARNS, async |arns| {
            let tags = tags_of(&client, arns).await?.into_iter();
            let tags = tags.map(|(arn, tags)| (PhysicalId::new(arn), Found::ready(tags)));
            Ok(tags.collect())
        });
        let told = told.await?.into_iter();
        Ok(told
            .map(|(id, found)| (id.to_string(), found.observed))
            .collect::<BTreeMap<_, _>>())
    };
    aws.balancing_tags.read(arns, fetch).await
}
