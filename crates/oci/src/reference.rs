//! References: `registry/repository:tag@digest`, the name of an image somewhere.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::docker_hub;

/// The name of an image in a registry, such as `public.ecr.aws/nginx/nginx:1.27`.
///
/// Docker's short forms are understood: `nginx` is `docker.io/library/nginx:latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an image reference: {problem}")]
pub struct InvalidReference {
    text: String,
    problem: &'static str,
}

impl Reference {
    /// The registry's host, with its port if it has one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in that registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// What to ask the registry for: the digest if there is one, else the tag, else `latest`.
    pub fn identifier(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }

    /// The digest, if the reference has one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let fail = |problem| InvalidReference {
            text: text.to_owned(),
            problem,
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (
                rest,
                Some(
                    digest
                        .parse()
                        .map_err(|_| fail("what follows `@` is no sha256 digest"))?,
                ),
            ),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it belongs to a port.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(rest[last + colon + 1..].to_owned())),
            None => (rest, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(fail(
                "the tag has to be 1 to 128 letters, digits, `_`, `.` or `-`",
            ));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, repository)) if host.contains(['.', ':']) || host == "localhost" => {
                (host, repository.to_owned())
            }
            Some(_) => (docker_hub::NAME, name.to_owned()),
            None => (docker_hub::NAME, format!("library/{name}")),
        };
        let host_is_plain = registry
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if registry.is_empty() || !host_is_plain {
            return Err(fail("the registry is no host name"));
        }
        if !is_repository(&repository) {
            return Err(fail(
                "a repository is lower-case letters and digits, parted by `.`, `_`, `-` or `/`",
            ));
        }
        let registry = match docker_hub::is_it(registry) {
            true => docker_hub::NAME,
            false => registry,
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag,
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        match (&self.tag, &self.digest) {
            (tag, Some(digest)) => {
                if let Some(tag) = tag {
                    write!(formatter, ":{tag}")?;
                }
                write!(formatter, "@{digest}")
            }
            (Some(tag), None) => write!(formatter, ":{tag}"),
            (None, None) => formatter.write_str(":latest"),
        }
    }
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`, per the distribution specification.
pub(crate) fn is_tag(text: &str) -> bool {
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    starts && text.len() <= 128 && text.bytes().all(plain)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, per the same, and 255 long.
pub(crate) fn is_repository(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let component = |part: &str| {
        let ends_are_plain = part.bytes().next().is_some_and(alphanumeric)
            && part.bytes().next_back().is_some_and(alphanumeric);
        let separators_are_known = part
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|byte| byte == b'-'));
        ends_are_plain && separators_are_known
    };
    text.len() <= 255 && text.split('/').all(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_parsed() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let with_digest = format!("ghcr.io/a/b@{digest}");
        let with_both = format!("ghcr.io/a/b:c@{digest}");
        let cases = [
            ("nginx", "docker.io/library/nginx:latest", "latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27", "1.27"),
            ("team/app", "docker.io/team/app:latest", "latest"),
            ("index.docker.io/team/app", "docker.io/team/app:latest", "latest"),
            (
                "registry-1.docker.io/team/app",
                "docker.io/team/app:latest",
                "latest",
            ),
            ("localhost/app:1", "localhost/app:1", "1"),
            ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest", "latest"),
            (
                "public.ecr.aws/nginx/nginx:stable",
                "public.ecr.aws/nginx/nginx:stable",
                "stable",
            ),
            (&with_digest, &with_digest, &digest),
            (&with_both, &with_both, &digest),
        ];
        for (text, shown, identifier) in cases {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), shown);
            assert_eq!(reference.identifier(), identifier);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            ":tag",
            "App",
            "a/../b",
            "app:",
            "app:a/b:c d",
            "app@sha256:12",
            "a b",
            "ghcr.io/",
            "x/-a",
            "https://ghcr.io/app",
            "ghcr.io/a?b",
            "ghcr.io/a___b",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn repositories_and_tags() {
        for good in ["a", "a/b-c", "a--b", "a__b", "a.b/c_d", "0"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in ["", "/", "a/", "a//b", "-a", "a-", "a..b", "a._b", "A", "é"] {
            assert!(!is_repository(bad), "{bad}");
        }
        assert!(is_tag("_a.B-9") && is_tag(&"a".repeat(128)));
        assert!(!is_tag("") && !is_tag(".a") && !is_tag(&"a".repeat(129)) && !is_tag("a/b"));
    }
}
