//! `infra report`: what a past run took, and why.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use infra_record::{Record, Timeline};
use infra_render::{Format, write_report, write_report_figures};
use infra_state::{RecordFile, open_private, records};

use crate::arguments::Where;
use crate::exit::Exit;
use crate::named;
use crate::terminal::{Terminal, data};

/// Runs named where the one that was asked for is not there.
const NAMED: usize = 5;
/// The characters of a run's id in the name of its page.
const SHORT: usize = 8;

/// Draw a past run as an HTML page: its steps over time, its critical path, its calls to AWS
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra report stacks/dev02-us-east-1.toml\n  infra report stacks/dev02-us-east-1.toml 2f3c --out apply.html\n  infra report appname/dev/dev02/us-east-1   without the file\n  infra report --from job.log        of what `apply --output json` wrote in a job\n  infra report stacks/dev02-us-east-1.toml --output json"
)]
pub struct Report {
    /// The stack file, or the identity of a stack
    #[arg(
        required_unless_present = "from",
        conflicts_with = "from",
        value_name = "STACK"
    )]
    file: Option<PathBuf>,
    /// The run, or how its id begins [default: the last one]; `infra state history` lists them
    run: Option<String>,
    /// Where the page goes; `-` for stdout [default: report-<run>.html, with `--output json` nowhere]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Take the run from a file instead: what `--output json` wrote, in which the last run counts
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

/// Writes the page, and in short what is on it.
///
/// # Errors
/// There is no such record, or a file cannot be read or written.
pub fn run(command: &Report, terminal: &Terminal) -> Result<Exit> {
    let record = match (&command.from, &command.file) {
        (Some(from), _) => from.clone(),
        (None, Some(file)) => {
            let Some(found) = named::find_known(file, &command.place, terminal)? else {
                return Ok(Exit::BadStack);
            };
            let folder = infra_state_sled::runs_folder(&found.site.state_dir, &found.id);
            match chosen(records(&folder)?, command.run.as_deref()) {
                Ok(record) => record.path,
                Err(why) => bail!("{}: {why}", found.id),
            }
        }
        (None, None) => return Ok(Exit::Usage),
    };
    let run = read(&record)?;
    let page = match (&command.out, terminal.format) {
        (Some(out), _) => Some(out.clone()),
        (None, Format::Json) => None,
        (None, _) => Some(PathBuf::from(name(&run))),
    };
    let mut out = data();
    if page.as_deref() == Some(Path::new("-")) {
        write_report(&mut out, &run)?;
        return Ok(Exit::Done);
    }
    if let Some(page) = &page {
        let mut file = BufWriter::new(open_private(page)?);
        let written = write_report(&mut file, &run).and_then(|()| file.flush());
        written.with_context(|| format!("{} cannot be written", page.display()))?;
    }
    write_report_figures(&mut out, &run, terminal.format, &terminal.out)?;
    if let (Some(page), Format::Human | Format::Plain) = (&page, terminal.format) {
        writeln!(out, "Written to {}", page.display())?;
    }
    Ok(Exit::Done)
}

/// The name of a run's page.
fn name(run: &Timeline) -> String {
    let id = run.run.0.chars().filter(char::is_ascii_alphanumeric);
    format!("report-{}.html", id.take(SHORT).collect::<String>())
}

fn read(path: &Path) -> Result<Timeline> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let records: Vec<Record> = infra_record::read(&String::from_utf8_lossy(&bytes))
        .with_context(|| format!("{} is no record of a run", path.display()))?;
    let run = records.last().and_then(Timeline::of);
    run.with_context(|| format!("{} is no record of a run", path.display()))
}

/// The record that is meant: the last one, or the one whose run begins so.
fn chosen(mut records: Vec<RecordFile>, asked: Option<&str>) -> Result<RecordFile, String> {
    let Some(asked) = asked else {
        return records
            .pop()
            .ok_or_else(|| "no run was recorded yet: apply it first".to_owned());
    };
    let names: Vec<String> = records
        .iter()
        .rev()
        .take(NAMED)
        .map(|record| record.run.to_string())
        .collect();
    let mut meant: Vec<RecordFile> = records
        .into_iter()
        .filter(|record| record.run.0.starts_with(asked))
        .collect();
    match (meant.pop(), meant.is_empty()) {
        (Some(record), true) => Ok(record),
        (Some(_), false) => Err(format!("more than one run begins with {asked}: give more of it")),
        (None, _) if names.is_empty() => Err("no run was recorded yet: apply it first".to_owned()),
        (None, _) => Err(format!(
            "no run that was recorded begins with {asked}; the last ones are {}",
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use infra_core::RunId;

    use super::*;

    #[test]
    fn a_run_is_meant_by_the_beginning_of_its_id() {
        let records = |ids: &[&str]| {
            ids.iter()
                .map(|id| RecordFile {
                    path: PathBuf::from(id),
                    run: RunId((*id).to_owned()),
                })
                .collect::<Vec<_>>()
        };
        let ids = ["2f3c", "2f4d", "91aa"];
        for (ids, asked, expected) in [
            (&ids[..], None, Ok("91aa")),
            (&ids, Some("2f3"), Ok("2f3c")),
            (&ids, Some("2f"), Err("more than one run")),
            (&ids, Some("7"), Err("the last ones are 91aa, 2f4d, 2f3c")),
            (&[], Some("7"), Err("apply it first")),
            (&[], None, Err("apply it first")),
        ] {
            match (chosen(records(ids), asked), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.run.0, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{asked:?}: {found:?}"),
            }
        }
    }
}
