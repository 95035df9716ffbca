//! Which attributes go together, and which integrations are equal.

use infra_core::Unknown;
use serde_json::json;

use super::*;
use crate::services::testing::refused;

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
