//! Lookup of a repository that exists.

use infra_core::PhysicalId;
use infra_provider::{LookupType, ProviderResult, ResourceType, Traits};
use schemars::JsonSchema;
use serde::Deserialize;

use super::repository::{self, Repository};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::lookups::{FoundThings, read_as};

/// The lookup.
pub struct RepositoryLookup(Repository);

/// What a repository is looked for by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryArguments {
    /// Its name, with its namespace, such as `team/app`.
    pub repository_name: String,
}

impl FromClients for RepositoryLookup {
    fn from_clients(clients: &Clients) -> Self {
        Self(Repository::from_clients(clients))
    }
}

impl LookupType for RepositoryLookup {
    const NAME: &'static str = "ecr.repository";
    const DESCRIPTION: &'static str =
        "A repository of container images that exists, in the stack's account and region.";
    const IAM_ACTIONS: &'static [&'static str] = &["ecr:DescribeRepositories", "ecr:ListTagsForResource"];
    const EXAMPLE: &'static str = r#"
[lookup.ecr.repository.app]
repository_name = "team/app"

[ecr.image.app]
repository_uri = "${lookup.ecr.repository.app.repository_uri}"
source         = { archive = "image.tar" }
"#;
    const TRAITS: Traits = Repository::TRAITS;
    type Arguments = RepositoryArguments;
    type Observed = repository::Observed;

    async fn find(
        &self,
        arguments: RepositoryArguments,
    ) -> ProviderResult<FoundThings<repository::Observed>> {
        read_as(&self.0, vec![PhysicalId::new(arguments.repository_name)]).await
    }
}
