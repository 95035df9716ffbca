//! What the API Gateway types share: tags, pages, turns, and errors that depend on what was asked.

use std::collections::HashMap;

use tokio::sync::OwnedMutexGuard;

use crate::prelude::*;
use crate::tags;

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

/// The ARN of a path such as `/apis/<id>`.
pub fn arn(aws: &Clients, path: &str) -> String {
    format!("arn:{}:apigateway:{}::{path}", aws.identity.partition, aws.region)
}

/// The ARN that permissions to call an API name.
pub fn execution_arn(aws: &Clients, api_id: &str) -> String {
    let (partition, account) = (&aws.identity.partition, &aws.identity.account_id);
    format!("arn:{partition}:execute-api:{}:{account}:{api_id}", aws.region)
}

/// Waits for other changes of the same API: AWS refuses two at the same time.
pub async fn turn(aws: &Clients, api_id: &str) -> OwnedMutexGuard<()> {
    aws.serial.turn(format!("apigatewayv2 api {api_id}")).await
}

/// The same for a domain name. Whoever takes both takes the API's turn first.
pub async fn domain_turn(aws: &Clients, domain_name: &str) -> OwnedMutexGuard<()> {
    aws.serial
        .turn(format!("apigatewayv2 domain {domain_name}"))
        .await
}

/// The tags of a create call.
pub fn tags_for_create(call: &Call, user: Option<Tags>) -> Option<HashMap<String, String>> {
    Some(tags::for_create(call, user.as_ref()).into_iter().collect())
}

/// All tags that AWS tells.
pub fn all_tags(tags: Option<&HashMap<String, String>>) -> Tags {
    tags.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
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
    let prior = prior.get(name).and_then(Value::as_map);
    let removed = prior
        .into_iter()
        .flatten()
        .map(|(key, _)| (key.clone(), String::new()));
    let mut sent: HashMap<String, String> = removed.collect();
    sent.extend(wanted.cloned().unwrap_or_default());
    Some(sent)
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
