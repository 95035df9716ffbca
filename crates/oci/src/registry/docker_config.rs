//! Credentials as `docker login` leaves them: in `config.json` of Docker's folder, or with the helper that it names.
//!
//! The file is described at <https://docs.docker.com/reference/cli/docker/login/>.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::auth::Credentials;
use crate::docker_hub;
use crate::error::{Error, ErrorClass};

#[derive(Debug, Default, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// A helper that waits for somebody at a keyboard is not waited for.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

impl Credentials {
    /// What Docker's configuration in `folder` has for a registry's host (`registry.example.com[:port]`); `None`
    /// when it has nothing for it, or is not there.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`] when the file is not what it has to be, or its helper does not work.
    pub async fn of_docker(folder: &Path, host: &str) -> Result<Option<Self>, Error> {
        let path = folder.join("config.json");
        let doing = format!("reading {}", path.display());
        let text = match tokio::fs::read(&path).await {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::invalid(doing, "it cannot be read").caused_by(error)),
        };
        let config: DockerConfig = serde_json::from_slice(&text).map_err(|error| {
            Error::invalid(doing.as_str(), "it is no configuration of Docker's").caused_by(error)
        })?;
        let helper = of_host(&config.helpers, host).or(config.store.as_ref());
        if let Some(helper) = helper {
            let program = helper_program(helper)?;
            for name in helper_names(host) {
                if let Some(found) = ask(&program, name).await? {
                    return Ok(Some(found));
                }
            }
            return Ok(None);
        }
        match of_host(&config.auths, host) {
            Some(entry) if !entry.auth.is_empty() => Self::from_basic_token(&entry.auth).map(Some),
            _ => Ok(None),
        }
    }
}

/// Entries are by host, or by an address that begins with a scheme and may have a path. Docker Hub's are by any of its
/// names, Docker's own first.
fn of_host<'a, T>(entries: &'a BTreeMap<String, T>, host: &str) -> Option<&'a T> {
    let bare = |key: &'a str| -> &'a str {
        let key = key.split_once("://").map_or(key, |(_, rest)| rest);
        key.split('/').next().unwrap_or_default()
    };
    let by = |host: &str| {
        entries
            .iter()
            .find(|(key, _)| bare(key).eq_ignore_ascii_case(host))
    };
    let found = match docker_hub::is_it(host) {
        true => docker_hub::HOSTS.iter().find_map(|host| by(host)),
        false => by(host),
    };
    found.map(|(_, entry)| entry)
}

/// What a helper may know a registry by: what Docker calls Docker Hub, what other tools do.
fn helper_names(host: &str) -> Vec<&str> {
    match docker_hub::is_it(host) {
        true => [docker_hub::LOGIN].into_iter().chain(docker_hub::HOSTS).collect(),
        false => vec![host],
    }
}

/// The program of a helper's name.
fn helper_program(helper: &str) -> Result<String, Error> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if helper.is_empty() || !helper.chars().all(is_name) {
        let doing = "reading Docker's configuration";
        return Err(Error::invalid(
            doing,
            format!("`{helper}` is no name of a credential helper"),
        ));
    }
    Ok(format!("docker-credential-{helper}"))
}

async fn ask(program: &str, host: &str) -> Result<Option<Credentials>, Error> {
    let doing = format!("asking {program} for the credentials of {host}");
    let failed = |error: std::io::Error| Error::invalid(doing.as_str(), "it does not work").caused_by(error);
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that needs no host may have ended already.
        let _ = input.write_all(host.as_bytes()).await;
    }
    let output = match tokio::time::timeout(HELPER_TIMEOUT, child.wait_with_output()).await {
        Ok(output) => output.map_err(failed)?,
        Err(_) => {
            let problem = format!("it did not answer within {} s", HELPER_TIMEOUT.as_secs());
            return Err(Error::invalid(doing, problem));
        }
    };
    if !output.status.success() {
        // Helpers say so on standard output, and with a failure.
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(Error::invalid(doing, format!("it ended with {}", output.status)));
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        // What came may hold the password, so the error of the parser is not passed on.
        .map_err(|_| Error::invalid(doing.as_str(), "its answer is not Username and Secret"))?;
    if answer.username == "<token>" {
        return Err(Error::new(
            ErrorClass::Invalid,
            doing,
            "it has an identity token, which is not supported",
        )
        .with_hint("log in with a user name and a password"));
    }
    Ok(Some(Credentials::new(answer.username, answer.secret)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    // The base64 of `ann:not-a-real-password`.
    const AUTH: &str = "YW5uOm5vdC1hLXJlYWwtcGFzc3dvcmQ=";

    async fn found(config: &str, host: &str) -> Result<Option<Credentials>, Error> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        Credentials::of_docker(folder.path(), host).await
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

    #[test]
    fn helpers_are_asked_for_docker_hub_as_docker_does() {
        assert_eq!(
            helper_names("registry-1.docker.io")[0],
            "https://index.docker.io/v1/"
        );
        assert!(helper_names("docker.io").contains(&"docker.io"));
        assert_eq!(helper_names("registry.example.com"), ["registry.example.com"]);
    }

    #[tokio::test]
    async fn without_a_login_there_are_none() {
        assert_eq!(found("{}", "registry.example.com").await.unwrap(), None);
        let empty = r#"{"auths": {"registry.example.com": {}}}"#;
        assert_eq!(found(empty, "registry.example.com").await.unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        let nothing = Credentials::of_docker(folder.path(), "registry.example.com").await;
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

    /// A helper that is a shell script.
    async fn answer_of(script: &str) -> Result<Option<Credentials>, Error> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker-credential-test");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        ask(program.to_str().unwrap(), "registry.example.com").await
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_the_host() {
        let answers = r#"host=$(cat); echo "{\"Username\": \"ann\", \"Secret\": \"for $host\"}""#;
        assert_eq!(
            answer_of(answers).await.unwrap(),
            Some(Credentials::new("ann", "for registry.example.com"))
        );
        let knows_nothing = "echo credentials not found in native keychain; exit 1";
        assert_eq!(answer_of(knows_nothing).await.unwrap(), None);
        let error = answer_of("echo not-a-real-secret").await.unwrap_err().to_string();
        assert!(
            error.contains("Username and Secret") && !error.contains("not-a-real"),
            "{error}"
        );
        assert!(answer_of("exit 3").await.is_err());
    }
}
