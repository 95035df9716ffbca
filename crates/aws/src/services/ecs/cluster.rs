//! `ecs.cluster`: a name under which services and tasks run.
//!
//! A deleted cluster is remembered as `INACTIVE`: that is absent, and its name is free. Creating one that is there
//! overwrites its settings, so a look comes first.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{self as sdk, ClusterSettingName};
use infra_core::AttributePath;
use infra_provider::Used;

use super::common::{
    CapacityProviderShare, CapacityProviderShareField, all_tags, check_strategy, for_create,
    strategy_from_sdk, strategy_to_sdk,
};
use super::tagging::Ecs;
use crate::ownership::check_made;
use crate::prelude::*;
use crate::read::in_batches;

/// DescribeClusters takes at most 100.
const CLUSTERS: usize = 100;

/// A cluster: the name under which services and tasks run.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html")]
pub struct Cluster {
    /// Its name, unique in account and region.
    #[attribute(immutable, length = 1..=255, alphabet("A-Za-z0-9_-", "letters, digits, underscores and hyphens"))]
    pub cluster_name: String,
    /// Settings by name. There is one: `containerInsights`.
    #[attribute(key = "name", nothing = [])]
    pub settings: Option<Vec<ClusterSetting>>,
    /// Where tasks may run: `FARGATE`, `FARGATE_SPOT`, or the account's own capacity providers.
    #[attribute(length = 1..=255)]
    #[attribute(
        except(
            "^(aws|ecs|fargate)",
            "begins as no name of the account's own may, and AWS's own are `FARGATE` and `FARGATE_SPOT`"
        ),
        source = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html"
    )]
    pub capacity_providers: Option<BTreeSet<String>>,
    /// How tasks are shared out when a service says nothing itself.
    #[attribute(key = "capacity_provider", count = 0..=20)]
    pub default_capacity_provider_strategy: Option<Vec<CapacityProviderShare>>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The cluster's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use ClusterField as Field;

/// A setting of a cluster.
#[derive(Debug, Clone, Deserialize, Serialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ClusterSetting.html")]
pub struct ClusterSetting {
    /// Its name, `containerInsights`.
    pub name: SettingName,
    /// `enabled`, `disabled`, or `enhanced`. AWS's default is the account's setting, which is `disabled`
    /// unless somebody changed it.
    pub value: SettingValue,
}

choices! {
    /// A setting of clusters.
    SettingName {
        /// Whether metrics of containers are collected.
        ContainerInsights = "containerInsights",
    }
}

choices! {
    /// What is collected.
    SettingValue {
        /// Metrics of services and tasks.
        Enabled = "enabled",
        /// Nothing.
        Disabled = "disabled",
        /// Metrics of each container, too.
        Enhanced = "enhanced",
    }
}

impl Resource for Cluster {
    const NAME: &'static str = "ecs.cluster";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:CreateCluster",
        "ecs:UpdateCluster",
        "ecs:PutClusterCapacityProviders",
        "ecs:DescribeClusters",
        "ecs:DeleteCluster",
        "iam:CreateServiceLinkedRole",
    ];
    const EXAMPLE: &'static str = r#"
