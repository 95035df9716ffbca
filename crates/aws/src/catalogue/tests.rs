//! What holds of every type.

use std::collections::BTreeMap;

use infra_core::constraint::Rule;
use infra_core::schema::{AttributeSchema, ClashWhen};
use infra_core::{AttributeKind, Tagging};
use infra_provider::{Recognition, is_sound};

use super::*;

#[test]
fn types_are_in_alphabetical_order_and_found_by_name() {
    assert!(DEFINITIONS.is_sorted_by_key(|(name, _)| *name));
    for (name, _) in DEFINITIONS {
        let definition = AwsCatalogue.definition(&name.parse().unwrap()).unwrap();
        assert_eq!(definition.schema().name.to_string(), *name);
    }
}

#[test]
fn every_attribute_is_described_and_every_trait_names_one() {
    for (name, definition) in DEFINITIONS {
        let schema = definition.schema();
        for (attribute, described) in &schema.attributes {
            assert!(
                !described.description.is_empty(),
                "{name}.{attribute} has no description"
            );
        }
        for key in &schema.natural_key {
            assert!(schema.attributes.contains_key(key), "{name}: natural key {key}");
        }
        for attribute in &schema.caseless {
            assert!(
                schema.natural_key.contains(attribute),
                "{name}: caseless {attribute}"
            );
        }
    }
}

/// What a delete takes away has to be known for our own.
#[test]
fn every_type_says_how_its_own_is_recognised() {
    let tagless: Vec<Recognized> = RECOGNIZED
        .iter()
        .zip(DEFINITIONS)
        .filter(|((_, recognition, _), (name, definition))| {
            let has_tags = definition.schema().attributes.contains_key("tags");
            assert_eq!(*recognition == Recognition::Tags, has_tags, "{name}");
            !has_tags
        })
        .map(|(recognized, _)| *recognized)
        .collect();
    assert_eq!(
        tagless,
        [
            (
                "apigatewayv2.api_mapping",
                Recognition::NaturalKey,
                Some("apigatewayv2.domain_name")
            ),
            (
                "apigatewayv2.integration",
                Recognition::Content,
                Some("apigatewayv2.api")
            ),
            (
                "apigatewayv2.route",
                Recognition::NaturalKey,
                Some("apigatewayv2.api")
            ),
            (
                "applicationautoscaling.scaling_policy",
                Recognition::NaturalKey,
                Some("applicationautoscaling.scalable_target")
            ),
            ("ec2.route", Recognition::NaturalKey, Some("ec2.route_table")),
            (
                "ec2.route_table_association",
                Recognition::NaturalKey,
                Some("ec2.subnet")
            ),
            ("ecr.image", Recognition::Shared, None),
            (
                "ecr.lifecycle_policy",
                Recognition::NaturalKey,
                Some("ecr.repository")
            ),
            ("ecs.deployment", Recognition::Shared, None),
            ("iam.role_policy", Recognition::NaturalKey, Some("iam.role")),
            (
                "iam.role_policy_attachment",
                Recognition::NaturalKey,
                Some("iam.role")
            ),
            ("infra.data", Recognition::Shared, None),
            ("route53.record", Recognition::NaturalKey, None),
        ]
    );
    for (name, _, parent) in RECOGNIZED {
        let Some(parent) = parent else { continue };
        let found = AwsCatalogue.definition(&parent.parse().unwrap());
        assert!(found.is_some(), "{name} is under {parent}");
    }
}

/// Of these a missing tag says nothing: AWS gives no id a second time. All other ids are names, or made of names.
#[test]
fn it_is_known_of_each_type_with_tags_whether_others_can_make_its_ids_again() {
    let with = |tagging: Tagging| -> Vec<&str> {
        let with = |(_, definition): &&(&str, &dyn TypeDefinition)| definition.schema().tagging == tagging;
        DEFINITIONS.iter().filter(with).map(|(name, _)| *name).collect()
    };
    assert_eq!(
        with(Tagging::ById),
        [
            "apigatewayv2.api",
            "apigatewayv2.vpc_link",
            "ec2.eip",
            "ec2.internet_gateway",
            "ec2.nat_gateway",
            "ec2.route_table",
            "ec2.security_group",
            "ec2.security_group_rule",
            "ec2.subnet",
            "ec2.vpc",
            "ec2.vpc_endpoint",
            "ecs.task_definition",
            "elbv2.listener",
            "elbv2.load_balancer",
            "elbv2.target_group",
        ]
    );
    assert_eq!(
        with(Tagging::ByName),
        [
            "apigatewayv2.domain_name",
            "apigatewayv2.stage",
            "applicationautoscaling.scalable_target",
            "ecr.repository",
            "ecs.cluster",
            "ecs.service",
            "iam.policy",
            "iam.role",
            "logs.log_group",
        ]
    );
}

#[test]
fn lookups_are_in_alphabetical_order_and_their_arguments_are_described() {
    assert!(LOOKUPS.is_sorted_by_key(|(name, _)| *name));
    for (name, definition) in LOOKUPS {
        let schema = definition.schema();
        assert_eq!(schema.name.to_string(), *name);
        for (argument, described) in &schema.attributes {
            assert!(!described.description.is_empty(), "{name}: {argument}");
        }
    }
}

/// Constraints of all attributes, with their places.
fn constraints(attributes: &BTreeMap<String, AttributeSchema>, path: &str, found: &mut Vec<(String, Rule)>) {
    for (name, schema) in attributes {
        let path = format!("{path}.{name}");
        found.extend(schema.rules.iter().map(|rule| (path.clone(), rule.clone())));
        let mut kind = &schema.kind;
        while let AttributeKind::List(inner) | AttributeKind::Set(inner) | AttributeKind::Map(inner) = kind {
            kind = inner;
        }
        if let AttributeKind::Object(inner) | AttributeKind::KeyedList { element: inner, .. } = kind {
            constraints(inner, &path, found);
        }
    }
}

#[test]
fn every_constraint_is_sound_and_says_where_aws_says_so() {
    let mut found = Vec::new();
    for (name, definition) in DEFINITIONS.iter().chain(LOOKUPS) {
        constraints(&definition.schema().attributes, name, &mut found);
    }
    assert!(found.len() > 150, "{}", found.len());
    for (path, rule) in found {
        assert!(is_sound(&rule.constraint), "{path}: {:?}", rule.constraint);
        assert!(
            rule.source.starts_with("https://docs.aws.amazon.com/"),
            "{path}: `{}`",
            rule.source
        );
    }
}

/// Where a rule names an attribute by its path in text, the path leads to one.
#[test]
fn every_path_in_a_rule_is_an_attribute() {
    for (name, definition) in DEFINITIONS {
        let schema = definition.schema();
        let shared = schema.clashes.iter().filter_map(|clash| match &clash.when {
            ClashWhen::Shared { at, .. } => Some(at),
            _ => None,
        });
        let stays = schema.stays_in.iter().map(|stays| &stays.attribute);
        for path in shared.flatten().chain(stays) {
            assert!(schema.at(path).is_some(), "{name} has no {path}");
        }
        for used in &schema.in_use {
            let by = AwsCatalogue.definition(&used.by).unwrap().schema();
            assert!(by.at(&used.at).is_some(), "{} has no {}", used.by, used.at);
        }
    }
}
