//! What the EC2 types share: tags, filters, ARNs, what a refused create means, and rules of networks.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, ResourceType, SecurityGroupRule, Tag, TagSpecification,
};
use infra_core::types::Problems;
use infra_core::{Attributes, ErrorClass, ProviderError, ResourceAddress, Unknown, Value};
use infra_provider::{Call, ProviderResult};
use ipnet::{Ipv4Net, Ipv6Net};

use crate::clients::Clients;
use crate::errors::AwsResult;
use crate::tags::{self, Tags};

/// A describe call takes at most 200 values in one filter.
pub const FILTER_VALUES: usize = 200;

/// Where the resources of a run are: what their ARNs are made of.
pub struct Place {
    partition: String,
    region: String,
    account_id: String,
}

impl Place {
    /// Where these clients call.
    pub fn of(clients: &Clients) -> Self {
        Self {
            partition: clients.identity.partition.clone(),
            region: clients.region.clone(),
            account_id: clients.identity.account_id.clone(),
        }
    }

    /// The ARN of something of ours, such as (`natgateway`, `nat-…`).
    pub fn arn(&self, kind: &str, id: &str) -> String {
        let Self {
            partition,
            region,
            account_id,
        } = self;
        format!("arn:{partition}:ec2:{region}:{account_id}:{kind}/{id}")
    }
}

/// A truth value as the Modify…Attribute calls take it.
pub fn boolean(value: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(value).build()
}

/// What the refusal of a create call means. Something that EC2 does not know is usually a resource that this
/// run has just made and that EC2 does not show everywhere yet; a name that is taken is never taken over
/// silently. `id` is the form of the type's ids, such as `subnet-…`.
pub fn refusal(call: &Call, id: &str) -> impl FnOnce(ProviderError) -> ProviderError {
    let hint = format!(
        "change what clashes, remove what is there by hand, or take it over with `{}`, where ID is {id}",
        call.import_command("ID")
    );
    |error| match error.class {
        ErrorClass::NotFound => ProviderError {
            class: ErrorClass::DependencyNotReady,
            ..error
        },
        ErrorClass::AlreadyExists => error.hint(hint),
        _ => error,
    }
}

/// The tags of a create call.
pub fn tag_specification(call: &Call, kind: ResourceType, user: Option<&Tags>) -> TagSpecification {
    let tags = tags::for_create(call, user)
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(tags.collect()))
        .build()
}

/// The user's tags among those that AWS tells.
pub fn user_tags(tags: &[Tag]) -> Tags {
    tags::of_user(
        tags.iter()
            .map(|tag| (tag.key().map(str::to_owned), tag.value().map(str::to_owned))),
    )
}

/// All tags that AWS tells.
pub fn all_tags(tags: &[Tag]) -> Tags {
    let tags = tags.iter();
    tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect()
}

/// A filter by name with values. A filter finds what is there; ids given as such fail when one is missing.
pub fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().collect()))
        .build()
}

/// The filters that find what the create call of this intent left. Our tags hold nothing that a filter takes for a
/// pattern; [`is_ours`] looks at them once more.
pub fn ours(call: &Call) -> Vec<Filter> {
    call.marks()
        .map(|(key, value)| filter(&format!("tag:{key}"), [value]))
        .collect()
}

/// Whether these are the tags that the create call of this intent set. What [`ours`] finds is asked once more:
/// a filter that somebody does not know and ignores would otherwise make us adopt what is not ours.
pub fn is_ours(call: &Call, tags: &[Tag]) -> bool {
    call.marks().all(|(key, value)| {
        tags.iter()
            .any(|tag| tag.key() == Some(key) && tag.value() == Some(&value))
    })
}

/// Whether a rule is a resource of some stack, by its tags, and not one that AWS made with its group.
pub fn is_declared(rule: &SecurityGroupRule) -> bool {
    rule.tags()
        .iter()
        .any(|tag| tag.key().is_some_and(Call::is_reserved_tag))
}

