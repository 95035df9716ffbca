//! All resource types, in alphabetical order: the one place that a new type is named in.

use infra_core::{Catalogue, TypeDefinition, TypeName};
use infra_provider::{
    Definition, Erased, ErasedLookup, LookupDefinition, LookupProvider, LookupType, Provider, Providers,
    ResourceType, Survey,
};

use crate::clients::Clients;
use crate::services::*;

/// Made from the clients of a run.
pub trait FromClients: Sized {
    /// Takes the clients that it needs.
    fn from_clients(clients: &Clients) -> Self;
}

impl FromClients for infra_provider::Data {
    fn from_clients(_: &Clients) -> Self {
        Self
    }
}

macro_rules! catalogue {
    ($($type:ty),+ $(,)?) => {
        /// The definitions of all types: needs no client.
        static DEFINITIONS: &[(&str, &'static dyn TypeDefinition)] = &[
            $((<$type as ResourceType>::NAME, {
                static DEFINITION: Definition<$type> = Definition::new();
                &DEFINITION
            }),)+
        ];

        /// Name, IAM actions and example of each type, for documents and tests.
        pub static DOCUMENTS: &[(&str, &[&str], &str)] = &[
            $((
                <$type as ResourceType>::NAME,
                <$type as ResourceType>::IAM_ACTIONS,
                <$type as ResourceType>::EXAMPLE,
            ),)+
        ];

        /// How each type says that its attributes are treated.
        #[cfg(test)]
        static TRAITS: &[(&str, infra_provider::Traits)] = &[
            $((<$type as ResourceType>::NAME, <$type as ResourceType>::TRAITS),)+
        ];

        fn all_providers(clients: &Clients) -> Vec<(&'static str, Box<dyn Provider>)> {
            vec![$((
                <$type as ResourceType>::NAME,
                Box::new(Erased::new(<$type as FromClients>::from_clients(clients))),
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
    autoscaling::scalable_target::ScalableTarget,
    autoscaling::scaling_policy::ScalingPolicy,
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
            $((<$lookup as LookupType>::NAME, {
                static DEFINITION: LookupDefinition<$lookup> = LookupDefinition::new();
                &DEFINITION
            }),)+
        ];

        /// Name, IAM actions and example of each lookup, for documents and tests.
        pub static LOOKUP_DOCUMENTS: &[(&str, &[&str], &str)] = &[
            $((
                <$lookup as LookupType>::NAME,
                <$lookup as LookupType>::IAM_ACTIONS,
                <$lookup as LookupType>::EXAMPLE,
            ),)+
        ];

        fn all_lookups(clients: &Clients) -> Vec<(&'static str, Box<dyn LookupProvider>)> {
            vec![$((
                <$lookup as LookupType>::NAME,
                Box::new(ErasedLookup::new(<$lookup as FromClients>::from_clients(clients))),
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
mod tests {
    use infra_core::{AttributeKind, AttributePath, Tagging};
    use infra_provider::Recognition;

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
        let tagless: Vec<(&str, Recognition, Option<&str>)> = TRAITS
            .iter()
            .zip(DEFINITIONS)
            .filter(|((_, traits), (name, definition))| {
                let has_tags = definition.schema().attributes.contains_key("tags");
                assert_eq!(traits.recognition == Recognition::Tags, has_tags, "{name}");
                !has_tags
            })
            .map(|((name, traits), _)| {
                (
                    *name,
                    traits.recognition,
                    traits.under.map(|under| under.resource_type),
                )
            })
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
                    "autoscaling.scaling_policy",
                    Recognition::NaturalKey,
                    Some("autoscaling.scalable_target")
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
        for (name, traits) in TRAITS {
            let Some(under) = traits.under else { continue };
            let parent = AwsCatalogue.definition(&under.resource_type.parse().unwrap());
            assert!(parent.is_some(), "{name} is under {}", under.resource_type);
            let schema = AwsCatalogue.definition(&name.parse().unwrap()).unwrap().schema();
            for attribute in under.id {
                assert!(schema.attributes.contains_key(*attribute), "{name}.{attribute}");
            }
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
                "autoscaling.scalable_target",
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

    /// A path that names nothing would be ignored without a word.
    #[test]
    fn every_path_in_a_trait_is_an_attribute_of_its_kind() {
        for ((name, traits), (_, definition)) in TRAITS.iter().zip(DEFINITIONS) {
            let schema = definition.schema();
            let at = |path: &str| {
                schema
                    .at(&AttributePath::from(path))
                    .unwrap_or_else(|| panic!("{name} has no {path}"))
            };
            let lists = [
                traits.immutable,
                traits.set_after_create,
                traits.needs_ready,
                traits.sensitive,
                traits.write_only,
            ];
            for path in lists.into_iter().flatten() {
                at(path);
            }
            for path in traits.sets {
                assert!(matches!(at(path).kind, AttributeKind::Set(_)), "{name}.{path}");
            }
            for (path, suffix) in traits.optional_suffixes {
                assert_eq!(
                    at(path).kind,
                    AttributeKind::OptionalSuffix((*suffix).to_owned()),
                    "{name}.{path}"
                );
            }
            for (path, key) in traits.keyed {
                let AttributeKind::KeyedList { element, .. } = &at(path).kind else {
                    panic!("{name}.{path} is no keyed list")
                };
                assert!(element.contains_key(*key), "{name}.{path} has no {key}");
            }
            for path in traits.json.iter().chain(traits.policies) {
                assert!(
                    matches!(at(path).kind, AttributeKind::Json { .. }),
                    "{name}.{path}"
                );
            }
            for computed in traits.changes_on_update {
                assert!(
                    schema.computed.contains_key(*computed),
                    "{name} computes no {computed}"
                );
            }
        }
    }
}
