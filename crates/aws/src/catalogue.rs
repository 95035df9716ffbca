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
    iam::policy::Policy,
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
static RENAMED: &[(&str, &str)] = &[("autoscaling", "applicationautoscaling")];

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
mod tests;
