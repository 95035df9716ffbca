//! Lookup of a cluster that exists.

use infra_provider::{Lookup, Things};

use super::cluster::Cluster;
use crate::lookups::things;
use crate::prelude::*;

/// A cluster that exists.
///
/// One of the arguments is given, or both.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeClusters.html")]
pub struct ClusterLookup {
    /// Its name.
    #[attribute(except("^arn:", "is an ARN, no name: set it as `arn`"))]
    pub cluster_name: Option<String>,
    /// Its ARN.
    #[attribute(pattern(
        "^arn:.*:cluster/",
        "is no ARN such as arn:aws:ecs:REGION:ACCOUNT:cluster/NAME"
    ))]
    pub arn: Option<String>,
}

impl Lookup for ClusterLookup {
    const NAME: &'static str = "ecs.cluster";
    const IAM_ACTIONS: &'static [&'static str] = &["ecs:DescribeClusters"];
    const EXAMPLE: &'static str = r#"
[lookup.ecs.cluster.shared]
cluster_name = "shared"

[output.cluster_arn]
value = "${lookup.ecs.cluster.shared.arn}"
"#;
    type Clients = Clients;
    type Found = Cluster;

    async fn find(aws: &Clients, arguments: Self) -> ProviderResult<Things<Cluster>> {
        let name = arguments.cluster_name;
        let by = arguments.arn.or_else(|| name.clone());
        let mut found = things::<Cluster>(aws, by.into_iter()).await?;
        found.retain(|(_, cluster)| name.is_none() || cluster.cluster_name == name.clone().into());
        Ok(found)
    }
}
