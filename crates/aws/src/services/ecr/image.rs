//! `ecr.image`: a container image in a repository, pushed from an archive, a layout, another registry, or a build.
//!
//! The image is known by its digest, which is read from the source before planning, or, where it is built, by what it
//! is made of: a build is not run to plan. So an unchanged image changes nothing. A changed one is pushed beside the
//! old one, which stays for a rollback: what removes images is the repository's lifecycle policy, or its deletion where
//! that is allowed.

mod open;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecr::types::ImageIdentifier;
use futures::future::try_join_all;
use infra_core::NameStays;
use infra_oci::PushOptions;
use infra_provider::{PreparedBefore, decode};

use self::open::{no_digest, no_platform, open, place_of, progress_of};
use super::service::Ecr;
use crate::errors::of_registry;
use crate::prelude::*;
use crate::read::in_batches_that_exist;
use crate::services::ecr::image_source::{Source, SourceField, build_of, fingerprint};
use crate::services::ecr::registries::no_repository;

/// A tag of a repository with immutable tags is of no other image until that one is deleted
/// (`ImageTagAlreadyExistsException`).
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html>
const TAG_STAYS: NameStays = NameStays {
    called: "tag",
    name: "image_tag",
    holder: "repository_uri",
    of: "ecr.repository",
    content: "digest",
    says: "image_tag_mutability",
    stays: &["IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"],
    passes: "MUTABLE",
    except: "image_tag_mutability_exclusion_filters.filter",
};

/// A container image, pushed to a repository and known by its digest.
///
/// A changed image is pushed beside the old one, which stays for a rollback: images are removed by the
/// repository's lifecycle policy, or with the repository where losing them is allowed.
///
/// An image that is built is built when it is applied, and only if what it is made of has changed: the
/// files that the build gets, the Dockerfile, arguments, target or platform. `infra redeploy --rebuild`
/// builds it again from the newest of the images that it begins with, and rolls it out.
#[derive(Debug, Clone, Deserialize, Block)]
#[block(page = "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html")]
pub struct Image {
    /// The URI of the repository, such as `${ecr.repository.app.repository_uri}`.
    #[attribute(immutable, pattern("/", "has no host and repository, such as host/app"))]
    pub repository_uri: String,
    /// Where the image comes from: exactly one of the keys.
    pub source: Source,
    /// The tag that is written beside the digest. When it is not given, the first twelve digits of the
    /// digest, which suits repositories with immutable tags: there a plan is refused that would give a tag to another
    /// image than the one that has it, or to what is built from other files.
    #[attribute(immutable, length = 1..=128)]
    #[attribute(pattern(
        "^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
        "is no tag: letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
    ))]
    pub image_tag: Option<String>,
    /// The platform to take of a multi-platform image, such as `linux/amd64`; all of them when it is not given.
    #[attribute(immutable, write_only)]
    pub platform: Option<String>,
    /// The digest that the image must have. When it is not given, it is read from the source; that of a build is known
    /// after it.
    #[attribute(immutable)]
    pub digest: Option<String>,
    /// What the files of a build are known by: when it changes, the image is built again. When it is not given, it is
    /// worked out from the files of the context and the Dockerfile. With one of your own, such as a commit, they do not
    /// count.
    #[attribute(immutable, write_only)]
    pub fingerprint: Option<String>,
    /// The image's URI by digest, for a container definition: it never means another image.
    #[attribute(computed)]
    pub uri: Option<String>,
}

use ImageField as Field;

impl Resource for Image {
    const NAME: &'static str = "ecr.image";
    const IAM_ACTIONS: &'static [&'static str] = &[
        "ecr:GetAuthorizationToken",
        "ecr:DescribeImages",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
    ];
    const EXAMPLE: &'static str = r#"
[ecr.repository.app]
repository_name = "app"