/// Brings the user's tags of a resource to what is wanted.
///
/// # Errors
/// What CreateTags and DeleteTags answer.
pub async fn update_tags(
    client: &Client,
    id: &str,
    prior: &Attributes,
    wanted: Option<&Tags>,
) -> ProviderResult<()> {
    let (set, removed) = tags::difference(prior, wanted);
    if !set.is_empty() {
        let tags = set
            .into_iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build());
        client
            .create_tags()
            .resources(id)
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .aws("ec2", "CreateTags")?;
    }
    if !removed.is_empty() {
        let tags = removed.into_iter().map(|key| Tag::builder().key(key).build());
        client
            .delete_tags()
            .resources(id)
            .set_tags(Some(tags.collect()))
            .send()
            .await
            .aws("ec2", "DeleteTags")?;
    }
    Ok(())
}

/// Checks that `text` is an IPv4 network whose prefix is between `widest` and `narrowest` bits, both
/// included. AWS itself would silently cut bits behind the prefix off, which then shows as drift for ever.
pub fn check_cidr(path: &str, text: &str, widest: u8, narrowest: u8, problems: &mut Problems) {
    let Ok(network) = text.parse::<Ipv4Net>() else {
        return problems.at(path, format!("`{text}` is no IPv4 network such as 10.0.0.0/16"));
    };
    let bits = network.prefix_len();
    if network.trunc() != network {
        problems.at(
            path,
            format!(
                "{text} has bits behind its prefix: did you mean {}?",
                network.trunc()
            ),
        );
    } else if !(widest..=narrowest).contains(&bits) {
        let size = if bits < widest { "large" } else { "small" };
        problems.at(
            path,
            format!("{text} is too {size}: AWS takes /{widest} to /{narrowest}"),
        );
    }
}

/// The same for an IPv6 network of any size. AWS tells networks in their shortest spelling.
pub fn check_cidr_v6(path: &str, text: &str, problems: &mut Problems) {
    match text.parse::<Ipv6Net>() {
        Err(_) => problems.at(path, format!("`{text}` is no IPv6 network such as 2001:db8::/56")),
        Ok(network) if network.trunc().to_string() != text => problems.at(
            path,
            format!("AWS writes {text} as {}: write it the same way", network.trunc()),
        ),
        Ok(_) => {}
    }
}

/// Whether the attribute is there, known or not.
pub fn is_set(attributes: &Attributes, name: &str) -> bool {
    attributes.get(name).is_some_and(|value| !value.is_null())
}

/// Checks that exactly one of the attributes is set. Values that may still turn out to be null decide nothing.
pub fn exactly_one(attributes: &Attributes, names: &[&str], what: &str, problems: &mut Problems) {
    let set: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| is_set(attributes, name))
        .collect();
    let sure = |name: &str| {
        !matches!(
            attributes.get(name),
            Some(Value::Unknown(Unknown { origin: None }))
        )
    };
    let certain: Vec<&str> = set.iter().copied().filter(|name| sure(name)).collect();
    if set.is_empty() {
        problems.at("", format!("set {what}: one of {}", names.join(", ")));
    } else if let [_, second, ..] = certain.as_slice() {
        problems.at(*second, format!("only one of {} may be set", certain.join(", ")));
    }
}

/// What tells whether two attributes will mean the same thing: the known text, or the one attribute that a
/// value not known yet will be.
pub fn identity(attributes: &Attributes, name: &str) -> Option<String> {
    match attributes.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Unknown(Unknown {
            origin: Some(reference),
        }) if reference.attribute.is_some() => Some(reference.to_string()),
        _ => None,
    }
}

/// The resources of one type in a stack, in order.
pub fn of_type<'a>(
    stack: &'a BTreeMap<ResourceAddress, Attributes>,
    type_name: &'a str,
) -> impl Iterator<Item = (&'a ResourceAddress, &'a Attributes)> {
    stack
        .iter()
        .filter(move |(address, _)| address.type_name().to_string() == type_name)
}

/// The resource of the stack that an attribute refers to, if it is one of that type.
pub fn referenced<'a>(
    stack: &'a BTreeMap<ResourceAddress, Attributes>,
    attributes: &Attributes,
    name: &str,
    type_name: &str,
) -> Option<(&'a ResourceAddress, &'a Attributes)> {
    let Some(Value::Unknown(Unknown {
        origin: Some(reference),
    })) = attributes.get(name)
    else {
        return None;
    };
    stack
        .get_key_value(&reference.address)
        .filter(|(address, _)| address.type_name().to_string() == type_name)
}

