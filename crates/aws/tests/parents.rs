//! What AWS deletes along with something else, or does not delete that with, by type: the whole table.

use infra_aws::AwsCatalogue;
use infra_core::Catalogue;

#[test]
fn what_hangs_on_what_is_said_of_each_type() {
    let mut found = Vec::new();
    for name in AwsCatalogue.names() {
        let schema = AwsCatalogue
            .definition(&name)
            .map(|definition| definition.schema());
        for under in schema.into_iter().flat_map(|schema| schema.parents()) {
            found.push(format!("{name} on {} by {}", under.of, under.through.join(", ")));
        }
    }
    let expected = [
        "apigatewayv2.api_mapping on apigatewayv2.domain_name by domain_name",
        "apigatewayv2.api_mapping on apigatewayv2.stage by api_id, stage",
        "apigatewayv2.integration on apigatewayv2.api by api_id",
        "apigatewayv2.route on apigatewayv2.api by api_id",
        "applicationautoscaling.scalable_target on ecs.service by resource_id",
        "applicationautoscaling.scaling_policy on applicationautoscaling.scalable_target by service_namespace, scalable_dimension, resource_id",
        "ec2.route on ec2.route_table by route_table_id",
        "ec2.route_table_association on ec2.subnet by subnet_id",
        "ecr.image on ecr.repository by repository_uri",
        "ecr.lifecycle_policy on ecr.repository by repository_name",
        "ecs.service on ecs.cluster by cluster",
        "iam.role_policy on iam.role by role_name",
        "iam.role_policy_attachment on iam.role by role_name",
        "iam.role_policy_attachment on iam.policy by policy_arn",
    ];
    assert_eq!(found, expected);
}

/// A parent is of a type that there is, and is named by attributes that there are.
#[test]
fn what_hangs_on_something_names_it_by_its_own_attributes() {
    for name in AwsCatalogue.names() {
        let schema = AwsCatalogue
            .definition(&name)
            .map(|definition| definition.schema());
        let Some(schema) = schema else { continue };
        for under in schema.parents() {
            assert!(
                AwsCatalogue.definition(&under.of).is_some(),
                "{name}: {}",
                under.of
            );
            assert!(under.through.iter().all(|through| schema.has(through)), "{name}");
        }
    }
}
