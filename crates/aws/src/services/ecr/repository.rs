//! `ecr.repository`: a repository of container images.
//!
//! A change of the name or the encryption makes a new repository. The id is the name.
//!
//! The images in it are data: where a plan would delete or replace the repository, ListImages (1 image) tells whether
//! there are any, and a plan that would lose them needs permission. With it DeleteRepository is forced; without it
//! never, so that AWS refuses what was pushed after the look.

use std::collections::BTreeSet;

use aws_sdk_ecr::types as sdk;
use futures::future::try_join_all;

use super::service::{Ecr, to_sdk};
use crate::errors::built;
use crate::held_data::held_by;
use crate::prelude::*;
use crate::read::in_batches_that_exist;
use crate::tags;

/// DescribeRepositories takes at most 100 names.
const NAMES_PER_CALL: usize = 100;

/// A repository of container images.
///
/// Images are data: a plan that would delete or replace a repository with images in it is refused,
/// unless that is allowed. AWS is asked whether there are any; an empty repository loses nothing. What
/// is pushed after that is not lost either: the delete is forced only where losing images is allowed.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html")]
pub struct Repository {
    /// The name: lower-case letters and digits with `.`, `_`, `__`, hyphens or `/` between them.
    #[attribute(immutable, length = 2..=256, pattern("^[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)*$", "is no repository name: lower-case letters and digits, with `.`, `_`, `__`, hyphens or `/` between them"))]
    pub repository_name: String,
    /// Whether a tag may be moved to another image (`MUTABLE`) or not (`IMMUTABLE`).
    #[attribute(default = "MUTABLE")]
    pub image_tag_mutability: Option<TagMutability>,
    /// Tags that are treated the other way than `image_tag_mutability` says.
    #[attribute(set, count = 0..=5)]
    pub image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    /// Whether images are looked through for known weaknesses.
    pub image_scanning_configuration: Option<ScanningConfiguration>,
    /// How images are encrypted at rest. AWS's default is AES256.
    #[attribute(immutable)]
    pub encryption_configuration: Option<EncryptionConfiguration>,
    /// Whether the images may be deleted with the repository: the same for a repository as
    /// `lifecycle.allow_data_loss`, which see. Without any permission, a repository that has images is neither deleted nor
    /// replaced; with one, AWS is told to delete the images too. It concerns the delete only and is no part of the
    /// repository at AWS.
    #[attribute(write_only, default = false)]
    pub force_delete: Option<bool>,
    /// Tags by key.
    pub tags: Option<Tags>,
    /// The repository's ARN.
    #[attribute(computed)]
    pub arn: Option<String>,
    /// The registry that it is in: the account's id.
    #[attribute(computed)]
    pub registry_id: Option<String>,
    /// Where images are pushed to and pulled from, without tag:
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    #[attribute(computed)]
    pub repository_uri: Option<String>,
}

use RepositoryField as Field;

choices! {
    /// Whether tags of images may be moved.
    TagMutability {
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
#[derive(Debug, Clone, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageTagMutabilityExclusionFilter.html"
)]
pub struct ExclusionFilter {
    /// How `filter` is read.
    pub filter_type: FilterType,
    /// A pattern such as `latest*`, with at most two `*`.
    #[attribute(length = 1..=128, alphabet("0-9A-Za-z._*-", "letters, digits and `._*-`"))]
    #[attribute(except("[*].*[*].*[*]", "has more than two `*`"))]
    pub filter: String,
}

choices! {
    /// How a filter is read.
    FilterType {
        /// `*` stands for any characters.
        Wildcard = "WILDCARD",
    }
}

/// Scanning of images.
#[derive(Debug, Clone, Copy, Deserialize, Block)]
#[block(
    page = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanningConfiguration.html"
)]
pub struct ScanningConfiguration {
    /// Whether each image is scanned when it is pushed.
    #[attribute(default = false)]
    pub scan_on_push: Option<bool>,
}

/// Encryption of images.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_EncryptionConfiguration.html")]
pub struct EncryptionConfiguration {
    /// With S3's keys (`AES256`) or with a KMS key.
    pub encryption_type: EncryptionType,
    /// The KMS key's ARN or id; without it, AWS's own key for ECR.
    #[attribute(length = 1..=2048)]
    #[attribute(same(kms_key))]
    #[attribute(
        only_where(encryption_type, "KMS", "KMS_DSSE"),
        except(
            "^alias/|:alias/",
            "is an alias: AWS tells the key's ARN back, from which no alias can be told; write that"
        )
    )]
    pub kms_key: Option<String>,
}

choices! {
    /// Encryption at rest.
    EncryptionType {
        /// With keys that S3 manages.
        Aes256 = "AES256",
        /// With a KMS key.
        Kms = "KMS",
        /// With a KMS key, in two layers.
        KmsDsse = "KMS_DSSE",
    }
}

