//! What variables and profiles come to.

use std::fs;

use aws_smithy_types::retry::RetryMode;
use tempfile::TempDir;

use super::*;

const AUTHORITY: &str = include_str!("../../../oci/src/network/authority.pem");

/// A machine with these variables, and with this in `~/.aws/config`. `{home}` is its folder.
struct Machine(TempDir);

impl Machine {
    fn new(config: &str) -> Self {
        let machine = Self(TempDir::new().unwrap());
        machine.write(".aws/config", config);
        for name in ["one.pem", "two.pem", "three.pem", "folder/four.pem"] {
            machine.write(name, AUTHORITY);
        }
        machine.write("empty.pem", "");
        machine
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.filled(content)).unwrap();
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{home}", self.0.path().to_str().unwrap())
    }

    async fn says(&self, variables: &[(&str, &str)]) -> ProviderResult<Environment> {
        let mut map = BTreeMap::from([("HOME".to_owned(), self.filled("{home}"))]);
        for (name, value) in variables {
            assert!(VARIABLES.contains(name), "{name} is not asked for");
            map.insert((*name).to_owned(), self.filled(value));
        }
        Environment::of(&map).await
    }
}

#[tokio::test]
async fn a_bundle_is_named_by_awss_variable_then_the_profile_then_openssls() {
    let bundle = "[default]\nca_bundle = {home}/two.pem\n[profile other]\nregion = eu-west-1\n";
    let aws = ("AWS_CA_BUNDLE", "{home}/one.pem");
    let openssl = ("SSL_CERT_FILE", "{home}/three.pem");
    let folders = ("SSL_CERT_DIR", "{home}/folder");
    for (config, variables, expected, count) in [
        ("", &[][..], "this machine's", None),
        (bundle, &[aws, openssl], "one.pem` of AWS_CA_BUNDLE", Some(1)),
        (
            bundle,
            &[openssl],
            "two.pem` of `ca_bundle` of the profile `default`",
            Some(1),
        ),
        (
            bundle,
            &[openssl, ("AWS_PROFILE", "other")],
            "three.pem` of SSL_CERT_FILE",
            Some(1),
        ),
        (
            bundle,
            &[openssl, ("AWS_DEFAULT_PROFILE", "other")],
            "three.pem` of SSL_CERT_FILE",
            Some(1),
        ),
        (
            "",
            &[("AWS_CA_BUNDLE", ""), openssl],
            "three.pem` of SSL_CERT_FILE",
            Some(1),
        ),
        ("", &[openssl, folders], "three.pem` of SSL_CERT_FILE", Some(2)),
        ("", &[folders], "folder` of SSL_CERT_DIR", Some(1)),
    ] {
        let found = Machine::new(config).says(variables).await.unwrap();
        let trust = found.network.trust;
        let shown = trust.to_string();
        assert!(shown.contains(expected), "{variables:?}: {shown}");
        assert_eq!(trust.is_machines(), count.is_none());
        if let Some(count) = count {
            assert_eq!(trust.certificates().len(), count, "{variables:?}");
        }
    }
}

#[tokio::test]
async fn proxies_are_named_in_small_and_large_letters() {
    let sts = "https://sts.amazonaws.com";
    for (variables, url, proxy) in [
        (&[][..], sts, None),
        (&[("HTTPS_PROXY", "http://a.example:1")], sts, Some("HTTPS_PROXY")),
        (&[("https_proxy", "http://a.example:1")], sts, Some("https_proxy")),
        (
            &[
                ("https_proxy", "http://a.example:1"),
                ("HTTPS_PROXY", "http://b.example:1"),
            ],
            sts,
            Some("https_proxy"),
        ),
        (
            &[("https_proxy", ""), ("HTTPS_PROXY", "http://b.example:1")],
            sts,
            None,
        ),
        (&[("HTTP_PROXY", "http://a.example:1")], sts, None),
        (
            &[("HTTP_PROXY", "http://a.example:1")],
            "http://emulator.example",
            Some("HTTP_PROXY"),
        ),
        (
            &[("HTTPS_PROXY", "a.example:1"), ("NO_PROXY", "amazonaws.com")],
            sts,
            None,
        ),
        (
            &[("HTTPS_PROXY", "a.example:1"), ("no_proxy", "amazonaws.com")],
            sts,
            None,
        ),
        (&[("HTTPS_PROXY", "a.example:1")], "https://169.254.169.254", None),
    ] {
        let network = Machine::new("").says(variables).await.unwrap().network;
        let found = network.proxies.of_address(url).map(ToString::to_string);
        match proxy {
            Some(name) => assert!(found.unwrap().ends_with(&format!(" of {name}"))),
            None => assert_eq!(found, None, "{variables:?}"),
        }
    }
}

