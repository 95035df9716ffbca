//! `logs.log_group`: where logs are kept, and for how long.
//!
//! Usable at once. AWS tells two ARNs; the one here is without `:*` at its end, which is what other services want.

use aws_sdk_cloudwatchlogs::types as sdk;
use futures::future::try_join_all;

use super::service::{Logs, arn_of};
use crate::prelude::*;
use crate::read::in_batches_that_exist;
use crate::tags;

/// DescribeLogGroups takes at most 50 names.
const NAMES: usize = 50;

/// A group of logs: where they are kept, and for how long.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"
)]
pub struct LogGroup {
    /// Its name, unique in account and region.
    #[attribute(immutable, length = 1..=512, alphabet("A-Za-z0-9_/.#-", "letters, digits and _ - / . #"))]
    #[attribute(except("^aws/", "starts with `aws/`, which AWS keeps for itself"))]
    pub log_group_name: String,
    /// Days that logs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
    /// 2557, 2922, 3288 or 3653. AWS's default is for ever.
    #[attribute(set_after_create)]
    #[attribute(one_of(
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
        3653
    ))]
    #[attribute(
        source = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"
    )]
    pub retention_in_days: Option<i32>,
    /// The ARN of the key that encrypts what is written from then on. AWS's default is its own key.
    #[attribute(length = 0..=256, pattern("^arn:", "is no ARN, which is all that AWS takes here"))]
    pub kms_key_id: Option<String>,
    /// What can be done with the logs, and what they cost.
    #[attribute(immutable, default = "STANDARD")]
    pub log_group_class: Option<LogGroupClass>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The ARN, without `:*` at its end.
    #[attribute(computed)]
    pub arn: Option<String>,
}

use LogGroupField as Field;

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

impl Resource for LogGroup {
    const NAME: &'static str = "logs.log_group";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "logs:DeleteRetentionPolicy",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
        "logs:DescribeLogGroups",
        "logs:ListTagsForResource",
        "logs:DeleteLogGroup",
    ];
    const EXAMPLE: &'static str = r#"
