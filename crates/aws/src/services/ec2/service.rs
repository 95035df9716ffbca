//! What is the same for all types of EC2.

use aws_sdk_ec2::types::Tag;
use infra_provider::Service;

use crate::prelude::*;

/// EC2.
pub struct Ec2;

impl Service for Ec2 {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &["ec2:CreateTags", "ec2:DeleteTags"];

    async fn tag(clients: &Clients, id: &str, tags: Tags) -> ProviderResult<()> {
        let tags = tags.into_iter();
        let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let call = clients
            .ec2
            .create_tags()
            .resources(id)
            .set_tags(Some(tags.collect()));
        call.send().await.aws("ec2", "CreateTags").map(drop)
    }

    async fn untag(clients: &Clients, id: &str, keys: Vec<String>) -> ProviderResult<()> {
        let tags = keys.into_iter().map(|key| Tag::builder().key(key).build());
        let call = clients
            .ec2
            .delete_tags()
            .resources(id)
            .set_tags(Some(tags.collect()));
        call.send().await.aws("ec2", "DeleteTags").map(drop)
    }
}