#[tokio::test]
async fn retries_are_the_users_where_they_are_set() {
    let profile = "[default]\nretry_mode = adaptive\nmax_attempts = 5\n";
    for (config, variables, mode, attempts) in [
        ("", &[][..], RetryMode::Standard, 8),
        ("", &[("AWS_MAX_ATTEMPTS", "2")], RetryMode::Standard, 2),
        ("", &[("AWS_RETRY_MODE", "legacy")], RetryMode::Standard, 8),
        ("", &[("AWS_RETRY_MODE", "Adaptive")], RetryMode::Adaptive, 8),
        (profile, &[], RetryMode::Adaptive, 5),
        (profile, &[("AWS_MAX_ATTEMPTS", "1")], RetryMode::Adaptive, 1),
        (profile, &[("AWS_RETRY_MODE", "standard")], RetryMode::Standard, 5),
    ] {
        let retries = Machine::new(config).says(variables).await.unwrap().retries;
        assert_eq!(
            (retries.mode(), retries.max_attempts()),
            (mode, attempts),
            "{variables:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_followed_is_an_error_that_names_what_set_it() {
    let profile = "[default]\nca_bundle = {home}/nowhere.pem\n";
    for (config, variables, parts) in [
        (
            "",
            ("AWS_CA_BUNDLE", "{home}/nowhere.pem"),
            ["AWS_CA_BUNDLE", "{home}/nowhere.pem"],
        ),
        (
            "",
            ("AWS_CA_BUNDLE", "{home}/empty.pem"),
            ["{home}/empty.pem` of AWS_CA_BUNDLE", "there is none"],
        ),
        (
            "",
            ("SSL_CERT_FILE", "{home}/nowhere.pem"),
            ["SSL_CERT_FILE", "nowhere.pem"],
        ),
        (
            "",
            ("SSL_CERT_DIR", "{home}/nowhere"),
            ["SSL_CERT_DIR", "there is none"],
        ),
        (
            profile,
            ("AWS_PROFILE", "default"),
            ["`ca_bundle` of the profile `default`", "{home}/nowhere.pem"],
        ),
        (
            "",
            ("HTTPS_PROXY", "socks5://a.example:1"),
            ["HTTPS_PROXY", "socks5"],
        ),
        (
            "",
            ("AWS_MAX_ATTEMPTS", "0"),
            ["AWS_MAX_ATTEMPTS is `0`", "from 1 on"],
        ),
        ("", ("AWS_MAX_ATTEMPTS", "many"), ["`many`", "from 1 on"]),
        ("", ("AWS_RETRY_MODE", "never"), ["`never`", "adaptive"]),
        (
            "",
            ("AWS_USE_FIPS_ENDPOINT", "yes"),
            ["AWS_USE_FIPS_ENDPOINT is `yes`", "true or false"],
        ),
        (
            "[default]\nuse_dualstack_endpoint = 1\n",
            ("AWS_PROFILE", "default"),
            ["`use_dualstack_endpoint`", "true or false"],
        ),
        (
            "",
            ("AWS_ENDPOINT_URL", "127.0.0.1:5000"),
            ["AWS_ENDPOINT_URL is `127.0.0.1:5000`", "http://"],
        ),
        (
            "[default]\nendpoint_url = localhost:5000\n",
            ("AWS_PROFILE", "default"),
            ["`endpoint_url` of the profile", "http://"],
        ),
        (
            "[default\n",
            ("AWS_PROFILE", "default"),
            ["AWS's configuration files", "~/.aws/config"],
        ),
    ] {
        let machine = Machine::new(config);
        let error = machine.says(&[variables]).await.unwrap_err();
        let said = format!("{} {}", error.message, error.hint.unwrap_or_default());
        assert_eq!(error.class, ErrorClass::Invalid, "{said}");
        for part in parts {
            assert!(said.contains(&machine.filled(part)), "{variables:?}: {said}");
        }
    }
}