[logs.log_group.app]
log_group_name    = "/ecs/appname-dev02"
retention_in_days = 30
"#;
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::LogGroupName],
        ..Rules::NONE
    };
    type Service = Logs;

    fn validate(given: &PartialLogGroup, problems: &mut Problems) {
        let is_delivery = given.log_group_class == Partial::Known(LogGroupClass::Delivery);
        if given.retention_in_days.known().is_some() && is_delivery {
            let message = "a group of class DELIVERY keeps logs for one day, always";
            problems.at(Field::RetentionInDays.name(), message);
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialLogGroup>> {
        let tags = tags::for_create(call, spec.tags.as_ref());
        aws.logs
            .create_log_group()
            .log_group_name(&spec.log_group_name)
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_log_group_class(to_aws(spec.log_group_class))
            .set_tags(Some(tags.into_iter().collect()))
            .send()
            .await
            .aws("logs", "CreateLogGroup")?;
        let group = sdk::LogGroup::builder()
            .log_group_name(spec.log_group_name)
            .set_kms_key_id(spec.kms_key_id)
            .set_log_group_class(to_aws(spec.log_group_class));
        Ok(observe(aws, &group.build(), Tags::new()).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        in_batches_that_exist(ids, NAMES, async |names| {
            let groups = describe(aws, names).await?;
            let found = try_join_all(groups.iter().map(async |group| {
                let arn = arn_of(aws, group.log_group_name().unwrap_or_default());
                let call = aws.logs.list_tags_for_resource().resource_arn(arn);
                // Gone since: its tags are not there any more.
                let told = call
                    .send()
                    .await
                    .aws("logs", "ListTagsForResource")
                    .absent_is_none()?;
                let tags = told.map(|told| told.tags.into_iter().flatten().collect());
                ProviderResult::Ok(tags.map(|tags| observe(aws, group, tags)))
            }));
            Ok(found.await?.into_iter().flatten().collect())
        })
        .await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let (name, spec) = (id.as_str(), &update.spec);
        match spec.retention_in_days {
            _ if !update.changes(Field::RetentionInDays) => {}
            Some(days) => {
                let call = aws.logs.put_retention_policy().log_group_name(name);
                let done = call.retention_in_days(days).send().await;
                done.aws("logs", "PutRetentionPolicy")?;
            }
            None => {
                let call = aws.logs.delete_retention_policy().log_group_name(name);
                call.send().await.aws("logs", "DeleteRetentionPolicy")?;
            }
        }
        match &spec.kms_key_id {
            _ if !update.changes(Field::KmsKeyId) => {}
            Some(key) => {
                let call = aws.logs.associate_kms_key().log_group_name(name).kms_key_id(key);
                call.send().await.aws("logs", "AssociateKmsKey")?;
            }
            None => {
                let call = aws.logs.disassociate_kms_key().log_group_name(name);
                call.send().await.aws("logs", "DisassociateKmsKey")?;
            }
        }
        Ok(())
    }

    async fn delete(aws: &Clients, _: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let call = aws.logs.delete_log_group().log_group_name(id.as_str());
        call.send().await.aws("logs", "DeleteLogGroup").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialLogGroup) -> ProviderResult<Observations<Self>> {
        let id = given.log_group_name.as_str().map(PhysicalId::new);
        Self::read(aws, id.as_slice()).await
    }
}

/// Those of these groups that are there.
async fn describe(aws: &Clients, names: Vec<String>) -> ProviderResult<Vec<sdk::LogGroup>> {
    let call = aws
        .logs
        .describe_log_groups()
        .set_log_group_identifiers(Some(names.clone()));
    let groups = call.into_paginator().items().send();
    let groups = groups.collect::<Result<Vec<_>, _>>().await;
    let mut groups = groups.aws("logs", "DescribeLogGroups")?;
    // Emulators tell all groups, whatever they are asked for.
    groups.retain(|group| {
        names
            .iter()
            .any(|name| Some(name.as_str()) == group.log_group_name())
    });
    Ok(groups)
}

fn observe(aws: &Clients, group: &sdk::LogGroup, tags: Tags) -> Observation<LogGroup> {
    let name = group.log_group_name().unwrap_or_default();
    let class = group.log_group_class().map_or("STANDARD", |class| class.as_str());
    let observed = PartialLogGroup {
        log_group_name: name.into(),
        retention_in_days: group.retention_in_days().into(),
        kms_key_id: group.kms_key_id().into(),
        log_group_class: told(Some(class)),
        tags: tags.into(),
        arn: arn_of(aws, name).into(),
    };
    (PhysicalId::new(name), Found::ready(observed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::services::testing::refused;

    #[test]
    fn name_retention_and_key_are_checked() {
        let name = "a".repeat(513);
        let long = format!("log_group_name: `{name}` has 513 characters: AWS takes 1 to 512");
        for (attributes, said) in [
            (
                json!({ "log_group_name": "/ecs/app_1.2#3", "retention_in_days": 3653 }),
                vec![],
            ),
            (
                json!({ "log_group_name": "my logs", "retention_in_days": 31 }),
                vec![
                    "log_group_name: `my logs` has ` ` in it: AWS takes letters, digits and _ - / . #",
                    "retention_in_days: AWS takes no 31, only 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, \
                     1827, 2192, 2557, 2922, 3288, 3653",
                ],
            ),
            (
                json!({ "log_group_name": name, "kms_key_id": "alias/key" }),
                vec![
                    "kms_key_id: `alias/key` is no ARN, which is all that AWS takes here",
                    &long,
                ],
            ),
            (
                json!({ "log_group_name": "a", "retention_in_days": 1, "log_group_class": "DELIVERY" }),
                vec!["retention_in_days: a group of class DELIVERY keeps logs for one day, always"],
            ),
        ] {
            assert_eq!(refused::<LogGroup>(attributes), said);
        }
    }
}