[ecs.cluster.main]
cluster_name                       = "appname-ecs-cluster-dev02"
settings                           = [{ name = "containerInsights", value = "enabled" }]
capacity_providers                 = ["FARGATE", "FARGATE_SPOT"]
default_capacity_provider_strategy = [{ capacity_provider = "FARGATE", weight = 1 }]
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::ClusterName],
        looks_first: true,
        // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html
        in_use: &[Used {
            attribute: Field::CapacityProviders,
            by: "ecs.service",
            through: "cluster",
            at: "capacity_provider_strategy.capacity_provider",
        }],
        waits: Waits {
            create: Some(Wait::seconds("cluster active", 2, 300)),
            delete: Some(Wait::seconds("cluster gone", 2, 300)),
            ..Waits::NONE
        },
        ..Rules::NONE
    };
    type Service = Ecs;

    fn validate(given: &PartialCluster, problems: &mut Problems) {
        let name = Field::DefaultCapacityProviderStrategy.name();
        check_strategy(name, &given.default_capacity_provider_strategy, problems);
        let there = given.capacity_providers.elements();
        if given.capacity_providers.is_unknown() || there.iter().any(Partial::is_unknown) {
            return;
        }
        for (position, share) in given.default_capacity_provider_strategy.known_elements() {
            if share.capacity_provider.known().is_some() && !there.contains(&share.capacity_provider) {
                let provider = share.capacity_provider.as_str().unwrap_or_default();
                let path = AttributePath::attribute(name).index(position);
                problems.at(
                    path.name(CapacityProviderShareField::CapacityProvider.name()),
                    format!("`{provider}` is not among the `capacity_providers` of the cluster"),
                );
            }
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialCluster>> {
        let strategy = spec.default_capacity_provider_strategy.as_deref();
        let created = aws
            .ecs
            .create_cluster()
            .cluster_name(&spec.cluster_name)
            .set_settings(spec.settings.as_deref().map(to_settings))
            .set_capacity_providers(spec.capacity_providers.map(Vec::from_iter))
            .set_default_capacity_provider_strategy(strategy.map(strategy_to_sdk).transpose()?)
            .set_tags(Some(for_create(call, spec.tags)))
            .send()
            .await
            .aws("ecs", "CreateCluster")?;
        let made = created
            .cluster
            .ok_or_else(|| missing("ecs", "CreateCluster", "cluster"))?;
        // One of the name that is there is answered with as it is, tags included.
        let mut tags = all_tags(made.tags());
        if tags.is_empty() {
            let there = describe(aws, vec![spec.cluster_name.clone()]).await?;
            tags = there
                .first()
                .map(|there| all_tags(there.tags()))
                .unwrap_or_default();
        }
        let what = format!("the cluster `{}`", spec.cluster_name);
        let (id, found) = observe(&made);
        check_made(call, "ecs", "CreateCluster", &what, id.as_str(), tags)?;
        Ok(Created { id, found })
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        in_batches(ids, CLUSTERS, async |arns| {
            Ok(describe(aws, arns).await?.iter().map(observe).collect())
        })
        .await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let spec = &update.spec;
        if update.changes(Field::Settings) {
            let off = ClusterSetting {
                name: SettingName::ContainerInsights,
                value: SettingValue::Disabled,
            };
            let settings = spec.settings.clone().unwrap_or_else(|| vec![off]);
            let call = aws.ecs.update_cluster().cluster(id.as_str());
            let call = call.set_settings(Some(to_settings(&settings)));
            call.send().await.aws("ecs", "UpdateCluster")?;
        }
        if update.changes(Field::CapacityProviders) || update.changes(Field::DefaultCapacityProviderStrategy)
        {
            // Both are written whole.
            let providers = update.kept(Field::CapacityProviders, spec.capacity_providers.clone());
            let strategy = spec.default_capacity_provider_strategy.clone();
            let strategy = update.kept(Field::DefaultCapacityProviderStrategy, strategy);
            let strategy = strategy_to_sdk(strategy.as_deref().unwrap_or_default())?;
            let call = aws
                .ecs
                .put_cluster_capacity_providers()
                .cluster(id.as_str())
                .set_capacity_providers(Some(providers.into_iter().flatten().collect()))
                .set_default_capacity_provider_strategy(Some(strategy));
            call.send().await.aws("ecs", "PutClusterCapacityProviders")?;
        }
        Ok(())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.ecs.delete_cluster().cluster(id.as_str());
        call.send().await.aws("ecs", "DeleteCluster").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialCluster) -> ProviderResult<Observations<Self>> {
        let Some(name) = given.cluster_name.as_str() else {
            return Ok(Observations::<Self>::new());
        };
        let there = describe(aws, vec![name.to_owned()]).await?;
        Ok(there.iter().map(observe).collect())
    }
}

/// Clusters by name or ARN; those that are not there or deleted are left out.
async fn describe(aws: &Clients, clusters: Vec<String>) -> ProviderResult<Vec<sdk::Cluster>> {
    let answer = aws
        .ecs
        .describe_clusters()
        .set_clusters(Some(clusters))
        .include(sdk::ClusterField::Tags)
        .include(sdk::ClusterField::Settings)
        .send()
        .await
        .aws("ecs", "DescribeClusters")?;
    let mut there = answer.clusters.unwrap_or_default();
    there.retain(|cluster| cluster.status() != Some("INACTIVE"));
    Ok(there)
}

fn to_settings(settings: &[ClusterSetting]) -> Vec<sdk::ClusterSetting> {
    let settings = settings.iter().map(|setting| {
        sdk::ClusterSetting::builder()
            .set_name(to_aws::<ClusterSettingName>(Some(setting.name)))
            .value(setting.value.as_str())
            .build()
    });
    settings.collect()
}

fn observe(cluster: &sdk::Cluster) -> Observation<Cluster> {
    let settings = cluster.settings().iter().filter_map(|setting| {
        Some(ClusterSetting {
            name: setting.name()?.as_str().parse().ok()?,
            value: setting.value()?.parse().ok()?,
        })
    });
    let arn = cluster.cluster_arn().unwrap_or_default();
    let providers = cluster.capacity_providers().iter().cloned();
    let strategy = strategy_from_sdk(cluster.default_capacity_provider_strategy());
    let observed = PartialCluster {
        cluster_name: cluster.cluster_name().into(),
        settings: whole(&Vec::from_iter(settings)),
        capacity_providers: BTreeSet::from_iter(providers).into(),
        default_capacity_provider_strategy: whole(&strategy),
        tags: all_tags(cluster.tags()).into(),
        arn: arn.into(),
    };
    let health = match cluster.status() {
        Some(status @ "PROVISIONING") => Health::Pending(status.to_owned()),
        Some(status @ "DEPROVISIONING") => Health::Deleting(status.to_owned()),
        Some(status @ "FAILED") => Health::Failed(status.to_owned()),
        _ => Health::Ready,
    };
    (PhysicalId::new(arn), Found { observed, health })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::refused;

    #[test]
    fn names_settings_and_strategies_are_checked() {
        for (attributes, said) in [
            (
                json!({
                    "cluster_name": "main",
                    "settings": [{ "name": "containerInsights", "value": "enhanced" }],
                    "capacity_providers": ["FARGATE"],
                    "default_capacity_provider_strategy": [{ "capacity_provider": "FARGATE", "base": 1 }],
                }),
                vec![],
            ),
            (
                json!({ "cluster_name": "my cluster", "settings": [] }),
                vec![
                    "cluster_name: `my cluster` has ` ` in it: AWS takes letters, digits, underscores and hyphens",
                ],
            ),
            (
                json!({
                    "cluster_name": "main",
                    "default_capacity_provider_strategy": [{ "capacity_provider": "FARGATE", "weight": 1001 }],
                }),
                vec![
                    "default_capacity_provider_strategy[0].weight: 1001 is not between 0 and 1000",
                    "default_capacity_provider_strategy[0].capacity_provider: `FARGATE` is not among the \
                     `capacity_providers` of the cluster",
                ],
            ),
        ] {
            assert_eq!(refused::<Cluster>(attributes), said);
        }
    }
}
