//! AWS's rules for integrations that need no call.

use infra_core::types::{Problem, Problems};
use infra_core::{Attributes, ResourceAddress, Value};
use infra_provider::{FieldName, Partial, Resource};

use super::api::ApiField;
use super::integration::{
    ConnectionType, Integration, IntegrationField as Field, IntegrationType, PartialIntegration,
    WEBSOCKET_MILLISECONDS,
};
use crate::fields::{known_str, value_of};
use crate::together::{Stack, meant, of_type};

/// Checks an integration by itself.
pub fn check(given: &PartialIntegration, problems: &mut Problems) {
    let payload = given.payload_format_version.as_str();
    if given.integration_type == Partial::Known(IntegrationType::HttpProxy) {
        if !given.integration_method.is_set() {
            problems.at_with_help(
                "",
                "HTTP_PROXY needs `integration_method`",
                "`ANY` passes the client's method on",
            );
        }
        if !given.integration_uri.is_set() {
            problems.at("", "HTTP_PROXY needs `integration_uri`");
        }
        if payload.is_some_and(|version| version != "1.0") {
            problems.at(Field::PayloadFormatVersion.name(), "HTTP_PROXY knows 1.0 only");
        }
    }
    if given.connection_type == Partial::Known(ConnectionType::VpcLink) {
        check_private(given, problems);
    }
}

/// Checks all integrations of a stack with each other and with their APIs.
pub fn check_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
    let all: Vec<_> = of_type(stack, Integration::NAME).collect();
    let mut found = Vec::new();
    for (index, (address, attributes)) in all.iter().enumerate() {
        let mut problems = Problems::default();
        let twin = all[..index]
            .iter()
            .find(|(_, other)| *other == *attributes && other.values().all(is_definite));
        if let Some((twin, _)) = twin {
            problems.at_with_help(
                "",
                format!("is the same as {twin}: AWS gives integrations no name to tell them apart by"),
                "let several routes use one integration, or give them different descriptions",
            );
        }
        check_with_api(attributes, stack, &mut problems);
        let problems = problems.into_vec().into_iter();
        found.extend(problems.map(|problem| ((*address).clone(), problem)));
    }
    found
}

/// <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-integrations.html>
fn check_with_api(attributes: &Attributes, stack: &Stack, problems: &mut Problems) {
    let api = meant(stack, value_of(attributes, Field::ApiId), "apigatewayv2.api");
    let protocol = api.and_then(|api| known_str(api, ApiField::ProtocolType));
    let kind = known_str(attributes, Field::IntegrationType);
    if let Some(kind) = kind.filter(|kind| protocol == Some("HTTP") && !kind.ends_with("_PROXY")) {
        let message = format!("an HTTP API takes HTTP_PROXY and AWS_PROXY, not {kind}");
        problems.at(Field::IntegrationType.name(), message);
    }
    let timeout = value_of(attributes, Field::TimeoutInMillis);
    let timeout = timeout.and_then(Value::as_integer);
    if let Some(timeout) = timeout.filter(|_| protocol == Some("WEBSOCKET"))
        && timeout > i64::from(WEBSOCKET_MILLISECONDS)
    {
        let message = format!("{timeout} is more than {WEBSOCKET_MILLISECONDS}, the most of a WebSocket API");
        problems.at(Field::TimeoutInMillis.name(), message);
    }
}

/// Whether a value is known or stands for one attribute of one resource, so that equal means the same.
fn is_definite(value: &Value) -> bool {
    match value {
        Value::Unknown(unknown) => unknown.origin.is_some(),
        Value::List(items) => items.iter().all(is_definite),
        Value::Map(entries) => entries.values().all(is_definite),
        _ => true,
    }
}

