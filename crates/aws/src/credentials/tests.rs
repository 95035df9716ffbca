//! Which link of the chain counts. What is expected is what boto3 1.43 and AWS's CLI take from the same files and variables.

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::environment::{Environment, VARIABLES};

const KEYS: &str = "aws_access_key_id = AKIAFAKE\naws_secret_access_key = fake\n";

const TOKEN: (&str, &str) = ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token");
const ROLE: (&str, &str) = ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/env");
const KEY: (&str, &str) = ("AWS_ACCESS_KEY_ID", "AKIAENV");
const SECRET: (&str, &str) = ("AWS_SECRET_ACCESS_KEY", "fake");
const P: (&str, &str) = ("AWS_PROFILE", "p");
const AGENT: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/");

const ROLE_OF: &str = "role_arn = arn:aws:iam::123456789012:role/file\n";
const TOKEN_OF: &str = "web_identity_token_file = {home}/other\n";
const SOURCE_OF: &str = "source_profile = base\n";
const SSO: &str = "sso_start_url = https://x.example/start\nsso_region = us-east-1\nsso_account_id = 123456789012\n\
                   sso_role_name = r\n";
const PROCESS: &str = "credential_process = /bin/true\n";

/// A machine with these files in `~/.aws`, and what it finds with these variables.
async fn found(config: &str, stored: &str, variables: &[(&str, &str)]) -> Result<String, String> {
    let home = TempDir::new().unwrap();
    let path = home.path().to_str().unwrap();
    let write = |name: &str, content: &str| {
        fs::write(home.path().join(name), content.replace("{home}", path)).unwrap();
    };
    fs::create_dir(home.path().join(".aws")).unwrap();
    write(".aws/config", config);
    write(".aws/credentials", stored);
    write("token", "fake");
    write("other", "fake");
    let mut map = BTreeMap::from([("HOME".to_owned(), path.to_owned())]);
    for (name, value) in variables {
        assert!(VARIABLES.contains(name), "{name} is not asked for");
        map.insert((*name).to_owned(), value.replace("{home}", path));
    }
    let source = Environment::of(&map).await.map(|found| found.source.unwrap().0);
    let source = source.map_err(|error| {
        let said = format!("{} {}", error.message, error.hint.unwrap_or_default());
        said.replace(path, "{home}")
    })?;
    Ok(shown(&source).replace(path, "{home}"))
}

fn shown(source: &Source) -> String {
    let identity = |found: &WebIdentity| {
        let role = found.role_arn.rsplit('/').next().unwrap_or_default().to_owned();
        format!("{role} by {}", found.token_file)
    };
    match source {
        Source::Variables => "variables".to_owned(),
        Source::WebIdentity(found) => identity(found),
        Source::Container(_) => "container".to_owned(),
        Source::Machine(_) => "machine".to_owned(),
        Source::Profile(chain) => {
            let base = match &chain.base {
                Base::Keys(keys) => keys.access_key_id().to_owned(),
                Base::Process(_) => "process".to_owned(),
                Base::SingleSignOn => "sso".to_owned(),
                Base::WebIdentity(found) => identity(found),
                Base::Container => "container".to_owned(),
                Base::Machine => "machine".to_owned(),
            };
            let roles = chain
                .roles
                .iter()
                .map(|role| format!(" role of {}", role.profile));
            format!("{} {base}{}", chain.base_profile, roles.collect::<String>())
        }
    }
}

/// Profiles, each a name and its lines.
fn profiles(list: &[(&str, &[&str])]) -> String {
    let of = |(name, lines): &(&str, &[&str])| format!("[profile {name}]\n{}\n", lines.concat());
    list.iter().map(of).collect()
}