/// Checks a text against the alphabet of security groups' names and descriptions.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>
pub fn check_group_text(path: &str, text: &str, problems: &mut Problems) {
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(character);
    if text.chars().count() > 255 {
        problems.at(
            path,
            format!("{} characters are too many: AWS takes 255", text.chars().count()),
        );
    }
    if let Some(wrong) = text.chars().find(|character| !allowed(*character)) {
        problems.at(
            path,
            format!(
                "AWS does not take `{wrong}` here: only A-Z, a-z, 0-9, spaces and ._-:/()#,@[]+=&;{{}}!$*"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_of_several_is_set() {
        let origin = "ec2.vpc.main.id".parse().unwrap();
        let reference = Value::Unknown(Unknown {
            origin: Some(Box::new(origin)),
        });
        for (attributes, said) in [
            (vec![], "set a target: one of a, b"),
            (vec![("a", Value::from("x"))], ""),
            (vec![("a", Value::unknown())], ""),
            (vec![("a", Value::from("x")), ("b", Value::unknown())], ""),
            (
                vec![("a", Value::from("x")), ("b", reference)],
                "only one of a, b may be set",
            ),
        ] {
            let attributes = attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            let mut problems = Problems::default();
            exactly_one(&attributes, &["a", "b"], "a target", &mut problems);
            let found: Vec<String> = problems.into_vec().into_iter().map(|one| one.message).collect();
            assert_eq!(found.join("; "), said);
        }
    }

    #[test]
    fn a_refused_create_says_what_the_engine_and_the_user_can_do() {
        let call = Call {
            stack: infra_core::StackId::new("a", "", "b", "c").unwrap(),
            named: "stacks/dev 02.toml".into(),
            address: "ec2.subnet.a[\"x\"]".parse().unwrap(),
            token: infra_core::Token("t".into()),
            data_loss_allowed: false,
            not_made: std::collections::BTreeSet::new(),
            learning: None,
            progress: std::sync::Arc::new(infra_provider::Silent),
        };
        let after = |class| refusal(&call, "subnet-…")(ProviderError::new(class, "no"));
        assert_eq!(after(ErrorClass::NotFound).class, ErrorClass::DependencyNotReady);
        assert_eq!(after(ErrorClass::Denied).hint, None);
        let taken = after(ErrorClass::AlreadyExists);
        assert_eq!(taken.class, ErrorClass::AlreadyExists);
        assert!(
            taken.hint.unwrap().contains(
                "`infra import 'stacks/dev 02.toml' 'ec2.subnet.a[\"x\"]' ID`, where ID is subnet-…"
            )
        );
    }

    #[test]
    fn only_the_tags_of_the_same_intent_are_ours() {
        let call = |token: &str| Call {
            stack: infra_core::StackId::new("a", "", "b", "c").unwrap(),
            named: "stacks/dev 02.toml".into(),
            address: "ec2.subnet.a".parse().unwrap(),
            token: infra_core::Token(token.into()),
            data_loss_allowed: false,
            not_made: std::collections::BTreeSet::new(),
            learning: None,
            progress: std::sync::Arc::new(infra_provider::Silent),
        };
        let made = tag_specification(&call("one"), ResourceType::Subnet, None);
        assert!(is_ours(&call("one"), made.tags()));
        assert!(!is_ours(&call("two"), made.tags()));
        assert!(!is_ours(&call("one"), &[]));
        // Without a token, whatever the stack made for the address.
        assert!(is_ours(&call(""), made.tags()));
        assert!(!is_ours(&call(""), &[]));
    }

    #[test]
    fn ipv6_networks_are_written_as_aws_writes_them() {
        for (text, said) in [
            ("::/0", ""),
            ("2001:db8::/56", ""),
            (
                "2001:DB8::/56",
                "AWS writes 2001:DB8::/56 as 2001:db8::/56: write it the same way",
            ),
            (
                "2001:db8::1/56",
                "AWS writes 2001:db8::1/56 as 2001:db8::/56: write it the same way",
            ),
            (
                "10.0.0.0/8",
                "`10.0.0.0/8` is no IPv6 network such as 2001:db8::/56",
            ),
        ] {
            let mut problems = Problems::default();
            check_cidr_v6("a", text, &mut problems);
            let found: Vec<String> = problems.into_vec().into_iter().map(|one| one.message).collect();
            assert_eq!(found.join("; "), said, "{text}");
        }
    }
}
