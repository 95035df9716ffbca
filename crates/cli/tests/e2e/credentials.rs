//! Credentials that are not to be had are told with what set their source.

use crate::connection::{Asking, Pairs};
use crate::credential_sources::credentials;
use crate::harness::{Listener, Run, bare_command};

/// A profile that takes a role with the keys of another, and what is added to it.
macro_rules! deploy {
    ($more:literal) => {
        concat!(
            "[profile deploy]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = base\n",
            $more,
            "\n[profile base]\naws_access_key_id = AKIAFAKEBASE\naws_secret_access_key = fake\n"
        )
    };
}
pub(crate) use deploy;

/// A variable that is not set, as it would be otherwise.
const UNSET: &str = "(unset)";

const DEPLOY: (&str, &str) = ("AWS_PROFILE", "deploy");

/// What is wrong; what is set; the files; what is told.
const WRONG: [(&str, Pairs, Pairs, &[&str]); 28] = [
    (
        "a key without its secret",
        &[("AWS_ACCESS_KEY_ID", "AKIAFAKEALONE")],
        &[],
        &["AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"],
    ),
    (
        "a secret that is empty",
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAFAKEALONE"),
            ("AWS_SECRET_ACCESS_KEY", ""),
        ],
        &[],
        &["AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not"],
    ),
    (
        "no such profile",
        &[("AWS_PROFILE", "deplyo")],
        &[(".aws/config", deploy!(""))],
        &[
            "the profile `deplyo` of AWS_PROFILE",
            "{home}/.aws/config",
            "{home}/.aws/credentials",
            "did you mean `deploy`?",
        ],
    ),
    (
        "no such profile, by the other variable, in files of other places",
        &[
            ("AWS_DEFAULT_PROFILE", "x"),
            ("AWS_CONFIG_FILE", "{home}/config"),
            ("AWS_SHARED_CREDENTIALS_FILE", "{home}/keys"),
        ],
        &[("config", "[profile one]\nregion = eu-west-1\n")],
        &[
            "`x` of AWS_DEFAULT_PROFILE",
            "neither in {home}/config nor in {home}/keys",
            "one",
        ],
    ),
    (
        "a source that is not there",
        &[DEPLOY],
        &[(
            ".aws/config",
            "[profile deploy]\nrole_arn = arn:aws:iam::123456789012:role/deploy\nsource_profile = bsae\n\
             [profile base]\naws_access_key_id = AKIAFAKEBASE\naws_secret_access_key = fake\n",
        )],
        &["`bsae` of `source_profile` of `deploy`", "did you mean `base`?"],
    ),
    (
        "roles that are taken from each other",
        &[("AWS_PROFILE", "a")],
        &[(
            ".aws/config",
            "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = b\n\
             [profile b]\nrole_arn = arn:aws:iam::123456789012:role/b\nsource_profile = a\n",
        )],
        &["`a`, `b` take their roles from each other"],
    ),
    (
        "a role that is taken from nowhere",
        &[("AWS_PROFILE", "a")],
        &[(
            ".aws/config",
            "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/a\n",
        )],
        &[
            "the profile `a` has a `role_arn`, and neither",
            "credential_source",
        ],
    ),
    (
        "half a key in a profile",
        &[("AWS_PROFILE", "a")],
        &[(".aws/config", "[profile a]\naws_access_key_id = AKIAFAKEALONE\n")],
        &["the profile `a` has an `aws_access_key_id`, and no `aws_secret_access_key`"],
    ),
    (
        "a session of a length that there is not",
        &[DEPLOY],
        &[(".aws/config", deploy!("duration_seconds = 60"))],
        &["`duration_seconds = 60`", "900 to 43200"],
    ),
    (
        "a code that nobody is there to give",
        &[DEPLOY],
        &[(
            ".aws/config",
            deploy!("mfa_serial = arn:aws:iam::123456789012:mfa/ann"),
        )],
        &[
            "the profile `deploy` wants a code of arn:aws:iam::123456789012:mfa/ann (`mfa_serial`)",
            "aws configure export-credentials --profile deploy",
            "web identity",
        ],
    ),
    (
        "a sign-in by another program",
        &[("AWS_PROFILE", "console")],
        &[(
            ".aws/config",
            "[profile console]\nlogin_session = arn:aws:iam::123456789012:user/ann\n",
        )],
        &[
            "the profile `console` signs in with `aws login`",
            "aws configure export-credentials --profile console",
        ],
    ),
    (
        "a token that is not there",
        &[
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token"),
        ],
        &[],
        &["is not there: {home}/token, which AWS_WEB_IDENTITY_TOKEN_FILE names"],
    ),
    (
        "a token that is not there, before a default profile",
        &[
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token"),
        ],
        &[(
            ".aws/credentials",
            "[default]\naws_access_key_id = AKIAFAKE\naws_secret_access_key = fake\n",
        )],
        &["is not there: {home}/token, which AWS_WEB_IDENTITY_TOKEN_FILE names"],
    ),
    (
        "a container's token that is not there",
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{source}/container"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "{home}/token"),
        ],
        &[],
        &["is not there: {home}/token, which AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names"],
    ),
    (
        "a session of SSO that is not there",
        &[("AWS_PROFILE", "sso")],
        &[(
            ".aws/config",
            "[profile sso]\nsso_session = nothere\nsso_account_id = 123456789012\nsso_role_name = deploy\n",
        )],
        &[
            "no `[sso-session nothere]` in {home}/.aws/config",
            "aws configure sso-session",
        ],
    ),
    (
        "a role with the keys of the environment, which has none",
        &[("AWS_PROFILE", "a")],
        &[(
            ".aws/config",
            "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/a\ncredential_source = Environment\n",
        )],
        &[
            "`credential_source = Environment`, and AWS_ACCESS_KEY_ID is not set",
            "assume_role",
        ],
    ),
    (
        "a token that is empty",
        &[
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/ci"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token"),
        ],
        &[("token", "")],
        &["is empty: {home}/token, which AWS_WEB_IDENTITY_TOKEN_FILE names"],
    ),
    (
        "a token without a role",
        &[("AWS_WEB_IDENTITY_TOKEN_FILE", "{home}/token")],
        &[("token", "fake")],
        &["AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not"],
    ),
    (
        "a token of a profile that is not there",
        &[("AWS_PROFILE", "ci")],
        &[(
            ".aws/config",
            "[profile ci]\nrole_arn = arn:aws:iam::123456789012:role/ci\nweb_identity_token_file = {home}/token\n",
        )],
        &["is not there: {home}/token, which `web_identity_token_file` of the profile `ci` names"],
    ),
    (
        "a container's agent that is not there",
        &[(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "http://127.0.0.1:9/credentials",
        )],
        &[],
        &[
            "the credentials of the container could not be fetched",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is http://127.0.0.1:9/credentials",
            "no answer from 127.0.0.1:9",
            "Connection refused",
        ],
    ),
    (
        "a container's agent that refuses",
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "{source}/no")],
        &[],
        &["AWS_CONTAINER_CREDENTIALS_FULL_URI is {source}/no"],
    ),
    (
        "a program that fails",
        &[("AWS_PROFILE", "process")],
        &[
            (
                ".aws/config",
                "[profile process]\ncredential_process = sh {home}/process\n",
            ),
            (
                "process",
                "echo not-a-real-secret; echo first >&2; echo 'the vault is sealed' >&2; exit 3\n",
            ),
        ],
        &["the `credential_process` of the profile `process` failed (exit status: 3): the vault is sealed"],
    ),
    (
        "a program that writes something else",
        &[("AWS_PROFILE", "process")],
        &[
            (
                ".aws/config",
                "[profile process]\ncredential_process = sh {home}/process\n",
            ),
            (
                "process",
                "echo '{\"Version\": 1, \"SecretAccessKey\": not-a-real-secret}'\n",
            ),
        ],
        &[
            "the `credential_process` of the profile `process` did not write what it should",
            "AccessKeyId",
        ],
    ),
    (
        "an endpoint that is empty",
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAFAKE"),
            ("AWS_SECRET_ACCESS_KEY", "fake"),
            ("AWS_ENDPOINT_URL_STS", ""),
        ],
        &[],
        &["AWS_ENDPOINT_URL_STS is set and empty"],
    ),
    (
        "an endpoint of all services that is empty",
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAFAKE"),
            ("AWS_SECRET_ACCESS_KEY", "fake"),
            ("AWS_ENDPOINT_URL_STS", UNSET),
            ("AWS_ENDPOINT_URL", ""),
        ],
        &[],
        &["AWS_ENDPOINT_URL is set and empty"],
    ),
    (
        "an endpoint of a profile's services that is no address",
        &[("AWS_PROFILE", "there"), ("AWS_ENDPOINT_URL_STS", UNSET)],
        &[(
            ".aws/config",
            "[profile there]\nservices = local\naws_access_key_id = AKIAFAKE\naws_secret_access_key = fake\n\
             [services local]\nsts =\n  endpoint_url = sts.infra.invalid\n",
        )],
        &[
            "`sts.infra.invalid`, which is no address",
            "`endpoint_url` of the profile `there`",
        ],
    ),
    (
        "an endpoint where nothing listens",
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAFAKE"),
            ("AWS_SECRET_ACCESS_KEY", "fake"),
            ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"),
        ],
        &[],
        &[
            "no answer from 127.0.0.1:9 (AWS_ENDPOINT_URL_STS)",
            "Connection refused",
        ],
    ),
    (
        "an endpoint of a profile whose name is not known",
        &[("AWS_PROFILE", "there"), ("AWS_ENDPOINT_URL_STS", UNSET)],
        &[(
            ".aws/config",
            "[profile there]\nservices = local\naws_access_key_id = AKIAFAKE\naws_secret_access_key = fake\n\
             [services local]\nsts =\n  endpoint_url = http://sts.infra.invalid\n",
        )],
        &["no answer from sts.infra.invalid (`endpoint_url` of the profile `there`)"],
    ),
];

#[test]
fn what_is_wrong_with_credentials_is_told_with_what_set_them() {
    for (what, variables, files, told) in WRONG {
        let asking = Asking::new();
        let listener = Listener::answering(&credentials);
        let home = asking.folder.path().to_str().unwrap().to_owned();
        let filled = |text: &str| text.replace("{home}", &home).replace("{source}", &listener.url());
        for (name, content) in files {
            asking.write(name, &filled(content));
        }
        let mut command = bare_command(asking.folder.path(), ["plan", "stack.toml"]);
        command
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_ENDPOINT_URL_STS", listener.url())
            .envs(variables.iter().map(|(name, value)| (*name, filled(value))));
        for (name, _) in variables.iter().filter(|(_, value)| *value == UNSET) {
            command.env_remove(name);
        }
        let run = Run::of(&mut command);
        let shown = run.to_string();
        for part in told {
            assert!(
                shown.contains(&filled(part)),
                "{what}: {part:?} is not in {shown}"
            );
        }
        assert!(!shown.contains("not-a-real-secret"), "{what}: {shown}");
        run.exits(1);
        let asked = listener.asked();
        let is_call = |request: &String| request.contains("Action=");
        assert!(!asked.iter().any(is_call), "{what}: {asked:?}");
    }
}