#[tokio::test]
async fn the_links_of_the_chain_count_in_the_order_of_awss_tools() {
    let default = format!("[default]\n{KEYS}");
    let p = format!("[p]\n{KEYS}");
    let base: (&str, &[&str]) = ("base", &[KEYS]);
    let role = profiles(&[("p", &[ROLE_OF, SOURCE_OF]), base]);
    let default_role = profiles(&[("default", &[ROLE_OF, SOURCE_OF]), base]);
    let identity = profiles(&[("p", &[ROLE_OF, TOKEN_OF, SOURCE_OF, SSO, PROCESS, KEYS]), base]);
    let no_role = profiles(&[("p", &[TOKEN_OF])]);
    let sso = profiles(&[("p", &[SSO, PROCESS])]);
    let process = profiles(&[("p", &[PROCESS])]);
    let process_and_keys = profiles(&[("p", &[PROCESS, KEYS])]);
    let session_only = "[profile p]\nsso_session = s\n[sso-session s]\nsso_region = us-east-1\n";
    let no_credentials = "[profile p]\nregion = eu-west-1\n";
    let lone_source = "[profile p]\ncredential_source = Ec2InstanceMetadata\n";
    let behind = profiles(&[
        ("p", &[ROLE_OF, SOURCE_OF]),
        ("base", &[ROLE_OF, "source_profile = far\n", SSO, KEYS]),
    ]);
    let behind_identity = profiles(&[("p", &[ROLE_OF, SOURCE_OF]), ("base", &[ROLE_OF, TOKEN_OF, KEYS])]);
    let itself = profiles(&[("p", &[ROLE_OF, "source_profile = p\n", PROCESS, KEYS])]);
    let machines = profiles(&[("p", &[ROLE_OF, "credential_source = Ec2InstanceMetadata\n"])]);

    let env = "env by {home}/token";
    for (config, stored, variables, expected) in [
        // Keys in the environment are first, whatever else there is.
        ("", &*default, &[KEY, SECRET, TOKEN, ROLE, AGENT][..], "variables"),
        (&*role, "", &[KEY, SECRET, P], "variables"),
        // The role of a profile is before a web identity of the environment, also of a profile that nobody names.
        (&*role, "", &[P, TOKEN, ROLE], "base AKIAFAKE role of p"),
        (
            &*default_role,
            "",
            &[TOKEN, ROLE],
            "base AKIAFAKE role of default",
        ),
        (&*machines, "", &[P, TOKEN, ROLE], "p machine role of p"),
        // The rest of a profile is after it, also of one that AWS_PROFILE names.
        ("", &*default, &[TOKEN, ROLE], env),
        ("", &*p, &[P, TOKEN, ROLE], env),
        (&*sso, "", &[P, TOKEN, ROLE], env),
        (&*process, "", &[P, TOKEN, ROLE], env),
        (no_credentials, "", &[P, TOKEN, ROLE, AGENT], env),
        ("", "", &[TOKEN, ROLE, AGENT], env),
        // A role alone is none.
        ("", &*default, &[ROLE], "default AKIAFAKE"),
        // Each part of a web identity is the environment's before the profile's.
        (&*identity, "", &[P], "file by {home}/other"),
        (&*identity, "", &[P, ROLE], "env by {home}/other"),
        (&*identity, "", &[P, TOKEN], "file by {home}/token"),
        (&*identity, "", &[P, TOKEN, ROLE], env),
        (&*no_role, "", &[P, ROLE], "env by {home}/other"),
        // Within a profile: a sign-in, keys of the credentials file, a program, keys of the configuration file.
        (&*sso, &*p, &[P, AGENT], "p sso"),
        (&*process, &*p, &[P], "p AKIAFAKE"),
        (&*process_and_keys, "", &[P], "p process"),
        ("", &*p, &[P, AGENT], "p AKIAFAKE"),
        // What a profile says that is of no use by itself.
        (session_only, "", &[P, AGENT], "container"),
        (lone_source, "", &[P, AGENT], "container"),
        // Behind a role the environment does not count, and keys beside a role make that role count no more.
        (&*behind, "", &[P], "base sso role of p"),
        (
            &*behind_identity,
            "",
            &[P, ROLE, TOKEN],
            "base file by {home}/other role of p",
        ),
        (&*itself, "", &[P], "p process role of p"),
        (&*itself, &*p, &[P], "p AKIAFAKE role of p"),
        // Then the container, then the machine.
        (no_credentials, "", &[P, AGENT], "container"),
        (no_credentials, "", &[P], "machine"),
        (
            "",
            &*default,
            &[("AWS_PROFILE", "default"), AGENT],
            "default AKIAFAKE",
        ),
    ] {
        let found = found(config, stored, variables).await;
        assert_eq!(
            found.as_deref(),
            Ok(expected),
            "{variables:?} with {config}{stored}"
        );
    }
}

#[tokio::test]
async fn a_link_that_cannot_be_followed_is_not_passed_over() {
    let default = format!("[default]\n{KEYS}");
    let nowhere = ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/nowhere");
    let agents_token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "{home}/nowhere");
    let environment = profiles(&[("p", &[ROLE_OF, "credential_source = Environment\n"])]);
    let session = "sso_session = nothere\nsso_account_id = 123456789012\nsso_role_name = r\n";
    let no_session = format!("[profile p]\n{session}[sso-session nowhere]\nsso_region = us-east-1\n");
    let half_session = format!("[profile p]\n{session}[sso-session nothere]\nsso_region = us-east-1\n");
    for (config, variables, parts, never) in [
        (
            "",
            &[nowhere, ROLE][..],
            &["is not there: {home}/nowhere, which AWS_WEB_IDENTITY_TOKEN_FILE names"][..],
            "aws sso",
        ),
        ("", &[TOKEN], &["AWS_ROLE_ARN is not"], "aws sso"),
        (
            &*environment,
            &[P],
            &[
                "`p` has `credential_source = Environment`, and AWS_ACCESS_KEY_ID is not set",
                "assume_role",
            ],
            "aws sso",
        ),
        (
            &*no_session,
            &[P],
            &[
                "`p` has `sso_session = nothere`",
                "no `[sso-session nothere]` in {home}/.aws/config",
                "`nowhere`?",
            ],
            "aws sso login",
        ),
        (
            &*half_session,
            &[P],
            &["has no `sso_start_url`", "`[sso-session nothere]`"],
            "sign in again",
        ),
        (
            "",
            &[AGENT, ("AWS_PROFILE", "default"), agents_token],
            &["is not there: {home}/nowhere, which AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names"],
            "aws sso",
        ),
        (
            "",
            &[AGENT, ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")],
            &["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE is set and empty"],
            "aws sso",
        ),
    ] {
        // Keys in the default profile would be taken before the container.
        let stored = if variables.contains(&AGENT) { "" } else { &*default };
        let error = found(config, stored, variables).await.unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{variables:?}: {error}");
        }
        assert!(!error.contains(never), "{variables:?}: {error}");
    }
}
