//! What is the same for all types of IAM.

use aws_sdk_iam::types::Tag;
use infra_provider::{Service, TagRules};

use crate::errors::built;
use crate::prelude::*;

/// IAM. Roles are named by their name.
pub struct Iam;

impl Service for Iam {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &["iam:TagRole", "iam:UntagRole"];
    const TAG_RULES: TagRules = TagRules {
        plain: true,
        caseless: true,
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html",
    };

    async fn tag(aws: &Clients, name: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws.iam.tag_role().role_name(name).set_tags(Some(to_sdk(tags)?));
        call.send().await.aws("iam", "TagRole").map(drop)
    }

    async fn untag(aws: &Clients, name: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws.iam.untag_role().role_name(name).set_tag_keys(Some(keys));
        call.send().await.aws("iam", "UntagRole").map(drop)
    }
}

/// What IAM keeps beside roles: its policies. They are named by their ARN.
pub struct IamPolicies;

impl Service for IamPolicies {
    type Clients = Clients;
    const TAG_ACTIONS: &'static [&'static str] = &["iam:TagPolicy", "iam:UntagPolicy"];
    // Of users and roles alone keys have no case.
    const TAG_RULES: TagRules = TagRules {
        caseless: false,
        ..Iam::TAG_RULES
    };

    async fn tag(aws: &Clients, arn: &str, tags: Tags) -> ProviderResult<()> {
        let call = aws.iam.tag_policy().policy_arn(arn).set_tags(Some(to_sdk(tags)?));
        call.send().await.aws("iam", "TagPolicy").map(drop)
    }

    async fn untag(aws: &Clients, arn: &str, keys: Vec<String>) -> ProviderResult<()> {
        let call = aws.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys));
        call.send().await.aws("iam", "UntagPolicy").map(drop)
    }
}

/// Tags for a call.
///
/// # Errors
/// None, with keys and values.
pub fn to_sdk(tags: Tags) -> ProviderResult<Vec<Tag>> {
    let tags = tags.into_iter();
    tags.map(|(key, value)| built(Tag::builder().key(key).value(value).build()))
        .collect()
}
