//! `WWW-Authenticate`: what a registry asks for when it answers 401.

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub(super) scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter by its lower-case name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// All challenges of one header, per [RFC 9110, 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1).
///
/// A parameter follows a comma or its scheme, and so does the next scheme: it is a scheme when no `=`
/// follows it. What cannot be understood ends the list.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return challenges;
        }
        let Some(value) = after.trim_start().strip_prefix('=') else {
            challenges.push(Challenge {
                scheme: word.to_ascii_lowercase(),
                parameters: Vec::new(),
            });
            rest = after;
            continue;
        };
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => match unquoted(quoted) {
                Some(parts) => parts,
                None => return challenges,
            },
            None => {
                let value = value.trim_start();
                let (value, after) = value.split_at(value.find([' ', '\t', ',']).unwrap_or(value.len()));
                (value.to_owned(), after)
            }
        };
        match challenges.last_mut() {
            Some(challenge) => challenge.parameters.push((word.to_ascii_lowercase(), value)),
            None => return challenges,
        }
        rest = after;
    }
}

/// The text up to the closing quote, and what comes after it; `None` without a closing quote.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_parsed() {
        type Expected = &'static [(&'static str, &'static [(&'static str, &'static str)])];
        let cases: [(&str, Expected); 7] = [
            (
                r#"Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push""#,
                &[(
                    "bearer",
                    &[
                        ("realm", "https://auth.example.com/token"),
                        ("service", "registry"),
                        ("scope", "repository:a/b:pull,push"),
                    ],
                )],
            ),
            (
                r#"Basic realm="a \"b\" c""#,
                &[("basic", &[("realm", r#"a "b" c"#)])],
            ),
            (
                r#"Basic realm=plain , BEARER Realm = "x""#,
                &[("basic", &[("realm", "plain")]), ("bearer", &[("realm", "x")])],
            ),
            ("Negotiate", &[("negotiate", &[])]),
            (r#"Bearer realm="never closed"#, &[("bearer", &[])]),
            ("=,=", &[]),
            ("", &[]),
        ];
        for (header, expected) in cases {
            let found = parse(header);
            assert_eq!(found.len(), expected.len(), "{header}");
            for (challenge, (scheme, parameters)) in found.iter().zip(expected) {
                assert_eq!(challenge.scheme, *scheme);
                assert_eq!(challenge.parameters.len(), parameters.len(), "{header}");
                for (name, value) in *parameters {
                    assert_eq!(challenge.parameter(name), Some(*value), "{header}");
                }
            }
        }
    }
}
