//! `cargo xtask lines`: how long the resource types are, each with its parts, and what they stand on, at two commits.
//!
//! All lines count, those of comments and tests too. Both commits are read from git: nothing is checked out.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{root, shown};

/// Where the types are, in a folder for each service.
const SERVICES: &str = "crates/aws/src/services/";

/// What the types stand on: where it is, and what it is called here.
const SHARED: &[(&str, &str)] = &[
    ("crates/aws/src/errors/", "(errors of AWS)"),
    ("crates/aws/src/", "(the rest of infra-aws)"),
    ("crates/derive/", "(infra-derive)"),
    ("crates/provider/", "(infra-provider)"),
    ("crates/core/src/constraint.rs", "(constraints, schema)"),
    ("crates/core/src/schema.rs", "(constraints, schema)"),
];

/// Which commits are compared.
#[derive(Debug, Args)]
pub struct Lines {
    /// The earlier one
    before: String,
    /// The later one
    #[arg(default_value = "HEAD")]
    after: String,
}

/// Prints the lines of each type at both commits.
///
/// # Errors
/// Git cannot be called, or knows no such commit.
pub fn run(asked: &Lines) -> Result<()> {
    let (before, after) = (rows(&asked.before)?, rows(&asked.after)?);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    println!("{:width$}  {:>7}  {:>7}", "", "before", "after");
    let is_shared = |name: &str| name.starts_with('(');
    let (shared, types): (Vec<&String>, Vec<&String>) = names.into_iter().partition(|name| is_shared(name));
    let of = |rows: &BTreeMap<String, u64>, name: &String| rows.get(name).copied().unwrap_or(0);
    let print = |name: &str, before, after| {
        println!("{name:width$}  {before:7}  {after:7}  {}", change(before, after));
    };
    let mut total = (0, 0);
    for (what, names) in [("types", types), ("all", shared)] {
        for name in names {
            let (before, after) = (of(&before, name), of(&after, name));
            print(name, before, after);
            total = (total.0 + before, total.1 + after);
        }
        print(what, total.0, total.1);
    }
    Ok(())
}

/// The lines of each row of the table at a commit.
fn rows(commit: &str) -> Result<BTreeMap<String, u64>> {
    let paths = SHARED.iter().map(|(path, _)| *path);
    let counted = grep(commit, &["-c", "-e", ""], paths)?;
    let types = grep(
        commit,
        &["-l", "-E", "-e", "^impl Resource(Type)? for "],
        [SERVICES],
    )?;
    let types: Vec<&str> = types.iter().filter_map(|path| path.strip_suffix(".rs")).collect();
    let mut rows = BTreeMap::new();
    for line in &counted {
        let (path, count) = line.rsplit_once(':').context("git grep counts after a colon")?;
        let Some(name) = path.strip_suffix(".rs").and_then(|path| row(path, &types)) else {
            continue;
        };
        *rows.entry(name).or_insert(0) += count.parse::<u64>()?;
    }
    Ok(rows)
}

/// The row that a file counts in: of the type whose name its own begins with, of its service, or of what is shared.
fn row(path: &str, types: &[&str]) -> Option<String> {
    let in_service = path.strip_prefix(SERVICES).and_then(|path| path.split_once('/'));
    let Some((service, _)) = in_service else {
        let mut shared = SHARED.iter();
        let (_, name) = shared.find(|(shared, _)| path.starts_with(shared.trim_end_matches(".rs")))?;
        return Some((*name).to_owned());
    };
    let of = types.iter().filter(|of| path.starts_with(**of));
    let of = of
        .max_by_key(|of| of.len())
        .and_then(|of| of.strip_prefix(SERVICES));
    Some(of.map_or_else(|| format!("{service}, shared"), |of| of.replace('/', ".")))
}

/// What `git grep` answers, a line each, without the commit that stands before them.
fn grep<'a>(
    commit: &str,
    arguments: &[&str],
    paths: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(root()).arg("grep").args(arguments);
    command.arg(commit).arg("--").args(paths);
    let output = command.output().context("git cannot be called")?;
    // It ends with 1 where nothing matches.
    if !matches!(output.status.code(), Some(0 | 1)) {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` says: {}", shown(&command), said.trim());
    }
    let start = format!("{commit}:");
    let lines = String::from_utf8(output.stdout)?;
    let lines = lines
        .lines()
        .map(|line| line.strip_prefix(&start).unwrap_or(line));
    Ok(lines.map(str::to_owned).collect())
}

/// By how much, in percent.
fn change(before: u64, after: u64) -> String {
    if before == 0 {
        return "new".to_owned();
    }
    let percent = after.abs_diff(before) * 100 / before;
    let sign = if after < before { "-" } else { "+" };
    format!("{sign}{percent} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_for_the_type_that_it_is_a_part_of() {
        let types = [
            "crates/aws/src/services/ec2/route",
            "crates/aws/src/services/ec2/route_table",
        ];
        for (path, name) in [
            ("crates/aws/src/services/ec2/route_table", Some("ec2.route_table")),
            (
                "crates/aws/src/services/ec2/route_table_parts",
                Some("ec2.route_table"),
            ),
            ("crates/aws/src/services/ec2/route_rules", Some("ec2.route")),
            ("crates/aws/src/services/ec2/common", Some("ec2, shared")),
            ("crates/aws/src/errors/tables", Some("(errors of AWS)")),
            ("crates/aws/src/services/mod", Some("(the rest of infra-aws)")),
            ("crates/aws/src/tags", Some("(the rest of infra-aws)")),
            ("crates/core/src/schema", Some("(constraints, schema)")),
            ("crates/core/src/plan", None),
        ] {
            assert_eq!(row(path, &types).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn a_change_is_told_in_percent() {
        assert_eq!(change(200, 150), "-25 %");
        assert_eq!(change(0, 150), "new");
    }
}
