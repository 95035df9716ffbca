//! No test ends early and passes: what cannot be tested fails, is `#[ignore]`d with its reason, or is left out by
//! `cargo xtask test`, which says so.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// How many tests there are, and the numbers of lines on which one ends early. rustfmt has put the end of a function
/// below its beginning.
fn early_returns(text: &str) -> (usize, Vec<usize>) {
    let (mut count, mut found) = (0, Vec::new());
    let mut test: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let code = line.trim();
        match test {
            None if code == "#[test]" || code.starts_with("#[tokio::test") => {
                test = Some(indentation(line));
                count += 1;
            }
            Some(depth) if code.starts_with('}') && indentation(line) == depth => test = None,
            Some(_)
                if ["return;", "return Ok(());", "{ return }", "{ return Ok(()) }"]
                    .iter()
                    .any(|end| code.ends_with(end) || code.ends_with(&format!("{end};"))) =>
            {
                found.push(number + 1);
            }
            _ => {}
        }
    }
    (count, found)
}

#[test]
fn no_test_returns_early() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    rust_files(&root.join("crates"), &mut files);
    rust_files(&root.join("xtask"), &mut files);
    let (mut tests, mut early) = (0, Vec::new());
    for file in files {
        let (count, found) = early_returns(&fs::read_to_string(&file).unwrap());
        tests += count;
        early.extend(found.iter().map(|line| format!("{}:{line}", file.display())));
    }
    assert!(tests > 500, "{tests} tests were looked at");
    assert!(early.is_empty(), "these tests return early: {early:#?}");
}

#[test]
fn an_early_return_is_found() {
    let text = "fn helper() {\n    return;\n}\n#[test]\nfn a() {\n    if no() {\n        return;\n    }\n}\nmod tests {\n    \
                #[tokio::test]\n    async fn b() {\n        let Some(x) = y() else { return };\n    }\n}\n";
    assert_eq!(early_returns(text), (2, vec![7, 13]));
}
