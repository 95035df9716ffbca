//! The form of a record's values, by its type.
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use infra_core::types::Problems;

/// A text of a TXT record has so many characters at the most.
const TEXT: usize = 255;

/// Checks the values of a record of this type.
pub fn check_values(kind: Option<&str>, values: &[&str], problems: &mut Problems) {
    let path = "resource_records";
    if kind == Some("CNAME") && values.len() > 1 {
        problems.at(
            path,
            format!("a CNAME record has exactly one value, not {}", values.len()),
        );
    }
    for value in values.iter().copied() {
        if let Some(wrong) = kind.and_then(|kind| wrong(kind, value)) {
            problems.at(path, format!("`{value}` {wrong}"));
        }
    }
}

fn wrong(kind: &str, value: &str) -> Option<String> {
    let words = match kind {
        "TXT" | "SPF" => return wrong_texts(value),
        "A" if value.parse::<Ipv4Addr>().is_err() => "is no IPv4 address",
        "AAAA" if value.parse::<Ipv6Addr>().is_err() => "is no IPv6 address",
        "CAA" if !is_caa(value) => {
            "is no flags, tag and value in quotation marks such as `0 issue \"ca.example.net\"`"
        }
        "MX" if !has_numbers(value, 1, 2) => "is no preference and host such as `10 mail.example.com`",
        "SRV" if !has_numbers(value, 3, 4) => {
            "is no priority, weight, port and host such as `1 10 5269 host.example.com`"
        }
        "CNAME" | "NS" | "PTR" if value.is_empty() || value.contains(char::is_whitespace) => "is no name",
        _ => return None,
    };
    Some(words.to_owned())
}

/// Texts in quotation marks, one or more. A quotation mark in a text stands behind a backslash, and so does the octal code
/// of a character.
fn wrong_texts(value: &str) -> Option<String> {
    let unquoted = || Some("must be in quotation marks, such as \"\\\"v=spf1 -all\\\"\"".to_owned());
    let mut rest = value.trim();
    loop {
        let Some((length, after)) = rest.strip_prefix('"').and_then(text) else {
            return unquoted();
        };
        if length > TEXT {
            return Some(format!(
                "has a text of {length} characters, and Route 53 takes {TEXT}: write it as several texts, each in \
                 quotation marks, with a space between"
            ));
        }
        rest = after.trim_start();
        if rest.is_empty() {
            return None;
        }
    }
}

/// The length of a text up to its closing quotation mark, and what comes behind that.
fn text(inside: &str) -> Option<(usize, &str)> {
    let (mut length, mut rest) = (0, inside);
    loop {
        let mut characters = rest.chars();
        match characters.next()? {
            '"' => return Some((length, characters.as_str())),
            '\\' => {
                let behind = characters.as_str();
                let is_code =
                    behind.len() >= 3 && behind.bytes().take(3).all(|byte| (b'0'..b'8').contains(&byte));
                if is_code {
                    rest = &behind[3..];
                } else {
                    characters.next()?;
                    rest = characters.as_str();
                }
            }
            _ => rest = characters.as_str(),
        }
        length += 1;
    }
}

/// <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#CAAFormat>
fn is_caa(value: &str) -> bool {
    let mut parts = value.trim().splitn(3, char::is_whitespace);
    let (Some(flags), Some(tag), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_tag = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let quoted = value.trim_start().strip_prefix('"').and_then(text);
    flags.parse::<u8>().is_ok() && is_tag && quoted.is_some_and(|(_, after)| after.is_empty())
}

/// Whether a value has so many words of which the first ones are numbers.
fn has_numbers(value: &str, numbers: usize, words: usize) -> bool {
    let parts: Vec<&str> = value.split_whitespace().collect();
    parts.len() == words && parts[..numbers].iter().all(|part| part.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_authorities_have_a_form() {
        let long = "x".repeat(TEXT);
        let said = |kind, value: &str| wrong(kind, value).unwrap_or_default();
        for (kind, value, expected) in [
            ("TXT", format!("\"{long}\" \"{long}\""), ""),
            ("TXT", format!("\"{}\\344\"", "x".repeat(TEXT - 1)), ""),
            ("TXT", "\"a \\\"b\\\" c\"".to_owned(), ""),
            ("TXT", format!("\"{long}y\""), "has a text of 256 characters"),
            ("TXT", "\"a\"b\"".to_owned(), "must be in quotation marks"),
            ("TXT", "a".to_owned(), "must be in quotation marks"),
            ("SPF", "\"a".to_owned(), "must be in quotation marks"),
            ("TXT", "\"a\\\"".to_owned(), "must be in quotation marks"),
            ("CAA", "0 issue \"ca.example.net\"".to_owned(), ""),
            ("CAA", "128 iodef \"mailto:a@example.com\"".to_owned(), ""),
            (
                "CAA",
                "issue \"ca.example.net\"".to_owned(),
                "is no flags, tag and value",
            ),
            (
                "CAA",
                "256 issue \"ca.example.net\"".to_owned(),
                "is no flags, tag and value",
            ),
            (
                "CAA",
                "0 issue ca.example.net".to_owned(),
                "is no flags, tag and value",
            ),
        ] {
            let found = said(kind, &value);
            assert_eq!(found.is_empty(), expected.is_empty(), "{kind} {value}: {found}");
            assert!(found.starts_with(expected), "{kind} {value}: {found}");
        }
    }
}
