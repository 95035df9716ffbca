//! A stack file and everything it includes, as one table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use infra_core::{Diagnostic, SourceFile, SourceMap, Span};

use super::files::{FileCache, beside};
use super::tree::{NodeKind, Table, merge, parse};
use crate::report::Report;

/// The files of a stack, merged.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The texts, the stack file first, then in the order of reading.
    pub(crate) map: SourceMap,
    /// Everything that they declare, without `include`.
    pub(crate) table: Table,
    /// Whether every file could be read and understood: only then it makes sense to look for what is missing.
    pub(crate) complete: bool,
}

/// Reads the stack file at `path` and what it includes. A file that is included twice counts once, where it
/// is named first; a file's own keys lie upon those of the files that it includes.
pub(crate) fn read(path: &Path, files: &FileCache, report: &mut Report) -> Sources {
    let mut reader = Reader {
        files,
        report,
        sources: Sources {
            complete: true,
            ..Sources::default()
        },
        open: Vec::new(),
        done: BTreeSet::new(),
    };
    reader.file(beside(Path::new(""), path), None);
    reader.sources
}

struct Reader<'a> {
    files: &'a FileCache,
    report: &'a mut Report,
    sources: Sources,
    /// The files being read, from the stack file inwards, and where each is included.
    open: Vec<(PathBuf, Option<Span>)>,
    done: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    fn file(&mut self, path: PathBuf, included: Option<Span>) {
        if let Some(position) = self.open.iter().position(|(open, _)| *open == path) {
            return self.complain_of_loop(position, &path, included);
        }
        if !self.done.insert(path.clone()) {
            return;
        }
        let text = match self.files.read(&path) {
            Ok(text) => text,
            Err(reason) => {
                self.sources.complete = false;
                let message = format!("cannot read `{}`: {reason}", path.display());
                let mut diagnostic = Diagnostic::error("unreadable-file", message);
                if let Some(span) = included {
                    diagnostic = diagnostic
                        .at(span, "")
                        .help("a path is meant from the folder of the file that it is written in");
                }
                return self.report.add(diagnostic);
            }
        };
        let file = self.sources.map.add(SourceFile {
            path: path.clone(),
            text: text.to_string(),
        });
        let (mut table, whole) = parse(&self.sources.map, file, self.report);
        self.sources.complete &= whole;
        let includes = table
            .remove("include")
            .map(|entry| self.includes(&entry.node))
            .unwrap_or_default();
        self.open.push((path.clone(), included));
        for (included, span) in includes {
            self.file(beside(&path, &included), Some(span));
        }
        self.open.pop();
        merge(&mut self.sources.table, table);
    }

    fn includes(&mut self, node: &super::Node) -> Vec<(String, Span)> {
        let mut paths = Vec::new();
        let wrong = |span: &Span, found: &str| {
            Diagnostic::error(
                "wrong-type",
                format!("`include` is a list of paths, found {found}"),
            )
            .at(span.clone(), "")
            .help("write `include = [\"other.toml\"]`")
        };
        let NodeKind::List(items) = &node.kind else {
            self.report.add(wrong(&node.span, node.kind_name()));
            self.sources.complete = false;
            return paths;
        };
        for item in items {
            match &item.kind {
                NodeKind::String(path) if path.contains("${") => {
                    self.sources.complete = false;
                    self.report.add(
                        Diagnostic::error("expression-not-allowed", "`include` takes plain paths only")
                            .at(item.span.clone(), "")
                            .help("files are read before any value is known"),
                    );
                }
                NodeKind::String(path) => paths.push((path.clone(), item.span.clone())),
                _ => {
                    self.sources.complete = false;
                    self.report.add(wrong(&item.span, item.kind_name()));
                }
            }
        }
        paths
    }

    fn complain_of_loop(&mut self, position: usize, path: &Path, included: Option<Span>) {
        self.sources.complete = false;
        let chain: Vec<String> = self.open[position..]
            .iter()
            .map(|(open, _)| open.display().to_string())
            .chain([path.display().to_string()])
            .collect();
        let mut diagnostic = Diagnostic::error(
            "include-loop",
            format!("files include each other: {}", chain.join(" -> ")),
        );
        if let Some(span) = included {
            diagnostic = diagnostic.at(span, "");
        }
        for (_, span) in &self.open[position + 1..] {
            if let Some(span) = span {
                diagnostic = diagnostic.see(span.clone(), "included here");
            }
        }
        self.report.add(diagnostic.help("remove one of these includes"));
    }
}
