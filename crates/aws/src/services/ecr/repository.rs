//! `ecr.repository`: a repository of container images.
//!
//! Calls: CreateRepository, DescribeRepositories, ListTagsForResource, PutImageTagMutability,
//! PutImageScanningConfiguration, TagResource, UntagResource, ListImages, DeleteRepository. A change of the name or the
//! encryption makes a new repository. The id is the name.
//!
//! The images in it are data: where a plan would delete or replace the repository, ListImages (1 image) tells whether there
//! are any, and a plan that would lose them needs permission. With it DeleteRepository is forced; without it never, so that
//! AWS refuses what was pushed after the look.
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>

use std::collections::BTreeSet;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types as sdk;
use futures::future::try_join_all;
use infra_core::types::{Problems, known, known_str};
use infra_core::{Attributes, PhysicalId, ProviderError, Value};
use infra_provider::{Call, Created, Found, ProviderResult, ResourceType, Traits, Update};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::check_repository_name;
use crate::catalogue::FromClients;
use crate::clients::Clients;
use crate::errors::{AwsResult, Tolerate, built, missing};
use crate::held_data::held_by;
use crate::ownership::{Taken, made_by};
use crate::read::{Observations, holders_by_id, in_batches};
use crate::tags::{self, Tags};
use crate::texts::texts;

/// DescribeRepositories takes at most 100 names.
const NAMES_PER_CALL: usize = 100;

/// The type.
pub struct Repository {
    client: Client,
}

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name: 2 to 256 characters, lower-case letters and digits with single `.`, `_`, `-` or `/` between
    /// them.
    pub repository_name: String,
    /// Whether a tag may be moved to another image (`MUTABLE`) or not (`IMMUTABLE`). AWS's default is
    /// `MUTABLE`.
    #[schemars(extend("default" = "MUTABLE"))]
    pub image_tag_mutability: Option<TagMutability>,
    /// Tags that are treated the other way than `image_tag_mutability` says; at most 5.
    pub image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    /// Whether images are looked through for known weaknesses.
    pub image_scanning_configuration: Option<ScanningConfiguration>,
    /// How images are encrypted at rest. AWS's default is AES256.
    pub encryption_configuration: Option<EncryptionConfiguration>,
    /// Whether the images may be deleted with the repository: the same for a repository as
    /// `lifecycle.allow_data_loss`, which see. Without any permission, a repository that has images is neither deleted nor
    /// replaced; with one, AWS is told to delete the images too. It concerns the delete only and is no part of the
    /// repository at AWS.
    #[schemars(extend("default" = false))]
    pub force_delete: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
}

texts! {
    /// Whether tags of images may be moved.
    TagMutability => sdk::ImageTagMutability {
        /// A tag may be moved.
        Mutable = "MUTABLE",
        /// A tag stays.
        Immutable = "IMMUTABLE",
        /// A tag stays, unless it matches a filter.
        ImmutableWithExclusion = "IMMUTABLE_WITH_EXCLUSION",
        /// A tag may be moved, unless it matches a filter.
        MutableWithExclusion = "MUTABLE_WITH_EXCLUSION",
    }
}

/// Tags that are an exception.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExclusionFilter {
    /// How `filter` is read.
    pub filter_type: FilterType,
    /// A pattern such as `latest*`, at most 128 characters with at most two `*`.
    pub filter: String,
}

texts! {
    /// How a filter is read.
    FilterType => sdk::ImageTagMutabilityExclusionFilterType {
        /// `*` stands for any characters.
        Wildcard = "WILDCARD",
    }
}

/// Scanning of images.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScanningConfiguration {
    /// Whether each image is scanned when it is pushed. AWS's default is false.
    #[schemars(extend("default" = false))]
    pub scan_on_push: Option<bool>,
}

/// Encryption of images.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncryptionConfiguration {
    /// With S3's keys (`AES256`) or with a KMS key.
    pub encryption_type: EncryptionType,
    /// The KMS key's ARN, id or alias; without it, AWS's own key for ECR.
    pub kms_key: Option<String>,
}

texts! {
    /// Encryption at rest.
    EncryptionType => sdk::EncryptionType {
        /// With keys that S3 manages.
        Aes256 = "AES256",
        /// With a KMS key.
        Kms = "KMS",
        /// With a KMS key, in two layers.
        KmsDsse = "KMS_DSSE",
    }
}