[ecr.image.app]
repository_uri = "${ecr.repository.app.repository_uri}"
source         = { archive = "../app/image.tar" }
image_tag      = "dev02"
"#;
    const RULES: Rules<ImageField> = Rules {
        create_before_destroy: true,
        name_stays: Some(TAG_STAYS),
        // A repository is deleted with its images, or not at all.
        // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
        hangs_on: &[("ecr.repository", &[ImageField::RepositoryUri])],
        // Some 100 MB over a usual line; what was pushed before takes none of it.
        waits: Waits {
            typical_call: Duration::from_secs(20),
            ..Waits::NONE
        },
        recognition: Recognition::Shared,
        ..Rules::NONE
    };
    type Service = Ecr;
    const PREPARES: bool = true;

    fn validate(given: &PartialImage, problems: &mut Problems) {
        let source = given.source.known();
        let build = source.and_then(|source| source.build.known());
        if let Some(source) = source {
            let places = [
                source.archive.is_set(),
                source.layout.is_set(),
                source.registry.is_set(),
                source.build.is_set(),
            ];
            let found = places.iter().filter(|is_set| **is_set).count();
            if found != 1 {
                problems.at_with_help(
                    Field::Source.name(),
                    format!("an image comes from one place, found {found}"),
                    "give exactly one of archive, layout, registry, build",
                );
            }
            if !source.build.is_set() && given.fingerprint.known().is_some() {
                problems.at_with_help(
                    Field::Fingerprint.name(),
                    "only a build has a fingerprint",
                    "an archive, a layout and an image of a registry are known by their digest",
                );
            }
        }
        let not_parsed = [
            (
                Field::Platform.name(),
                given.platform.as_str().and_then(no_platform),
            ),
            (
                "source.build.platform",
                build
                    .and_then(|build| build.platform.as_str())
                    .and_then(no_platform),
            ),
            (Field::Digest.name(), given.digest.as_str().and_then(no_digest)),
        ];
        for (path, problem) in not_parsed {
            if let Some(problem) = problem {
                problems.at(path, problem);
            }
        }
    }

    fn derive(attributes: &Attributes) -> Attributes {
        let (Some(repository), Some(digest)) = (
            known_str(attributes, Field::RepositoryUri),
            known_str(attributes, Field::Digest),
        ) else {
            return Attributes::new();
        };
        Attributes::from([(
            Field::Uri.name().to_owned(),
            Value::from(format!("{repository}@{digest}")),
        )])
    }

    async fn prepare(aws: &Clients, call: &Call, attributes: &Attributes) -> ProviderResult<Attributes> {
        if let Some(build) = build_of(attributes) {
            if value_of(attributes, Field::Fingerprint).is_some_and(|given| !given.is_null()) {
                return Ok(Attributes::new());
            }
            let found = Value::from(fingerprint(build, &aws.images().builds.own).await?.to_string());
            return Ok(Attributes::from([(Field::Fingerprint.name().to_owned(), found)]));
        }
        let mut local = attributes.clone();
        // The repository may not exist yet: what matters here is the source.
        local.insert(Field::RepositoryUri.name().into(), Value::from(""));
        local.retain(|_, value| !value.has_unknown());
        if value_of(&local, Field::Source).is_none() {
            return Ok(Attributes::new());
        }
        let image = open(aws, &decode(&local)?, call).await?;
        Ok(Attributes::from([(
            Field::Digest.name().to_owned(),
            Value::from(image.digest().to_string()),
        )]))
    }

    fn prepared_before(attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        let digest = known_str(before, Field::Digest).filter(|digest| no_digest(digest).is_none())?;
        let place =
            |attributes: &Attributes| place_of(attributes).map(|(key, place)| (key, place.to_owned()));
        let (key, place_before) = place(before)?;
        let is_same = place(attributes)? == (key, place_before.clone())
            && known_str(attributes, Field::Platform) == known_str(before, Field::Platform);
        let pinned = |reference: infra_oci::Reference| reference.digest().is_some();
        is_same.then(|| PreparedBefore {
            attributes: Attributes::from([(Field::Digest.name().to_owned(), Value::from(digest))]),
            is_fixed: key == SourceField::Registry && place_before.parse().is_ok_and(pinned),
        })
    }

    async fn create(aws: &Clients, call: &Call, spec: Self) -> ProviderResult<Created<PartialImage>> {
        let image = open(aws, &spec, call).await?;
        let digest = image.digest().to_string();
        if spec.digest.is_none() {
            // Built again it may be another one, and would not be found by that.
            let learned = Attributes::from([(Field::Digest.name().to_owned(), Value::from(digest.as_str()))]);
            call.learn(learned).await?;
        }
        let tag = spec.image_tag.clone().unwrap_or_else(|| default_tag(&digest));
        let (registry, repository) = aws.images().registries.of(&spec.repository_uri).await?;
        let progress = progress_of(call.clone(), image.size_bytes());
        registry
            .push(
                &image,
                &repository,
                std::slice::from_ref(&tag),
                &PushOptions::default(),
                &progress,
            )
            .await
            .map_err(of_registry)?;
        Ok(observed(&spec.repository_uri, &tag, &digest, true).into())
    }

    async fn read(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        if aws.registry_is_ecrs {
            return read_by_api(aws, ids).await;
        }
        let found = try_join_all(ids.iter().map(async |id| {
            let (repository_uri, tag, digest) = parts(id)?;
            let (registry, repository) = aws.images().registries.of(repository_uri).await?;
            let head = async |reference: &str| {
                let found = registry
                    .head_manifest(&repository, reference)
                    .await
                    .map_err(of_registry)?;
                ProviderResult::Ok(found.is_some_and(|found| found.as_str() == digest))
            };
            let tagged = head(tag).await?;
            if !tagged && !head(digest).await? {
                return Ok(None);
            }
            ProviderResult::Ok(Some(observed(repository_uri, tag, digest, tagged)))
        }))
        .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Tasks that still run may be of this image, and a rollback may need it.
    async fn delete(_: &Clients, _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }

    /// What has the tag.
    async fn holders(aws: &Clients, given: &PartialImage) -> ProviderResult<Observations<Self>> {
        let (Some(repository_uri), Some(tag)) = (given.repository_uri.as_str(), given.image_tag.as_str())
        else {
            return Ok(Observations::<Self>::new());
        };
        let digest = if aws.registry_is_ecrs {
            tagged(aws, repository_uri, tag).await?
        } else {
            let (registry, repository) = aws.images().registries.of(repository_uri).await?;
            let found = registry
                .head_manifest(&repository, tag)
                .await
                .map_err(of_registry)?;
            found.map(|digest| digest.to_string())
        };
        let image = digest.map(|digest| observed(repository_uri, tag, &digest, true));
        Ok(image.into_iter().collect())
    }

    /// The bytes decide: what has this digest is this image, whoever pushed it.
    async fn left(aws: &Clients, call: &Call, given: &PartialImage) -> ProviderResult<Observations<Self>> {
        let (Some(repository_uri), Some(digest)) = (given.repository_uri.as_str(), given.digest.as_str())
        else {
            return Ok(Observations::<Self>::new());
        };
        let tag = given
            .image_tag
            .known()
            .cloned()
            .unwrap_or_else(|| default_tag(digest));
        let (id, _) = observed(repository_uri, &tag, digest, true);
        match Self::read(aws, &[id]).await {
            Ok(mut found) => {
                found.retain(|_, found| found.observed.image_tag.is_set());
                Ok(found)
            }
            Err(error) if aws.registry_is_ecrs => Err(error),
            // A registry that is gone must not hold the stack up. What was pushed there belongs to nobody: it is found
            // when it is pushed again, or never needed.
            Err(error) => {
                let reason = error.message;
                call.note(format!(
                    "the registry does not say whether the image is there, and it may be pushed again: {reason}"
                ));
                Ok(Observations::<Self>::new())
            }
        }
    }
}

