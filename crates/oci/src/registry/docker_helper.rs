//! The programs that keep Docker's logins for it.
//!
//! <https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol>

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::auth::Credentials;
use crate::docker_hub;
use crate::error::Error;

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// A helper that waits for somebody at a keyboard is not waited for.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// What the helper of a name has for a registry's host.
///
/// # Errors
/// It is no name, or the helper does not work.
pub(super) async fn credentials(helper: &str, host: &str) -> Result<Option<Credentials>, Error> {
    let program = helper_program(helper)?;
    for name in helper_names(host) {
        if let Some(found) = ask(&program, name).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
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
        return Ok(Some(Credentials::identity_token(answer.secret)));
    }
    Ok(Some(Credentials::new(answer.username, answer.secret)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn helpers_are_asked_for_docker_hub_as_docker_does() {
        assert_eq!(
            helper_names("registry-1.docker.io")[0],
            "https://index.docker.io/v1/"
        );
        assert!(helper_names("docker.io").contains(&"docker.io"));
        assert_eq!(helper_names("registry.example.com"), ["registry.example.com"]);
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
        let token = r#"echo '{"Username": "<token>", "Secret": "not-a-real-token"}'"#;
        assert_eq!(
            answer_of(token).await.unwrap(),
            Some(Credentials::identity_token("not-a-real-token"))
        );
    }
}
