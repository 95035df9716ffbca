//! Texts that are written in more than one way and mean the same to AWS.
//!
//! A spelling is a word on a field of a type. Where AWS writes such a text in a way of its own, that way is also sent, so
//! that what is looked for at AWS is found.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which texts mean the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spelling {
    /// With and without this at the end; AWS takes and tells it without.
    OptionalSuffix(Cow<'static, str>),
    /// With and without this at the beginning; AWS takes it either way, and we keep it without.
    OptionalPrefix(Cow<'static, str>),
    /// In upper and lower case; AWS keeps what it was given, or does not.
    AnyCase,
    /// Under these other names, each with AWS's own, and in upper and lower case.
    OtherNames(Cow<'static, [(&'static str, &'static str)]>),
    /// By these other texts, each with AWS's own.
    Also(Cow<'static, [(&'static str, &'static str)]>),
    /// A network of this version, with bits behind its prefix or without, an IPv6 one long or short.
    Network {
        /// 4 or 6.
        version: u8,
    },
    /// A DNS name: in any case, with a dot at its end or without, with octal codes for characters.
    DnsName,
    /// A value of a DNS record: names in any case and with a dot at their end or without, addresses long or short, texts
    /// in quotation marks with any space between and octal codes for characters.
    RecordValue,
    /// A key of KMS by its id or by its ARN.
    KmsKey,
}

impl Display for Spelling {
    /// What is the same, in words behind "text".
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::OptionalSuffix(suffix) => write!(f, "with or without `{suffix}` at its end"),
            Self::OptionalPrefix(prefix) => write!(f, "with or without `{prefix}` in front"),
            Self::AnyCase => write!(f, "in any case"),
            Self::OtherNames(names) => write!(f, "in any case, also {}", pairs(names)),
            Self::Also(texts) => write!(f, "also {}", pairs(texts)),
            Self::Network { version: 6 } => {
                write!(f, "long or short, with or without bits behind its prefix")
            }
            Self::Network { .. } => write!(f, "with or without bits behind its prefix"),
            Self::DnsName => write!(f, "in any case, with or without a dot at its end"),
            Self::RecordValue => write!(f, "names and addresses in any spelling"),
            Self::KmsKey => write!(f, "a key's id or its ARN"),
        }
    }
}

impl Spelling {
    /// The text as AWS tells it back, where AWS writes it in a way of its own.
    pub fn as_told<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Self::OptionalSuffix(suffix) => Cow::Borrowed(text.strip_suffix(suffix.as_ref()).unwrap_or(text)),
            Self::OptionalPrefix(prefix) => Cow::Borrowed(text.strip_prefix(prefix.as_ref()).unwrap_or(text)),
            Self::OtherNames(names) => {
                let lower = text.to_ascii_lowercase();
                let own = names.iter().find(|(other, _)| *other == lower);
                Cow::Owned(own.map_or(lower, |(_, own)| (*own).to_owned()))
            }
            Self::Also(texts) => {
                let own = texts.iter().find(|(other, _)| *other == text);
                Cow::Borrowed(own.map_or(text, |(_, own)| *own))
            }
            Self::Network { .. } => network(text).map_or(Cow::Borrowed(text), Cow::Owned),
            Self::DnsName => Cow::Owned(dns_name(text)),
            Self::AnyCase | Self::RecordValue | Self::KmsKey => Cow::Borrowed(text),
        }
    }

    /// A text that is equal for all that mean the same.
    pub fn meaning<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self {
            Self::AnyCase => Cow::Owned(text.to_lowercase()),
            Self::RecordValue => Cow::Owned(record_value(text)),
            Self::KmsKey => Cow::Borrowed(text.rsplit_once(":key/").map_or(text, |(_, id)| id)),
            told => told.as_told(text),
        }
    }
}

