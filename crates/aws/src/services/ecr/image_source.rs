//! Where images come from: read where they are, or built when they are pushed.
//!
//! A build is not run to plan. What it is made of is compared instead: its files by their fingerprint, which stands in
//! the state beside the digest, and everything else as attributes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use infra_oci::{Fingerprint, Image, OpenOptions};
use tokio::sync::OnceCell;

use super::image::ImageField;
use crate::errors::of_registry;
use crate::prelude::*;
use crate::together::member;

/// Where an image comes from.
#[derive(Debug, Clone, Default, Deserialize, Block)]
pub struct Source {
    /// A Docker or OCI archive: what `docker save` or `buildah push oci-archive:` writes.
    #[attribute(local, path)]
    pub archive: Option<String>,
    /// An OCI image layout folder.
    #[attribute(local, path)]
    pub layout: Option<String>,
    /// An image in another registry, such as `registry.example.com/team/app@sha256:…`.
    #[attribute(local)]
    pub registry: Option<String>,
    /// An image that is built when it is applied, by buildx, docker, podman or buildah, whichever is there. Planning
    /// needs none of them.
    pub build: Option<Build>,
}

/// How an image is built.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct Build {
    /// The folder that the build may read. It counts by its files: their paths, contents, whether they may be
    /// executed, and where symbolic links lead, not when they were written. What `.dockerignore` leaves out does not
    /// count, and neither does `.git`. The states, saved plans, reports and the sealing key of `infra` neither count nor go
    /// into the build.
    #[attribute(local, path)]
    pub context: String,
    /// The Dockerfile, relative to the context; `Dockerfile` when it is not given.
    #[attribute(local)]
    pub dockerfile: Option<String>,
    /// The stage of the Dockerfile to build; the last one when it is not given.
    #[attribute(immutable, write_only)]
    pub target: Option<String>,
    /// Build arguments by name. They can be read in the image's history: they are no place for secrets.
    #[attribute(immutable, write_only)]
    pub args: Option<BTreeMap<String, String>>,
    /// The platform to build for, such as `linux/arm64`; the machine's own when it is not given.
    #[attribute(immutable, write_only)]
    pub platform: Option<String>,
}

impl Source {
    /// The source as the registry's client knows it; a registry's without credentials.
    ///
    /// # Errors
    /// It names none or several, or a reference or platform that is none.
    pub fn located(&self) -> ProviderResult<infra_oci::Source> {
        let invalid = |message: String| ProviderError::new(ErrorClass::Invalid, message);
        Ok(match self {
            Self {
                archive: Some(path), ..
            } => infra_oci::Source::Archive(path.into()),
            Self {
                layout: Some(path), ..
            } => infra_oci::Source::Layout(path.into()),
            Self {
                registry: Some(text), ..
            } => infra_oci::Source::Registry {
                reference: text
                    .parse()
                    .map_err(|error| invalid(format!("source.registry: {error}")))?,
                credentials: None,
            },
            Self {
                build: Some(build), ..
            } => infra_oci::Source::Build(build.located()?),
            _ => {
                return Err(invalid(
                    "source: give exactly one of archive, layout, registry, build".into(),
                ));
            }
        })
    }
}

impl Build {
    fn located(&self) -> ProviderResult<infra_oci::Build> {
        let (context, dockerfile) = places(&self.context, self.dockerfile.as_deref());
        let platform = self.platform.as_deref().map(str::parse).transpose();
        Ok(infra_oci::Build {
            context,
            dockerfile,
            target: self.target.clone(),
            args: self.args.clone().unwrap_or_default(),
            platform: platform.map_err(|error| {
                ProviderError::new(ErrorClass::Invalid, format!("source.build.platform: {error}"))
            })?,
        })
    }
}

/// The context, and the Dockerfile in it.
fn places(context: &str, dockerfile: Option<&str>) -> (PathBuf, Option<PathBuf>) {
    let context = PathBuf::from(context);
    let context = std::path::absolute(&context).unwrap_or(context);
    let dockerfile = dockerfile.map(|file| context.join(file));
    (context, dockerfile)
}

/// The build among the attributes of an image, as far as they are known.
pub fn build_of(attributes: &Attributes) -> Option<&Attributes> {
    member(value_of(attributes, ImageField::Source)?, SourceField::Build)?.as_map()
}

/// What the files of a build are known by, those of `own` apart. Its other parts may not be known yet.
///
/// # Errors
/// The context is not known before something else is made, or cannot be read.
pub async fn fingerprint(build: &Attributes, own: &[PathBuf]) -> ProviderResult<Fingerprint> {
    let is_unknown = |field: &BuildField| value_of(build, *field).is_some_and(Value::has_unknown);
    let mut places_of = [BuildField::Context, BuildField::Dockerfile].into_iter();
    if let Some(field) = places_of.find(is_unknown) {
        let name = field.name();
        let message = format!("source.build.{name} is not known before something else is made");
        return Err(ProviderError::new(ErrorClass::Invalid, message)
            .hint("the files of a build are looked at when it is planned: name them by what is known then"));
    }
    let (context, dockerfile) = places(
        known_str(build, BuildField::Context).unwrap_or_default(),
        known_str(build, BuildField::Dockerfile),
    );
    let files = infra_oci::Build {
        context,
        dockerfile,
        target: None,
        args: BTreeMap::new(),
        platform: None,
    };
    files.fingerprint(own).await.map_err(of_registry)
}

/// The images that were built in this run: one whose push has to be tried again is not built again.
pub struct Builds {
    /// What is kept beside the sources, such as the state and the sealing key: it does not count, and no build gets it.
    pub own: Vec<PathBuf>,
    built: Mutex<BTreeMap<String, Arc<OnceCell<Image>>>>,
}

impl Builds {
    /// None yet.
    pub fn new(own: &[PathBuf]) -> Self {
        Self {
            own: own.to_owned(),
            built: Mutex::default(),
        }
    }

    /// The image of a build whose files are to have the fingerprint, if that was worked out from them.
    ///
    /// # Errors
    /// The files are others by now, or the build failed.
    pub async fn image(
        &self,
        build: infra_oci::Build,
        planned: Option<&str>,
        options: &OpenOptions,
    ) -> ProviderResult<Image> {
        let found = match planned {
            Some(planned) if !Fingerprint::is_one(planned) => planned.to_owned(),
            _ => build
                .fingerprint(&self.own)
                .await
                .map_err(of_registry)?
                .to_string(),
        };
        if planned.is_some_and(|planned| planned != found) {
            return Err(ProviderError::new(
                ErrorClass::Invalid,
                format!(
                    "the files of the build in `{}` are not those that were planned",
                    build.context.display()
                ),
            )
            .hint(
                "plan again; a job that carries out a saved plan needs the same files as the one that made it, and what \
                 other jobs leave in the folder belongs into `.dockerignore`",
            ));
        }
        let what = format!("{found} {build:?} {:?}", options.platform);
        let cell = {
            let mut builds = self.built.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(builds.entry(what).or_default())
        };
        let source = infra_oci::Source::Build(build);
        let image = cell.get_or_try_init(|| Image::open(&source, options)).await;
        image.cloned().map_err(of_registry)
    }
}
