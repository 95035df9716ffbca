//! AWS's rules for stages that need no call.

use std::collections::BTreeMap;

use infra_core::types::{Problem, Problems};
use infra_core::{AttributePath, Attributes, ResourceAddress, Value};
use infra_provider::{FieldName, Resource};

use super::api::ApiField;
use super::route_key;
use super::stage::{PartialStage, RouteSettingsField, Stage, StageField as Field};
use crate::fields::{known_str, value_of};
use crate::together::{Stack, meant, member, of_type};

/// Checks a stage by itself.
pub fn check(given: &PartialStage, problems: &mut Problems) {
    for key in given.route_settings.known().into_iter().flat_map(BTreeMap::keys) {
        route_key::check(Field::RouteSettings.name(), key, problems);
    }
    let path = Field::StageVariables.name();
    for name in given.stage_variables.known().into_iter().flat_map(BTreeMap::keys) {
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        if name.is_empty() || !name.chars().all(is_word) {
            problems.at(path, format!("`{name}` is no name of letters, digits and `_`"));
        }
    }
}

/// Checks the stages of a stack with their APIs.
pub fn check_together(stack: &Stack) -> Vec<(ResourceAddress, Problem)> {
    let mut found = Vec::new();
    for (address, attributes) in of_type(stack, Stage::NAME) {
        let api = meant(stack, value_of(attributes, Field::ApiId), "apigatewayv2.api");
        if api.and_then(|api| known_str(api, ApiField::ProtocolType)) != Some("HTTP") {
            continue;
        }
        let mut problems = Problems::default();
        check_of_http(attributes, &mut problems);
        let problems = problems.into_vec().into_iter();
        found.extend(problems.map(|problem| (address.clone(), problem)));
    }
    found
}

/// Execution is logged of WebSocket APIs only: AWS refuses even that it is off.
/// <https://github.com/hashicorp/terraform-provider-aws/issues/14010>
fn check_of_http(attributes: &Attributes, problems: &mut Problems) {
    let default = value_of(attributes, Field::DefaultRouteSettings);
    let default = default.map(|settings| {
        let path = AttributePath::attribute(Field::DefaultRouteSettings.name());
        (path, settings)
    });
    let of_routes = value_of(attributes, Field::RouteSettings).and_then(Value::as_map);
    let of_routes = of_routes.into_iter().flatten().map(|(key, settings)| {
        let path = AttributePath::attribute(Field::RouteSettings.name());
        (path.name(key.as_str()), settings)
    });
    for (path, settings) in default.into_iter().chain(of_routes) {
        for field in [
            RouteSettingsField::LoggingLevel,
            RouteSettingsField::DataTraceEnabled,
        ] {
            if member(settings, field).is_some() {
                problems.at(
                    path.name(field.name()),
                    "is for WebSocket APIs: AWS refuses it for HTTP APIs",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::{reference, refused};

    #[test]
    fn execution_is_logged_of_websocket_apis_only() {
        let settings =
            json!({ "logging_level": "OFF", "data_trace_enabled": true, "throttling_burst_limit": 1 });
        for (protocol, said) in [
            ("WEBSOCKET", vec![]),
            (
                "HTTP",
                vec![
                    "default_route_settings.logging_level",
                    "default_route_settings.data_trace_enabled",
                    "route_settings[\"GET /\"].logging_level",
                    "route_settings[\"GET /\"].data_trace_enabled",
                ],
            ),
        ] {
            let stack = Stack::from([
                (
                    "apigatewayv2.api.a".parse().unwrap(),
                    Attributes::from([("protocol_type".into(), protocol.into())]),
                ),
                (
                    "apigatewayv2.stage.a".parse().unwrap(),
                    Attributes::from([
                        ("api_id".into(), reference("apigatewayv2.api.a.id")),
                        ("default_route_settings".into(), Value::from(settings.clone())),
                        ("route_settings".into(), Value::from(json!({ "GET /": settings }))),
                    ]),
                ),
            ]);
            let found = Stage::validate_together(&stack).into_iter();
            let found: Vec<String> = found.map(|(_, problem)| problem.path.to_string()).collect();
            assert_eq!(found, said, "{protocol}");
        }
    }

    #[test]
    fn names_logs_and_variables_are_checked() {
        let group = "arn:aws:logs:us-east-1:123456789012:log-group:/api";
        let cases = [
            (
                json!({"stage_name": "$default", "access_log_settings": {
                    "destination_arn": group, "format": "$context.requestId $context.status\n"}}),
                vec![],
            ),
            (json!({"stage_name": "dev_1-a"}), vec![]),
            (
                json!({"stage_name": "a b"}),
                vec!["stage_name: `a b` is neither `$default` nor 1 to 128 letters, digits, `_` and `-`"],
            ),
            (
                json!({"access_log_settings": {
                    "destination_arn": format!("{group}:*"), "format": "$context.requestId"}}),
                vec![],
            ),
            (
                json!({"access_log_settings": {"destination_arn": "/api", "format": "a\nb"}}),
                vec![
                    "access_log_settings.destination_arn: `/api` is no ARN",
                    "access_log_settings.format: `a\nb` must have `$context.requestId` in it",
                    "access_log_settings.format: `a\nb` has more than one line",
                ],
            ),
            (
                json!({"route_settings": {"/pets": {}}}),
                vec!["route_settings: `/pets` is no route key"],
            ),
            (
                json!({"stage_variables": {"a-b": "x", "c": "a b"}}),
                vec![
                    "stage_variables.c: `a b` has ` ` in it: AWS takes letters, digits and `-._~:/?#&=,`",
                    "stage_variables: `a-b` is no name of letters, digits and `_`",
                ],
            ),
        ];
        for (attributes, said) in cases {
            assert_eq!(refused::<Stage>(attributes), said);
        }
    }
}
