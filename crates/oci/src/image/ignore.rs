//! `.dockerignore`: which files of a context a build does not get.
//!
//! Patterns are those of Go's `filepath.Match`, with `**` for any number of folders; a line that begins with `!` takes
//! back what lines before it left out, and the last line that fits a file or a folder above it decides.
//! <https://docs.docker.com/build/concepts/context/#dockerignore-files>

use std::path::Path;

use regex_lite::Regex;

use crate::error::Error;

/// The rules of an ignore file, in its order. The default leaves nothing out.
#[derive(Debug, Clone, Default)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: Regex,
    takes_back: bool,
}

impl Ignore {
    /// Reads the text of the ignore file at `path`.
    ///
    /// # Errors
    /// [`ErrorClass::Invalid`](crate::ErrorClass) for a pattern that build tools refuse, with its line.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut rules = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            // Only what begins with it is a comment: a space before it makes it a name.
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (pattern, takes_back) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), true),
                None => (line, false),
            };
            if pattern.is_empty() && !takes_back {
                continue;
            }
            let expression = (!pattern.is_empty())
                .then(|| cleaned(pattern))
                .and_then(|pattern| expression(&pattern));
            let wrong = || {
                Error::invalid(
                    format!("reading `{}`", path.display()),
                    format!("line {}: `{line}` is no pattern", number + 1),
                )
                .with_hint(
                    "a pattern is a path from the context on, with `*`, `?`, `[…]` and `**`, and `!` before it for what \
                     is to be there after all",
                )
            };
            let expression = expression.ok_or_else(wrong)?;
            rules.push(Rule {
                pattern: Regex::new(&expression).map_err(|_| wrong())?,
                takes_back,
            });
        }
        Ok(Self { rules })
    }

    /// Whether the build does not get what stands at a path, which is given from the context on, with `/` between
    /// its parts.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let with_those_above = || path.match_indices('/').map(|(end, _)| &path[..end]).chain([path]);
        let mut is_left_out = false;
        for rule in &self.rules {
            if is_left_out == rule.takes_back && with_those_above().any(|path| rule.pattern.is_match(path)) {
                is_left_out = !rule.takes_back;
            }
        }
        is_left_out
    }

    /// Whether something in a folder that is left out may be there after all.
    pub(super) fn takes_back(&self) -> bool {
        self.rules.iter().any(|rule| rule.takes_back)
    }
}

/// Without `.`, `..`, doubled slashes, and slashes at the beginning and the end.
fn cleaned(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The pattern as a regular expression; `None` when it is not well formed.
fn expression(pattern: &str) -> Option<String> {
    let mut expression = String::from("(?s)^");
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'*').is_some() => {
                let _ = rest.next_if_eq(&'/');
                expression.push_str(if rest.peek().is_some() { "(?:.*/)?" } else { ".*" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => class(&mut rest, &mut expression)?,
            '\\' => push_literal(rest.next()?, &mut expression),
            other => push_literal(other, &mut expression),
        }
    }
    expression.push('$');
    Some(expression)
}

/// What stands after `[`, up to and with the `]`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, expression: &mut String) -> Option<()> {
    expression.push('[');
    if rest.next_if_eq(&'^').is_some() {
        expression.push('^');
    }
    let mut is_empty = true;
    loop {
        match rest.next()? {
            ']' if !is_empty => break,
            // Between two characters it is a range, which Go has as well.
            '-' if !is_empty => expression.push('-'),
            '-' | ']' => return None,
            '\\' => push_literal(rest.next()?, expression),
            other => push_literal(other, expression),
        }
        is_empty = false;
    }
    expression.push(']');
    Some(())
}

fn push_literal(character: char, expression: &mut String) {
    if character.is_ascii_punctuation() {
        expression.push('\\');
    }
    expression.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_build_tools_leave_out() {
        for (text, paths) in [
            ("", &[("a", false), (".git/config", false)][..]),
            ("# a\n\n  \n", &[("a", false), ("# a", false)]),
            (" # a", &[("# a", true)]),
            (
                "a",
                &[("a", true), ("a/b/c", true), ("b/a", false), ("ab", false)],
            ),
            ("/a/", &[("a", true), ("a/b", true), ("b/a", false)]),
            ("./a//b/../c", &[("a/c", true), ("a/b", false)]),
            ("\u{feff}a\r\nb\r\n", &[("a", true), ("b", true)]),
            ("*", &[("a", true), ("a/b", true), (".env", true)]),
            ("*.log", &[("a.log", true), ("a/b.log", false), ("alog", false)]),
            (
                "*/temp*",
                &[("a/temporary", true), ("temp", false), ("a/b/temp", false)],
            ),
            ("temp?", &[("tempa", true), ("temp", false), ("temp/", false)]),
            ("**/*.go", &[("a.go", true), ("a/b/c.go", true), ("a/go", false)]),
            ("a/**", &[("a/b", true), ("a/b/c", true), ("a", false)]),
            ("a/**/z", &[("a/z", true), ("a/b/c/z", true), ("a/bz", false)]),
            ("**", &[("a", true), ("a/b", true)]),
            ("[a-c].txt", &[("b.txt", true), ("d.txt", false)]),
            ("[^a-c].txt", &[("b.txt", false), ("d.txt", true)]),
            ("a+(b).{c}|$d", &[("a+(b).{c}|$d", true), ("aab", false)]),
            ("\\*.md", &[("*.md", true), ("a.md", false)]),
            ("*.md\n!README.md", &[("a.md", true), ("README.md", false)]),
            (
                "*.md\n!README*.md\nREADME-x.md",
                &[("README-x.md", true), ("README.md", false)],
            ),
            ("!a\na", &[("a", true)]),
            ("a\n! a/b", &[("a/b", false), ("a/b/c", false), ("a/c", true)]),
            ("*\n!src", &[("src/main.rs", false), ("target/x", true)]),
            ("*\n!src/*.rs", &[("src/main.rs", false), ("src/a.md", true)]),
            ("Ä*", &[("Äpfel", true), ("Apfel", false)]),
        ] {
            let ignore = Ignore::parse(Path::new(".dockerignore"), text).unwrap();
            for (path, left_out) in paths {
                assert_eq!(ignore.leaves_out(path), *left_out, "{path} with {text:?}");
            }
        }
    }

    #[test]
    fn a_pattern_that_build_tools_refuse_is_told_with_its_line() {
        for (text, line) in [
            ("a\n[b", "line 2: `[b`"),
            ("[]", "line 1"),
            ("a\\", "line 1"),
            ("!", "line 1: `!`"),
            ("[c-a]", "line 1"),
        ] {
            let error = Ignore::parse(Path::new("app/.dockerignore"), text).unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains("app/.dockerignore") && said.contains(line),
                "{said}"
            );
        }
    }
}