/// The rules of an integration through a VPC link.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-private.html>
fn check_private(given: &PartialIntegration, problems: &mut Problems) {
    if given
        .integration_type
        .known()
        .is_some_and(|kind| *kind != IntegrationType::HttpProxy)
    {
        problems.at(
            Field::ConnectionType.name(),
            "a VPC link takes integration_type = \"HTTP_PROXY\" only",
        );
    }
    if !given.connection_id.is_set() {
        problems.at("", "VPC_LINK needs `connection_id`, the VPC link's id");
    }
    if let Some(uri) = given.integration_uri.as_str()
        && !(uri.contains(":listener/") || uri.contains(":servicediscovery:"))
    {
        problems.at_with_help(
            Field::IntegrationUri.name(),
            format!(
                "a VPC link reaches a load balancer's listener or a Cloud Map service by its ARN, not `{uri}`"
            ),
            "such as \"${elbv2.listener.main.arn}\"",
        );
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Unknown;
    use serde_json::json;

    use super::*;
    use crate::services::testing::{reference, refused};

    #[test]
    fn each_kind_has_its_own_rules() {
        let listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/a/1/2";
        let cases = [
            (
                json!({"integration_type": "HTTP_PROXY", "integration_method": "ANY",
                    "integration_uri": listener, "connection_type": "VPC_LINK", "connection_id": "a",
                    "tls_config": {"server_name_to_verify": "example.com"}}),
                vec![],
            ),
            (
                json!({"integration_type": "HTTP_PROXY", "payload_format_version": "2.0",
                    "timeout_in_millis": 40_000}),
                vec![
                    "timeout_in_millis: 40000 is not between 50 and 30000",
                    ": HTTP_PROXY needs `integration_method`",
                    ": HTTP_PROXY needs `integration_uri`",
                    "payload_format_version: HTTP_PROXY knows 1.0 only",
                ],
            ),
            (
                json!({"integration_type": "AWS_PROXY", "connection_type": "VPC_LINK",
                    "integration_uri": "http://a"}),
                vec![
                    "connection_type: a VPC link takes integration_type = \"HTTP_PROXY\" only",
                    ": VPC_LINK needs `connection_id`, the VPC link's id",
                    "integration_uri: a VPC link reaches a load balancer's listener or a Cloud Map service by \
                     its ARN, not `http://a`",
                ],
            ),
            (
                json!({"connection_id": "a", "integration_type": "AWS_PROXY"}),
                vec!["connection_id: is only for `connection_type` `VPC_LINK`, not `INTERNET`"],
            ),
        ];
        for (attributes, said) in cases {
            assert_eq!(refused::<Integration>(attributes), said);
        }
    }

    #[test]
    fn equal_integrations_are_refused_unless_they_may_differ() {
        let of = |api: Option<&str>, description: &str| {
            let origin = api.map(|api| Box::new(format!("apigatewayv2.api.{api}.id").parse().unwrap()));
            Attributes::from([
                ("api_id".into(), Value::Unknown(Unknown { origin })),
                ("description".into(), description.into()),
            ])
        };
        let cases = [
            (of(Some("a"), ""), of(Some("a"), ""), 1),
            (of(Some("a"), ""), of(Some("b"), ""), 0),
            (of(Some("a"), ""), of(Some("a"), "other"), 0),
            (of(None, ""), of(None, ""), 0),
        ];
        for (first, second, count) in cases {
            let stack = [("one", first), ("two", second)].map(|(name, attributes)| {
                (
                    format!("apigatewayv2.integration.{name}").parse().unwrap(),
                    attributes,
                )
            });
            assert_eq!(Integration::validate_together(&stack.into()).len(), count);
        }
    }

    #[test]
    fn an_integration_fits_the_protocol_of_its_api() {
        for (protocol, kind, timeout, said) in [
            ("HTTP", "HTTP_PROXY", 30_000, vec![]),
            (
                "HTTP",
                "MOCK",
                50,
                vec!["an HTTP API takes HTTP_PROXY and AWS_PROXY, not MOCK"],
            ),
            (
                "HTTP",
                "HTTP",
                50,
                vec!["an HTTP API takes HTTP_PROXY and AWS_PROXY, not HTTP"],
            ),
            ("WEBSOCKET", "MOCK", 29_000, vec![]),
            (
                "WEBSOCKET",
                "HTTP",
                29_001,
                vec!["29001 is more than 29000, the most of a WebSocket API"],
            ),
        ] {
            let stack = Stack::from([
                (
                    "apigatewayv2.api.a".parse().unwrap(),
                    Attributes::from([("protocol_type".into(), protocol.into())]),
                ),
                (
                    "apigatewayv2.integration.a".parse().unwrap(),
                    Attributes::from([
                        ("api_id".into(), reference("apigatewayv2.api.a.id")),
                        ("integration_type".into(), kind.into()),
                        ("timeout_in_millis".into(), Value::from(json!(timeout))),
                    ]),
                ),
            ]);
            let found = Integration::validate_together(&stack).into_iter();
            let found: Vec<String> = found.map(|(_, problem)| problem.message).collect();
            assert_eq!(found, said, "{protocol} {kind}");
        }
    }
}