/// What AWS tells.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    repository_name: String,
    image_tag_mutability: Option<String>,
    image_tag_mutability_exclusion_filters: Option<Vec<ObservedFilter>>,
    image_scanning_configuration: ObservedScanning,
    encryption_configuration: Option<ObservedEncryption>,
    tags: Tags,
    /// The repository's ARN.
    arn: String,
    /// The registry that it is in: the account's id.
    registry_id: String,
    /// Where images are pushed to and pulled from, without tag:
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    repository_uri: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedFilter {
    filter_type: String,
    filter: String,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedScanning {
    scan_on_push: bool,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct ObservedEncryption {
    encryption_type: String,
    kms_key: Option<String>,
}

impl FromClients for Repository {
    fn from_clients(clients: &Clients) -> Self {
        Self {
            client: clients.ecr.clone(),
        }
    }
}

impl ResourceType for Repository {
    const NAME: &'static str = "ecr.repository";
    const DESCRIPTION: &'static str = "A repository of container images.\n\n\
        Images are data: a plan that would delete or replace a repository with images in it is refused, unless that is \
        allowed. AWS is asked whether there are any; an empty repository loses nothing. What is pushed after that is not \
        lost either: the delete is forced only where losing images is allowed.";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecr:CreateRepository",
        "ecr:DescribeRepositories",
        "ecr:ListTagsForResource",
        "ecr:PutImageTagMutability",
        "ecr:PutImageScanningConfiguration",
        "ecr:TagResource",
        "ecr:UntagResource",
        "ecr:ListImages",
        "ecr:DeleteRepository",
    ];
    const EXAMPLE: &'static str = r#"
[ecr.repository.app]
repository_name              = "example/app"
image_tag_mutability         = "IMMUTABLE"
image_scanning_configuration = { scan_on_push = true }
force_delete                 = true
"#;
    const TRAITS: Traits = Traits {
        immutable: &["repository_name", "encryption_configuration"],
        write_only: &["force_delete"],
        sets: &["image_tag_mutability_exclusion_filters"],
        natural_key: &["repository_name"],
        holds_data: held_by("ecr.repository"),
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn validate(attributes: &Attributes, problems: &mut Problems) {
        check_repository_name(attributes, problems);
        let filters = known(attributes, "image_tag_mutability_exclusion_filters")
            .and_then(Value::as_list)
            .map_or(0, <[Value]>::len);
        if filters > 5 {
            problems.at(
                "image_tag_mutability_exclusion_filters",
                format!("AWS takes at most 5 filters, these are {filters}"),
            );
        }
        if let Some(mutability) = known_str(attributes, "image_tag_mutability") {
            let with_exclusion = mutability.ends_with("_WITH_EXCLUSION");
            if with_exclusion && !is_set(attributes, "image_tag_mutability_exclusion_filters") {
                problems.at(
                    "image_tag_mutability",
                    format!("{mutability} needs `image_tag_mutability_exclusion_filters`"),
                );
            }
            if !with_exclusion && filters > 0 {
                problems.at_with_help(
                    "image_tag_mutability_exclusion_filters",
                    format!("{mutability} takes no filters"),
                    format!("set image_tag_mutability = \"{mutability}_WITH_EXCLUSION\""),
                );
            }
        }
        if let Some(encryption) = known(attributes, "encryption_configuration").and_then(Value::as_map)
            && encryption.get("encryption_type").and_then(Value::as_str) == Some("AES256")
            && encryption.get("kms_key").is_some_and(|key| !key.is_null())
        {
            problems.at(
                "encryption_configuration.kms_key",
                "AES256 takes no KMS key: the encryption type must be KMS or KMS_DSSE",
            );
        }
    }

    async fn create(&self, call: &Call, spec: Spec) -> ProviderResult<Created<Observed>> {
        let sdk_tags = tags::for_create(call, spec.tags.as_ref())
            .into_iter()
            .map(|(key, value)| tag(key, value))
            .collect::<ProviderResult<Vec<_>>>()?;
        let encryption = spec.encryption_configuration.as_ref().map(|encryption| {
            built(
                sdk::EncryptionConfiguration::builder()
                    .encryption_type(encryption.encryption_type.into())
                    .set_kms_key(encryption.kms_key.clone())
                    .build(),
            )
        });
        let answer = self
            .client
            .create_repository()
            .repository_name(&spec.repository_name)
            .set_tags(Some(sdk_tags))
            .set_image_tag_mutability(spec.image_tag_mutability.map(Into::into))
            .set_image_tag_mutability_exclusion_filters(filters(&spec)?)
            .set_image_scanning_configuration(spec.image_scanning_configuration.map(Into::into))
            .set_encryption_configuration(encryption.transpose()?)
            .send()
            .await
            .aws("ecr", "CreateRepository")
            .taken(call, &spec.repository_name)?;
        let repository = answer
            .repository
            .ok_or_else(|| missing("ecr", "CreateRepository", "repository"))?;
        let observed = observe(&repository, spec.tags.unwrap_or_default());
        Ok(Created::new(spec.repository_name, observed))
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<Observations<Observed>> {
        in_batches(ids, NAMES_PER_CALL, async |names| {
            let repositories = self.repositories(names).await?;
            let found =
                try_join_all(repositories.iter().map(|repository| self.with_tags(repository))).await?;
            Ok(found
                .into_iter()
                .flatten()
                .map(|observed| (PhysicalId::new(&observed.repository_name), Found::ready(observed)))
                .collect())
        })
        .await
    }

    async fn update(&self, _: &Call, id: &PhysicalId, update: Update<Spec>) -> ProviderResult<()> {
        let name = id.as_str();
        if update.any(&["image_tag_mutability", "image_tag_mutability_exclusion_filters"]) {
            let mutability = update.spec.image_tag_mutability.unwrap_or(TagMutability::Mutable);
            self.client
                .put_image_tag_mutability()
                .repository_name(name)
                .image_tag_mutability(mutability.into())
                .set_image_tag_mutability_exclusion_filters(filters(&update.spec)?)
                .send()
                .await
                .aws("ecr", "PutImageTagMutability")?;
        }
        if update.any(&["image_scanning_configuration"]) {
            let scanning = update.spec.image_scanning_configuration;
            let scanning = scanning.unwrap_or(ScanningConfiguration { scan_on_push: None });
            self.client
                .put_image_scanning_configuration()
                .repository_name(name)
                .image_scanning_configuration(scanning.into())
                .send()
                .await
                .aws("ecr", "PutImageScanningConfiguration")?;
        }
        if update.any(&["tags"]) {
            let arn = update.prior.get("arn").and_then(Value::as_str);
            let arn = arn.ok_or_else(|| missing("ecr", "DescribeRepositories", "repositoryArn"))?;
            self.update_tags(arn, &update).await?;
        }
        Ok(())
    }

    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        let asked = ids
            .iter()
            .map(async |id| Ok::<_, ProviderError>(self.is_empty(id.as_str()).await?.then(|| id.clone())));
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn delete(&self, call: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        self.client
            .delete_repository()
            .repository_name(id.as_str())
            .force(call.data_loss_allowed)
            .send()
            .await
            .aws("ecr", "DeleteRepository")
            .absent_is_none()?;
        Ok(())
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        let Some(name) = known_str(attributes, "repository_name") else {
            return Ok(None);
        };
        let found = self.repositories(vec![name.to_owned()]).await?;
        let Some(arn) = found.first().and_then(|repository| repository.repository_arn()) else {
            return Ok(None);
        };
        let tags = self.tags(arn).await?.unwrap_or_default();
        Ok(made_by(call, tags).then(|| PhysicalId::new(name)))
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        let name = known_str(attributes, "repository_name");
        holders_by_id(self, name.map(PhysicalId::new)).await
    }
}

impl Repository {
    /// Those of these names that are there.
    async fn repositories(&self, names: Vec<String>) -> ProviderResult<Vec<sdk::Repository>> {
        let several = names.len() > 1;
        let answer = self
            .client
            .describe_repositories()
            .set_repository_names(Some(names.clone()))
            .send()
            .await
            .aws("ecr", "DescribeRepositories")
            .absent_is_none()?;
        match answer {
            Some(answer) => Ok(answer.repositories.unwrap_or_default()),
            // One that is missing fails the call for all of them.
            None if several => {
                let one_by_one = names
                    .into_iter()
                    .map(|name| Box::pin(self.repositories(vec![name])));
                Ok(try_join_all(one_by_one).await?.into_iter().flatten().collect())
            }
            None => Ok(Vec::new()),
        }
    }

    /// Whether no image is in it, be it archived or without a tag. What is gone is empty.
    async fn is_empty(&self, name: &str) -> ProviderResult<bool> {
        let all = sdk::ListImagesFilter::builder()
            .tag_status(sdk::TagStatus::Any)
            .image_status(sdk::ImageStatusFilter::Any);
        let answer = self
            .client
            .list_images()
            .repository_name(name)
            .filter(all.build())
            .max_results(1)
            .send()
            .await
            .aws("ecr", "ListImages")
            .absent_is_none()?;
        // A page may be empty and not be the last.
        Ok(answer.is_none_or(|answer| answer.image_ids().is_empty() && answer.next_token().is_none()))
    }

    /// All tags, ours and AWS's as well; `None` when the repository is gone.
    async fn tags(&self, arn: &str) -> ProviderResult<Option<Vec<(String, String)>>> {
        let answer = self
            .client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .aws("ecr", "ListTagsForResource")
            .absent_is_none()?;
        Ok(answer.map(|answer| {
            let tags = answer.tags.unwrap_or_default();
            tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
        }))
    }

    async fn with_tags(&self, repository: &sdk::Repository) -> ProviderResult<Option<Observed>> {
        let tags = self.tags(repository.repository_arn().unwrap_or_default()).await?;
        Ok(tags.map(|tags| {
            let pairs = tags.into_iter().map(|(key, value)| (Some(key), Some(value)));
            observe(repository, tags::of_user(pairs))
        }))
    }

    async fn update_tags(&self, arn: &str, update: &Update<Spec>) -> ProviderResult<()> {
        let (set, removed) = tags::difference(&update.prior, update.spec.tags.as_ref());
        if !set.is_empty() {
            let set = set
                .into_iter()
                .map(|(key, value)| tag(key, value))
                .collect::<ProviderResult<Vec<_>>>()?;
            self.client
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(set))
                .send()
                .await
                .aws("ecr", "TagResource")?;
        }
        if !removed.is_empty() {
            self.client
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(removed))
                .send()
                .await
                .aws("ecr", "UntagResource")?;
        }
        Ok(())
    }
}

fn is_set(attributes: &Attributes, name: &str) -> bool {
    attributes.get(name).is_some_and(|value| !value.is_null())
}

fn tag(key: String, value: String) -> ProviderResult<sdk::Tag> {
    built(sdk::Tag::builder().key(key).value(value).build())
}

fn filters(spec: &Spec) -> ProviderResult<Option<Vec<sdk::ImageTagMutabilityExclusionFilter>>> {
    let filters = spec.image_tag_mutability_exclusion_filters.iter().flatten();
    let filters = filters
        .map(|filter| {
            built(
                sdk::ImageTagMutabilityExclusionFilter::builder()
                    .filter_type(filter.filter_type.into())
                    .filter(&filter.filter)
                    .build(),
            )
        })
        .collect::<ProviderResult<Vec<_>>>()?;
    Ok((!filters.is_empty()).then_some(filters))
}

fn observe(repository: &sdk::Repository, tags: Tags) -> Observed {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let filters = repository.image_tag_mutability_exclusion_filters();
    let filters = filters.iter().map(|filter| ObservedFilter {
        filter_type: filter.filter_type().as_str().to_owned(),
        filter: filter.filter().to_owned(),
    });
    Observed {
        repository_name: text(repository.repository_name()),
        image_tag_mutability: repository
            .image_tag_mutability()
            .map(|mutability| mutability.as_str().to_owned()),
        image_tag_mutability_exclusion_filters: Some(filters.collect::<Vec<_>>())
            .filter(|filters| !filters.is_empty()),
        image_scanning_configuration: ObservedScanning {
            scan_on_push: repository
                .image_scanning_configuration()
                .is_some_and(|scanning| scanning.scan_on_push()),
        },
        encryption_configuration: repository.encryption_configuration().map(|encryption| {
            ObservedEncryption {
                encryption_type: encryption.encryption_type().as_str().to_owned(),
                kms_key: encryption.kms_key().map(str::to_owned),
            }
        }),
        tags,
        arn: text(repository.repository_arn()),
        registry_id: text(repository.registry_id()),
        repository_uri: text(repository.repository_uri()),
    }
}

impl From<ScanningConfiguration> for sdk::ImageScanningConfiguration {
    fn from(scanning: ScanningConfiguration) -> Self {
        Self::builder()
            .scan_on_push(scanning.scan_on_push.unwrap_or(false))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::problems;

    #[test]
    fn names_are_as_the_registry_takes_them() {
        for good in ["app", "team/app", "a1/b-c_d.e", "0x"] {
            assert_eq!(
                problems::<Repository>(&[("repository_name", good)]),
                Vec::<String>::new(),
                "{good}"
            );
        }
        for bad in ["App", "app/", "/app", "a--b", "-app", "app_", "team//app", "a b"] {
            assert_eq!(
                problems::<Repository>(&[("repository_name", bad)]),
                [format!("repository_name: `{bad}` is no repository name")]
            );
        }
        assert!(problems::<Repository>(&[("repository_name", "a")])[0].contains("2 to 256"));
    }

    #[test]
    fn filters_and_mutability_fit_together() {
        let said = problems::<Repository>(&[("image_tag_mutability", "IMMUTABLE_WITH_EXCLUSION")]);
        assert!(
            said[0].contains("needs `image_tag_mutability_exclusion_filters`"),
            "{said:?}"
        );
    }
}
