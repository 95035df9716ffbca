//! The rows at the foot of a terminal while a run goes on.

use infra_core::StepOperation;

use super::tracker::{InFlight, Phase, Tracker};
use super::words;
use crate::line::Line;
use crate::style::{Role, Style, Symbols};
use crate::units::{bytes, duration};

/// Width of a transfer's bar in columns.
const BAR: usize = 20;
/// A spinner moves on this often, in milliseconds.
const SPIN_MS: u64 = 100;
/// A narrower terminal has the numbers of a transfer without the bar.
const ROOM_FOR_BAR: usize = 90;
/// Addresses take at most this part of the width: one in so many.
const ADDRESS_SHARE: usize = 2;

/// The rows for what is in flight, at most `most` with the totals, each at most `style.width` wide.
pub(crate) fn rows(tracker: &Tracker, most: usize, style: &Style) -> Vec<Line> {
    let symbols = style.symbols();
    let steps = tracker.in_flight();
    let room = most.saturating_sub(1);
    let shown = if steps.len() <= room {
        steps.len()
    } else {
        // One row says how many are not shown.
        room.saturating_sub(1)
    };
    let widest = steps
        .iter()
        .take(shown)
        .map(|step| step.address.to_string().chars().count())
        .max()
        .unwrap_or(0)
        .min(style.width / ADDRESS_SHARE);
    let mut lines: Vec<Line> = steps
        .iter()
        .take(shown)
        .map(|step| step_row(step, tracker, widest, style))
        .collect();
    if shown < steps.len() && room > 0 {
        let more = format!("  and {} more", steps.len() - shown);
        lines.push(Line::new().add(Role::Muted, more));
    }
    lines.push(totals(tracker, &steps, symbols));
    lines
        .into_iter()
        .map(|line| line.truncated(style.width, symbols.ellipsis))
        .collect()
}

/// The row for something that is being done outside of steps.
pub(crate) fn status_row(text: &str, now_ms: u64, style: &Style) -> Line {
    let symbols = style.symbols();
    Line::new()
        .add(Role::Good, spinner(now_ms, symbols))
        .normal(" ")
        .normal(text)
        .truncated(style.width, symbols.ellipsis)
}

fn spinner(now_ms: u64, symbols: &Symbols) -> &'static str {
    let frames = symbols.spinner;
    let position = usize::try_from(now_ms / SPIN_MS).unwrap_or(0) % frames.len();
    frames[position]
}

fn step_row(step: &InFlight, tracker: &Tracker, widest: usize, style: &Style) -> Line {
    let symbols = style.symbols();
    let parked = matches!(step.phase, Phase::Parked { .. });
    let sign = if parked {
        Line::new().add(Role::Muted, symbols.parked)
    } else {
        Line::new().add(operation_role(step.operation), spinner(tracker.now_ms, symbols))
    };
    let elapsed = duration(tracker.now_ms.saturating_sub(step.started_ms));
    let address = Line::new()
        .add(Role::Strong, step.address.to_string())
        .truncated(widest, symbols.ellipsis);
    let mut line = sign
        .padded(2)
        .append(address)
        .padded(2 + widest + 2)
        .normal(format!(
            "{:<10} {elapsed:>6}  ",
            words::doing(step.operation).trim_end_matches(" for")
        ));
    if let Some(transfer) = &step.transfer {
        if style.width >= ROOM_FOR_BAR {
            line = line
                .append(bar(transfer.done, transfer.total, symbols))
                .normal(" ");
        }
        line = line.normal(format!("{}/{}", bytes(transfer.done), bytes(transfer.total)));
        if let Some(rate) = transfer.rate() {
            line = line.normal(format!("  {}/s", bytes(rate)));
        }
        line = line.normal("  ");
    }
    let role = match step.phase {
        Phase::Retrying { .. } => Role::Notice,
        _ => Role::Muted,
    };
    line.add(role, words::detail(step, tracker))
}

fn operation_role(operation: StepOperation) -> Role {
    match operation {
        StepOperation::Create => Role::Create,
        StepOperation::Update | StepOperation::Retag => Role::Update,
        StepOperation::Delete => Role::Delete,
        StepOperation::Forget | StepOperation::Wait | StepOperation::Confirm => Role::Muted,
    }
}

fn bar(done: u64, total: u64, symbols: &Symbols) -> Line {
    let width = BAR as u128;
    // Nothing to send is as good as all sent.
    let filled = (u128::from(done.min(total)) * width)
        .checked_div(u128::from(total))
        .unwrap_or(width);
    let filled = usize::try_from(filled).unwrap_or(BAR);
    Line::new()
        .add(Role::Good, symbols.bar[0].repeat(filled))
        .add(Role::Muted, symbols.bar[1].repeat(BAR - filled))
}

/// `12/58 done · 3 in flight · 1m02s`
fn totals(tracker: &Tracker, steps: &[&InFlight], symbols: &Symbols) -> Line {
    let parked = steps
        .iter()
        .filter(|step| matches!(step.phase, Phase::Parked { .. }))
        .count();
    let between = format!(" {} ", symbols.separator);
    let mut line = Line::new()
        .add(Role::Strong, format!("{}/{} done", tracker.done, tracker.steps))
        .normal(&between)
        .normal(format!("{} in flight", steps.len() - parked));
    for (number, word, role) in [
        (parked, "waiting for others", Role::Normal),
        (tracker.failed, "failed", Role::Bad),
        (tracker.skipped, "skipped", Role::Notice),
    ] {
        if number > 0 {
            line = line.normal(&between).add(role, format!("{number} {word}"));
        }
    }
    if tracker.cancelling > 0 {
        line = line.normal(&between).add(Role::Notice, "stopping");
    }
    line.normal(&between).normal(duration(tracker.now_ms))
}
