//! Places in source files: line and column of a span, and the line of a place given as text.

use infra_core::{SourceFile, SourceMap, Span};
use serde::Serialize;

/// A span as lines and columns, both from 1, columns in characters; the end is the first column after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub end_column: usize,
}

impl Place {
    /// The place of a span; `None` when its file is not known.
    pub(crate) fn of(span: &Span, sources: &SourceMap) -> Option<Self> {
        let file = sources.files.get(span.file)?;
        let range = inside(file, span);
        let (line, column) = line_and_column(&file.text, range.start);
        let (end_line, end_column) = line_and_column(&file.text, range.end);
        Some(Self {
            file: file.path.display().to_string(),
            line,
            column,
            end_line,
            end_column,
        })
    }
}

/// The bytes of a span, moved to where characters of the file begin and end.
pub(crate) fn inside(file: &SourceFile, span: &Span) -> std::ops::Range<usize> {
    let start = file.text.floor_char_boundary(span.range.start);
    if span.range.is_empty() {
        return start..start;
    }
    start
        ..file
            .text
            .ceil_char_boundary(span.range.end.min(file.text.len()))
            .max(start)
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

/// The line that a place such as `stacks/dev.toml:14:1` speaks of, with its number.
pub(crate) fn quoted_line<'a>(place: &str, sources: &'a SourceMap) -> Option<(usize, &'a str)> {
    let mut parts = place.rsplitn(3, ':');
    let (_column, line, path) = (parts.next()?, parts.next()?, parts.next()?);
    let number: usize = line.parse().ok()?;
    let file = sources
        .files
        .iter()
        .find(|file| file.path.display().to_string() == path)?;
    let text = file.text.lines().nth(number.checked_sub(1)?)?;
    Some((number, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> SourceMap {
        SourceMap {
            files: vec![SourceFile {
                path: "a:b.toml".into(),
                text: "é = 1\r\nä = \"漢\"\n".into(),
            }],
        }
    }

    #[test]
    fn spans_become_lines_and_columns_whatever_they_are() {
        for (range, expected) in [
            (0..2, (1, 1, 1, 2)),
            (1..1, (1, 1, 1, 1)),
            (8..14, (2, 1, 2, 6)),
            (15..16, (2, 6, 2, 7)),
            (900..999, (3, 1, 3, 1)),
        ] {
            let span = Span {
                file: 0,
                range: range.clone(),
            };
            let place = Place::of(&span, &sources()).unwrap();
            let found = (place.line, place.column, place.end_line, place.end_column);
            assert_eq!(found, expected, "{range:?}");
        }
        assert_eq!(Place::of(&Span { file: 1, range: 0..1 }, &sources()), None);
    }

    #[test]
    fn the_line_of_a_place_is_found_if_the_file_is_there() {
        let sources = sources();
        for (place, expected) in [
            ("a:b.toml:2:5", Some((2, "ä = \"漢\""))),
            ("a:b.toml:1:1", Some((1, "é = 1"))),
            ("a:b.toml:9:1", None),
            ("a:b.toml:0:1", None),
            ("other.toml:1:1", None),
            ("nonsense", None),
        ] {
            assert_eq!(quoted_line(place, &sources), expected, "{place}");
        }
    }
}
