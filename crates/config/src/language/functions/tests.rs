//! Functions by what they give, as data: an expression and its value as JSON.

use std::collections::BTreeMap;

use infra_core::{SourceMap, Span};

use crate::language::{Evaluator, World};
use crate::report::Report;
use crate::source::{FileCache, MemoryFiles, Place};

/// The value of an expression as JSON, or the message of what is wrong with it.
fn evaluate(expression: &str) -> String {
    let text = format!("${{{expression}}}");
    let files = MemoryFiles::new(BTreeMap::from([("a/b.txt".into(), "content".to_owned())]));
    let world = World {
        variables: BTreeMap::new(),
        stack: BTreeMap::new(),
        locals: BTreeMap::new(),
        environment: BTreeMap::from([("HOME".to_owned(), "/home/x".to_owned())]),
        blocks: BTreeMap::new(),
        lookups: Default::default(),
        files: FileCache::new(std::sync::Arc::new(files)),
        paths: vec!["a/stack.toml".into()],
    };
    let mut report = Report::default();
    let place = Place::new(
        Span {
            file: 0,
            range: 0..text.len(),
        },
        &format!("'{text}'"),
        &text,
    );
    let formula = crate::language::parse(&text, place, &mut report);
    let Some(formula) = formula.filter(|formula| !formula.broken) else {
        let found = report.finish(&SourceMap::default());
        return format!("error: {}", found[0].message);
    };
    match Evaluator::new(&world, None, None).formula(&formula) {
        Ok(value) => value
            .reveal()
            .map_or_else(|error| error.to_string(), |json| json.to_string()),
        Err(failure) => format!("error: {}", failure.text()),
    }
}

#[test]
fn expressions_have_these_values() {
    let cases = include_str!("cases.txt");
    let mut wrong = Vec::new();
    for line in cases
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (expression, expected) = line.rsplit_once(" => ").expect(line);
        let found = evaluate(expression.trim());
        if found != expected.trim() {
            wrong.push(format!("{expression}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
