//! `ecs.cluster`: a name under which services and tasks run.
//!
//! Calls: CreateCluster, UpdateCluster, PutClusterCapacityProviders, DescribeClusters (100), TagResource,
//! UntagResource, DeleteCluster. A deleted cluster is remembered as `INACTIVE`: that is absent, and its name
//! is free. Creating one that is there overwrites its settings, so a look comes first.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>

use std::collections::BTreeSet;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{self as sdk, ClusterField, ClusterSettingName};
use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, Health, PhysicalId, Value};
use infra_provider::{
    Call, Created, Found, ProviderResult, ResourceType, Traits, Update, Using, Wait, Waits,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{
    CapacityProviderShare, all_tags, for_create, strategy_from_sdk, strategy_to_sdk, update_tags,
};
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, missing};
use crate::ownership::{check_made, made_by, taken};
use crate::read::{Observations, in_batches};
use crate::tags::{Tags, without_reserved};
use crate::together::elements;

/// DescribeClusters takes at most 100.
const CLUSTERS: usize = 100;

/// The type.
pub struct Cluster {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name: at most 255 letters, digits, underscores and hyphens, unique in account and region.
    pub cluster_name: String,
    /// Settings by name. There is one: `containerInsights`.
    pub settings: Option<Vec<ClusterSetting>>,
    /// Where tasks may run: `FARGATE`, `FARGATE_SPOT`, or the account's own capacity providers.
    pub capacity_providers: Option<BTreeSet<String>>,
    /// How tasks are shared out when a service says nothing itself.
    pub default_capacity_provider_strategy: Option<Vec<CapacityProviderShare>>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

/// A setting of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSetting {
    /// Its name, `containerInsights`.
    pub name: String,
    /// `enabled`, `disabled`, or `enhanced`. AWS's default is the account's setting, which is `disabled`
    /// unless somebody changed it.
    pub value: String,
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    pub(super) cluster_name: String,
    settings: Vec<ClusterSetting>,
    capacity_providers: BTreeSet<String>,
    default_capacity_provider_strategy: Vec<CapacityProviderShare>,
    tags: Tags,
    /// The cluster's ARN.
    arn: String,
}

impl FromClients for Cluster {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ecs.clone(),
        }
    }
}

