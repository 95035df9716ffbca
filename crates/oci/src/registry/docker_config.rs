//! Credentials as `docker login` leaves them: in `config.json` of Docker's folder, or with the helper that it names.
//!
//! The file is described at <https://docs.docker.com/reference/cli/docker/login/>.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::auth::Credentials;
use super::docker_helper;
use crate::docker_hub;
use crate::error::Error;

/// Whatever of it is `null` is not there, as Docker has it.
#[derive(Default, Deserialize)]
struct DockerConfig {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, Option<String>>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<String>,
}

impl Credentials {
    /// What Docker's configuration in `folder` has for a repository at a registry's host
    /// (`registry.example.com[:port]`); `None` when it has nothing for it, or is not there.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorClass::Invalid) when the file is not what it has to be, or its helper does not work.
    pub async fn of_docker(folder: &Path, host: &str, repository: &str) -> Result<Option<Self>, Error> {
        let path = folder.join("config.json");
        let doing = format!("reading {}", path.display());
        let text = match tokio::fs::read(&path).await {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::invalid(doing, "it cannot be read").caused_by(error)),
        };
        let config: Option<DockerConfig> = serde_json::from_slice(&text).map_err(|error| {
            Error::invalid(doing.as_str(), "it is no configuration of Docker's").caused_by(error)
        })?;
        let config = config.unwrap_or_default();
        if let Some(helper) = config.helper(host, repository) {
            return docker_helper::credentials(helper, host).await;
        }
        let auths = config.auths.unwrap_or_default();
        for (key, entry) in entries_of(&auths, host, repository) {
            let found = entry.as_ref().map(Entry::credentials).transpose();
            let found = found.map_err(|()| {
                let problem =
                    format!("`auth` of `{key}` is not the base64 of a user name, `:` and a password");
                Error::invalid(doing.as_str(), problem)
            })?;
            if let Some(found) = found.flatten() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl DockerConfig {
    /// The helper for a repository. One that is blank stands for the file itself, also where others go to a store.
    fn helper(&self, host: &str, repository: &str) -> Option<&str> {
        let own = self.helpers.as_ref().and_then(|helpers| {
            let (_, helper) = entries_of(helpers, host, repository).into_iter().next()?;
            Some(helper.as_deref().unwrap_or_default())
        });
        let helper = own.or(self.store.as_deref())?;
        (!helper.trim().is_empty()).then_some(helper)
    }
}

impl Entry {
    /// What counts of it, in Docker's order; an error when its `auth` is not what it has to be.
    fn credentials(&self) -> Result<Option<Credentials>, ()> {
        let some = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = some(&self.registry_token) {
            return Ok(Some(Credentials::registry_token(token)));
        }
        if let Some(token) = some(&self.identity_token) {
            return Ok(Some(Credentials::identity_token(token)));
        }
        if let Some(auth) = some(&self.auth) {
            return Credentials::from_basic_token(&auth).map(Some).map_err(|_| ());
        }
        Ok(match (some(&self.username), some(&self.password)) {
            (Some(username), Some(password)) => Some(Credentials::new(username, password)),
            _ => None,
        })
    }
}

/// The entries for a repository, the one of the longest path first, that of the whole host last.
///
/// Entries are by host, or by an address that begins with a scheme, of which the host alone counts; or by host and the
/// beginning of a repository's name, as Podman writes them. Docker Hub's are by any of its names, Docker's own first.
fn entries_of<'a, T>(
    entries: &'a BTreeMap<String, T>,
    host: &str,
    repository: &str,
) -> Vec<(&'a str, &'a T)> {
    let hosts: &[&str] = match docker_hub::is_it(host) {
        true => &docker_hub::HOSTS,
        false => &[host],
    };
    let whole = repository.match_indices('/').map(|(at, _)| &repository[..at]);
    let mut paths: Vec<&str> = whole.collect();
    paths.insert(0, "");
    if !repository.is_empty() {
        paths.push(repository);
    }
    let by = |path: &str| {
        hosts.iter().find_map(|host| {
            entries.iter().find(|(key, _)| {
                let (of, place) = split(key);
                of.eq_ignore_ascii_case(host) && place == path
            })
        })
    };
    let found = paths.into_iter().rev().filter_map(by);
    found.map(|(key, entry)| (key.as_str(), entry)).collect()
}

/// The host and the path of an entry's key.
fn split(key: &str) -> (&str, &str) {
    let (bare, is_address) = match key.split_once("://") {
        Some((_, bare)) => (bare, true),
        None => (key, false),
    };
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    match path.trim_end_matches('/') {
        // Versions of the registry's protocol, as old logins have them.
        "v1" | "v2" => (host, ""),
        _ if is_address => (host, ""),
        path => (host, path),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    // The base64 of `ann:not-a-real-password`.
    const AUTH: &str = "YW5uOm5vdC1hLXJlYWwtcGFzc3dvcmQ=";

    async fn found(config: &str, host: &str) -> Result<Option<Credentials>, Error> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        Credentials::of_docker(folder.path(), host, "team/app").await
    }

    #[tokio::test]
    async fn a_login_is_found_by_its_host_alone() {
        let ann = Some(Credentials::new("ann", "not-a-real-password"));
        let cases = [
            ("registry.example.com", "registry.example.com", true),
            ("registry.example.com", "Registry.Example.com", true),
            ("https://registry.example.com/v1/", "registry.example.com", true),
            ("registry.example.com:5000", "registry.example.com:5000", true),
            ("registry.example.com:5000", "registry.example.com", false),
            ("registry.example.com", "registry.example.com.evil.example", false),
            ("example.com", "registry.example.com", false),
        ];
        for (key, host, is_found) in cases {
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "{AUTH}"}}}}}}"#);
            let wanted = if is_found { ann.clone() } else { None };
            assert_eq!(found(&config, host).await.unwrap(), wanted, "{key} for {host}");
        }
    }

    #[tokio::test]
    async fn docker_hubs_login_is_found_by_each_of_its_names() {
        let ann = Some(Credentials::new("ann", "not-a-real-password"));
        let keys = [
            "https://index.docker.io/v1/",
            "index.docker.io",
            "docker.io",
            "https://registry-1.docker.io",
        ];
        for key in keys {
            for host in [
                "docker.io",
                "registry-1.docker.io",
                "index.docker.io",
                "Docker.IO",
            ] {
                let config = format!(r#"{{"auths": {{"{key}": {{"auth": "{AUTH}"}}}}}}"#);
                assert_eq!(found(&config, host).await.unwrap(), ann, "{key} for {host}");
            }
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "{AUTH}"}}}}}}"#);
            assert_eq!(found(&config, "io").await.unwrap(), None);
            assert_eq!(
                found(&config, "index.docker.io.evil.example").await.unwrap(),
                None
            );
            // A helper of its own, by the same names.
            let config = format!(r#"{{"credHelpers": {{"{key}": "of-nobody"}}}}"#);
            let error = found(&config, "registry-1.docker.io").await.unwrap_err();
            assert!(
                error.to_string().contains("docker-credential-of-nobody"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn each_form_of_an_entry_is_taken_that_docker_takes() {
        let ann = Credentials::new("ann", "not-a-real-password");
        let token = Credentials::identity_token("not-a-real-token");
        let azure = STANDARD.encode("00000000-0000-0000-0000-000000000000:");
        let azure = format!(r#"{{"auth": "{azure}", "identitytoken": "not-a-real-token"}}"#);
        let with_auth = format!(r#"{{"auth": "{AUTH}"}}"#);
        let pair = r#"{"username": "ann", "password": "not-a-real-password"}"#;
        let host = |entry: &str| format!(r#""auths": {{"registry.example.com": {entry}}}"#);
        for (config, wanted) in [
            (host(pair), Some(&ann)),
            (
                host(r#"{"auth": null, "username": "ann", "password": "not-a-real-password"}"#),
                Some(&ann),
            ),
            (host(r#"{"auth": "", "username": "ann"}"#), None),
            (host(r#"{"auth": null}"#), None),
            (host("null"), None),
            (r#""auths": null"#.to_owned(), None),
            (host(&azure), Some(&token)),
            (
                host(r#"{"registrytoken": "not-a-real-token", "identitytoken": "other"}"#),
                Some(&Credentials::registry_token("not-a-real-token")),
            ),
            // No helper at all, in each way of writing that down.
            (format!(r#""credsStore": "", {}"#, host(&with_auth)), Some(&ann)),
            (format!(r#""credsStore": null, {}"#, host(&with_auth)), Some(&ann)),
            (
                format!(r#""credHelpers": null, {}"#, host(&with_auth)),
                Some(&ann),
            ),
            (
                format!(
                    r#""credHelpers": {{"registry.example.com": ""}}, {}"#,
                    host(&with_auth)
                ),
                Some(&ann),
            ),
            // A blank one keeps a host out of the store.
            (
                format!(
                    r#""credsStore": "of-nobody", "credHelpers": {{"registry.example.com": ""}}, {}"#,
                    host(&with_auth)
                ),
                Some(&ann),
            ),
        ] {
            let found = found(&format!("{{{config}}}"), "registry.example.com").await;
            assert_eq!(found.unwrap().as_ref(), wanted, "{config}");
        }
        let broken = found(
            &format!("{{{}}}", host(r#"{"auth": "%%%"}"#)),
            "registry.example.com",
        )
        .await;
        let told = broken.unwrap_err().to_string();
        assert!(
            told.contains("config.json") && told.contains("`registry.example.com`"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn the_entry_of_the_longest_path_counts_else_that_of_the_host() {
        let entry = |user: &str| format!(r#"{{"username": "{user}", "password": "not-a-real-password"}}"#);
        let keys = [
            ("host.example", "host"),
            ("host.example/teamA", "a"),
            ("host.example/teamB/", "b"),
            ("host.example/teamA/inner", "inner"),
            ("host.example/teamA/app", "app"),
            ("https://other.example/v2/", "other"),
            ("third.example/teamA", "third"),
        ];
        let entries: Vec<String> = keys
            .iter()
            .map(|(key, user)| format!(r#""{key}": {}"#, entry(user)))
            .collect();
        let config = format!(
            r#"{{"auths": {{{}, "host.example/empty": {{}}}}}}"#,
            entries.join(", ")
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        for (host, repository, user) in [
            ("host.example", "teamA/app", Some("app")),
            ("host.example", "teamA/application", Some("a")),
            ("host.example", "teamA/inner/app", Some("inner")),
            ("host.example", "teamB/app", Some("b")),
            ("host.example", "teamAB/app", Some("host")),
            ("host.example", "app", Some("host")),
            ("host.example", "empty/app", Some("host")),
            ("other.example", "teamA/app", Some("other")),
            ("third.example", "teamA/app", Some("third")),
            ("third.example", "teamB/app", None),
        ] {
            let found = Credentials::of_docker(folder.path(), host, repository)
                .await
                .unwrap();
            let wanted = user.map(|user| Credentials::new(user, "not-a-real-password"));
            assert_eq!(found, wanted, "{host}/{repository}");
        }
    }

    #[tokio::test]
    async fn without_a_login_there_are_none() {
        assert_eq!(found("{}", "registry.example.com").await.unwrap(), None);
        let empty = r#"{"auths": {"registry.example.com": {}}}"#;
        assert_eq!(found(empty, "registry.example.com").await.unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        let nothing = Credentials::of_docker(folder.path(), "registry.example.com", "app").await;
        assert_eq!(nothing.unwrap(), None);
    }

    #[tokio::test]
    async fn a_broken_configuration_is_told_with_its_path_and_not_its_content() {
        let error = found(r#"{"auths": "not-a-real-secret"}"#, "registry.example.com").await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("config.json") && !error.contains("secret"),
            "{error}"
        );
        let error = found(r#"{"credsStore": "../sh"}"#, "registry.example.com").await;
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("no name of a credential helper")
        );
        let error = found(r#"{"credsStore": "of-nobody"}"#, "registry.example.com").await;
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("docker-credential-of-nobody")
        );
    }
}
