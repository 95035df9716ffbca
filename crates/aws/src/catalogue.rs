//! All resource types, in alphabetical order: the one place that a new type is named in.

use infra_core::{Catalogue, TypeDefinition, TypeName};
use infra_provider::{
    ErasedLookup, ErasedResource, Lookup, LookupDefinition, LookupProvider, Provider, Providers, Recognition,
    Resource, ResourceDefinition, Service, Survey, TagRules,
};

use crate::clients::Clients;
use crate::services::*;

/// What needs no clients.
impl From<&Clients> for () {
    fn from(_: &Clients) -> Self {}
}

impl From<&Clients> for Clients {
    fn from(clients: &Clients) -> Self {
        clients.clone()
    }
}

/// How the own of a type are recognised, and which type they are under.
#[cfg(test)]
type Recognized = (&'static str, Recognition, Option<&'static str>);

/// The actions that tagging a type's resources needs: those that are not recognised by tags have none.
const fn tag_actions<T: Resource>() -> &'static [&'static str] {
    match T::RULES.recognition {
        Recognition::Tags => <T::Service as Service>::TAG_ACTIONS,
        _ => &[],
    }
}

macro_rules! catalogue {
    ($($type:ty),+ $(,)?) => {
        /// The definitions of all types: needs no client.
        static DEFINITIONS: &[(&str, &'static dyn TypeDefinition)] = &[
            $((<$type as Resource>::NAME, {
                static DEFINITION: ResourceDefinition<$type> = ResourceDefinition::new();
                &DEFINITION
            }),)+
        ];

        /// Name, IAM actions, those of its tags, and example of each type, for documents and tests.
        pub static DOCUMENTS: &[(&str, [&[&str]; 2], &str)] = &[
            $((
                <$type as Resource>::NAME,
                [<$type as Resource>::IAM_ACTIONS, tag_actions::<$type>()],
                <$type as Resource>::EXAMPLE,
            ),)+
        ];

        /// What the service of each type takes as tags, for documents.
        pub static TAG_RULES: &[(&str, TagRules)] = &[
            $((<$type as Resource>::NAME, <<$type as Resource>::Service as Service>::TAG_RULES),)+
        ];

        #[cfg(test)]
        static RECOGNIZED: &[Recognized] = &[
            $((
                <$type as Resource>::NAME,
                <$type as Resource>::RULES.recognition,
                match <$type as Resource>::RULES.under {
                    Some((parent, _)) => Some(parent),
                    None => None,
                },
            ),)+
        ];

        fn all_providers(clients: &Clients) -> Vec<(&'static str, Box<dyn Provider>)> {
            vec![$((
                <$type as Resource>::NAME,
                Box::new(ErasedResource::<$type>::new(clients.into())),
            ),)+]
        }
    };
}

catalogue![
    apigatewayv2::api::Api,
    apigatewayv2::api_mapping::ApiMapping,
    apigatewayv2::domain_name::DomainName,
    apigatewayv2::integration::Integration,
    apigatewayv2::route::Route,
    apigatewayv2::stage::Stage,
    apigatewayv2::vpc_link::VpcLink,
    applicationautoscaling::scalable_target::ScalableTarget,
    applicationautoscaling::scaling_policy::ScalingPolicy,
    ec2::eip::ElasticIp,
    ec2::internet_gateway::InternetGateway,
    ec2::nat_gateway::NatGateway,
    ec2::route::Route,
    ec2::route_table::RouteTable,
    ec2::route_table_association::RouteTableAssociation,
    ec2::security_group::SecurityGroup,
    ec2::security_group_rule::SecurityGroupRule,
    ec2::subnet::Subnet,
    ec2::vpc::Vpc,
    ec2::vpc_endpoint::VpcEndpoint,
    ecr::image::Image,
    ecr::lifecycle_policy::LifecyclePolicy,
    ecr::repository::Repository,
    ecs::cluster::Cluster,
    ecs::deployment::Deployment,
    ecs::service::Service,
    ecs::task_definition::TaskDefinition,
    elbv2::listener::Listener,
    elbv2::load_balancer::LoadBalancer,
    elbv2::target_group::TargetGroup,
    iam::role::Role,
    iam::role_policy::RolePolicy,
    iam::role_policy_attachment::RolePolicyAttachment,
    infra_provider::Data,
    logs::log_group::LogGroup,
    route53::record::Record,
];

macro_rules! lookups {
    ($($lookup:ty),+ $(,)?) => {
        static LOOKUPS: &[(&str, &'static dyn TypeDefinition)] = &[
            $((<$lookup as Lookup>::NAME, {
                static DEFINITION: LookupDefinition<$lookup> = LookupDefinition::new();
                &DEFINITION
            }),)+
        ];

        /// Name, IAM actions and example of each lookup, for documents and tests.
        pub static LOOKUP_DOCUMENTS: &[(&str, &[&str], &str)] = &[
            $((
                <$lookup as Lookup>::NAME,
                <$lookup as Lookup>::IAM_ACTIONS,
                <$lookup as Lookup>::EXAMPLE,
            ),)+
        ];

        fn all_lookups(clients: &Clients) -> Vec<(&'static str, Box<dyn LookupProvider>)> {
            vec![$((
                <$lookup as Lookup>::NAME,
                Box::new(ErasedLookup::<$lookup>::new(clients.into())),
            ),)+]
        }
    };
}

lookups![
    acm::lookups::CertificateLookup,
    ec2::lookups::SecurityGroupLookup,
    ec2::lookups::SubnetLookup,
    ec2::lookups::VpcLookup,
    ecr::lookups::RepositoryLookup,
    ecs::lookups::ClusterLookup,
    elbv2::lookups::LoadBalancerLookup,
    iam::lookups::RoleLookup,
    route53::lookups::HostedZoneLookup,
];

fn position<T>(entries: &[(&'static str, T)], name: &TypeName) -> Option<usize> {
    let name = name.to_string();
    entries
        .binary_search_by(|(known, _)| (*known).cmp(name.as_str()))
        .ok()
}

/// Services that had another name in an earlier version, with the one that they have.
static RENAMED: &[(&str, &str)] = &[("applicationautoscaling", "applicationautoscaling")];

/// What is known of AWS's types without calling AWS.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsCatalogue;

impl AwsCatalogue {
    fn find(name: &TypeName) -> Option<&'static dyn TypeDefinition> {
        position(DEFINITIONS, name).map(|position| DEFINITIONS[position].1)
    }
}

impl Catalogue for AwsCatalogue {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        Self::find(name)
    }

    fn names(&self) -> Vec<TypeName> {
        DEFINITIONS
            .iter()
            .filter_map(|(name, _)| name.parse().ok())
            .collect()
    }

    fn lookup(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        position(LOOKUPS, name).map(|position| LOOKUPS[position].1)
    }

    fn lookup_names(&self) -> Vec<TypeName> {
        LOOKUPS.iter().filter_map(|(name, _)| name.parse().ok()).collect()
    }

    fn renamed(&self, former: &TypeName) -> Option<TypeName> {
        let (_, service) = RENAMED.iter().find(|(name, _)| *name == former.service())?;
        let name = TypeName::new(*service, former.kind());
        Self::find(&name).map(|_| name)
    }
}

/// AWS's types with the clients of a run.
pub struct AwsProviders {
    clients: Clients,
    providers: Vec<(&'static str, Box<dyn Provider>)>,
    lookups: Vec<(&'static str, Box<dyn LookupProvider>)>,
}

impl AwsProviders {
    /// All types of a run, calling through `clients`.
    pub fn new(clients: &Clients) -> Self {
        let clients = clients.of_a_run();
        Self {
            providers: all_providers(&clients),
            lookups: all_lookups(&clients),
            clients,
        }
    }

    /// The clients that all types call through.
    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }
}

impl Catalogue for AwsProviders {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        // The static definitions are asked, so that a schema is worked out once in a process.
        AwsCatalogue::find(name)
    }

    fn names(&self) -> Vec<TypeName> {
        AwsCatalogue.names()
    }

    fn lookup(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        position(LOOKUPS, name).map(|position| LOOKUPS[position].1)
    }

    fn lookup_names(&self) -> Vec<TypeName> {
        AwsCatalogue.lookup_names()
    }

    fn renamed(&self, former: &TypeName) -> Option<TypeName> {
        AwsCatalogue.renamed(former)
    }
}

impl Providers for AwsProviders {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        position(&self.providers, name).map(|position| &*self.providers[position].1)
    }

    fn lookup_provider(&self, name: &TypeName) -> Option<&dyn LookupProvider> {
        position(&self.lookups, name).map(|position| &*self.lookups[position].1)
    }

    fn survey(&self) -> Option<&dyn Survey> {
        Some(self)
    }
}

#[cfg(test)]
mod depends;
#[cfg(test)]
mod sent;

#[cfg(test)]
mod tests {
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
            let with =
                |(_, definition): &&(&str, &dyn TypeDefinition)| definition.schema().tagging == tagging;
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
    fn constraints(
        attributes: &BTreeMap<String, AttributeSchema>,
        path: &str,
        found: &mut Vec<(String, Rule)>,
    ) {
        for (name, schema) in attributes {
            let path = format!("{path}.{name}");
            found.extend(schema.rules.iter().map(|rule| (path.clone(), rule.clone())));
            let mut kind = &schema.kind;
            while let AttributeKind::List(inner) | AttributeKind::Set(inner) | AttributeKind::Map(inner) =
                kind
            {
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
}
