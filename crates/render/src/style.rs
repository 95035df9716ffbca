//! How text is dressed: colours, symbols, and how wide the place is that it is written to.

/// Who reads what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A person at a terminal.
    Human,
    /// A person, later, in a log: no escape codes, one line per event.
    #[default]
    Plain,
    /// A program: one JSON object per line, each with `version` and `type`.
    Json,
}

/// What the command line found out about where the text goes. This crate reads no environment itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// Whether the stream is a terminal.
    pub terminal: bool,
    /// The value of `NO_COLOR`; set and not empty means no colours (<https://no-color.org>).
    pub no_color: Option<&'a str>,
    /// The value of `TERM`; `dumb` means no colours.
    pub term: Option<&'a str>,
    /// The first that is set and not empty of `LC_ALL`, `LC_CTYPE` and `LANG`.
    pub locale: Option<&'a str>,
    /// The terminal's width in columns.
    pub width: Option<usize>,
}

/// How text is dressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Escape codes for colours may be written.
    pub color: bool,
    /// Symbols beyond ASCII may be written. Texts of the user and of AWS are written as they are.
    pub unicode: bool,
    /// The columns that a line may take where it is cut or wrapped.
    pub width: usize,
}

/// The width of what is written to something that is no terminal.
const WIDTH_WITHOUT_TERMINAL: usize = 120;

impl Style {
    /// The style for a stream.
    pub fn decide(surroundings: &Surroundings<'_>) -> Self {
        let locale = surroundings.locale.unwrap_or("").to_ascii_lowercase();
        Self {
            color: surroundings.terminal
                && surroundings.no_color.is_none_or(str::is_empty)
                && surroundings.term != Some("dumb"),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            width: surroundings.width.unwrap_or(WIDTH_WITHOUT_TERMINAL),
        }
    }

    /// No colours, ASCII symbols: what is left in every log.
    pub fn plain() -> Self {
        Self {
            color: false,
            unicode: false,
            width: WIDTH_WITHOUT_TERMINAL,
        }
    }

    /// This style as `format` allows it: only people at a terminal get colours.
    #[must_use]
    pub fn for_format(self, format: Format) -> Self {
        Self {
            color: self.color && format == Format::Human,
            ..self
        }
    }

    /// The symbols that may be used.
    pub(crate) fn symbols(&self) -> &'static Symbols {
        if self.unicode { &UNICODE } else { &ASCII }
    }
}

/// Signs with a meaning, in one character set.
#[derive(Debug)]
pub(crate) struct Symbols {
    pub done: &'static str,
    pub failed: &'static str,
    pub skipped: &'static str,
    pub parked: &'static str,
    pub arrow: &'static str,
    pub dash: &'static str,
    pub separator: &'static str,
    pub ellipsis: &'static str,
    pub bar: [&'static str; 2],
    pub spinner: &'static [&'static str],
}

static UNICODE: Symbols = Symbols {
    done: "✔",
    failed: "✖",
    skipped: "∅",
    parked: "·",
    arrow: "→",
    dash: "—",
    separator: "·",
    ellipsis: "…",
    bar: ["█", "░"],
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
};

static ASCII: Symbols = Symbols {
    done: "ok",
    failed: "!!",
    skipped: "--",
    parked: ".",
    arrow: "->",
    dash: "-",
    separator: "|",
    ellipsis: "...",
    bar: ["#", "."],
    spinner: &["|", "/", "-", "\\"],
};

/// What a piece of text is, from which follows how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Nothing special.
    #[default]
    Normal,
    /// What the eye looks for: addresses, headings.
    Strong,
    /// What may be passed over.
    Muted,
    /// Made, or what is added.
    Create,
    /// Changed.
    Update,
    /// Replaced.
    Replace,
    /// Removed, or what is taken away.
    Delete,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Look at this.
    Notice,
}

impl Role {
    pub(crate) fn look(self) -> anstyle::Style {
        use anstyle::{AnsiColor, Style};
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Normal => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Muted => Style::new().dimmed(),
            Self::Create | Self::Good => color(AnsiColor::Green),
            Self::Update | Self::Notice => color(AnsiColor::Yellow),
            Self::Replace => color(AnsiColor::Magenta),
            Self::Delete => color(AnsiColor::Red),
            Self::Bad => color(AnsiColor::Red).bold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_symbols_follow_from_where_the_text_goes() {
        let terminal = Surroundings {
            terminal: true,
            locale: Some("en_GB.UTF-8"),
            ..Surroundings::default()
        };
        for (surroundings, color, unicode) in [
            (terminal, true, true),
            (
                Surroundings {
                    no_color: Some("1"),
                    ..terminal
                },
                false,
                true,
            ),
            (
                Surroundings {
                    no_color: Some(""),
                    ..terminal
                },
                true,
                true,
            ),
            (
                Surroundings {
                    term: Some("dumb"),
                    locale: Some("C"),
                    ..terminal
                },
                false,
                false,
            ),
            (
                Surroundings {
                    terminal: false,
                    locale: Some("de_DE.utf8"),
                    ..terminal
                },
                false,
                true,
            ),
        ] {
            let style = Style::decide(&surroundings);
            assert_eq!((style.color, style.unicode), (color, unicode), "{surroundings:?}");
        }
    }
}
