//! Where things are, and how cargo and other programs are called.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The project's root.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Where cargo builds into.
pub fn target() -> PathBuf {
    // A relative path is meant from where cargo was called, which is where we are.
    let given = std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty());
    given.map_or_else(
        || root().join("target"),
        |path| std::path::absolute(&path).unwrap_or_else(|_| path.into()),
    )
}

/// Whether this is a machine of a CI system: GitLab, GitHub and the others set `CI`. There nothing may be
/// skipped.
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Cargo at the root of the project.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    if in_ci() {
        // What is built once is not built again: keeping track of it costs time and gigabytes.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// Runs a program with its output shown.
///
/// # Errors
/// It cannot be started, or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    println!("$ {shown}");
    let status = command
        .status()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// A command as one would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

/// Whether a program is on `PATH`.
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether a line of Rust below `crates` has this text, such as the head of a test that is called by its name.
#[cfg(test)]
pub fn is_declared(text: &str) -> bool {
    fn is_in(folder: &Path, text: &str) -> bool {
        std::fs::read_dir(folder).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return is_in(&path, text);
            }
            path.extension().is_some_and(|extension| extension == "rs")
                && std::fs::read_to_string(&path).unwrap().contains(text)
        })
    }
    is_in(&root().join("crates"), text)
}
