//! From a range in a decoded TOML string back to the bytes of the file.

use std::ops::Range;

use infra_core::Span;

/// Where a string stands in its file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    whole: Span,
    /// From each first number (a byte of the decoded text) on, text and file run side by side starting at the
    /// second (a byte of the file). Empty when the two could not be matched.
    runs: Vec<(usize, usize)>,
}

impl Place {
    /// The place of `decoded`, which `raw` (with its quotes) spells at `whole`.
    pub(crate) fn new(whole: Span, raw: &str, decoded: &str) -> Self {
        let runs = runs(raw, decoded, whole.range.start).unwrap_or_default();
        Self { whole, runs }
    }

    /// The string with its quotes.
    pub(crate) fn whole(&self) -> &Span {
        &self.whole
    }

    /// The bytes of the file that spell a range of the decoded text.
    pub(crate) fn at(&self, range: &Range<usize>) -> Span {
        match (self.raw(range.start), self.raw(range.end)) {
            (Some(start), Some(end)) if start <= end && end <= self.whole.range.end => Span {
                file: self.whole.file,
                range: start..end,
            },
            _ => self.whole.clone(),
        }
    }

    fn raw(&self, position: usize) -> Option<usize> {
        let run = self
            .runs
            .partition_point(|(decoded, _)| *decoded <= position)
            .checked_sub(1)?;
        let (decoded, raw) = self.runs.get(run)?;
        Some(raw + (position - decoded))
    }
}

/// Walks `raw` and `decoded` side by side; `None` when they do not match.
fn runs(raw: &str, decoded: &str, start: usize) -> Option<Vec<(usize, usize)>> {
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
        3
    } else {
        1
    };
    let escapes = raw.starts_with('"');
    if !escapes && !raw.starts_with('\'') {
        return None;
    }
    let mut raw_at = quotes;
    if quotes == 3 {
        let inside = &raw[quotes..];
        raw_at += if inside.starts_with("\r\n") {
            2
        } else {
            usize::from(inside.starts_with('\n'))
        };
    }
    let mut runs = vec![(0, start + raw_at)];
    if raw.get(raw_at..)?.starts_with(decoded) {
        return Some(runs);
    }
    let mut decoded_at = 0;
    while let Some(character) = decoded[decoded_at..].chars().next() {
        let rest = raw.get(raw_at..)?;
        if escapes && rest.starts_with('\\') {
            let after = &rest[1..];
            if after.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']) {
                raw_at += 1 + (after.len() - after.trim_start().len());
            } else {
                raw_at += match after.chars().next()? {
                    'x' => 4,
                    'u' => 6,
                    'U' => 10,
                    _ => 2,
                };
                decoded_at += character.len_utf8();
            }
            runs.push((decoded_at, start + raw_at));
        } else if rest.starts_with(character) {
            raw_at += character.len_utf8();
            decoded_at += character.len_utf8();
        } else if rest.starts_with('\r') {
            raw_at += 1;
            runs.push((decoded_at, start + raw_at));
        } else {
            return None;
        }
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_the_text_is_found_in_every_kind_of_string() {
        for toml in [
            "x = 'say ${here} now'",
            r#"x = "say\t\"\u00e9\" ${here}""#,
            "x = \"\"\"\nsay \\\n   so ${here}\"\"\"",
            "x = '''\r\nsay\r\n${here}'''",
        ] {
            let (table, errors) = toml::de::DeTable::parse_recoverable(toml);
            assert!(errors.is_empty(), "{toml}");
            let value = table.get_ref().get("x").unwrap();
            let decoded = value.get_ref().as_str().unwrap();
            let whole = Span {
                file: 0,
                range: value.span(),
            };
            let place = Place::new(whole, &toml[value.span()], decoded);
            let start = decoded.find("here").unwrap();
            assert_eq!(&toml[place.at(&(start..start + 4)).range], "here", "{toml}");
        }
    }
}
