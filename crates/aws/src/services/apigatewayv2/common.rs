//! What the API Gateway types share: tags, pages, turns, and errors that depend on what was asked.

use std::collections::HashMap;

use aws_sdk_apigatewayv2::Client;
use infra_core::types::{Problems, known_str};
use infra_core::{Attributes, ErrorClass, ProviderError};
use infra_provider::{Call, ProviderResult};
use tokio::sync::OwnedMutexGuard;

use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::ownership::made_by;
use crate::serial::Serial;
use crate::tags::{self, Tags};

/// No account has that many pages of anything here.
pub const MOST_PAGES: usize = 1000;

/// Everything that a list call has, page by page: an expression that makes the call, and its operation.
macro_rules! all_pages {
    ($call:expr, $operation:literal) => {
        async {
            let mut items = Vec::new();
            let mut next = None;
            for _ in 0..$crate::services::apigatewayv2::common::MOST_PAGES {
                let answer = $call.set_next_token(next).send().await;
                let answer = $crate::errors::AwsResult::aws(answer, "apigatewayv2", $operation)?;
                items.extend(answer.items.unwrap_or_default());
                next = answer.next_token.filter(|token| !token.is_empty());
                if next.is_none() {
                    break;
                }
            }
            infra_provider::ProviderResult::Ok(items)
        }
    };
}

pub(crate) use all_pages;

/// API Gateway as one type sees it.
pub struct Gateway {
    /// The client.
    pub client: Client,
    /// The region that everything is in.
    pub region: String,
    partition: String,
    account_id: String,
    serial: Serial,
}

impl Gateway {
    /// From the clients of a run.
    pub fn new(clients: &Clients) -> Self {
        Self {
            client: clients.apigatewayv2.clone(),
            region: clients.region.clone(),
            partition: clients.identity.partition.clone(),
            account_id: clients.identity.account_id.clone(),
            serial: clients.serial.clone(),
        }
    }

    /// The ARN of a path such as `/apis/<id>`.
    pub fn arn(&self, path: &str) -> String {
        format!("arn:{}:apigateway:{}::{path}", self.partition, self.region)
    }

    /// The ARN that permissions to call an API name.
    pub fn execution_arn(&self, api_id: &str) -> String {
        let Self {
            partition,
            region,
            account_id,
            ..
        } = self;
        format!("arn:{partition}:execute-api:{region}:{account_id}:{api_id}")
    }

    /// Waits for other changes of the same API: AWS refuses two at the same time.
    pub async fn turn(&self, api_id: &str) -> OwnedMutexGuard<()> {
        self.serial.turn(format!("apigatewayv2 api {api_id}")).await
    }

    /// The same for a domain name. Whoever takes both takes the API's turn first.
    pub async fn domain_turn(&self, domain_name: &str) -> OwnedMutexGuard<()> {
        self.serial
            .turn(format!("apigatewayv2 domain {domain_name}"))
            .await
    }

    /// Brings the user's tags of what is at `path` to what is wanted.
    ///
    /// # Errors
    /// What TagResource and UntagResource answer.
    pub async fn update_tags(
        &self,
        path: &str,
        prior: &Attributes,
        wanted: Option<&Tags>,
    ) -> ProviderResult<()> {
        let (set, removed) = tags::difference(prior, wanted);
        if !set.is_empty() {
            self.client
                .tag_resource()
                .resource_arn(self.arn(path))
                .set_tags(Some(set.into_iter().collect()))
                .send()
                .await
                .aws("apigatewayv2", "TagResource")?;
        }
        if !removed.is_empty() {
            self.client
                .untag_resource()
                .resource_arn(self.arn(path))
                .set_tag_keys(Some(removed))
                .send()
                .await
                .aws("apigatewayv2", "UntagResource")
                .absent_is_none()?;
        }
        Ok(())
    }
}

/// The tags of a create call.
pub fn tags_for_create(call: &Call, user: Option<&Tags>) -> Option<HashMap<String, String>> {
    Some(tags::for_create(call, user).into_iter().collect())
}

/// The user's tags among those that AWS tells.
pub fn user_tags(tags: Option<&HashMap<String, String>>) -> Tags {
    let pairs = tags.into_iter().flatten();
    tags::of_user(pairs.map(|(key, value)| (Some(key.clone()), Some(value.clone()))))
}

