//! The top of the page: which run it was, how it went, and what took its time.

use std::fmt::Write as _;

use infra_core::{RunOutcome, Strength};
use infra_record::{PathPart, SegmentKind, StepEnd, StepTrack};

use super::View;
use super::text::{count, escaped, more, number, time};
use crate::units::time_utc;

/// Waiting for a free place is told when it takes more than this part of the time.
const FEW: u64 = 50;
/// Parts of the critical path that are told in words; the chart has them all.
const MOST_PARTS: usize = 40;

pub(super) fn write(html: &mut String, view: &View<'_>) {
    let run = view.run;
    let (class, sign, outcome) = match &run.end {
        Some((RunOutcome::Completed, _)) => ("good", "✔", "completed"),
        Some((RunOutcome::Failed, _)) => ("bad", "✖", "failed"),
        Some((RunOutcome::Cancelled, _)) => ("notice", "■", "cancelled"),
        None => ("notice", "…", "not ended"),
    };
    let _ = write!(
        html,
        "<header>\n<h1>{} of {} <span class=\"badge {class}\" id=\"outcome\">{sign} {outcome}</span></h1>\n\
         <p class=\"muted\">{} UTC · run {} · state at serial {}</p>\n",
        escaped(&run.command),
        escaped(run.stack.as_str()),
        time_utc(run.started_unix_ms),
        escaped(&run.run.0),
        run.serial
    );
    if run.end.is_none() {
        html.push_str(
            "<p class=\"notice\">The record has no end: the run was cut off, or still goes on. What was under \
             way is drawn up to the last thing that was written down.</p>\n",
        );
    }
    if run.unreadable_lines > 0 {
        let _ = writeln!(
            html,
            "<p class=\"notice\">{} of the record could not be read.</p>",
            count(run.unreadable_lines, "line")
        );
    }
    tiles(html, view);
    html.push_str("</header>\n");
    path(html, view);
}

fn tiles(html: &mut String, view: &View<'_>) {
    let run = view.run;
    let critical_ms = view.path.duration_ms();
    let done = run
        .steps
        .iter()
        .filter(|track| matches!(track.end, StepEnd::Done { .. }))
        .count();
    let failed = run.steps.iter().filter(|track| track.failed()).count();
    let mut steps = vec![format!("{} done", number(done as u64))];
    for (number_of, word) in [
        (failed, "failed"),
        (run.skipped.len(), "skipped"),
        (run.left.len(), "left"),
        (
            run.planned_steps
                .saturating_sub(done + failed + run.skipped.len() + run.left.len()),
            "not ended",
        ),
    ] {
        if number_of > 0 {
            steps.push(format!("{} {word}", number(number_of as u64)));
        }
    }
    let changing = run.calls.iter().filter(|call| call.mutating).count() as u64;
    let calls = run.calls.len() as u64;
    let ratio = if critical_ms == 0 {
        "–".to_owned()
    } else {
        format!("{:.2}", run.duration_ms as f64 / critical_ms as f64)
    };
    html.push_str("<dl class=\"tiles\">\n");
    for (name, value, more) in [
        ("Wall time", time(run.duration_ms), String::new()),
        (
            "Critical path",
            time(critical_ms),
            count(view.path.parts.len(), "step"),
        ),
        (
            "Wall time / critical path",
            ratio,
            "1 is as fast as AWS lets it be".to_owned(),
        ),
        ("Steps", number(run.planned_steps as u64), steps.join(", ")),
        (
            "AWS calls",
            number(calls),
            format!(
                "{} changing, {} reading",
                number(changing),
                number(calls - changing)
            ),
        ),
    ] {
        let _ = writeln!(
            html,
            "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"muted\">{}</dd></div>",
            escaped(&more)
        );
    }
    html.push_str("</dl>\n");
}

/// The critical path in words.
fn path(html: &mut String, view: &View<'_>) {
    if view.path.parts.is_empty() {
        return;
    }
    html.push_str("<section>\n<h2>The critical path</h2>\n");
    html.push_str(
        "<p class=\"muted\">The chain of steps that ended last: each began when the one before it let it.</p>\n\
         <ol class=\"chain\">\n",
    );
    let parts = &view.path.parts;
    let hidden = parts.len().saturating_sub(MOST_PARTS);
    for part in parts.iter().take(parts.len() - hidden) {
        let track = &view.run.steps[part.position];
        let _ = writeln!(
            html,
            "<li><code>{}</code> <b>{}</b> <span class=\"muted\">{}</span></li>",
            escaped(&track.address.to_string()),
            time(part.duration_ms()),
            escaped(&why(track, part))
        );
    }
    html.push_str("</ol>\n");
    if hidden > 0 {
        let _ = writeln!(html, "<p class=\"muted\">{}</p>", more(hidden, "step"));
    }
    html.push_str("</section>\n");
}

/// What a step did of what the next one waited for.
pub(super) fn why(track: &StepTrack, part: &PathPart) -> String {
    let waiter = track
        .segments
        .iter()
        .rev()
        .find_map(|segment| match &segment.kind {
            SegmentKind::Readiness { waiter, .. } if segment.start_ms < part.end_ms => Some(waiter),
            _ => None,
        });
    let mut words = match (part.until, waiter) {
        (Strength::Exists, _) => "until its id was known".to_owned(),
        (Strength::Ready, Some(waiter)) => format!("until {waiter}"),
        (Strength::Ready, None) => match &track.end {
            StepEnd::Failed { .. } => "until it failed".to_owned(),
            StepEnd::CutOff => "until the record ends".to_owned(),
            _ => "until it was done".to_owned(),
        },
    };
    if part.queued_ms > part.duration_ms() / FEW {
        words.push_str(&format!(", after {} for a free place", time(part.queued_ms)));
    }
    words
}
