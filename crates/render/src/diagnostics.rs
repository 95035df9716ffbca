//! What is wrong with a stack file: every mistake with its place, the line, and what to do.

use std::collections::BTreeMap;
use std::io;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use infra_core::{Diagnostic, Label, Severity, SourceMap};
use serde::Serialize;

use crate::json;
use crate::line::{Line, tame};
use crate::place::{Place, inside};
use crate::style::{Format, Role, Style};
use crate::units::count;

/// Writes diagnostics in their order, and how many there are.
///
/// # Errors
/// When `out` fails.
pub fn write_diagnostics(
    out: &mut dyn io::Write,
    diagnostics: &[Diagnostic],
    sources: &SourceMap,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    if format == Format::Json {
        return write_json(out, diagnostics, sources);
    }
    let style = style.for_format(format);
    let renderer = renderer(&style);
    for diagnostic in diagnostics {
        writeln!(out, "{}\n", renderer.render(&[group(diagnostic, sources)]))?;
    }
    if diagnostics.is_empty() {
        return Ok(());
    }
    let (errors, warnings) = totals(diagnostics);
    let role = if errors > 0 { Role::Bad } else { Role::Notice };
    let words = match (errors, warnings) {
        (_, 0) => count(errors, "error"),
        (0, _) => count(warnings, "warning"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    Line::new().add(role, words).write(out, &style)
}

fn totals(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors = diagnostics.iter().filter(is_error).count();
    (errors, diagnostics.len() - errors)
}

fn renderer(style: &Style) -> Renderer {
    let renderer = if style.color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer
        .term_width(style.width.max(40))
        .decor_style(if style.unicode {
            DecorStyle::Unicode
        } else {
            DecorStyle::Ascii
        })
}

/// One diagnostic with a snippet for each file that it speaks of, the file of the mistake first.
fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(tame(&diagnostic.message))
        .id(&diagnostic.code);
    let first = diagnostic.primary.as_ref().map(|label| label.span.file);
    let labels = diagnostic
        .primary
        .iter()
        .map(|label| (AnnotationKind::Primary, label))
        .chain(
            diagnostic
                .related
                .iter()
                .map(|label| (AnnotationKind::Context, label)),
        );
    // Keyed so that the file of the mistake comes first, the others in their order.
    let mut by_file: BTreeMap<(bool, usize), Vec<(AnnotationKind, &Label)>> = BTreeMap::new();
    for (kind, label) in labels {
        let key = (Some(label.span.file) != first, label.span.file);
        by_file.entry(key).or_default().push((kind, label));
    }
    let snippets = by_file.into_iter().filter_map(|((_, file), labels)| {
        let file = sources.files.get(file)?;
        let annotations = labels.into_iter().map(|(kind, label)| {
            let text = (!label.text.is_empty()).then(|| tame(&label.text));
            kind.span(inside(file, &label.span)).label(text)
        });
        Some(
            Snippet::source(file.text.as_str())
                .path(tame(&file.path.display().to_string()))
                .annotations(annotations),
        )
    });
    let mut group = title.elements(snippets);
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(tamed_lines(help)));
    }
    group
}

/// A text with its line ends, everything else in it harmless.
fn tamed_lines(text: &str) -> String {
    text.lines().map(tame).collect::<Vec<_>>().join("\n")
}

#[derive(Serialize)]
struct DiagnosticLine<'a> {
    severity: Severity,
    code: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Option<Place>,
    label: Option<&'a str>,
    related: Vec<RelatedPlace<'a>>,
    help: &'a [String],
}

#[derive(Serialize)]
struct RelatedPlace<'a> {
    #[serde(flatten)]
    place: Place,
    label: &'a str,
}

#[derive(Serialize)]
struct TotalsLine {
    errors: usize,
    warnings: usize,
}