/// Asks ECR itself: one request for all images of a repository, and no token.
async fn read_by_api(aws: &Clients, ids: &[PhysicalId]) -> ProviderResult<Observations<Image>> {
    let mut repositories: BTreeMap<&str, Vec<PhysicalId>> = BTreeMap::new();
    for id in ids {
        repositories.entry(parts(id)?.0).or_default().push(id.clone());
    }
    let found = try_join_all(repositories.into_iter().map(async |(repository_uri, ids)| {
        let told = in_batches_that_exist(&ids, IMAGES, async |ids| {
            described(aws, repository_uri, &ids).await
        });
        told.await
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

/// What DescribeImages tells of images of one repository; it refuses all when one is not there.
async fn described(
    aws: &Clients,
    repository_uri: &str,
    ids: &[String],
) -> ProviderResult<Vec<Observation<Image>>> {
    let ids: Vec<PhysicalId> = ids.iter().map(PhysicalId::new).collect();
    let digests = ids.iter().map(|id| Ok(parts(id)?.2));
    let digests = digests.collect::<ProviderResult<BTreeSet<_>>>()?.into_iter();
    let digests = digests.map(|digest| ImageIdentifier::builder().image_digest(digest).build());
    let (account, repository) = account_and_name(repository_uri)?;
    let pages = aws
        .ecr
        .describe_images()
        .set_registry_id(account.map(str::to_owned))
        .repository_name(repository)
        .set_image_ids(Some(digests.collect()))
        .into_paginator();
    let images = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    let images = images.aws("ecr", "DescribeImages")?;
    let mut found = Vec::new();
    for id in &ids {
        let (_, tag, digest) = parts(id)?;
        let image = images.iter().find(|image| image.image_digest() == Some(digest));
        found.extend(image.map(|image| {
            let tagged = image.image_tags().iter().any(|one| one == tag);
            observed(repository_uri, tag, digest, tagged)
        }));
    }
    Ok(found)
}

/// The digest of the image that has a tag, if any has.
async fn tagged(aws: &Clients, repository_uri: &str, tag: &str) -> ProviderResult<Option<String>> {
    let (account, repository) = account_and_name(repository_uri)?;
    let call = aws
        .ecr
        .describe_images()
        .set_registry_id(account.map(str::to_owned))
        .repository_name(repository)
        .image_ids(ImageIdentifier::builder().image_tag(tag).build());
    let answer = call.send().await.aws("ecr", "DescribeImages").absent_is_none()?;
    let images = answer.and_then(|answer| answer.image_details).unwrap_or_default();
    Ok(images.into_iter().find_map(|image| image.image_digest))
}

/// DescribeImages takes at most 100 images.
const IMAGES: usize = 100;

/// The account and the name of a repository, by its URI. Without an account, it is the caller's.
fn account_and_name(repository_uri: &str) -> ProviderResult<(Option<&str>, &str)> {
    let (host, name) = repository_uri
        .split_once('/')
        .ok_or_else(|| no_repository(repository_uri))?;
    let account = host.split('.').next().filter(|part| part.len() == 12);
    Ok((
        account.filter(|part| part.bytes().all(|byte| byte.is_ascii_digit())),
        name,
    ))
}

/// `tagged`: the tag is still this image's.
fn observed(repository_uri: &str, tag: &str, digest: &str, tagged: bool) -> Observation<Image> {
    let observed = PartialImage {
        repository_uri: repository_uri.into(),
        image_tag: tagged.then_some(tag).into(),
        digest: digest.into(),
        uri: format!("{repository_uri}@{digest}").into(),
        ..PartialImage::default()
    };
    let id = PhysicalId::new(format!("{repository_uri}:{tag}@{digest}"));
    (id, Found::ready(observed))
}

/// `<repository uri>:<tag>@<digest>`.
fn parts(id: &PhysicalId) -> ProviderResult<(&str, &str, &str)> {
    let split = id.as_str().split_once('@').and_then(|(name, digest)| {
        let (repository_uri, tag) = name.rsplit_once(':')?;
        Some((repository_uri, tag, digest))
    });
    split.ok_or_else(|| {
        ProviderError::new(
            ErrorClass::Invalid,
            format!("`{id}` is no image of the form repository:tag@digest"),
        )
    })
}

fn default_tag(digest: &str) -> String {
    digest
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .chars()
        .take(12)
        .collect()
}

#[cfg(test)]
mod tests;
