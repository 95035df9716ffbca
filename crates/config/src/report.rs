//! Collecting diagnostics: each mistake once, in a fixed order, with nothing sensitive in it.

use std::collections::HashSet;

use infra_core::{Diagnostic, Severity, SourceMap, Span, nearest};

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    found: Vec<Diagnostic>,
    seen: HashSet<(String, Option<Span>, String)>,
    errors: usize,
    secrets: Vec<String>,
}

impl Report {
    /// Adds a mistake, unless the same was said of the same place before.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        let place = diagnostic.primary.as_ref().map(|label| label.span.clone());
        let key = (diagnostic.code.clone(), place, diagnostic.message.clone());
        if self.seen.insert(key) {
            self.errors += usize::from(diagnostic.severity == Severity::Error);
            self.found.push(diagnostic);
        }
    }

    /// How many errors (not warnings) were found so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Makes sure that `text` is not shown, neither in a message nor as part of a source line.
    pub(crate) fn hide(&mut self, text: &str) {
        // A very short text stands everywhere by chance; hiding it would hide the message.
        if text.len() >= 3 {
            self.secrets.push(text.to_owned());
        }
    }

    /// All diagnostics by file and position, those without a place last.
    pub(crate) fn finish(mut self, sources: &SourceMap) -> Vec<Diagnostic> {
        for diagnostic in &mut self.found {
            redact(diagnostic, &self.secrets, sources);
        }
        self.found.sort_by(|left, right| {
            let key = |diagnostic: &Diagnostic| {
                diagnostic.primary.as_ref().map_or((usize::MAX, 0, 0), |label| {
                    (label.span.file, label.span.range.start, label.span.range.end)
                })
            };
            key(left)
                .cmp(&key(right))
                .then_with(|| left.code.cmp(&right.code))
                .then_with(|| left.message.cmp(&right.message))
        });
        self.found
    }
}

/// Takes secrets out of all texts. A label whose line holds one cannot be drawn: its place goes into the help.
fn redact(diagnostic: &mut Diagnostic, secrets: &[String], sources: &SourceMap) {
    if secrets.is_empty() {
        return;
    }
    let clean = |text: &mut String| {
        for secret in secrets {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), "(sensitive)");
            }
        }
    };
    clean(&mut diagnostic.message);
    diagnostic.help.iter_mut().for_each(clean);
    let shows_secret = |span: &Span| {
        sources
            .line(span)
            .is_some_and(|(_, line)| secrets.iter().any(|secret| line.contains(secret.as_str())))
    };
    if let Some(label) = &diagnostic.primary
        && shows_secret(&label.span)
    {
        let place = sources.place(&label.span);
        diagnostic.help.push(format!(
            "the line holds a sensitive value and is not shown: {place}"
        ));
        diagnostic.primary = None;
    }
    diagnostic.related.retain(|label| !shows_secret(&label.span));
    let labels = diagnostic.primary.iter_mut().chain(&mut diagnostic.related);
    labels.for_each(|label| clean(&mut label.text));
}

/// Help lines for a name that is not known: the nearest one, or else what there is.
pub(crate) trait Suggest {
    /// Adds `did you mean ...?`, or the list of what is known when it is short.
    #[must_use]
    fn suggest<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self;
}

impl Suggest for Diagnostic {
    fn suggest<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        match nearest(name, candidates.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if candidates.is_empty() => self,
            None if candidates.len() <= 12 => self.help(format!("known are {}", listed(&candidates))),
            None => self,
        }
    }
}

/// Names in backticks, separated by commas.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
