//! What the EC2 types share: tags, filters, ARNs, and looking at other resources of a stack.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, ResourceType, SecurityGroupRule, Tag, TagSpecification,
};
use infra_core::Unknown;

use crate::prelude::*;
use crate::read::{Observations, in_batches};
use crate::tags;

/// A describe call takes at most 200 values in one filter.
pub const FILTER_VALUES: usize = 200;

/// The ARN of something of ours, such as (`natgateway`, `nat-…`).
pub fn arn(aws: &Clients, kind: &str, id: &str) -> String {
    let (partition, account) = (&aws.identity.partition, &aws.identity.account_id);
    format!("arn:{partition}:ec2:{}:{account}:{kind}/{id}", aws.region)
}

/// A truth value as the Modify…Attribute calls take it.
pub fn boolean(value: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(value).build()
}

/// The tags of a create call.
pub fn tags_of(call: &Call, kind: ResourceType, user: Option<Tags>) -> TagSpecification {
    let tags = tags::for_create(call, user.as_ref()).into_iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.collect()))
        .build()
}

/// All tags that AWS tells.
pub fn all_tags(tags: &[Tag]) -> Tags {
    let tags = tags.iter();
    tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect()
}

/// A filter by name with values. A filter finds what is there; ids given as such fail when one is missing.
pub fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// The filters that find what the create call of this intent left. Our tags hold nothing that a filter takes for a
/// pattern.
pub fn ours(call: &Call) -> Vec<Filter> {
    call.marks()
        .map(|(key, value)| filter(&format!("tag:{key}"), [value]))
        .collect()
}

/// Reads by a filter that takes ids, in as few calls as it allows.
///
/// # Errors
/// What `describe` answers.
pub async fn by_ids<P, F>(
    ids: &[PhysicalId],
    name: &str,
    describe: impl Fn(Vec<Filter>) -> F,
) -> ProviderResult<Observations<P>>
where
    F: Future<Output = ProviderResult<Vec<(PhysicalId, Found<P>)>>>,
{
    in_batches(ids, FILTER_VALUES, |ids| describe(vec![filter(name, ids)])).await
}

/// Whether a rule is a resource of some stack, by its tags, and not one that AWS made with its group.
pub fn is_declared(rule: &SecurityGroupRule) -> bool {
    rule.tags()
        .iter()
        .any(|tag| tag.key().is_some_and(Call::is_reserved_tag))
}

/// What tells whether two attributes will mean the same thing: the known text, or the one attribute that a
/// value not known yet will be.
pub fn identity(attributes: &Attributes, field: impl FieldName) -> Option<String> {
    match value_of(attributes, field)? {
        Value::String(text) => Some(text.clone()),
        Value::Unknown(Unknown {
            origin: Some(reference),
        }) if reference.attribute.is_some() => Some(reference.to_string()),
        _ => None,
    }
}

/// The resource of the stack that an attribute refers to, if it is one of that type.
pub fn referenced<'a>(
    stack: &'a BTreeMap<ResourceAddress, Attributes>,
    attributes: &Attributes,
    field: impl FieldName,
    type_name: &str,
) -> Option<(&'a ResourceAddress, &'a Attributes)> {
    let Some(Value::Unknown(Unknown {
        origin: Some(reference),
    })) = value_of(attributes, field)
    else {
        return None;
    };
    stack
        .get_key_value(&reference.address)
        .filter(|(address, _)| address.type_name().to_string() == type_name)
}
