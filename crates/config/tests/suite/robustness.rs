//! Nothing that stands in a file makes loading fail otherwise than with a diagnostic that points into the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::catalogue::catalogue;
use infra_config::{Inputs, Loaded, MemoryFiles, load};
use infra_core::{Diagnostic, Severity};

fn load_texts(files: BTreeMap<PathBuf, String>) -> Loaded {
    let none = BTreeMap::new();
    let inputs = Inputs {
        files: Arc::new(MemoryFiles::new(files)),
        variables: &none,
        environment: &none,
    };
    load(Path::new("stack.toml"), &inputs, &catalogue())
}

fn load_text(text: &str) -> Loaded {
    load_texts(BTreeMap::from([("stack.toml".into(), text.to_owned())]))
}

/// Every span marks characters of its file, and without a stack there is an error that says why.
fn sound(loaded: &Loaded) -> bool {
    let marks_text = |diagnostic: &Diagnostic| {
        let labels = diagnostic.primary.iter().chain(&diagnostic.related);
        labels.into_iter().all(|label| {
            loaded.sources.files[label.span.file]
                .text
                .get(label.span.range.clone())
                .is_some()
        })
    };
    let errors = loaded
        .diagnostics
        .iter()
        .any(|found| found.severity == Severity::Error);
    loaded.diagnostics.iter().all(marks_text) && errors == loaded.stack.is_none()
}

/// A sequence without pattern that is the same in every run.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

#[test]
fn a_damaged_file_gives_diagnostics() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut sequence = Sequence(7);
    let pieces = [
        "${",
        "}",
        "\"",
        "[",
        "]",
        "{",
        "=",
        "\n",
        ".",
        "ec2.vpc.main.id",
        "*",
        "é",
        "\\u00e9",
        "for",
        "'''",
        "each.key",
        "-1",
        "null",
    ];
    let mut folders: Vec<PathBuf> = std::fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let Ok(text) = std::fs::read_to_string(folder.join("stack.toml")) else {
            continue;
        };
        assert!(sound(&load_text(&text)), "{}", folder.display());
        for _ in 0..40 {
            let characters: Vec<char> = text.chars().collect();
            let start = sequence.below(characters.len());
            let end = (start + sequence.below(12)).min(characters.len());
            let piece = pieces[sequence.below(pieces.len())];
            let damaged: String = characters[..start]
                .iter()
                .chain(&piece.chars().collect::<Vec<_>>())
                .chain(&characters[end..])
                .collect();
            assert!(sound(&load_text(&damaged)), "{damaged}");
        }
    }
}

#[test]
fn what_is_nested_without_end_is_refused() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5000), close.repeat(5000));
    let chain: String = (0..5000)
        .map(|number| format!("l{number} = \"${{local.l{}}}\"\n", number + 1))
        .collect();
    for text in [
        format!("[local]\na = {}", deep("[", "]")),
        format!("[local]\na = '${{{}}}'", deep("(", ")")),
        format!("[local]\na = '${{{}}}'", deep("[", "]")),
        format!("[local]\na = '${{{}1}}'", "1 + ".repeat(50_000)),
        format!("[local]\na = '${{{}1}}'", "!".repeat(50_000)),
        format!("[local]\na = '${{x{}}}'", ".a".repeat(50_000)),
        format!("[local]\na = '${{x{}}}'", "[0]".repeat(50_000)),
        format!("[local]\na = '${{jsondecode(\"{}\")}}'", deep("[", "]")),
        format!("[local]\n{chain}"),
        format!("[{}]", vec!["a"; 5000].join(".")),
        format!("[variable.a]\ntype = \"{}\"", deep("list(", ")")),
    ] {
        assert!(sound(&load_text(&text)), "{}", &text[..60]);
    }
}

#[test]
fn a_stack_file_that_is_not_there_is_an_error_without_a_place() {
    let loaded = load_texts(BTreeMap::new());
    assert_eq!(loaded.diagnostics.len(), 1);
    assert_eq!(
        loaded.diagnostics[0].message,
        "cannot read `stack.toml`: there is no such file"
    );
    assert!(loaded.stack.is_none());
}

#[test]
fn a_sensitive_value_is_nowhere_in_what_comes_of_loading() {
    let text = r#"
[stack]
name = "app"
stage = "dev"
region = "us-east-1"
[variable.password]
sensitive = true
[rds.database.main]
password = "${var.password}"
options = { text = "pw ${var.password}" }
[output.password]
value = "${upper(var.password)}"
"#;
    let variables = BTreeMap::from([("password".to_owned(), "hunter2".to_owned())]);
    let files = MemoryFiles::new(BTreeMap::from([("stack.toml".into(), text.to_owned())]));
    let inputs = Inputs {
        files: Arc::new(files),
        variables: &variables,
        environment: &BTreeMap::new(),
    };
    let loaded = load(Path::new("stack.toml"), &inputs, &catalogue());
    assert!(loaded.stack.is_some(), "{:?}", loaded.diagnostics);
    assert!(!format!("{loaded:?}").to_lowercase().contains("hunter2"));
    assert!(loaded.used.sensitive_variables.contains("password"));
}

#[test]
fn a_sensitive_key_is_not_named_when_there_is_no_such_instance() {
    let text = r#"
[stack]
name = "app"
stage = "dev"
region = "us-east-1"
[variable.key]
sensitive = true
default = "xy"
[ec2.vpc.main]
for_each = ["a"]
cidr_block = "10.0.0.0/16"
[output.it]
value = "${ec2.vpc.main[var.key].id}"
"#;
    let loaded = load_text(text);
    assert_eq!(loaded.diagnostics.len(), 1);
    assert_eq!(
        loaded.diagnostics[0].message,
        "`ec2.vpc.main` has no such instance"
    );
}
