//! Credentials are taken from wherever AWS's own tools take them.

use crate::connection::{Asking, Pairs};
use crate::harness::{Listener, Run, answer, bare_command};

/// Answers whoever wants credentials with those of `AKIAFAKEFROMSOURCE`.
pub fn credentials(request: &str) -> String {
    let given = r#"{"AccessKeyId":"AKIAFAKEFROMSOURCE","SecretAccessKey":"fake","Token":"fake","Expiration":"2126-01-01T00:00:00Z","Code":"Success"}"#;
    let line = request.lines().next().unwrap_or_default();
    match line {
        _ if line.starts_with("PUT /latest/api/token") => answer(
            "200 OK\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600",
            "text/plain",
            "fake",
        ),
        _ if line.ends_with("/security-credentials/ HTTP/1.1") => answer("200 OK", "text/plain", "role"),
        _ if line.contains("/security-credentials") || line.contains("/container") => {
            answer("200 OK", "application/json", given)
        }
        _ if line.contains("/federation/credentials") => answer(
            "200 OK",
            "application/json",
            r#"{"roleCredentials":{"accessKeyId":"AKIAFAKEFROMSOURCE","secretAccessKey":"fake","sessionToken":"fake","expiration":4922380800000}}"#,
        ),
        _ if request.contains("Action=AssumeRole") => {
            let action = if request.contains("WithWebIdentity") {
                "AssumeRoleWithWebIdentity"
            } else {
                "AssumeRole"
            };
            answer(
                "200 OK",
                "text/xml",
                &format!(
                    "<{action}Response><{action}Result><Credentials><AccessKeyId>AKIAFAKEFROMSOURCE</AccessKeyId>\
                 <SecretAccessKey>fake</SecretAccessKey><SessionToken>fake</SessionToken>\
                 <Expiration>2126-01-01T00:00:00Z</Expiration></Credentials></{action}Result></{action}Response>"
                ),
            )
        }
        _ => answer(
            "403 Forbidden",
            "text/xml",
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        ),
    }
}

/// Where credentials may come from: what is set, and the files, with `{home}` and `{source}`.
const SOURCES: [(&str, Pairs, Pairs); 12] = [
    (
        "the shared credentials file",
        &[],
        &[(
            ".aws/credentials",
            "[default]\naws_access_key_id = AKIAFAKEFROMSOURCE\naws_secret_access_key = fake\n",
        )],
    ),
    (
        "files in other places",
        &[
            ("AWS_CONFIG_FILE", "{home}/config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "{home}/keys"),
            ("AWS_PROFILE", "deploy"),
        ],
        &[
            ("config", "[profile deploy]\nregion = eu-west-1\n"),
            (
                "keys",
                "[deploy]\naws_access_key_id = AKIAFAKEFROMSOURCE\naws_secret_access_key = fake\n",
            ),
        ],
    ),
    (
        "a credential process",
        &[("AWS_PROFILE", "process")],
        &[
            (
                ".aws/config",
                "[profile process]\ncredential_process = /bin/cat {home}/given.json\n",
            ),
            (
                "given.json",
                r#"{"Version":1,"AccessKeyId":"AKIAFAKEFROMSOURCE","SecretAccessKey":"fake"}"#,
            ),
        ],
    ),
    (
        "a role of a profile",
        &[("AWS_PROFILE", "deploy")],
        &[(
            ".aws/config",
            "[profile deploy]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = base\n\
             [profile base]\naws_access_key_id = AKIAFAKEBASE\naws_secret_access_key = fake\n",
        )],
    ),
    (
        "a web identity",
        &[
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token"),
        ],
        &[("token", "fake")],
    ),
    (
        "a web identity, before the keys of a profile that is named",
        &[
            ("AWS_PROFILE", "other"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token"),
        ],
        &[
            ("token", "fake\n"),
            (
                ".aws/credentials",
                "[other]\naws_access_key_id = AKIAFAKEOTHER\naws_secret_access_key = fake\n",
            ),
        ],
    ),
    (
        "a container",
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{source}/container")],
        &[],
    ),
    (
        "the instance",
        &[
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "{source}/"),
        ],
        &[],
    ),
    (
        "a sign-in of SSO",
        &[("AWS_PROFILE", "sso"), ("AWS_ENDPOINT_URL_SSO", "{source}")],
        &[
            (
                ".aws/config",
                "[profile sso]\nsso_start_url = https://sign-in.example/start\nsso_region = us-east-1\n\
                 sso_account_id = 123456789012\nsso_role_name = deploy\n",
            ),
            // Named after the SHA-1 of the start URL.
            (
                ".aws/sso/cache/{start}.json",
                r#"{"accessToken":"fake","expiresAt":"2126-01-01T00:00:00Z","region":"us-east-1","startUrl":"https://sign-in.example/start"}"#,
            ),
        ],
    ),
    (
        "a session of SSO",
        &[("AWS_PROFILE", "sso"), ("AWS_ENDPOINT_URL_SSO", "{source}")],
        &[
            (
                ".aws/config",
                "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = deploy\n\
                 [sso-session corp]\nsso_start_url = https://sign-in.example/start\nsso_region = us-east-1\n",
            ),
            // Named after the SHA-1 of the session's name.
            (
                ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json",
                r#"{"accessToken":"fake","expiresAt":"2126-01-01T00:00:00Z","region":"us-east-1","startUrl":"https://sign-in.example/start"}"#,
            ),
        ],
    ),
    (
        "a role of a profile by a web identity",
        &[("AWS_PROFILE", "ci")],
        &[
            (
                ".aws/config",
                "[profile ci]\nrole_arn = arn:aws:iam::123456789012:role/ci\nweb_identity_token_file = {home}/token\n",
            ),
            ("token", "fake"),
        ],
    ),
    (
        "the environment, before the rest",
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAFAKEFROMSOURCE"),
            ("AWS_SECRET_ACCESS_KEY", "fake"),
        ],
        &[(
            ".aws/credentials",
            "[default]\naws_access_key_id = AKIAFAKEOTHER\naws_secret_access_key = fake\n",
        )],
    ),
];

#[test]
fn credentials_come_from_wherever_awss_tools_take_them() {
    for (source, variables, files) in SOURCES {
        let asking = Asking::new();
        let listener = Listener::answering(&credentials);
        let home = asking.folder.path().to_str().unwrap().to_owned();
        let filled = |text: &str| {
            text.replace("{home}", &home)
                .replace("{source}", &listener.url())
                .replace("{start}", "88f453b3dcaeca65d221de6ad9dbddca20d5b734")
        };
        for (name, content) in files {
            asking.write(&filled(name), &filled(content));
        }
        let mut command = bare_command(asking.folder.path(), ["plan", "stack.toml"]);
        let dead = "http://127.0.0.1:9";
        command
            .envs(["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, dead)))
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_ENDPOINT_URL_STS", listener.url())
            .envs(variables.iter().map(|(name, value)| (*name, filled(value))));
        let run = Run::of(&mut command).exits(1);
        let asked = listener.asked();
        let call = asked
            .iter()
            .find(|request| request.contains("GetCallerIdentity"))
            .unwrap_or_else(|| panic!("{source}: {asked:?} {run}"));
        assert!(
            call.contains("Credential=AKIAFAKEFROMSOURCE/"),
            "{source}: {call}"
        );
    }
}
