//! The engine alone: stacks of values that need no call, as a tree and as a wide fan.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::process::{Run, measured, median};
use super::project::Bench;
use super::row::{Row, Unit};
use super::terraform::{self, Terraform};

const GROUP: &str = "scale";

/// Resources of each size.
pub const SIZES: [usize; 4] = [1_000, 5_000, 10_000, 50_000];

/// Children of each node of a tree.
const BRANCHES: usize = 10;

/// The size that goals are set for, and the one whose plan has a goal too.
const GOAL_SIZE: usize = 5_000;
const LARGEST: usize = 50_000;
/// How often each size runs, of which the one in the middle counts.
const RUNS: usize = 3;

/// What is run, in this order.
const COMMANDS: [(&str, &[&str]); 5] = [
    ("validate", &["validate", "stack.toml"]),
    ("plan", &["plan", "stack.toml"]),
    ("apply", &["apply", "stack.toml", "-y"]),
    ("no-op plan", &["plan", "stack.toml"]),
    ("destroy", &["destroy", "stack.toml", "-y"]),
];

/// Goals at [`GOAL_SIZE`], in seconds.
const GOALS_SECONDS: [(&str, f64); 2] = [("plan", 0.3), ("apply", 3.0)];
/// At [`GOAL_SIZE`], of any command.
const GOAL_BYTES: f64 = 150e6;
/// The plan at [`LARGEST`].
const GOAL_LARGEST_PLAN_SECONDS: f64 = 3.0;
/// Of the time's growth with the size.
const GOAL_EXPONENT: f64 = 1.1;

/// Measures stacks of the sizes up to `largest`.
///
/// # Errors
/// A run does not succeed.
pub fn measure(bench: &Bench, largest: usize) -> Result<Vec<Row>> {
    let sizes: Vec<usize> = SIZES.into_iter().filter(|size| *size <= largest).collect();
    let terraform = Terraform::find();
    let mut rows = Vec::new();
    for (shape, stack) in [("tree", tree as fn(usize) -> String), ("fan", fan)] {
        let mut runs: BTreeMap<(&str, usize), Run> = BTreeMap::new();
        for &size in &sizes {
            let mut all: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
            for _ in 0..RUNS {
                let folder = tempfile::tempdir()?;
                std::fs::write(folder.path().join("stack.toml"), stack(size))?;
                for (name, arguments) in COMMANDS {
                    let run = measured(bench.infra(folder.path(), arguments))
                        .with_context(|| format!("{name} of a {shape} of {size}"))?;
                    all.entry(name).or_default().push(run);
                }
            }
            runs.extend(all.into_iter().map(|(name, all)| ((name, size), median(&all))));
        }
        // Beside it in the same run, where it can be had.
        let others = match (&terraform, shape) {
            (Some(terraform), "tree") => terraform.tree(&sizes)?,
            _ => BTreeMap::new(),
        };
        for &size in &sizes {
            for (name, _) in COMMANDS {
                rows.extend(rows_of(shape, name, size, runs[&(name, size)], &others));
            }
        }
        for (name, _) in COMMANDS {
            rows.extend(growth(shape, name, &sizes, &runs));
        }
    }
    Ok(rows)
}

fn rows_of(shape: &str, name: &str, size: usize, run: Run, others: &terraform::Runs) -> Vec<Row> {
    let title = format!("{shape} of {size}, {name}");
    let mut time = Row::new(GROUP, &title, run.seconds(), Unit::Seconds);
    let mut memory = Row::new(GROUP, format!("{title}, memory"), run.memory as f64, Unit::Bytes);
    if let Some(other) = others.get(&(name, size)) {
        time = time.against("terraform", other.seconds());
        memory = memory.against("terraform", other.memory as f64);
    } else {
        let goal = GOALS_SECONDS
            .iter()
            .find(|(of, _)| size == GOAL_SIZE && *of == name);
        if let Some((_, seconds)) = goal {
            time = time.at_most(*seconds);
        }
        if (name, size) == ("plan", LARGEST) {
            time = time.at_most(GOAL_LARGEST_PLAN_SECONDS);
        }
        if size == GOAL_SIZE {
            memory = memory.at_most(GOAL_BYTES);
        }
    }
    vec![time, memory]
}

/// The exponent of the time's growth from [`GOAL_SIZE`] to the largest size: below, what every process costs
/// counts for more than the resources do.
fn growth(shape: &str, name: &str, sizes: &[usize], runs: &BTreeMap<(&str, usize), Run>) -> Option<Row> {
    let last = *sizes.last().filter(|last| **last > GOAL_SIZE)?;
    let (from, to) = (runs.get(&(name, GOAL_SIZE))?, runs.get(&(name, last))?);
    let exponent = (to.seconds() / from.seconds()).ln() / (last as f64 / GOAL_SIZE as f64).ln();
    let title = format!("{shape}, {name}: growth exponent, {GOAL_SIZE} to {last}");
    Some(Row::new(GROUP, title, exponent, Unit::Ratio).at_most(GOAL_EXPONENT))
}

const HEAD: &str =
    "[stack]\nname = \"scale\"\nenvironment = \"bench\"\nstage = \"bench\"\nregion = \"us-east-1\"\n";

/// Each node is made of its parent's id.
fn tree(size: usize) -> String {
    let mut text = format!("{HEAD}\n[infra.data.n0]\ninput = \"root\"\n");
    for number in 1..size {
        let parent = (number - 1) / BRANCHES;
        let _ = write!(
            text,
            "\n[infra.data.n{number}]\ninput = \"${{infra.data.n{parent}.id}}\"\n"
        );
    }
    text
}

/// All but one are made of the id of that one.
fn fan(size: usize) -> String {
    let leaves = size.saturating_sub(1);
    format!(
        "{HEAD}\n[infra.data.root]\ninput = \"root\"\n\n[infra.data.leaf]\nfor_each = '${{[for number in \
         range(0, {leaves}) : \"${{number}}\"]}}'\ninput = \"${{infra.data.root.id}} ${{each.value}}\"\n"
    )
}

/// For other tools: what a tree of `size` looks like.
pub fn parents(size: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
    (0..size).map(|number| (number, number.checked_sub(1).map(|before| before / BRANCHES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_one_root_and_as_many_nodes_as_asked() {
        let text = tree(25);
        assert_eq!(text.matches("[infra.data.n").count(), 25);
        assert_eq!(text.matches("${infra.data.n0.id}").count(), BRANCHES);
        assert_eq!(parents(25).filter(|(_, parent)| parent.is_none()).count(), 1);
    }
}
