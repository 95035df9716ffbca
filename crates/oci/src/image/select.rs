//! Which of several images: by name, by digest, by platform.

use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::{Descriptor, Platform};
use crate::reference::Reference;

/// An image that an archive or a layout offers, with the names that it goes by there.
#[derive(Debug, Clone)]
pub(super) struct Candidate<T> {
    pub(super) names: Vec<String>,
    pub(super) digest: Option<Digest>,
    pub(super) platform: Option<Platform>,
    pub(super) value: T,
}

/// The annotations by which containerd, buildx and others name an image in a layout.
const NAME_ANNOTATIONS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

pub(super) fn candidate_of(descriptor: &Descriptor) -> Candidate<Descriptor> {
    let names = NAME_ANNOTATIONS
        .iter()
        .filter_map(|key| descriptor.annotations.get(*key));
    Candidate {
        names: names.cloned().collect(),
        digest: Some(descriptor.digest.clone()),
        platform: descriptor.platform.clone(),
        value: descriptor.clone(),
    }
}

/// The one image that was asked for.
pub(super) fn one<T>(
    doing: &str,
    candidates: Vec<Candidate<T>>,
    reference: Option<&str>,
    platform: Option<&Platform>,
) -> Result<Candidate<T>, Error> {
    let held = listed(&candidates);
    let count = candidates.len();
    let mut left = candidates;
    if let Some(wanted) = reference {
        left = named(left, wanted);
        if left.is_empty() {
            return Err(
                Error::invalid(doing, format!("it holds no image `{wanted}`, but {held}"))
                    .with_hint("name one of those, or leave the reference out if there is only one"),
            );
        }
    }
    if let Some(wanted) = platform
        && left.len() > 1
        && left.iter().any(|candidate| candidate.platform.is_some())
    {
        let serves = |candidate: &Candidate<T>| {
            candidate
                .platform
                .as_ref()
                .is_some_and(|platform| platform.serves(wanted))
        };
        left.retain(serves);
        if left.is_empty() {
            return Err(Error::invalid(
                doing,
                format!("it holds no image for {wanted}, but {held}"),
            ));
        }
    }
    // The same image under several names is one image.
    if let Some(first) = left.first().and_then(|candidate| candidate.digest.clone())
        && left
            .iter()
            .all(|candidate| candidate.digest.as_ref() == Some(&first))
    {
        left.truncate(1);
    }
    match (left.pop(), left.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(Error::invalid(doing, format!("it holds {count} images: {held}"))
            .with_hint("say which one, by name or digest (`reference`) or by `platform`")),
        (None, _) => Err(Error::invalid(doing, "it holds no image")),
    }
}

fn listed<T>(candidates: &[Candidate<T>]) -> String {
    let shown = candidates.iter().map(|candidate| {
        let digest = candidate
            .digest
            .as_ref()
            .map_or("an image without a name", Digest::as_str);
        let name = if candidate.names.is_empty() {
            digest.to_owned()
        } else {
            candidate.names.join(" = ")
        };
        match &candidate.platform {
            Some(platform) => format!("{name} ({platform})"),
            None => name,
        }
    });
    let mut shown: Vec<String> = shown.collect();
    let more = shown.len().saturating_sub(MOST_LISTED);
    shown.truncate(MOST_LISTED);
    let list = shown.join(", ");
    if more == 0 {
        list
    } else {
        format!("{list} and {more} more")
    }
}

const MOST_LISTED: usize = 20;

/// Exact names first; else the names that mean the same (`app` is `docker.io/library/app:latest`).
fn named<T>(candidates: Vec<Candidate<T>>, wanted: &str) -> Vec<Candidate<T>> {
    let meant = wanted.parse::<Reference>().ok();
    let digest = wanted
        .parse::<Digest>()
        .ok()
        .or_else(|| meant.as_ref()?.digest().cloned());
    let is_exact = |candidate: &Candidate<T>| {
        let same_digest = digest.is_some() && candidate.digest == digest;
        same_digest || candidate.names.iter().any(|name| name == wanted)
    };
    let meant = meant.map(|reference| reference.to_string());
    let means_the_same = |candidate: &Candidate<T>| {
        let whole = |name: &String| {
            name.parse::<Reference>()
                .ok()
                .map(|reference| reference.to_string())
        };
        meant.is_some() && candidate.names.iter().any(|name| whole(name) == meant)
    };
    let any_exact = candidates.iter().any(is_exact);
    let fits = |candidate: &Candidate<T>| {
        if any_exact {
            is_exact(candidate)
        } else {
            means_the_same(candidate)
        }
    };
    candidates.into_iter().filter(fits).collect()
}
