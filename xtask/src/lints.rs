//! The build of all tests, which shows the lints as well: see `xtask/rustc-with-lints`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, IsTerminal};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::{cargo, run as run_program, shown};

/// All tests, as cargo is told.
pub const TESTS: [&str; 4] = ["test", "--workspace", "--all-targets", "--locked"];

/// A line of cargo's, of which only what the compiler says is of interest.
#[derive(Debug, Deserialize)]
struct Line {
    message: Option<Diagnostic>,
}

/// What the compiler says of one place.
#[derive(Debug, Deserialize)]
struct Diagnostic {
    message: String,
    rendered: Option<String>,
}

/// Builds all tests and shows what the compiler has to say; cargo tells it again of what was built before.
///
/// # Errors
/// They do not build, there is a warning, or clippy is not installed.
pub fn build_tests() -> Result<()> {
    run_program(&mut cargo(&["clippy", "--version"]))
        .context("`rustup component add clippy` has the lints")?;
    let format = if std::io::stdout().is_terminal() {
        "--message-format=json-diagnostic-rendered-ansi"
    } else {
        "--message-format=json"
    };
    let mut command = cargo(&TESTS);
    command.args(["--no-run", format]).stdout(Stdio::piped());
    let shown = shown(&command);
    println!("$ {shown}");
    let mut child = command
        .spawn()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    let output = child.stdout.take().context("its output was asked for")?;
    let mut said = BTreeSet::new();
    for line in BufReader::new(output).lines() {
        // A file that is in a library and in its tests is told of twice.
        if let Some(diagnostic) = diagnostic(&line?)
            && said.insert(diagnostic.clone())
        {
            println!("{diagnostic}");
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    if !said.is_empty() {
        bail!("{} warnings; none is let pass", said.len());
    }
    Ok(())
}

/// What a line of cargo's says of a place in the code.
fn diagnostic(line: &str) -> Option<String> {
    let line: Line = serde_json::from_str(line).ok()?;
    let diagnostic = line.message?;
    // The compiler's own count is no finding.
    let is_count = diagnostic.message.ends_with(" emitted");
    diagnostic.rendered.filter(|_| !is_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_says_of_a_place_is_kept() {
        let warning = r#"{"reason":"compiler-message","message":{"message":"unused","level":"warning","rendered":"warning: unused\n"}}"#;
        assert_eq!(diagnostic(warning).as_deref(), Some("warning: unused\n"));
        for nothing in [
            r#"{"reason":"compiler-message","message":{"message":"1 warning emitted","rendered":"warning: 1 warning emitted"}}"#,
            r#"{"reason":"compiler-artifact","fresh":true}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "no JSON",
        ] {
            assert_eq!(diagnostic(nothing), None, "{nothing}");
        }
    }
}
