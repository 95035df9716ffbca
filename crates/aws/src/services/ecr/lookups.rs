//! Lookup of a repository that exists.

use infra_provider::{Lookup, Things};

use super::repository::Repository;
use crate::lookups::things;
use crate::prelude::*;

/// A repository of container images that exists, in the stack's account and region.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct RepositoryLookup {
    /// Its name, with its namespace, such as `team/app`.
    pub repository_name: String,
}

impl Lookup for RepositoryLookup {
    const NAME: &'static str = "ecr.repository";
    const IAM_ACTIONS: &'static [&'static str] = &["ecr:DescribeRepositories", "ecr:ListTagsForResource"];
    const EXAMPLE: &'static str = r#"
[lookup.ecr.repository.app]
repository_name = "team/app"

[ecr.image.app]
repository_uri = "${lookup.ecr.repository.app.repository_uri}"
source         = { archive = "image.tar" }
"#;
    type Clients = Clients;
    type Found = Repository;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<Repository>> {
        things::<Repository>(aws, [arguments.repository_name].into_iter()).await
    }
}