/// Whether the create call of this intent made what has these tags.
pub fn ours(call: &Call, tags: Option<&HashMap<String, String>>) -> bool {
    made_by(call, tags.cloned().unwrap_or_default())
}

/// A text that AWS has; none when it is empty.
pub fn text(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Free keys with texts that AWS has; none when there are none.
pub fn texts_by_key(entries: Option<&HashMap<String, String>>) -> Option<Tags> {
    let entries: Tags = entries?.clone().into_iter().collect();
    (!entries.is_empty()).then_some(entries)
}

/// What an update sends for free keys: the wanted ones, and an empty text for each that goes, which is how
/// API Gateway removes one.
pub fn with_removals(
    prior: &Attributes,
    name: &str,
    wanted: Option<&Tags>,
) -> Option<HashMap<String, String>> {
    let prior = prior.get(name).and_then(infra_core::Value::as_map);
    let removed = prior
        .into_iter()
        .flatten()
        .map(|(key, _)| (key.clone(), String::new()));
    let mut sent: HashMap<String, String> = removed.collect();
    sent.extend(wanted.cloned().unwrap_or_default());
    Some(sent)
}

/// A refused delete of something that something else refers to; API Gateway calls that a conflict or a bad
/// request.
pub fn in_use(error: ProviderError) -> ProviderError {
    let message = error.message.to_lowercase();
    let refers = ["referenc", "mapping", "in use", "used by", "remove all"]
        .iter()
        .any(|words| message.contains(words));
    match error.class {
        ErrorClass::AlreadyExists => dependency_violation(error),
        ErrorClass::Invalid if refers => dependency_violation(error),
        _ => error,
    }
}

fn dependency_violation(error: ProviderError) -> ProviderError {
    ProviderError {
        class: ErrorClass::DependencyViolation,
        ..error
    }
}

/// Whether AWS refused the request itself, which it may do because something that it names is not ready.
pub fn is_refusal(error: &ProviderError) -> bool {
    matches!(
        error.class,
        ErrorClass::Invalid | ErrorClass::AlreadyExists | ErrorClass::NotFound
    )
}

/// The refusal as one that passes when `what` is ready.
pub fn not_ready(error: ProviderError, what: &str, status: &str) -> ProviderError {
    ProviderError {
        class: ErrorClass::DependencyNotReady,
        message: format!("{} ({what} is {status})", error.message),
        ..error
    }
}

/// Checks the length of a text in characters.
pub fn check_length(
    attributes: &Attributes,
    name: &str,
    shortest: usize,
    longest: usize,
    problems: &mut Problems,
) {
    if let Some(text) = known_str(attributes, name) {
        let length = text.chars().count();
        if !(shortest..=longest).contains(&length) {
            problems.at(
                name,
                format!("AWS takes {shortest} to {longest} characters, these are {length}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Value;

    use super::*;

    #[test]
    fn what_goes_is_sent_as_an_empty_text() {
        let prior = Attributes::from([(
            "stage_variables".into(),
            Value::Map([("a".into(), "1".into()), ("b".into(), "2".into())].into()),
        )]);
        let wanted = Tags::from([("b".into(), "3".into())]);
        let sent = with_removals(&prior, "stage_variables", Some(&wanted)).unwrap();
        let expected = [("a", ""), ("b", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(sent, HashMap::from(expected));
    }

    #[test]
    fn a_delete_in_use_is_told_from_other_refusals() {
        let cases = [
            (
                ErrorClass::AlreadyExists,
                "Cannot delete Integration",
                ErrorClass::DependencyViolation,
            ),
            (
                ErrorClass::Invalid,
                "the VPC link is referenced in integrations",
                ErrorClass::DependencyViolation,
            ),
            (ErrorClass::Invalid, "Invalid id", ErrorClass::Invalid),
            (
                ErrorClass::Throttled,
                "concurrent modification",
                ErrorClass::Throttled,
            ),
        ];
        for (class, message, expected) in cases {
            assert_eq!(
                in_use(ProviderError::new(class, message)).class,
                expected,
                "{message}"
            );
        }
    }
}
