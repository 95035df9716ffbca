//! `logs.log_group`: where logs are kept, and for how long.
//!
//! Calls: CreateLogGroup, PutRetentionPolicy, DeleteRetentionPolicy, AssociateKmsKey, DisassociateKmsKey,
//! DescribeLogGroups (50 names), ListTagsForResource (one each), TagResource, UntagResource,
//! DeleteLogGroup. Usable at once. AWS tells two ARNs; the one here is without `:*` at its end, which is
//! what other services want.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known_integer, known_str};
use infra_core::{Attributes, PhysicalId};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::FromClients;
use crate::choices::choices;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate};
use crate::ownership::{Taken, made_by};
use crate::read::{Observations, holders_by_id, in_batches_that_exist};
use crate::tags::{self, Tags, without_reserved};

/// DescribeLogGroups takes at most 50 names.
const NAMES: usize = 50;

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/// The type.
pub struct LogGroup {
    client: Client,
    /// What the ARN of a log group starts with.
    arn_prefix: String,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name: at most 512 letters, digits and `_ - / . #`, unique in account and region.
    pub log_group_name: String,
    /// Days that logs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
    /// 2557, 2922, 3288 or 3653. AWS's default is for ever.
    pub retention_in_days: Option<i32>,
    /// The ARN of the key that encrypts what is written from then on. AWS's default is its own key.
    pub kms_key_id: Option<String>,
    /// What can be done with the logs, and what they cost. AWS's default is `STANDARD`.
    #[schemars(extend("default" = "STANDARD"))]
    pub log_group_class: Option<LogGroupClass>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

choices! {
    /// What can be done with logs, and what they cost.
    LogGroupClass {
        /// Everything.
        Standard = "STANDARD",
        /// Less, for half the price.
        InfrequentAccess = "INFREQUENT_ACCESS",
        /// Kept for a day, to be delivered elsewhere.
        Delivery = "DELIVERY",
    }
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    log_group_name: String,
    retention_in_days: Option<i32>,
    kms_key_id: Option<String>,
    log_group_class: Option<String>,
    tags: Tags,
    /// The ARN, without `:*` at its end.
    arn: String,
}

impl FromClients for LogGroup {
    fn from_clients(clients: &Clients) -> Self {
        let (identity, region) = (&clients.identity, &clients.region);
        Self {
            client: clients.logs.clone(),
            arn_prefix: format!(
                "arn:{}:logs:{region}:{}:log-group:",
                identity.partition, identity.account_id
            ),
        }
    }
}

impl ResourceType for LogGroup {
    const NAME: &'static str = "logs.log_group";
    const DESCRIPTION: &'static str = "A group of logs: where they are kept, and for how long.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "logs:DeleteRetentionPolicy",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
        "logs:DescribeLogGroups",
        "logs:ListTagsForResource",
        "logs:TagResource",
        "logs:UntagResource",
        "logs:DeleteLogGroup",
    ];
    const EXAMPLE: &'static str = r#"
[logs.log_group.app]
log_group_name    = "/ecs/appname-dev02"
retention_in_days = 30
"#;
    const TRAITS: Traits = Traits {
        immutable: &["log_group_name", "log_group_class"],
        set_after_create: &["retention_in_days"],
        natural_key: &["log_group_name"],
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        if let Some(name) = known_str(attributes, "log_group_name") {
            let length = name.chars().count();
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
            if length == 0 || length > 512 {
                problems.at(
                    "log_group_name",
                    format!("the name has {length} characters: AWS takes 1 to 512"),
                );
            } else if let Some(wrong) = name.chars().find(|c| !is_allowed(*c)) {
                let message =
                    format!("`{name}` has `{wrong}` in it: AWS takes letters, digits and _ - / . #");
                problems.at("log_group_name", message);
            } else if name.starts_with("aws/") {
                problems.at(
                    "log_group_name",
                    format!("`{name}` starts with `aws/`, which AWS keeps for itself"),
                );
            }
        }
        let days = known_integer(attributes, "retention_in_days");
        if let Some(days) = days.filter(|days| !RETENTION_DAYS.contains(days)) {
            let all = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
            let message = format!("AWS keeps no logs for {days} days");
            problems.at_with_help("retention_in_days", message, format!("it takes {all}"));
        }
        if days.is_some() && known_str(attributes, "log_group_class") == Some("DELIVERY") {
            problems.at(
                "retention_in_days",
                "a group of class DELIVERY keeps logs for one day, always",
            );
        }
        if let Some(key) = known_str(attributes, "kms_key_id").filter(|key| !key.starts_with("arn:")) {
            problems.at(
                "kms_key_id",
                format!("`{key}` is no ARN, which is all that AWS takes here"),
            );
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let tags = tags::for_create(call, spec.tags.as_ref());
        self.client
            .create_log_group()
            .log_group_name(&spec.log_group_name)
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_log_group_class(spec.log_group_class.map(|class| class.as_str().into()))
            .set_tags(Some(tags.into_iter().collect()))
            .send()
            .await
            .aws("logs", "CreateLogGroup")
            .taken(call, &spec.log_group_name)?;
        let class = spec.log_group_class.unwrap_or(LogGroupClass::Standard);
        let observed = Observed {
            arn: self.arn_of(&spec.log_group_name),
            log_group_name: spec.log_group_name,
            retention_in_days: None,
            kms_key_id: spec.kms_key_id,
            log_group_class: Some(class.as_str().to_owned()),
            tags: spec.tags.unwrap_or_default(),
        };
        Ok(Created::new(observed.log_group_name.clone(), observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches_that_exist(ids, NAMES, async |names| {
            let groups = self.describe(names).await?;
            let found = try_join_all(groups.iter().map(async |group| {
                let name = group.log_group_name().unwrap_or_default();
                // Gone since: its tags are not there any more.
                let tags = self.tags_of(name).await.absent_is_none()?;
                ProviderResult::Ok(tags.map(|tags| (PhysicalId::new(name), self.observe(group, tags))))
            }));
            let found = found.await?.into_iter().flatten();
            Ok(found.map(|(id, observed)| (id, Found::ready(observed))).collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let (name, spec) = (id.as_str(), &update.spec);
        if update.any(&["retention_in_days"]) {
            self.write_retention(name, spec.retention_in_days).await?;
        }
        if update.any(&["kms_key_id"]) {
            self.write_key(name, spec.kms_key_id.as_deref()).await?;
        }
        if update.any(&["tags"]) {
            self.write_tags(name, &update).await?;
        }
        Ok(())
    }

    async fn delete(&self, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_log_group()
            .log_group_name(id.as_str())
            .send()
            .await
            .aws("logs", "DeleteLogGroup")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "log_group_name") else {
            return Ok(None);
        };
        if self.describe(vec![name.to_owned()]).await?.is_empty() {
            return Ok(None);
        }
        let tags = self.tags_of(name).await.absent_is_none()?;
        Ok(tags
            .filter(|tags| made_by(call, tags.clone()))
            .map(|_| PhysicalId::new(name)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let name = known_str(attributes, "log_group_name");
        holders_by_id(self, name.map(PhysicalId::new)).await
    }
}

impl LogGroup {
    fn arn_of(&self, name: &str) -> String {
        format!("{}{name}", self.arn_prefix)
    }

    /// Those of these groups that are there.
    async fn describe(&self, names: Vec<String>) -> ProviderResult<Vec<sdk::LogGroup>> {
        let pages = self
            .client
            .describe_log_groups()
            .set_log_group_identifiers(Some(names.clone()))
            .into_paginator()
            .items()
            .send();
        let groups = pages.collect::<Result<Vec<_>, _>>().await;
        let groups = groups.aws("logs", "DescribeLogGroups")?;
        // Emulators tell all groups, whatever they are asked for.
        let is_meant = |group: &sdk::LogGroup| {
            let name = group.log_group_name();
            names.iter().any(|wanted| Some(wanted.as_str()) == name)
        };
        Ok(groups.into_iter().filter(is_meant).collect())
    }

    /// All tags of a group, ours included.
    async fn tags_of(&self, name: &str) -> ProviderResult<Tags> {
        let call = self
            .client
            .list_tags_for_resource()
            .resource_arn(self.arn_of(name));
        let answer = call.send().await.aws("logs", "ListTagsForResource")?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    fn observe(&self, group: &sdk::LogGroup, tags: Tags) -> Observed {
        let name = group.log_group_name().unwrap_or_default();
        Observed {
            log_group_name: name.to_owned(),
            retention_in_days: group.retention_in_days(),
            kms_key_id: group.kms_key_id().map(str::to_owned),
            log_group_class: Some(
                group
                    .log_group_class()
                    .map_or("STANDARD", |class| class.as_str())
                    .to_owned(),
            ),
            tags: without_reserved(tags),
            arn: self.arn_of(name),
        }
    }

    async fn write_retention(&self, name: &str, days: Option<i32>) -> ProviderResult<()> {
        match days {
            Some(days) => {
                let call = self.client.put_retention_policy().log_group_name(name);
                let done = call.retention_in_days(days).send().await;
                done.aws("logs", "PutRetentionPolicy")?;
            }
            None => {
                let call = self.client.delete_retention_policy().log_group_name(name);
                call.send().await.aws("logs", "DeleteRetentionPolicy")?;
            }
        }
        Ok(())
    }

    async fn write_key(&self, name: &str, key: Option<&str>) -> ProviderResult<()> {
        match key {
            Some(key) => {
                let call = self
                    .client
                    .associate_kms_key()
                    .log_group_name(name)
                    .kms_key_id(key);
                call.send().await.aws("logs", "AssociateKmsKey")?;
            }
            None => {
                let call = self.client.disassociate_kms_key().log_group_name(name);
                call.send().await.aws("logs", "DisassociateKmsKey")?;
            }
        }
        Ok(())
    }

    async fn write_tags(&self, name: &str, update: &Update<Spec>) -> ProviderResult<()> {
        let (set, removed) = tags::difference(&update.prior, update.spec.tags.as_ref());
        let arn = self.arn_of(name);
        if !set.is_empty() {
            let call = self
                .client
                .tag_resource()
                .resource_arn(&arn)
                .set_tags(Some(set.into_iter().collect()));
            call.send().await.aws("logs", "TagResource")?;
        }
        if !removed.is_empty() {
            let call = self
                .client
                .untag_resource()
                .resource_arn(&arn)
                .set_tag_keys(Some(removed));
            call.send().await.aws("logs", "UntagResource")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::check;

    #[test]
    fn name_retention_and_key_are_checked() {
        for (attributes, said) in [
            (
                json!({ "log_group_name": "/ecs/app_1.2#3", "retention_in_days": 3653 }),
                vec![],
            ),
            (
                json!({ "log_group_name": "my logs", "retention_in_days": 31 }),
                vec![
                    "log_group_name: `my logs` has ` ` in it: AWS takes letters, digits and _ - / . #",
                    "retention_in_days: AWS keeps no logs for 31 days",
                ],
            ),
            (
                json!({ "log_group_name": "a".repeat(513), "kms_key_id": "alias/key" }),
                vec![
                    "log_group_name: the name has 513 characters: AWS takes 1 to 512",
                    "kms_key_id: `alias/key` is no ARN, which is all that AWS takes here",
                ],
            ),
            (
                json!({ "log_group_name": "a", "retention_in_days": 1, "log_group_class": "DELIVERY" }),
                vec!["retention_in_days: a group of class DELIVERY keeps logs for one day, always"],
            ),
        ] {
            assert_eq!(check::<LogGroup>(attributes), said);
        }
    }
}