/// A `diagnostic` line for each, then one `diagnostics` line with the counts, even when there is none.
fn write_json(out: &mut dyn io::Write, diagnostics: &[Diagnostic], sources: &SourceMap) -> io::Result<()> {
    for diagnostic in diagnostics {
        let line = DiagnosticLine {
            severity: diagnostic.severity,
            code: &diagnostic.code,
            message: &diagnostic.message,
            place: diagnostic
                .primary
                .as_ref()
                .and_then(|label| Place::of(&label.span, sources)),
            label: diagnostic.primary.as_ref().map(|label| label.text.as_str()),
            related: diagnostic
                .related
                .iter()
                .filter_map(|label| {
                    Some(RelatedPlace {
                        place: Place::of(&label.span, sources)?,
                        label: &label.text,
                    })
                })
                .collect(),
            help: &diagnostic.help,
        };
        json::write(out, "diagnostic", line)?;
    }
    let (errors, warnings) = totals(diagnostics);
    json::write(out, "diagnostics", TotalsLine { errors, warnings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_core::{SourceFile, Span};

    const STACK: &str = "include = [\"vpc.toml\"]\r\n\n[ec2.vpc.main]\ncidr = \"10.0.0.0/16\"\n\tenable = \"ja, 漢字\" # \u{202e}\u{1b}[2J\n\n[ec2.vpc.main]\n";
    const INCLUDED: &str = "[variable.cpu]\ntype = \"integer\"\n";

    fn sources() -> SourceMap {
        let file = |path: &str, text: &str| SourceFile {
            path: path.into(),
            text: text.into(),
        };
        SourceMap {
            files: vec![
                file("stacks/dev.toml", STACK),
                file("stacks/vpc.toml", INCLUDED),
                file("stacks/empty.toml", ""),
            ],
        }
    }

    fn at(file: usize, needle: &str) -> Span {
        let text = [STACK, INCLUDED, ""][file];
        let start = text.rfind(needle).unwrap();
        Span {
            file,
            range: start..start + needle.len(),
        }
    }

    fn cases() -> Vec<Diagnostic> {
        let odd = |range: std::ops::Range<usize>, file| Span { file, range };
        let mut warning = Diagnostic::error("unused-variable", "the variable `cpu` is not used")
            .at(at(1, "[variable.cpu]"), "");
        warning.severity = Severity::Warning;
        vec![
            Diagnostic::error("unknown-attribute", "`ec2.vpc` has no attribute `cidr`")
                .at(at(0, "cidr"), "not an attribute of ec2.vpc")
                .help("did you mean `cidr_block`?"),
            Diagnostic::error("wrong-kind", "expected a boolean, found a string")
                .at(at(0, "\"ja, 漢字\""), "expected a boolean"),
            Diagnostic::error("defined-twice", "`ec2.vpc.main` is defined twice")
                .at(at(0, "[ec2.vpc.main]"), "here again")
                .see(odd(25..39, 0), "first here")
                .see(at(1, "cpu"), "and this is in another file"),
            warning,
            Diagnostic::error("no-place", "the folder `stacks` cannot be read")
                .help("look at its rights\nor at its owner"),
            Diagnostic::error("several-lines", "this whole block is wrong").at(odd(25..80, 0), "all of it"),
            Diagnostic::error("at-the-end", "a value is missing")
                .at(odd(STACK.len()..STACK.len(), 0), "expected a value"),
            Diagnostic::error("empty-file", "`[stack]` is missing").at(odd(0..0, 2), ""),
            Diagnostic::error("odd-span", "a place that is not there").at(odd(5_000..6_000, 0), "somewhere"),
            Diagnostic::error("odd-file", "a file that is not there").at(odd(0..1, 9), "somewhere"),
            Diagnostic::error("wild", "a \u{1b}[31mred\u{7} message\nin two lines")
                .at(at(0, "enable"), "wild \u{1b}[0m")
                .help("\u{1b}]0;title\u{7}"),
        ]
    }

    fn shown(format: Format, style: &Style) -> String {
        let mut out = Vec::new();
        write_diagnostics(&mut out, &cases(), &sources(), format, style).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn for_a_log() {
        insta::assert_snapshot!(shown(Format::Plain, &Style::plain()));
    }

    #[test]
    fn for_a_person_in_colour_it_says_the_same() {
        let style = Style {
            unicode: true,
            ..Style::plain()
        };
        let plain = shown(Format::Human, &style);
        let colored = shown(Format::Human, &Style { color: true, ..style });
        assert!(colored.contains("\u{1b}["));
        assert_eq!(console::strip_ansi_codes(&colored), plain);
        assert!(!plain.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{plain:?}");
    }

    #[test]
    fn for_a_program() {
        insta::assert_snapshot!(shown(Format::Json, &Style::plain()));
    }

    #[test]
    fn one_of_a_kind_is_counted_in_the_singular_and_none_says_nothing() {
        let cases = cases();
        for (chosen, expected) in [
            (0..0, ""),
            (0..1, "1 error"),
            (0..2, "2 errors"),
            (2..4, "1 error, 1 warning"),
            (3..4, "1 warning"),
        ] {
            let mut out = Vec::new();
            write_diagnostics(
                &mut out,
                &cases[chosen],
                &sources(),
                Format::Plain,
                &Style::plain(),
            )
            .unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.lines().last().unwrap_or(""), expected);
        }
    }
}
