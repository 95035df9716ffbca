//! The end of a run: what was done, what failed and why, what was skipped, how long it took.

use std::collections::BTreeMap;
use std::io;

use infra_core::plan::ActionCounts;
use infra_core::{ResourceAddress, RunOutcome, SourceMap};

use crate::line::{Line, wrapped, write_lines};
use crate::live::words;
use crate::place::quoted_line;
use crate::report::{Failure, RunEnd, RunReport};
use crate::style::{Role, Style};
use crate::units::{count, duration};

/// The column at which the facts stand beside their names.
const FACTS: usize = 12;
/// Skipped resources named for each cause.
const NAMED: usize = 12;

/// Writes the summary of a run that is over; nothing while it goes on. The views of [`crate::EventSink`] do
/// so by themselves.
///
/// # Errors
/// When `out` fails.
pub fn write_summary(
    out: &mut dyn io::Write,
    report: &RunReport,
    sources: Option<&SourceMap>,
    style: &Style,
) -> io::Result<()> {
    write_lines(out, style, &lines(report, sources, style))
}

/// Writes, below an empty line, what to type next: each line as the command line words it.
///
/// # Errors
/// When `out` fails.
pub fn write_next(out: &mut dyn io::Write, commands: &[String], style: &Style) -> io::Result<()> {
    if commands.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    Line::new().add(Role::Strong, "Next:").write(out, style)?;
    for command in commands {
        Line::indented(2).normal(command).write(out, style)?;
    }
    Ok(())
}

pub(crate) fn lines(report: &RunReport, sources: Option<&SourceMap>, style: &Style) -> Vec<Line> {
    let Some(end) = &report.end else {
        return Vec::new();
    };
    let mut lines = vec![heading(report, end), Line::new()];
    lines.push(fact("Done").normal(counts_in_words(&end.summary.done)));
    if !report.failures.is_empty() {
        lines.push(fact("Failed").add(Role::Bad, count(report.failures.len(), "step")));
        for failure in &report.failures {
            lines.extend(failure_lines(failure, sources, style, FACTS));
        }
    }
    if !report.stopped.is_empty() {
        lines.push(fact("Stopped").add(Role::Notice, count(report.stopped.len(), "step")));
        for stopped in &report.stopped {
            lines.extend(stopped_lines(stopped, style, FACTS));
        }
    }
    lines.extend(skipped_lines(report, style));
    lines.extend(left_lines(report, style));
    lines.extend(time_lines(end, style));
    let summary = &end.summary;
    lines.push(fact("AWS calls").normal(format!(
        "{} ({} changing, {} reading)",
        summary.mutating_calls + summary.reading_calls,
        summary.mutating_calls,
        summary.reading_calls
    )));
    let next = match end.outcome {
        RunOutcome::Completed => return lines,
        RunOutcome::Failed => {
            "What was done is kept. Mend what failed and run the same command again: it goes on from there."
        }
        RunOutcome::Cancelled if report.stopped.is_empty() => {
            "What was done is kept. Run the same command again: it goes on from there."
        }
        RunOutcome::Cancelled => {
            "What was done is kept. Run the same command again: it goes on from there, and first asks AWS what \
             became of calls that were cut off."
        }
    };
    lines.push(Line::new());
    lines.extend(wrapped(&words_of(next), " ", 0, style.width));
    lines
}

