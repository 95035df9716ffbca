//! What runs wrote down of themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use infra_core::RunOutcome;
use infra_record::Timeline;
use infra_sandbox::Status;

use super::project::Project;

/// The record of the last run.
///
/// # Errors
/// There is none, or it tells of no run that came to its end.
pub fn last_record(project: &Project) -> Result<Timeline> {
    let Status::Running(running) = project.sandbox.status()? else {
        bail!("the sandbox has stopped");
    };
    let mut records = Vec::new();
    find(&running.state_dir, &mut records)?;
    // Their names begin with the moment of their start.
    let last = records
        .iter()
        .max_by_key(|path| path.file_name().map(ToOwned::to_owned));
    let last = last.context("no run was recorded")?;
    let text = std::fs::read_to_string(last)?;
    let records = infra_record::read(&text).with_context(|| last.display().to_string())?;
    let run = records
        .last()
        .and_then(Timeline::of)
        .context("no run is in the record")?;
    match &run.end {
        Some((RunOutcome::Completed, _)) => Ok(run),
        end => bail!("{} ends with {end:?}", last.display()),
    }
}

fn find(folder: &Path, records: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, records)?;
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            records.push(path);
        }
    }
    Ok(())
}