impl Resource for Repository {
    const NAME: &'static str = "ecr.repository";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecr:CreateRepository",
        "ecr:DescribeRepositories",
        "ecr:ListTagsForResource",
        "ecr:PutImageTagMutability",
        "ecr:PutImageScanningConfiguration",
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
    const RULES: Rules<Field> = Rules {
        natural_key: &[Field::RepositoryName],
        holds_data: held_by("ecr.repository"),
        ..Rules::NONE
    };
    type Service = Ecr;

    fn validate(given: &PartialRepository, problems: &mut Problems) {
        let filters = &given.image_tag_mutability_exclusion_filters;
        if let Partial::Known(mutability) = given.image_tag_mutability {
            use TagMutability::{ImmutableWithExclusion, MutableWithExclusion};
            let with_exclusion = matches!(mutability, ImmutableWithExclusion | MutableWithExclusion);
            let mutability = mutability.as_str();
            if with_exclusion && !filters.is_set() {
                let message = format!("{mutability} needs `image_tag_mutability_exclusion_filters`");
                problems.at(Field::ImageTagMutability.name(), message);
            }
            if !with_exclusion && !filters.elements().is_empty() {
                problems.at_with_help(
                    Field::ImageTagMutabilityExclusionFilters.name(),
                    format!("{mutability} takes no filters"),
                    format!("set image_tag_mutability = \"{mutability}_WITH_EXCLUSION\""),
                );
            }
        }
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialRepository>> {
        let encryption = spec.encryption_configuration.as_ref().map(|encryption| {
            let made = sdk::EncryptionConfiguration::builder()
                .set_encryption_type(to_aws(Some(encryption.encryption_type)))
                .set_kms_key(encryption.kms_key.clone());
            built(made.build())
        });
        let answer = aws
            .ecr
            .create_repository()
            .repository_name(&spec.repository_name)
            .set_tags(Some(to_sdk(tags::for_create(call, spec.tags.as_ref()))?))
            .set_image_tag_mutability(to_aws(spec.image_tag_mutability))
            .set_image_tag_mutability_exclusion_filters(filters(
                spec.image_tag_mutability_exclusion_filters.as_deref(),
            )?)
            .set_image_scanning_configuration(spec.image_scanning_configuration.map(scanning))
            .set_encryption_configuration(encryption.transpose()?)
            .send()
            .await
            .aws("ecr", "CreateRepository")?;
        let made = answer.repository;
        let made = made.ok_or_else(|| missing("ecr", "CreateRepository", "repository"))?;
        Ok(observe(&made, Tags::new()).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        in_batches_that_exist(ids, NAMES_PER_CALL, async |names| {
            let call = aws.ecr.describe_repositories().set_repository_names(Some(names));
            let there = call.send().await.aws("ecr", "DescribeRepositories")?;
            let found = try_join_all(there.repositories().iter().map(async |repository| {
                let arn = repository.repository_arn().unwrap_or_default();
                let call = aws.ecr.list_tags_for_resource().resource_arn(arn);
                // Gone since: its tags are not there any more.
                let told = call
                    .send()
                    .await
                    .aws("ecr", "ListTagsForResource")
                    .absent_is_none()?;
                let tags = told.map(|told| told.tags.unwrap_or_default().into_iter());
                let tags = tags.map(|tags| tags.map(|tag| (tag.key, tag.value)).collect());
                ProviderResult::Ok(tags.map(|tags| observe(repository, tags)))
            }));
            Ok(found.await?.into_iter().flatten().collect())
        })
        .await
    }

    async fn update(aws: &Clients, _: &Call, id: &PhysicalId, update: &Update<Self>) -> ProviderResult<()> {
        let (name, spec) = (id.as_str(), &update.spec);
        if update.changes(Field::ImageTagMutability)
            || update.changes(Field::ImageTagMutabilityExclusionFilters)
        {
            let mutability = update.kept(Field::ImageTagMutability, spec.image_tag_mutability);
            let mutability = mutability.unwrap_or(TagMutability::Mutable);
            let exclusions = Field::ImageTagMutabilityExclusionFilters;
            let excluded = spec.image_tag_mutability_exclusion_filters.clone();
            let excluded = match mutability {
                TagMutability::Mutable | TagMutability::Immutable => None,
                _ => update.kept(exclusions, excluded),
            };
            let call = aws
                .ecr
                .put_image_tag_mutability()
                .repository_name(name)
                .set_image_tag_mutability(to_aws(Some(mutability)))
                .set_image_tag_mutability_exclusion_filters(filters(excluded.as_deref())?);
            call.send().await.aws("ecr", "PutImageTagMutability")?;
        }
        if update.changes(Field::ImageScanningConfiguration) {
            let wanted = spec.image_scanning_configuration;
            let wanted = scanning(wanted.unwrap_or(ScanningConfiguration { scan_on_push: None }));
            let call = aws.ecr.put_image_scanning_configuration().repository_name(name);
            let put = call.image_scanning_configuration(wanted).send().await;
            put.aws("ecr", "PutImageScanningConfiguration")?;
        }
        Ok(())
    }

    fn tag_target(id: &PhysicalId, prior: &Attributes) -> String {
        tags::arn_in(id, prior)
    }

    async fn without_data(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        let asked = ids.iter().map(async |id| {
            let is_empty = is_empty(aws, id.as_str()).await?;
            Ok::<_, ProviderError>(is_empty.then(|| id.clone()))
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn delete(aws: &Clients, call: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let delete = aws.ecr.delete_repository().repository_name(id.as_str());
        let deleted = delete.force(call.data_loss_allowed).send().await;
        deleted.aws("ecr", "DeleteRepository").map(drop)
    }

    async fn holders(aws: &Clients, given: &PartialRepository) -> ProviderResult<Observations<Self>> {
        let id = given.repository_name.as_str().map(PhysicalId::new);
        Self::read(aws, id.as_slice()).await
    }
}

/// Whether no image is in it, be it archived or without a tag. What is gone is empty.
async fn is_empty(aws: &Clients, name: &str) -> ProviderResult<bool> {
    let all = sdk::ListImagesFilter::builder()
        .tag_status(sdk::TagStatus::Any)
        .image_status(sdk::ImageStatusFilter::Any);
    let call = aws.ecr.list_images().repository_name(name).filter(all.build());
    let answer = call.max_results(1).send().await;
    let answer = answer.aws("ecr", "ListImages").absent_is_none()?;
    // A page may be empty and not be the last.
    Ok(answer.is_none_or(|answer| answer.image_ids().is_empty() && answer.next_token().is_none()))
}

fn filters(
    all: Option<&[ExclusionFilter]>,
) -> ProviderResult<Option<Vec<sdk::ImageTagMutabilityExclusionFilter>>> {
    let filters = all.into_iter().flatten();
    let filters = filters.map(|filter| {
        let made = sdk::ImageTagMutabilityExclusionFilter::builder()
            .set_filter_type(to_aws(Some(filter.filter_type)))
            .filter(&filter.filter);
        built(made.build())
    });
    let filters = filters.collect::<ProviderResult<Vec<_>>>()?;
    Ok((!filters.is_empty()).then_some(filters))
}

fn scanning(wanted: ScanningConfiguration) -> sdk::ImageScanningConfiguration {
    let on_push = wanted.scan_on_push.unwrap_or(false);
    sdk::ImageScanningConfiguration::builder()
        .scan_on_push(on_push)
        .build()
}

fn observe(repository: &sdk::Repository, tags: Tags) -> Observation<Repository> {
    let name = repository.repository_name().unwrap_or_default();
    let filters = repository.image_tag_mutability_exclusion_filters();
    let filters: Vec<_> = filters
        .iter()
        .map(|filter| PartialExclusionFilter {
            filter_type: told(Some(filter.filter_type())),
            filter: filter.filter().into(),
        })
        .collect();
    let scanning = repository.image_scanning_configuration();
    let scanning = PartialScanningConfiguration {
        scan_on_push: scanning.is_some_and(|scanning| scanning.scan_on_push()).into(),
    };
    let encryption = repository.encryption_configuration();
    let encryption = encryption.map(|encryption| PartialEncryptionConfiguration {
        encryption_type: told(Some(encryption.encryption_type())),
        kms_key: encryption.kms_key().into(),
    });
    let observed = PartialRepository {
        repository_name: name.into(),
        image_tag_mutability: told(repository.image_tag_mutability()),
        image_tag_mutability_exclusion_filters: match filters.is_empty() {
            true => Partial::Unset,
            false => filters.into(),
        },
        image_scanning_configuration: scanning.into(),
        encryption_configuration: encryption.into(),
        force_delete: Partial::Unset,
        tags: tags.into(),
        arn: repository.repository_arn().into(),
        registry_id: repository.registry_id().into(),
        repository_uri: repository.repository_uri().into(),
    };
    (PhysicalId::new(name), Found::ready(observed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::testing::refused_texts;

    #[test]
    fn names_are_as_the_registry_takes_them() {
        for good in ["app", "team/app", "a1/b-c_d.e", "0x", "a--b__c"] {
            assert_eq!(
                refused_texts::<Repository>(&[("repository_name", good)]),
                Vec::<String>::new(),
                "{good}"
            );
        }
        for bad in [
            "App",
            "app/",
            "/app",
            "a..b",
            "a._b",
            "-app",
            "app_",
            "team//app",
            "a b",
        ] {
            assert_eq!(
                refused_texts::<Repository>(&[("repository_name", bad)]),
                [format!(
                    "repository_name: `{bad}` is no repository name: lower-case letters and digits, with `.`, `_`, `__`, hyphens or `/` between them"
                )]
            );
        }
        assert!(refused_texts::<Repository>(&[("repository_name", "a")])[0].contains("2 to 256"));
    }

    #[test]
    fn filters_and_mutability_fit_together() {
        let said = refused_texts::<Repository>(&[("image_tag_mutability", "IMMUTABLE_WITH_EXCLUSION")]);
        assert!(
            said[0].contains("needs `image_tag_mutability_exclusion_filters`"),
            "{said:?}"
        );
    }
}
