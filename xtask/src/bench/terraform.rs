//! The same tree for Terraform, where there is one: `terraform_data`, which needs no provider.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{Run, measured, timed};
use super::scale::parents;
use crate::workspace::is_installed;

/// Its time grows with the square of the size: larger trees take from ten minutes to hours.
const LARGEST_APPLY: usize = 1_000;
const LARGEST_PLAN: usize = 5_000;

/// Runs by command, in our words, and size.
pub type Runs = BTreeMap<(&'static str, usize), Run>;

/// A `terraform` on this machine.
#[derive(Debug)]
pub struct Terraform;

impl Terraform {
    /// The one on `PATH`.
    pub fn find() -> Option<Self> {
        is_installed("terraform").then_some(Self)
    }

    /// Measures trees of the sizes that it can do.
    ///
    /// # Errors
    /// A run does not succeed.
    pub fn tree(&self, sizes: &[usize]) -> Result<Runs> {
        let mut runs = Runs::new();
        for &size in sizes.iter().filter(|size| **size <= LARGEST_PLAN) {
            let folder = tempfile::tempdir()?;
            std::fs::write(folder.path().join("main.tf"), text(size))?;
            let terraform = |arguments: &[&str]| command(folder.path(), arguments);
            timed(terraform(&["init"])).context("terraform cannot be set up")?;
            runs.insert(("validate", size), measured(terraform(&["validate"]))?);
            runs.insert(("plan", size), measured(terraform(&["plan"]))?);
            if size <= LARGEST_APPLY {
                runs.insert(("apply", size), measured(terraform(&["apply", "-auto-approve"]))?);
                runs.insert(("no-op plan", size), measured(terraform(&["plan"]))?);
                runs.insert(
                    ("destroy", size),
                    measured(terraform(&["destroy", "-auto-approve"]))?,
                );
            }
        }
        Ok(runs)
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("terraform");
    command
        .args(arguments)
        .current_dir(folder)
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_IN_AUTOMATION", "1");
    command
}

fn text(size: usize) -> String {
    let mut text = String::new();
    for (number, parent) in parents(size) {
        let input = parent.map_or_else(
            || "\"root\"".to_owned(),
            |parent| format!("terraform_data.n{parent}.id"),
        );
        let _ = write!(
            text,
            "resource \"terraform_data\" \"n{number}\" {{\n  input = {input}\n}}\n"
        );
    }
    text
}
