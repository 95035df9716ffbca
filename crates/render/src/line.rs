//! One line of text in pieces with a meaning, so that it can be measured and cut before it is dressed.

use std::fmt::Write as _;
use std::io;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::style::{Role, Style};

/// A line without its end. Whatever is pushed loses its power over the terminal: control characters and
/// characters that turn the direction of text are shown by their escapes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Line {
    parts: Vec<(Role, String)>,
}

impl Line {
    /// An empty line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A line that starts with so many spaces.
    pub(crate) fn indented(columns: usize) -> Self {
        Self::new().normal(" ".repeat(columns))
    }

    /// Adds text of a role.
    #[must_use]
    pub(crate) fn add(mut self, role: Role, text: impl AsRef<str>) -> Self {
        self.push(role, text.as_ref());
        self
    }

    /// Adds ordinary text.
    #[must_use]
    pub(crate) fn normal(self, text: impl AsRef<str>) -> Self {
        self.add(Role::Normal, text)
    }

    /// Adds all of another line.
    #[must_use]
    pub(crate) fn append(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self
    }

    /// Adds text of a role in place.
    pub(crate) fn push(&mut self, role: Role, text: &str) {
        if !text.is_empty() {
            self.parts.push((role, tame(text)));
        }
    }

    /// The columns that it takes.
    pub(crate) fn width(&self) -> usize {
        self.parts.iter().map(|(_, text)| text.width()).sum()
    }

    /// Adds spaces up to a width.
    #[must_use]
    pub(crate) fn padded(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.normal(" ".repeat(missing))
    }

    /// The line cut to `width` columns, with `ellipsis` where something is missing.
    #[must_use]
    pub(crate) fn truncated(self, width: usize, ellipsis: &str) -> Self {
        if self.width() <= width {
            return self;
        }
        let mut left = width.saturating_sub(ellipsis.width());
        let mut cut = Self::new();
        'parts: for (role, text) in self.parts {
            let mut kept = String::new();
            for character in text.chars() {
                let columns = character.width().unwrap_or(0);
                if columns > left {
                    cut.push(role, &kept);
                    break 'parts;
                }
                left -= columns;
                kept.push(character);
            }
            cut.push(role, &kept);
        }
        let room = width.min(ellipsis.width());
        cut.normal(
            &ellipsis[..ellipsis
                .char_indices()
                .nth(room)
                .map_or(ellipsis.len(), |(at, _)| at)],
        )
    }

    /// The text, dressed.
    pub(crate) fn text(&self, style: &Style) -> String {
        let mut shown = String::new();
        for (role, text) in &self.parts {
            let look = role.look();
            // Writing to a string cannot fail.
            let _ = if style.color && !look.is_plain() {
                write!(shown, "{look}{text}{look:#}")
            } else {
                write!(shown, "{text}")
            };
        }
        shown.truncate(shown.trim_end_matches(' ').len());
        shown
    }

    /// Writes the line and its end.
    pub(crate) fn write(&self, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
        write_lines(out, style, std::slice::from_ref(self))
    }
}

/// How much text goes to a stream at once.
const TOGETHER_BYTES: usize = 64 * 1024;

/// Writes several lines: whole ones, and many at once, since the streams of a process pass on each line, or each
/// piece of one, by itself.
pub(crate) fn write_lines(out: &mut dyn io::Write, style: &Style, lines: &[Line]) -> io::Result<()> {
    let mut together = String::new();
    for line in lines {
        together.push_str(&line.text(style));
        together.push('\n');
        if together.len() >= TOGETHER_BYTES {
            out.write_all(together.as_bytes())?;
            together.clear();
        }
    }
    out.write_all(together.as_bytes())
}

/// Text in which nothing can move the cursor, ring a bell or turn what follows around.
pub(crate) fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => tamed.push_str("\\n"),
            '\t' => tamed.push_str("\\t"),
            '\r' => tamed.push_str("\\r"),
            other if is_wild(other) => tamed.extend(other.escape_unicode()),
            other => tamed.push(other),
        }
    }
    tamed
}

/// Whether a character acts on the terminal instead of being shown on it.
pub(crate) fn is_wild(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Words put into lines of at most `width` columns, each with `indent` spaces in front.
pub(crate) fn wrapped(words: &[String], joint: &str, indent: usize, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for (position, word) in words.iter().enumerate() {
        let piece = if position == 0 {
            word.clone()
        } else {
            format!("{joint}{word}")
        };
        if !current.is_empty() && indent + current.width() + piece.width() > width {
            lines.push(Line::indented(indent).normal(&current));
            current = piece.trim_start().to_owned();
        } else {
            current.push_str(&piece);
        }
    }
    if !current.is_empty() {
        lines.push(Line::indented(indent).normal(&current));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_and_says_so() {
        let line = Line::new().add(Role::Bad, "wide 漢字").normal(" and more");
        assert_eq!(line.width(), 18);
        for (width, expected) in [
            (18, "wide 漢字 and more"),
            (10, "wide 漢字…"),
            (9, "wide 漢…"),
            (1, "…"),
            (0, ""),
        ] {
            let cut = line.clone().truncated(width, "…");
            assert_eq!(cut.text(&Style::plain()), expected, "{width}");
        }
    }

    #[test]
    fn nothing_in_a_text_acts_on_the_terminal() {
        let line = Line::new().normal("a\u{1b}[2Jb\nc\u{7}\u{202e}d\u{9b}e\tf");
        assert_eq!(
            line.text(&Style::plain()),
            "a\\u{1b}[2Jb\\nc\\u{7}\\u{202e}d\\u{9b}e\\tf"
        );
    }

    #[test]
    fn words_are_wrapped_before_the_edge() {
        let words: Vec<String> = ["aaa", "bbb", "ccc"].map(String::from).to_vec();
        let lines: Vec<String> = wrapped(&words, " -> ", 2, 14)
            .iter()
            .map(|line| line.text(&Style::plain()))
            .collect();
        assert_eq!(lines, ["  aaa -> bbb", "  -> ccc"]);
    }
}