impl ResourceType for Cluster {
    const NAME: &'static str = "ecs.cluster";
    const DESCRIPTION: &'static str = "A cluster: the name under which services and tasks run.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecs:CreateCluster",
        "ecs:UpdateCluster",
        "ecs:PutClusterCapacityProviders",
        "ecs:DescribeClusters",
        "ecs:TagResource",
        "ecs:UntagResource",
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
    const TRAITS: Traits = Traits {
        immutable: &["cluster_name"],
        keyed: &[
            ("settings", "name"),
            ("default_capacity_provider_strategy", "capacity_provider"),
        ],
        natural_key: &["cluster_name"],
        // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html
        in_use: &[Using {
            attribute: "capacity_providers",
            by: "ecs.service",
            through: "cluster",
            at: "capacity_provider_strategy.capacity_provider",
        }],
        waits: Waits {
            create: Some(Wait::seconds("cluster active", 2, 300)),
            delete: Some(Wait::seconds("cluster gone", 2, 300)),
            ..Waits::NONE
        },
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_name(attributes, "cluster_name", problems);
        for (position, setting) in elements(attributes, "settings").iter().enumerate() {
            let Some(setting) = setting.as_map() else {
                continue;
            };
            if let Some(name) = known_str(setting, "name").filter(|name| *name != "containerInsights") {
                let path = format!("settings[{position}].name");
                problems.at(
                    path.as_str(),
                    format!("there is no setting `{name}`, only `containerInsights`"),
                );
            }
            let values = ["enabled", "disabled", "enhanced"];
            if let Some(value) = known_str(setting, "value").filter(|value| !values.contains(value)) {
                let path = format!("settings[{position}].value");
                problems.at(
                    path.as_str(),
                    format!("`{value}` is none of {}", values.join(", ")),
                );
            }
        }
        check_strategy(attributes, "default_capacity_provider_strategy", problems);
        let providers = attributes.get("capacity_providers");
        if providers.is_some_and(|providers| !providers.has_unknown()) || providers.is_none() {
            let there = elements(attributes, "capacity_providers");
            let name = "default_capacity_provider_strategy";
            for (position, share) in elements(attributes, name).iter().enumerate() {
                let provider = share
                    .as_map()
                    .and_then(|share| known_str(share, "capacity_provider"));
                if let Some(provider) = provider.filter(|one| !there.contains(&Value::from(*one))) {
                    let path = format!("{name}[{position}].capacity_provider");
                    let message =
                        format!("`{provider}` is not among the `capacity_providers` of the cluster");
                    problems.at(path.as_str(), message);
                }
            }
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let what = format!("the cluster `{}`", spec.cluster_name);
        if let Some(there) = self.find(&spec.cluster_name).await? {
            let found = observe(&there);
            if !made_by(call, all_tags(there.tags())) {
                return Err(taken(call, "ecs", "CreateCluster", &what, &found.observed.arn));
            }
            let id = PhysicalId::new(&found.observed.arn);
            return Ok(Created { id, found });
        }
        let strategy = spec.default_capacity_provider_strategy.as_deref();
        let created = self
            .client
            .create_cluster()
            .cluster_name(&spec.cluster_name)
            .set_settings(spec.settings.as_deref().map(to_settings))
            .set_capacity_providers(
                spec.capacity_providers
                    .map(|providers| providers.into_iter().collect()),
            )
            .set_default_capacity_provider_strategy(strategy.map(strategy_to_sdk).transpose()?)
            .set_tags(Some(for_create(call, spec.tags.as_ref())))
            .send()
            .await
            .aws("ecs", "CreateCluster")?;
        let cluster = created
            .cluster
            .ok_or_else(|| missing("ecs", "CreateCluster", "cluster"))?;
        let mut found = observe(&cluster);
        // One of the name that is there is answered with as it is, tags included.
        let mut tags = all_tags(cluster.tags());
        if tags.is_empty() {
            let there = self.find(&spec.cluster_name).await?;
            tags = there.map(|there| all_tags(there.tags())).unwrap_or_default();
        }
        let arn = &found.observed.arn;
        check_made(call, "ecs", "CreateCluster", &what, arn, tags)?;
        found.observed.tags = spec.tags.unwrap_or_default();
        Ok(Created {
            id: PhysicalId::new(&found.observed.arn),
            found,
        })
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, CLUSTERS, async |arns| {
            let clusters = self.describe(arns).await?;
            Ok(clusters
                .iter()
                .map(observe)
                .map(|found| (PhysicalId::new(&found.observed.arn), found))
                .collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let spec = &update.spec;
        if update.any(&["settings"]) {
            let off = || {
                vec![ClusterSetting {
                    name: "containerInsights".into(),
                    value: "disabled".into(),
                }]
            };
            let settings = spec.settings.clone().unwrap_or_else(off);
            let call = self
                .client
                .update_cluster()
                .cluster(id.as_str())
                .set_settings(Some(to_settings(&settings)));
            call.send().await.aws("ecs", "UpdateCluster")?;
        }
        if update.any(&["capacity_providers", "default_capacity_provider_strategy"]) {
            let providers = spec.capacity_providers.iter().flatten().cloned().collect();
            let strategy = spec
                .default_capacity_provider_strategy
                .as_deref()
                .unwrap_or_default();
            let call = self
                .client
                .put_cluster_capacity_providers()
                .cluster(id.as_str())
                .set_capacity_providers(Some(providers))
                .set_default_capacity_provider_strategy(Some(strategy_to_sdk(strategy)?));
            call.send().await.aws("ecs", "PutClusterCapacityProviders")?;
        }
        if update.any(&["tags"]) {
            update_tags(&self.client, id.as_str(), &update.prior, spec.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_cluster()
            .cluster(id.as_str())
            .send()
            .await
            .aws("ecs", "DeleteCluster")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "cluster_name") else {
            return Ok(None);
        };
        let there = self.find(name).await?;
        Ok(there
            .filter(|cluster| made_by(call, all_tags(cluster.tags())))
            .and_then(|cluster| cluster.cluster_arn)
            .map(PhysicalId::new))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let Some(name) = known_str(attributes, "cluster_name") else {
            return Ok(Vec::new());
        };
        let there = self.find(name).await?;
        let arn = there.and_then(|cluster| cluster.cluster_arn);
        Ok(arn.map(PhysicalId::new).into_iter().collect())
    }
}

impl Cluster {
    async fn find(&self, name: &str) -> ProviderResult<Option<sdk::Cluster>> {
        let found = self.describe(vec![name.to_owned()]).await?;
        Ok(found.into_iter().next())
    }

    /// Clusters by name or ARN; those that are not there or deleted are left out.
    async fn describe(&self, clusters: Vec<String>) -> ProviderResult<Vec<sdk::Cluster>> {
        let answer = self
            .client
            .describe_clusters()
            .set_clusters(Some(clusters))
            .include(ClusterField::Tags)
            .include(ClusterField::Settings)
            .send()
            .await
            .aws("ecs", "DescribeClusters")?;
        let there = answer.clusters.unwrap_or_default();
        Ok(there
            .into_iter()
            .filter(|cluster| cluster.status() != Some("INACTIVE"))
            .collect())
    }
}

fn to_settings(settings: &[ClusterSetting]) -> Vec<sdk::ClusterSetting> {
    settings
        .iter()
        .map(|setting| {
            sdk::ClusterSetting::builder()
                .name(ClusterSettingName::from(setting.name.as_str()))
                .value(&setting.value)
                .build()
        })
        .collect()
}

fn observe(cluster: &sdk::Cluster) -> Found<Observed> {
    let settings = cluster.settings().iter().filter_map(|setting| {
        Some(ClusterSetting {
            name: setting.name()?.as_str().to_owned(),
            value: setting.value().unwrap_or_default().to_owned(),
        })
    });
    let observed = Observed {
        cluster_name: cluster.cluster_name().unwrap_or_default().to_owned(),
        settings: settings.collect(),
        capacity_providers: cluster.capacity_providers().iter().cloned().collect(),
        default_capacity_provider_strategy: strategy_from_sdk(cluster.default_capacity_provider_strategy()),
        tags: without_reserved(all_tags(cluster.tags())),
        arn: cluster.cluster_arn().unwrap_or_default().to_owned(),
    };
    let health = match cluster.status() {
        Some(status @ "PROVISIONING") => Health::Pending(status.to_owned()),
        Some(status @ "DEPROVISIONING") => Health::Deleting(status.to_owned()),
        Some(status @ "FAILED") => Health::Failed(status.to_owned()),
        _ => Health::Ready,
    };
    Found { observed, health }
}

/// Checks a name of ECS: at most 255 letters, digits, underscores and hyphens.
pub fn check_name(attributes: &Attributes, attribute: &str, problems: &mut Problems) {
    let Some(name) = known_str(attributes, attribute) else {
        return;
    };
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let length = name.chars().count();
    if length == 0 || length > 255 {
        problems.at(
            attribute,
            format!("the name has {length} characters: AWS takes 1 to 255"),
        );
    } else if let Some(wrong) = name.chars().find(|c| !is_allowed(*c)) {
        let message =
            format!("`{name}` has `{wrong}` in it: AWS takes letters, digits, underscores and hyphens");
        problems.at(attribute, message);
    }
}

/// Checks weights and bases of a capacity provider strategy.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html>
pub fn check_strategy(attributes: &Attributes, attribute: &str, problems: &mut Problems) {
    let shares = elements(attributes, attribute);
    let number = |share: &Value, name: &str| share.as_map().and_then(|share| known_integer(share, name));
    for (position, share) in shares.iter().enumerate() {
        for (name, highest) in [("weight", 1000), ("base", 100_000)] {
            if let Some(value) = number(share, name).filter(|value| !(0..=highest).contains(value)) {
                let path = format!("{attribute}[{position}].{name}");
                problems.at(path.as_str(), format!("{value} is not between 0 and {highest}"));
            }
        }
    }
    let with_base = shares
        .iter()
        .filter(|share| number(share, "base").is_some_and(|base| base > 0));
    if with_base.count() > 1 {
        problems.at(attribute, "one capacity provider only may have a base");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::check;

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
                json!({ "cluster_name": "my cluster", "settings": [{ "name": "insights", "value": "on" }] }),
                vec![
                    "cluster_name: `my cluster` has ` ` in it: AWS takes letters, digits, underscores and hyphens",
                    "settings[0].name: there is no setting `insights`, only `containerInsights`",
                    "settings[0].value: `on` is none of enabled, disabled, enhanced",
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
            assert_eq!(check::<Cluster>(attributes), said);
        }
    }
}