fn words_of(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn heading(report: &RunReport, end: &RunEnd) -> Line {
    let command = if report.command.is_empty() {
        "run"
    } else {
        &report.command
    };
    let took = duration(end.summary.duration_ms);
    match end.outcome {
        RunOutcome::Completed => Line::new().add(Role::Good, format!("{command} completed in {took}")),
        RunOutcome::Failed => Line::new().add(Role::Bad, format!("{command} failed after {took}")),
        RunOutcome::Cancelled => Line::new().add(Role::Notice, format!("{command} cancelled after {took}")),
    }
}

fn fact(name: &str) -> Line {
    Line::indented(2).add(Role::Muted, name).padded(FACTS)
}

/// `3 created, 1 changed, 1 replaced`: what is none is not named.
pub(crate) fn counts_in_words(counts: &ActionCounts) -> String {
    let ActionCounts {
        create,
        update,
        replace,
        delete,
        forget,
        no_op: _,
        retag,
        refused,
    } = counts;
    let words: Vec<String> = [
        (create, "created"),
        (update, "changed"),
        (replace, "replaced"),
        (delete, "deleted"),
        (forget, "forgotten"),
        (retag, "retagged"),
        (refused, "refused"),
    ]
    .into_iter()
    .filter(|(number, _)| **number > 0)
    .map(|(number, done)| format!("{number} {done}"))
    .collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

/// A failure with everything that helps to mend it, each on its line.
pub(crate) fn failure_lines(
    failure: &Failure,
    sources: Option<&SourceMap>,
    style: &Style,
    indent: usize,
) -> Vec<Line> {
    let took = duration(failure.duration_ms);
    let mut lines = vec![
        Line::indented(indent)
            .add(Role::Bad, style.symbols().failed)
            .normal(" ")
            .add(Role::Strong, failure.address.to_string())
            .add(
                Role::Bad,
                format!(" {} failed after {took}", words::verb(failure.operation)),
            ),
    ];
    let below = indent + 4;
    lines.extend(
        words::headline(&failure.error)
            .lines()
            .flat_map(|line| wrapped(&words_of(line), " ", below, style.width)),
    );
    if let Some(id) = &failure.error.request_id {
        lines.push(Line::indented(below).add(Role::Muted, format!("request id {id}")));
    }
    if let Some(hint) = &failure.error.hint {
        for (position, line) in hint.lines().enumerate() {
            let start = if position == 0 {
                "what to do: "
            } else {
                "            "
            };
            lines.push(Line::indented(below).add(Role::Notice, start).normal(line));
        }
    }
    if let Some(place) = &failure.place {
        lines.push(Line::indented(below).add(Role::Muted, format!("see {place}")));
        if let Some((number, text)) = sources.and_then(|sources| quoted_line(place, sources)) {
            lines.push(
                Line::indented(below)
                    .add(Role::Muted, format!("{number:>5} | "))
                    .normal(text),
            );
        }
    }
    lines
}

/// What was stopped, with how far it had come.
pub(crate) fn stopped_lines(stopped: &Failure, style: &Style, indent: usize) -> Vec<Line> {
    let took = duration(stopped.duration_ms);
    let mut lines = vec![
        Line::indented(indent)
            .add(Role::Notice, style.symbols().skipped)
            .normal(" ")
            .add(Role::Strong, stopped.address.to_string())
            .add(
                Role::Notice,
                format!(" {} stopped after {took}", words::verb(stopped.operation)),
            ),
    ];
    let message = words::headline(&stopped.error);
    lines.extend(
        message
            .lines()
            .flat_map(|line| wrapped(&words_of(line), " ", indent + 4, style.width)),
    );
    lines
}

/// What was skipped, gathered by what it was skipped for.
fn skipped_lines(report: &RunReport, style: &Style) -> Vec<Line> {
    let mut by_cause: BTreeMap<Option<&ResourceAddress>, Vec<String>> = BTreeMap::new();
    let mut steps = 0;
    for skip in &report.skipped {
        steps += 1;
        let names = by_cause.entry(skip.because_of.as_ref()).or_default();
        let name = skip.address.to_string();
        // The two halves of a replacement are one thing to the reader.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if steps == 0 {
        return Vec::new();
    }
    let mut lines = vec![fact("Skipped").add(Role::Notice, count(steps, "step"))];
    for (cause, names) in by_cause {
        let heading = match cause {
            Some(cause) => format!("because {cause} failed:"),
            None => "because the run was cancelled:".to_owned(),
        };
        lines.push(Line::indented(FACTS).normal(heading));
        lines.extend(name_lines(names, style));
    }
    lines
}

/// What was left to the next run, gathered by what has to come to its end before.
fn left_lines(report: &RunReport, style: &Style) -> Vec<Line> {
    let mut by_end: BTreeMap<&ResourceAddress, Vec<String>> = BTreeMap::new();
    for left in &report.left {
        let names = by_end.entry(&left.until).or_default();
        names.push(left.address.to_string());
    }
    if by_end.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![fact("Left").add(Role::Notice, count(report.left.len(), "step"))];
    for (end, names) in by_end {
        let heading = format!("to the next apply, when {end} has ended:");
        lines.push(Line::indented(FACTS).normal(heading));
        lines.extend(name_lines(names, style));
    }
    lines
}

/// Names, of many only the first.
fn name_lines(mut names: Vec<String>, style: &Style) -> Vec<Line> {
    let hidden = names.len().saturating_sub(NAMED);
    if hidden > 0 {
        names.truncate(NAMED);
        names.push(format!("and {hidden} more"));
    }
    // Commas stay with the name in front of them when a line is full.
    let last = names.len().saturating_sub(1);
    names[..last].iter_mut().for_each(|name| name.push(','));
    wrapped(&names, " ", FACTS + 4, style.width)
}

fn time_lines(end: &RunEnd, style: &Style) -> Vec<Line> {
    let took = duration(end.summary.duration_ms);
    if end.critical_path.is_empty() {
        return vec![fact("Time").normal(took)];
    }
    let longest = duration(end.summary.critical_path_ms);
    let mut names: Vec<String> = end.critical_path.iter().map(ToString::to_string).collect();
    // The two halves of a replacement follow each other.
    names.dedup();
    let joint = format!(" {} ", style.symbols().arrow);
    let mut lines = vec![fact("Time").normal(format!("{took}, of which the critical path took {longest}:"))];
    lines.extend(wrapped(&names, &joint, FACTS + 4, style.width));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Skip;
    use infra_core::RunSummary;
    use infra_core::{ErrorClass, ProviderError, StepOperation};

    fn report(outcome: RunOutcome) -> RunReport {
        RunReport {
            command: "apply".to_owned(),
            failures: Vec::new(),
            stopped: Vec::new(),
            skipped: Vec::new(),
            left: Vec::new(),
            end: Some(RunEnd {
                outcome,
                summary: RunSummary {
                    duration_ms: 8_400,
                    critical_path_ms: 8_100,
                    mutating_calls: 2,
                    reading_calls: 5,
                    ..RunSummary::default()
                },
                critical_path: Vec::new(),
            }),
        }
    }

    #[test]
    fn ends_of_runs() {
        let vpc: ResourceAddress = "ec2.vpc.main".parse().unwrap();
        let mut completed = report(RunOutcome::Completed);
        if let Some(end) = &mut completed.end {
            end.summary.done.create = 2;
            end.summary.done.replace = 1;
            let subnet: ResourceAddress = "ec2.subnet.a".parse().unwrap();
            end.critical_path = vec![vpc.clone(), vpc.clone(), subnet];
        }
        let mut failed = report(RunOutcome::Failed);
        failed.failures.push(Failure {
            address: vpc.clone(),
            operation: StepOperation::Delete,
            error: ProviderError::new(
                ErrorClass::TimedOut,
                "not gone after 5m\nlast seen: \u{1b}[1mdeleting",
            )
            .hint("look for what still uses it\nand delete that"),
            place: Some("gone.toml:3:1".to_owned()),
            duration_ms: 300_000,
        });
        failed.skipped = (0..15)
            .map(|number| Skip {
                address: vpc.with_key(format!("{number:02}")),
                operation: StepOperation::Delete,
                because_of: Some(vpc.clone()),
            })
            .collect();
        let mut stopped = report(RunOutcome::Cancelled);
        for (message, duration_ms) in [
            ("while waiting for: NAT gateway available", 20_000),
            (
                "without AWS's answer; the next run finds out what became of it",
                1_200,
            ),
        ] {
            stopped.stopped.push(Failure {
                address: vpc.clone(),
                operation: StepOperation::Create,
                error: ProviderError::new(ErrorClass::Cancelled, message),
                place: None,
                duration_ms,
            });
        }
        stopped.skipped.push(Skip {
            address: vpc.with_key("a"),
            operation: StepOperation::Create,
            because_of: None,
        });
        let style = Style::plain();
        let mut all = Vec::new();
        for report in [
            &completed,
            &report(RunOutcome::Completed),
            &failed,
            &report(RunOutcome::Cancelled),
            &stopped,
        ] {
            write_summary(&mut all, report, Some(&SourceMap::default()), &style).unwrap();
            all.push(b'\n');
        }
        write_summary(&mut all, &RunReport::default(), None, &style).unwrap();
        write_next(&mut all, &[], &style).unwrap();
        write_next(&mut all, &["infra apply stacks/dev.toml".to_owned()], &style).unwrap();
        insta::assert_snapshot!(String::from_utf8(all).unwrap());
    }
}
