//! Which addresses are asked through a proxy, as AWS's own tools and Docker have it.
//!
//! `HTTPS_PROXY` is for addresses that begin with `https`, `HTTP_PROXY` for those that begin with `http`, and
//! `NO_PROXY` names what is asked directly: hosts, domains with all that is below them, addresses and networks, each
//! with a port if it is for that port only, and `*` for everything.
//! <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-proxy.html>

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::Url;

use crate::error::Error;

/// Asked directly whatever the variables say: this machine, and what belongs to it alone. A proxy on another machine
/// would answer with credentials of its own.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html>,
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>
const ALWAYS_DIRECT: &str = "localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,fd00:ec2::/32";

/// What is asked through a proxy. The default asks everything directly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Rule>,
}

/// A proxy, and what named it. It is shown without the password that its address may hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    named_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    Network(IpNet),
    /// A domain and what is below it.
    Domain(String),
}

impl Proxy {
    /// The proxy that a variable names: `http://` or `https://`, a host and a port; `http://` when it has no scheme.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`](crate::ErrorClass) when it is not that.
    pub fn new(named_by: &str, address: &str) -> Result<Self, Error> {
        let wrong = |problem: String| {
            Error::invalid(format!("reading the proxy's address in {named_by}"), problem)
                .with_hint("a proxy is `http://` or `https://`, a host and a port, such as http://proxy:3128")
        };
        let whole = if address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        let url: Url = whole
            .parse()
            .map_err(|error| wrong(format!("it is no address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!(
                "`{}://` is no scheme of such a proxy",
                url.scheme()
            )));
        }
        Ok(Self {
            url,
            named_by: named_by.to_owned(),
        })
    }

    /// The address, with the user and the password that it may hold.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(formatter, "{}://{host}", self.url.scheme())?;
        if let Some(port) = self.url.port() {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, " of {}", self.named_by)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({self})")
    }
}

impl Proxies {
    /// What is asked through which proxy; `direct` is in the form of `NO_PROXY`.
    pub fn new(http: Option<Proxy>, https: Option<Proxy>, direct: &str) -> Self {
        Self {
            http,
            https,
            direct: rules(ALWAYS_DIRECT).chain(rules(direct)).collect(),
        }
    }

    /// Whether everything is asked directly.
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The proxies, each once.
    pub fn all(&self) -> impl Iterator<Item = &Proxy> {
        let more = self
            .https
            .as_ref()
            .filter(|proxy| self.http.as_ref() != Some(proxy));
        self.http.iter().chain(more)
    }

    /// The proxy that an address is asked through.
    pub fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref(),
            "https" => self.https.as_ref(),
            _ => None,
        }?;
        let host = url.host_str()?.to_ascii_lowercase();
        let host = bare(&host);
        let is_direct = |rule: &Rule| {
            rule.hosts.contain(host)
                && rule
                    .port
                    .is_none_or(|port| Some(port) == url.port_or_known_default())
        };
        (!self.direct.iter().any(is_direct)).then_some(proxy)
    }

    /// As [`Proxies::of`], for an address that is not taken apart yet.
    pub fn of_address(&self, address: &str) -> Option<&Proxy> {
        if self.is_empty() {
            return None;
        }
        self.of(&address.parse().ok()?)
    }
}

impl Hosts {
    /// Whether a host without brackets, in lower case, is one of them.
    fn contain(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => host.parse::<IpAddr>().is_ok_and(|address| {
                let address = address.to_canonical();
                network.contains(&address)
            }),
            Self::Domain(domain) => host
                .trim_end_matches('.')
                .strip_suffix(domain.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('.')),
        }
    }
}

fn rules(text: &str) -> impl Iterator<Item = Rule> + '_ {
    text.split([',', ' ', '\t', '\n']).filter_map(rule)
}

fn rule(text: &str) -> Option<Rule> {
    let text = text.trim().to_ascii_lowercase();
    let whole = |hosts| Some(Rule { hosts, port: None });
    match text.as_str() {
        "" => return None,
        "*" => return whole(Hosts::All),
        _ => {}
    }
    if let Some(network) = network(bare(&text)) {
        return whole(Hosts::Network(network));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text.as_str(), None),
    };
    let hosts = match network(bare(host)) {
        Some(network) => Hosts::Network(network),
        None if host == "*" => Hosts::All,
        None => {
            let domain = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
            if domain.is_empty() {
                return None;
            }
            Hosts::Domain(domain.to_owned())
        }
    };
    Some(Rule { hosts, port })
}

fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().or_else(address)
}

/// An address of IPv6 without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorClass;

    fn proxies(direct: &str) -> Proxies {
        let proxy = |name: &str, address: &str| Proxy::new(name, address).unwrap();
        Proxies::new(
            Some(proxy("HTTP_PROXY", "plain.example:3128")),
            Some(proxy("HTTPS_PROXY", "https://user:fake@tls.example:8443/")),
            direct,
        )
    }

    #[test]
    fn each_scheme_has_its_proxy_and_no_message_has_its_password() {
        let proxies = proxies("");
        let shown = |url: &str| proxies.of_address(url).map(ToString::to_string);
        assert_eq!(
            shown("http://registry.example/v2/").as_deref(),
            Some("http://plain.example:3128 of HTTP_PROXY")
        );
        assert_eq!(
            shown("https://ec2.us-east-1.amazonaws.com").as_deref(),
            Some("https://tls.example:8443 of HTTPS_PROXY")
        );
        assert!(!format!("{proxies:?}").contains("fake"));
        assert_eq!(
            Proxies::default().of_address("https://ec2.us-east-1.amazonaws.com"),
            None
        );
    }

    #[test]
    fn what_is_asked_directly() {
        for (direct, url, through) in [
            ("", "https://sts.amazonaws.com", true),
            // This machine, and what belongs to it alone.
            ("", "http://localhost:5000", false),
            ("", "https://127.0.0.1:5000", false),
            ("", "http://127.1.2.3", false),
            ("", "http://[::1]:5000", false),
            ("", "http://169.254.169.254/latest/meta-data/", false),
            ("", "http://169.254.170.2/v2/credentials", false),
            ("", "http://[fd00:ec2::254]/latest/meta-data/", false),
            ("", "http://[::ffff:169.254.169.254]/", false),
            // Hosts and domains.
            ("amazonaws.com", "https://sts.amazonaws.com", false),
            (".amazonaws.com", "https://sts.amazonaws.com", false),
            ("*.amazonaws.com", "https://sts.amazonaws.com", false),
            ("AmazonAWS.com", "https://STS.amazonaws.com", false),
            ("amazonaws.com", "https://sts.amazonaws.com./", false),
            ("amazonaws.com", "https://notamazonaws.com", true),
            ("amazonaws.com", "https://amazonaws.com.evil.example", true),
            ("one.example, amazonaws.com", "https://sts.amazonaws.com", false),
            ("one.example amazonaws.com", "https://sts.amazonaws.com", false),
            ("one.example,,", "https://sts.amazonaws.com", true),
            ("*", "https://sts.amazonaws.com", false),
            // Ports.
            ("sts.amazonaws.com:443", "https://sts.amazonaws.com", false),
            ("sts.amazonaws.com:8443", "https://sts.amazonaws.com", true),
            ("10.1.2.3:5000", "https://10.1.2.3:5000", false),
            ("10.1.2.3:5000", "https://10.1.2.3:5001", true),
            // Addresses and networks.
            ("10.0.0.0/8", "https://10.1.2.3", false),
            ("10.0.0.0/8", "https://11.1.2.3", true),
            ("10.1.2.3", "https://10.1.2.3", false),
            ("fd12::/16", "https://[fd12::5]:5000", false),
            ("[fd12::5]:5000", "https://[fd12::5]:5000", false),
            ("fd12::5", "https://[fd12::6]", true),
            ("10.0.0.0/8", "https://10.example", true),
        ] {
            assert_eq!(
                proxies(direct).of_address(url).is_some(),
                through,
                "{url} with {direct:?}"
            );
        }
    }

    #[test]
    fn an_address_that_is_no_proxys_is_an_error_that_names_its_variable() {
        for address in [
            "socks5://proxy.example:1080",
            "http://",
            "http://proxy.example:port",
        ] {
            let error = Proxy::new("https_proxy", address).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Invalid);
            assert!(error.to_string().contains("https_proxy"), "{error}");
        }
    }
}
