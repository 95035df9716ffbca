//! Lookup of a cluster that exists.

use infra_core::Attributes;
use infra_core::PhysicalId;
use infra_core::types::{Problems, known_str};
use infra_provider::{LookupType, ProviderResult, ResourceType, Traits};
use schemars::JsonSchema;
use serde::Deserialize;

use super::cluster::{self, Cluster};
use super::common::check_arn;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::lookups::{FoundThings, fits, read_as};

/// The lookup.
pub struct ClusterLookup(Cluster);

/// What a cluster is looked for by: one of these, or both.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterArguments {
    /// Its name.
    pub cluster_name: Option<String>,
    /// Its ARN.
    pub arn: Option<String>,
}

impl FromClients for ClusterLookup {
    fn from_clients(clients: &Clients) -> Self {
        Self(Cluster::from_clients(clients))
    }
}

impl LookupType for ClusterLookup {
    const NAME: &'static str = "ecs.cluster";
    const DESCRIPTION: &'static str = "A cluster that exists.";
    const IAM_ACTIONS: &'static [&'static str] = &["ecs:DescribeClusters"];
    const EXAMPLE: &'static str = r#"
[lookup.ecs.cluster.shared]
cluster_name = "shared"

[output.cluster_arn]
value = "${lookup.ecs.cluster.shared.arn}"
"#;
    const TRAITS: Traits = Cluster::TRAITS;
    type Arguments = ClusterArguments;
    type Observed = cluster::Observed;

    fn validate(arguments: &Attributes, problems: &mut Problems) {
        check_arn(
            arguments,
            "arn",
            ":cluster/",
            "arn:aws:ecs:REGION:ACCOUNT:cluster/NAME",
            problems,
        );
        if let Some(name) = known_str(arguments, "cluster_name").filter(|name| name.starts_with("arn:")) {
            problems.at_with_help(
                "cluster_name",
                format!("`{name}` is an ARN, no name"),
                "set it as `arn`",
            );
        }
    }

    async fn find(&self, arguments: ClusterArguments) -> ProviderResult<FoundThings<cluster::Observed>> {
        let by = arguments.arn.or_else(|| arguments.cluster_name.clone());
        let found = read_as(&self.0, by.into_iter().map(PhysicalId::new).collect()).await?;
        Ok(found
            .into_iter()
            .filter(|(_, cluster)| fits(arguments.cluster_name.as_ref(), &cluster.cluster_name))
            .collect())
    }
}
