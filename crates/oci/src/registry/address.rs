//! Which addresses a registry may have, and the addresses within it.

use std::net::IpAddr;

use reqwest::Url;

use crate::digest::Digest;
use crate::docker_hub;
use crate::error::Error;
use crate::reference::{is_repository, is_tag};

/// The address of a registry: `https`, or plain `http` on the machine itself.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    base: Url,
}

impl Address {
    /// Takes `https://host[:port]`, `http://loopback[:port]`, or a bare host, which means `https` unless it
    /// is loopback. Docker Hub speaks the protocol at another host than those that people know.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let doing = format!("reading the registry address `{text}`");
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut base: Url = whole
            .parse()
            .map_err(|error| Error::invalid(doing.as_str(), "it is no address").caused_by(error))?;
        if !text.contains("://") && is_loopback(&base) {
            // Setting the scheme drops a port that is the old scheme's own, so parse once more.
            base = format!("http://{text}")
                .parse()
                .map_err(|error| Error::invalid(doing.as_str(), "it is no address").caused_by(error))?;
        }
        let bare = base.path() == "/" && base.query().is_none() && base.fragment().is_none();
        if !bare || !base.username().is_empty() || base.password().is_some() {
            return Err(Error::invalid(
                doing,
                "it has to be a scheme, a host and a port, and nothing else",
            )
            .with_hint("the repository and the credentials are given apart from it"));
        }
        if base.host_str().is_some_and(docker_hub::is_it) {
            base.set_host(Some(docker_hub::REGISTRY))
                .map_err(|error| Error::invalid(doing.as_str(), "it is no address").caused_by(error))?;
        }
        require_safe(&base, &doing)?;
        Ok(Self { base })
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The address as people write it: without the slash at its end.
    pub(crate) fn shown(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Result<Url, Error> {
        if !is_tag(reference) && reference.parse::<Digest>().is_err() {
            return Err(Error::invalid(
                format!("addressing `{repository}`"),
                format!("`{reference}` is neither a tag nor a digest"),
            )
            .with_hint("a tag is 1 to 128 letters, digits, `_`, `.` or `-`, not beginning with `.` or `-`"));
        }
        self.within(repository, &format!("manifests/{reference}"))
    }

    pub(crate) fn blob(&self, repository: &str, digest: &Digest) -> Result<Url, Error> {
        self.within(repository, &format!("blobs/{digest}"))
    }

    pub(crate) fn uploads(&self, repository: &str) -> Result<Url, Error> {
        self.within(repository, "blobs/uploads/")
    }

    fn within(&self, repository: &str, rest: &str) -> Result<Url, Error> {
        let doing = format!("addressing repository `{repository}`");
        if !is_repository(repository) {
            return Err(Error::invalid(doing, "that is no name for a repository")
                .with_hint("a repository is lower-case letters and digits, parted by `.`, `_`, `-` or `/`"));
        }
        self.base
            .join(&format!("/v2/{repository}/{rest}"))
            .map_err(|error| Error::invalid(doing, "it gives no address").caused_by(error))
    }

    /// Where a `Location` leads from the address that answered with it.
    pub(crate) fn follow(&self, from: &Url, location: &str) -> Result<Url, Error> {
        let doing = format!("following the answer of {}", shown(from));
        let target = from
            .join(location)
            .map_err(|error| Error::invalid(doing.as_str(), "its Location is no address").caused_by(error))?;
        require_safe(&target, &doing)?;
        Ok(target)
    }

    /// Whether credentials for this registry may go to that address.
    pub(crate) fn trusts(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }
}

/// An address without its query, which may carry the state or the signature of an upload.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// Credentials and images travel over TLS, except within the machine.
pub(crate) fn require_safe(url: &Url, doing: &str) -> Result<(), Error> {
    match url.scheme() {
        "https" if url.has_host() => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => {
            let host = url.host_str().unwrap_or_default();
            Err(Error::invalid(
                doing,
                format!("plain http is refused for `{host}`, which is another machine"),
            )
            .with_hint("use https; plain http is only for a registry on 127.0.0.1, ::1 or localhost"))
        }
        other => Err(Error::invalid(doing, format!("`{other}` is not https"))),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_or_loopback() {
        let cases = [
            (
                "https://registry.example.com",
                Some("https://registry.example.com"),
            ),
            ("registry.example.com", Some("https://registry.example.com")),
            (
                "registry.example.com:8443",
                Some("https://registry.example.com:8443"),
            ),
            ("docker.io", Some("https://registry-1.docker.io")),
            ("https://index.docker.io", Some("https://registry-1.docker.io")),
            ("registry-1.docker.io", Some("https://registry-1.docker.io")),
            ("docker.io.evil.example", Some("https://docker.io.evil.example")),
            ("http://127.0.0.1:5000", Some("http://127.0.0.1:5000")),
            ("127.0.0.1:443", Some("http://127.0.0.1:443")),
            ("localhost:5000", Some("http://localhost:5000")),
            ("http://[::1]:5000/", Some("http://[::1]:5000")),
            ("http://registry.example.com", None),
            ("http://10.0.0.1:5000", None),
            ("http://localhost.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("ftp://127.0.0.1", None),
            ("https://user:pass@registry.example.com", None),
            ("https://registry.example.com/v2/app", None),
            ("https://registry.example.com?x=1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let address = Address::parse(text);
            assert_eq!(address.as_ref().ok().map(Address::shown), expected, "{text}");
        }
    }

    #[test]
    fn locations_may_be_relative() {
        let address = Address::parse("http://127.0.0.1:5000").unwrap();
        let from = address.uploads("a/b").unwrap();
        assert_eq!(from.as_str(), "http://127.0.0.1:5000/v2/a/b/blobs/uploads/");
        let cases = [
            (
                "/v2/a/b/blobs/uploads/7?_state=x",
                Some("http://127.0.0.1:5000/v2/a/b/blobs/uploads/7?_state=x"),
            ),
            (
                "7?_state=x",
                Some("http://127.0.0.1:5000/v2/a/b/blobs/uploads/7?_state=x"),
            ),
            (
                "https://elsewhere.example.com/7",
                Some("https://elsewhere.example.com/7"),
            ),
            ("http://elsewhere.example.com/7", None),
        ];
        for (location, expected) in cases {
            let target = address.follow(&from, location);
            assert_eq!(target.as_ref().ok().map(Url::as_str), expected, "{location}");
        }
        assert!(!address.trusts(&"https://elsewhere.example.com/7".parse().unwrap()));
        assert!(!address.trusts(&"http://127.0.0.1:5001/7".parse().unwrap()));
        assert!(address.trusts(&from));
    }

    #[test]
    fn names_cannot_leave_their_place() {
        let address = Address::parse("https://registry.example.com").unwrap();
        for repository in ["", "a/../b", "a?b", "A", "a b", "a#b"] {
            assert!(address.uploads(repository).is_err(), "{repository}");
        }
        for reference in ["", "a/b", "..", "a?b", "sha256:12"] {
            assert!(address.manifest("a", reference).is_err(), "{reference}");
        }
    }
}
