//! What is wrong with a stack file, and where.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One source text that a stack was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// The path as it is to be shown: relative to where the user stands, if it can be.
    pub path: PathBuf,
    /// The whole text.
    pub text: String,
}

/// All source texts of a stack, in the order of reading.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceMap {
    /// The files; a [`Span`] names one by its position.
    pub files: Vec<SourceFile>,
}

/// A range of bytes in one file of a [`SourceMap`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Position in [`SourceMap::files`].
    pub file: usize,
    /// The bytes.
    pub range: Range<usize>,
}

impl SourceMap {
    /// Adds a file and returns its position.
    pub fn add(&mut self, file: SourceFile) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    /// The place of a span as `path:line:column`, counted from 1 in characters.
    pub fn place(&self, span: &Span) -> String {
        let Some(file) = self.files.get(span.file) else {
            return String::new();
        };
        let before = file.text.get(..span.range.start).unwrap_or(&file.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{}:{line}:{column}", file.path.display())
    }

    /// The line that a span starts in, with its number from 1, without the line end.
    pub fn line(&self, span: &Span) -> Option<(usize, &str)> {
        let file = self.files.get(span.file)?;
        let before = file.text.get(..span.range.start)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let text = file.text[start..].lines().next().unwrap_or("");
        Some((before.matches('\n').count() + 1, text))
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing can be done until it is mended.
    Error,
    /// Likely not meant.
    Warning,
}

/// A marked place and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// One mistake, with its places and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A short, stable name such as `unknown-attribute`.
    pub code: String,
    /// What is wrong, in one line.
    pub message: String,
    /// The place of the mistake, if it has one.
    pub primary: Option<Label>,
    /// Further places that explain it, such as the first of two definitions.
    pub related: Vec<Label>,
    /// What to do: `did you mean ...?`, what was expected.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            message: message.into(),
            primary: None,
            related: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Sets the place and what is to be said of it.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn see(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds a line on what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let mut sources = SourceMap::default();
        let file = sources.add(SourceFile {
            path: "a.toml".into(),
            text: "é = 1\nä = wrong\n".into(),
        });
        let start = sources.files[0].text.find("wrong").unwrap();
        let span = Span {
            file,
            range: start..start + 5,
        };
        assert_eq!(sources.place(&span), "a.toml:2:5");
        assert_eq!(sources.line(&span), Some((2, "ä = wrong")));
    }
}
