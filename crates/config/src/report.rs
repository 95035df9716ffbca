//! Collecting diagnostics: each mistake once, in a fixed order, with nothing sensitive in it.

use std::collections::HashSet;

use infra_core::{Diagnostic, Severity, SourceMap, Span};

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

/// The candidate nearest to `name`, if one is near enough to be what was meant: misspelt a little, or else `name`
/// is a part of it.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let allowed = (name.chars().count() / 3).max(1);
    let misspelt = candidates
        .iter()
        .copied()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed || (name.len() >= 3 && candidate.eq_ignore_ascii_case(name))
        })
        .min()
        .map(|(_, candidate)| candidate);
    misspelt.or_else(|| {
        candidates
            .into_iter()
            .filter(|candidate| *candidate != name && has_part(candidate, name))
            .min_by_key(|candidate| (candidate.len(), *candidate))
    })
}

/// Whether `part` is some of the words of `name`, or its beginning or end.
fn has_part(name: &str, part: &str) -> bool {
    let (name, part) = (name.to_ascii_lowercase(), part.to_ascii_lowercase());
    let words = |text: &str| -> Vec<String> {
        text.split(|character: char| !character.is_alphanumeric())
            .map(str::to_owned)
            .collect()
    };
    let (all, wanted) = (words(&name), words(&part));
    // What is shorter begins or ends too much by chance.
    let is_long = part.chars().count() >= 4;
    part.chars().count() >= 2
        && (all.windows(wanted.len()).any(|some| some == wanted)
            || (is_long && (name.starts_with(&part) || name.ends_with(&part))))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_only_when_it_is_near() {
        assert_eq!(nearest("cidr_blok", ["cidr_block", "vpc_id"]), Some("cidr_block"));
        assert_eq!(nearest("fargate", ["EC2", "FARGATE"]), Some("FARGATE"));
        assert_eq!(nearest("colour", ["cidr_block", "vpc_id"]), None);
        let record = ["resource_records", "name", "ttl", "alias_target"];
        assert_eq!(nearest("records", record), Some("resource_records"));
        assert_eq!(nearest("target", record), Some("alias_target"));
        assert_eq!(nearest("reco", ["x_records"]), None);
        assert_eq!(nearest("id", ["vpc_id", "provider"]), Some("vpc_id"));
        assert_eq!(
            nearest("definition", ["task_definition_arn", "task_definition"]),
            Some("task_definition")
        );
        assert_eq!(nearest("desc", ["description"]), Some("description"));
        assert_eq!(nearest("", ["description"]), None);
    }
}