/// Other texts with AWS's own, in words.
fn pairs(texts: &[(&str, &str)]) -> String {
    let pairs = texts.iter().map(|(other, own)| format!("`{other}` for `{own}`"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// A network without the bits behind its prefix, in its shortest spelling; `None`: it is none.
fn network(text: &str) -> Option<String> {
    let (address, prefix) = text.split_once('/')?;
    let prefix: u32 = prefix.parse().ok()?;
    let address = match address.parse().ok()? {
        IpAddr::V4(address) if prefix <= 32 => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) if prefix <= 128 => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        _ => return None,
    };
    Some(format!("{address}/{prefix}"))
}

/// A name in lower case, without a dot at its end, with characters instead of octal codes (`\052` is `*`).
/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>
pub fn dns_name(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut plain = without_codes(name, |byte| byte.is_ascii_graphic());
    plain.make_ascii_lowercase();
    plain
}

/// The text with characters instead of those octal codes that stand for one that `is_written`. Others have no
/// spelling but their code.
fn without_codes(text: &str, is_written: impl Fn(u8) -> bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find('\\') {
        plain.push_str(&rest[..position]);
        let code = rest.get(position + 1..position + 4);
        match code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(byte) if is_written(byte) => {
                plain.push(char::from(byte));
                rest = &rest[position + 4..];
            }
            _ => {
                // What stands behind a backslash begins no code.
                let end = rest[position + 1..].chars().next().map_or(0, char::len_utf8);
                plain.push_str(&rest[position..=position + end]);
                rest = &rest[position + 1 + end..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>
fn record_value(value: &str) -> String {
    words(value)
        .into_iter()
        .map(|word| {
            if word.starts_with('"') {
                // A quotation mark and a backslash are written with one before them.
                without_codes(word, |byte| {
                    (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte)
                })
            } else if let Ok(address) = word.parse::<IpAddr>() {
                address.to_string()
            } else if word.contains('=') {
                // Parameters of SVCB and HTTPS hold keys, which have case.
                word.to_owned()
            } else {
                dns_name(word)
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// What is set apart by space outside of quotation marks.
fn words(value: &str) -> Vec<&str> {
    let (mut found, mut start, mut quoted, mut escaped) = (Vec::new(), None, false, false);
    for (position, character) in value.char_indices() {
        let ends = character.is_whitespace() && !quoted;
        match (ends, start) {
            (true, Some(begun)) => {
                found.push(&value[begun..position]);
                start = None;
            }
            (false, None) => start = Some(position),
            _ => {}
        }
        quoted ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
    }
    found.extend(start.map(|begun| &value[begun..]));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOCOLS: Spelling = Spelling::OtherNames(Cow::Borrowed(&[("6", "tcp"), ("all", "-1")]));

    #[test]
    fn what_means_the_same_has_one_meaning_and_aws_its_own_way_to_write_it() {
        let suffix = Spelling::OptionalSuffix(Cow::Borrowed(":*"));
        let prefix = Spelling::OptionalPrefix(Cow::Borrowed("/hostedzone/"));
        let (network, network_6) = (Spelling::Network { version: 4 }, Spelling::Network { version: 6 });
        // Two texts, whether they are the same, and the first as AWS tells it.
        let also = Spelling::Also(Cow::Borrowed(&[("${a}", "$a")]));
        for (spelling, one, other, same, told) in [
            (&also, "${a}", "$a", true, "$a"),
            (&also, "$A", "$a", false, "$A"),
            (&prefix, "/hostedzone/Z1", "Z1", true, "Z1"),
            (&prefix, "Z1", "Z2", false, "Z1"),
            (&suffix, "arn:g:*", "arn:g", true, "arn:g"),
            (&suffix, "arn:g", "arn:h", false, "arn:g"),
            (
                &Spelling::AnyCase,
                "Content-Type",
                "content-type",
                true,
                "Content-Type",
            ),
            (&Spelling::AnyCase, "a", "b", false, "a"),
            (&PROTOCOLS, "6", "tcp", true, "tcp"),
            (&PROTOCOLS, "TCP", "tcp", true, "tcp"),
            (&PROTOCOLS, "all", "-1", true, "-1"),
            (&PROTOCOLS, "17", "6", false, "17"),
            (&network, "10.0.0.7/8", "10.0.0.0/8", true, "10.0.0.0/8"),
            (&network, "10.0.0.7/0", "0.0.0.0/0", true, "0.0.0.0/0"),
            (&network, "10.0.0.7/32", "10.0.0.8/32", false, "10.0.0.7/32"),
            (
                &network_6,
                "2001:DB8:0::1/64",
                "2001:db8::/64",
                true,
                "2001:db8::/64",
            ),
            (
                &network_6,
                "2001:db8::/64",
                "2001:db8::/65",
                false,
                "2001:db8::/64",
            ),
            (&network_6, "::1/0", "::/0", true, "::/0"),
            (&network, "10.0.0.0/33", "10.0.0.0/8", false, "10.0.0.0/33"),
            (&network, "pl-1", "pl-2", false, "pl-1"),
            (
                &Spelling::DnsName,
                "\\052.Example.com.",
                "*.example.com",
                true,
                "*.example.com",
            ),
            (&Spelling::DnsName, "a\\000b.", "a\\000b", true, "a\\000b"),
            (&Spelling::DnsName, "end\\", "end\\", true, "end\\"),
            (
                &Spelling::DnsName,
                "a.example.com",
                "b.example.com",
                false,
                "a.example.com",
            ),
            (
                &Spelling::RecordValue,
                "10 Mail.Example.com.",
                "10  mail.example.com",
                true,
                "10 Mail.Example.com.",
            ),
            (
                &Spelling::RecordValue,
                "2001:DB8:0:0::1",
                "2001:db8::1",
                true,
                "2001:DB8:0:0::1",
            ),
            (
                &Spelling::RecordValue,
                "\"a b\"  \"c\"",
                "\"a b\" \"c\"",
                true,
                "\"a b\"  \"c\"",
            ),
            (
                &Spelling::RecordValue,
                "\"a\\100b\"",
                "\"a@b\"",
                true,
                "\"a\\100b\"",
            ),
            (&Spelling::RecordValue, "\"a\"", "\"A\"", false, "\"a\""),
            (
                &Spelling::RecordValue,
                "\"a \\\" b\"",
                "\"a \\\"  b\"",
                false,
                "\"a \\\" b\"",
            ),
            (
                &Spelling::RecordValue,
                "\"\\\\101\"",
                "\"\\A\"",
                false,
                "\"\\\\101\"",
            ),
            (
                &Spelling::RecordValue,
                "\"a\" \"b\"",
                "\"ab\"",
                false,
                "\"a\" \"b\"",
            ),
            (
                &Spelling::RecordValue,
                "1 . ech=AbC",
                "1 . ech=abc",
                false,
                "1 . ech=AbC",
            ),
            (
                &Spelling::KmsKey,
                "arn:aws:kms:r:1:key/1-2",
                "1-2",
                true,
                "arn:aws:kms:r:1:key/1-2",
            ),
            (&Spelling::KmsKey, "1-2", "1-3", false, "1-2"),
        ] {
            assert_eq!(
                spelling.meaning(one) == spelling.meaning(other),
                same,
                "{one} {other}"
            );
            assert_eq!(spelling.as_told(one), told, "{spelling:?}");
        }
        assert_eq!(network.to_string(), "with or without bits behind its prefix");
        assert!(network_6.to_string().starts_with("long or short"));
    }
}
