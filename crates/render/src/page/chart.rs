//! The chart: a row for each step, time from left to right, and the critical path through it.

use std::fmt::Write as _;

use infra_core::StepId;
use infra_record::{Segment, SegmentKind, StepEnd, StepTrack};

use super::View;
use super::rows::{HEADING, MOST_ROWS, ROW, Row};
use super::text::{count, escaped, more, name, time, verb};

/// The share of the width that the time takes, in percent.
const WIDTH: f64 = 98.0;
/// A bar that ends beyond this share has its duration on its left, and one that also begins before the other
/// inside: it has room there in a narrow window too.
const NEAR_RIGHT: f64 = 84.0;
const NEAR_LEFT: f64 = 20.0;
/// Ticks of the axis, about.
const TICKS: u64 = 8;

pub(super) fn write(html: &mut String, view: &View<'_>) {
    if view.run.steps.is_empty() {
        html.push_str("<section>\n<h2>Steps</h2>\n<p>No step has started.</p>\n</section>\n");
        return;
    }
    html.push_str("<section>\n<h2>Steps over time</h2>\n");
    if view.layout.shown < view.run.steps.len() {
        let _ = writeln!(
            html,
            "<p class=\"notice\">Of {} the {MOST_ROWS} that matter most have a row: the critical path, what \
             failed, and the longest. The others are drawn together, one row for each service; sums count all.</p>",
            count(view.run.steps.len(), "step")
        );
    }
    legend(html);
    html.push_str("<div class=\"gantt\" id=\"gantt\">\n<div class=\"corner\"></div>\n");
    axis(html, view);
    labels(html, view);
    let height = view.layout.height;
    let _ = write!(
        html,
        "<svg class=\"chart\" width=\"100%\" height=\"{height}\" role=\"group\" aria-label=\"Steps over time\">\n\
         <defs>\
         <pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"hatch-back\" width=\"6\" height=\"6\"/>\
         <rect class=\"hatch-line\" width=\"2.5\" height=\"6\"/></pattern>\
         <pattern id=\"dots\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
         <rect class=\"dots-back\" width=\"5\" height=\"5\"/>\
         <circle class=\"dots-dot\" cx=\"2.5\" cy=\"2.5\" r=\"1\"/></pattern></defs>\n"
    );
    for at_ms in ticks(view.run.duration_ms) {
        let x = x(at_ms, view);
        let _ = writeln!(
            html,
            "<line class=\"grid\" x1=\"{x}%\" x2=\"{x}%\" y1=\"0\" y2=\"{height}\"/>"
        );
    }
    for at_ms in &view.run.cancelled_ms {
        let x = x(*at_ms, view);
        let _ = writeln!(
            html,
            "<line class=\"cancelled\" x1=\"{x}%\" x2=\"{x}%\" y1=\"0\" y2=\"{height}\"><title>stopped by the \
             user at {}</title></line>",
            time(*at_ms)
        );
    }
    for (top, row) in &view.layout.rows {
        match row {
            Row::Service { .. } => {}
            Row::Step(position) => step(html, view, *position, *top),
            Row::Others { steps } => others(html, view, steps, *top),
        }
    }
    critical(html, view);
    html.push_str("</svg>\n</div>\n</section>\n");
}

fn legend(html: &mut String) {
    html.push_str("<ul class=\"legend\" aria-label=\"Legend\">\n");
    for (class, height, words) in [
        ("call", 14, "calls to AWS"),
        ("ready", 8, "exists, not ready yet"),
        ("pause", 14, "pause before a call is made again"),
        ("parked", 6, "stands aside for another step"),
        ("queued", 6, "waits for a free place"),
        ("path", 3, "critical path"),
    ] {
        let y = (16 - height) / 2;
        let _ = writeln!(
            html,
            "<li><svg width=\"28\" height=\"16\" aria-hidden=\"true\"><rect class=\"{class}\" x=\"1\" y=\"{y}\" \
             width=\"26\" height=\"{height}\"/></svg> {words}</li>"
        );
    }
    html.push_str("</ul>\n");
}

/// Times at round distances.
fn ticks(duration_ms: u64) -> impl Iterator<Item = u64> {
    const STEPS: [u64; 6] = [1, 2, 5, 10, 20, 50];
    const MINUTES: [u64; 8] = [1, 2, 5, 10, 15, 30, 60, 120];
    let wanted = duration_ms / TICKS;
    let distance = if wanted < 30_000 {
        (0..5)
            .flat_map(|power| STEPS[..3].iter().map(move |step| step * 10_u64.pow(power)))
            .chain([15_000, 30_000])
            .filter(|distance| *distance >= wanted.max(1))
            .min()
    } else {
        MINUTES
            .iter()
            .map(|minutes| minutes * 60_000)
            .find(|distance| *distance >= wanted)
    };
    // A run of days is divided into equal parts.
    let distance = distance.unwrap_or(wanted).max(1);
    (0..=duration_ms / distance).map(move |number| number * distance)
}

fn axis(html: &mut String, view: &View<'_>) {
    html.push_str("<svg class=\"axis\" width=\"100%\" height=\"24\" aria-hidden=\"true\">\n");
    for at_ms in ticks(view.run.duration_ms) {
        let x = x(at_ms, view);
        let anchor = if at_ms == 0 { "start" } else { "middle" };
        let words = tick_words(at_ms);
        let _ = writeln!(
            html,
            "<text x=\"{x}%\" y=\"16\" text-anchor=\"{anchor}\">{words}</text>"
        );
    }
    html.push_str("</svg>\n");
}

/// `0`, `250 ms`, `1.5 s`, `40 s`, `2 min`, `2 min 30 s`.
fn tick_words(at_ms: u64) -> String {
    match (at_ms, at_ms % 1_000, at_ms / 1_000 % 60) {
        (0, ..) => "0".to_owned(),
        (1..1_000, ..) => format!("{at_ms} ms"),
        (_, 0, 0) => format!("{} min", at_ms / 60_000),
        (60_000.., _, seconds) => format!("{} min {seconds} s", at_ms / 60_000),
        (_, 0, seconds) => format!("{seconds} s"),
        _ => {
            let text = format!("{:.3}", at_ms as f64 / 1_000.0);
            format!("{} s", text.trim_end_matches('0'))
        }
    }
}

fn labels(html: &mut String, view: &View<'_>) {
    html.push_str("<div class=\"labels\">\n");
    for (_, row) in &view.layout.rows {
        let _ = match row {
            Row::Service { name, steps } => writeln!(
                html,
                "<div class=\"service\" style=\"height:{HEADING}px\"><b>{}</b> <span class=\"muted\">{}</span></div>",
                escaped(name),
                count(*steps, "step")
            ),
            Row::Step(position) => {
                let track = &view.run.steps[*position];
                let full = track.address.to_string();
                let service = track.address.type_name().service();
                let short = full.strip_prefix(&format!("{service}.")).unwrap_or(&full);
                let (class, sign) = sign(view, *position);
                writeln!(
                    html,
                    "<div class=\"label{class}\" style=\"height:{ROW}px\" title=\"{}\"><a href=\"#step-{}\">{sign}{}</a> \
                     <span class=\"muted\">{}</span></div>",
                    escaped(&full),
                    track.step.0,
                    escaped(short),
                    match track.operation {
                        infra_core::StepOperation::Create => "",
                        other => verb(other),
                    }
                )
            }
            Row::Others { steps } => writeln!(
                html,
                "<div class=\"label muted\" style=\"height:{ROW}px\">{}</div>",
                more(steps.len(), "step")
            ),
        };
    }
    html.push_str("</div>\n");
}

/// What sets a step apart, beyond its colour.
fn sign(view: &View<'_>, position: usize) -> (&'static str, &'static str) {
    let on_path = view.path.has(position);
    match (&view.run.steps[position].end, on_path) {
        (StepEnd::Failed { .. }, true) => (" failed critical", "✖ ◆ "),
        (StepEnd::Failed { .. }, false) => (" failed", "✖ "),
        (StepEnd::CutOff, true) => (" critical", "… ◆ "),
        (StepEnd::CutOff, false) => ("", "… "),
        (_, true) => (" critical", "◆ "),
        (_, false) => ("", ""),
    }
}

fn step(html: &mut String, view: &View<'_>, position: usize, top: usize) {
    let track = &view.run.steps[position];
    let (start, end) = (x(track.queued_ms, view), x(track.end_ms, view));
    let words = words(view, position);
    let middle = top + ROW / 2;
    let _ = write!(
        html,
        "<g class=\"row\" data-step=\"{}\" role=\"img\" aria-label=\"{words}\"><title>{words}</title>\
         <rect class=\"back\" x=\"0\" y=\"{top}\" width=\"100%\" height=\"{ROW}\"/>\
         <line class=\"guide\" x1=\"0\" x2=\"{start}%\" y1=\"{middle}\" y2=\"{middle}\"/>",
        track.step.0
    );
    for segment in &track.segments {
        let (class, height) = shape(&segment.kind);
        let y = top + (ROW - height) / 2;
        let _ = write!(
            html,
            "<rect class=\"{class}\" x=\"{}%\" y=\"{y}\" width=\"{}%\" height=\"{height}\"><title>{}</title></rect>",
            x(segment.start_ms, view),
            width(segment.start_ms, segment.end_ms, view),
            escaped(&told(view, segment))
        );
    }
    if track.segments.is_empty() {
        let y = top + 4;
        let _ = write!(
            html,
            "<rect class=\"call\" x=\"{start}%\" y=\"{y}\" width=\"0.05%\" height=\"14\"/>"
        );
    }
    let (class, mark) = match track.end {
        StepEnd::Failed { .. } => ("after bad", "✖ "),
        StepEnd::CutOff => ("after", "… "),
        StepEnd::Skipped => ("after", "∅ "),
        StepEnd::Done { .. } => ("after", ""),
    };
    let (from, to) = (share(track.queued_ms, view), share(track.end_ms, view));
    let (class, at, anchor, aside) = match (from < NEAR_LEFT, to > NEAR_RIGHT) {
        (_, false) => (class.to_owned(), &end, "start", 5),
        (false, true) => (class.to_owned(), &start, "end", -5),
        (true, true) => (format!("{class} inside"), &end, "end", -5),
    };
    let _ = writeln!(
        html,
        "<text class=\"{class}\" x=\"{at}%\" dx=\"{aside}\" y=\"{}\" text-anchor=\"{anchor}\">{mark}{}</text></g>",
        middle + 4,
        time(track.duration_ms())
    );
}

/// How a stretch of time is drawn: its class and its height, so that it is known without colours too.
fn shape(kind: &SegmentKind) -> (&'static str, usize) {
    match kind {
        SegmentKind::Call => ("call", 14),
        SegmentKind::Readiness { .. } => ("ready", 8),
        SegmentKind::Pause { .. } => ("pause", 14),
        SegmentKind::Parked { .. } => ("parked", 6),
        SegmentKind::Queued => ("queued", 6),
    }
}

/// What a stretch of time is, for whoever points at it.
fn told(view: &View<'_>, segment: &Segment) -> String {
    let took = time(segment.duration_ms());
    let at = time(segment.start_ms);
    match &segment.kind {
        SegmentKind::Call => format!("calls to AWS: {took}, from {at}"),
        SegmentKind::Queued => format!("waited {took} for a free place, from {at}"),
        SegmentKind::Pause { error } => format!("paused {took} at {at}, because: {error}"),
        SegmentKind::Parked { waits_for, error } => {
            format!(
                "stood aside {took} at {at} for {}, because: {error}",
                names(view, waits_for)
            )
        }
        SegmentKind::Readiness { waiter, statuses } => {
            let mut words = format!("waited {took} from {at} until {waiter}");
            if !statuses.is_empty() {
                words.push_str(&format!(" ({})", statuses.join(", ")));
            }
            words
        }
    }
}

/// The addresses of steps, those that are known.
pub(super) fn names(view: &View<'_>, steps: &[StepId]) -> String {
    const MOST: usize = 6;
    let of = |step: &StepId| {
        let track = view.run.steps.iter().find(|track| track.step == *step);
        track.map_or_else(|| format!("step {}", step.0), |track| track.address.to_string())
    };
    let named: Vec<String> = steps.iter().take(MOST).map(of).collect();
    crate::units::listed(
        &named
            .into_iter()
            .chain(std::iter::repeat_n(
                String::new(),
                steps.len().saturating_sub(MOST),
            ))
            .collect::<Vec<_>>(),
        MOST,
    )
}

/// A step in a sentence, escaped.
fn words(view: &View<'_>, position: usize) -> String {
    let track = &view.run.steps[position];
    let mut words = format!(
        "{}: {} from {} to {}",
        name(track),
        time(track.duration_ms()),
        time(track.queued_ms),
        time(track.end_ms)
    );
    words.push_str(&parts(track));
    match &track.end {
        StepEnd::Done { changed: true } => {}
        StepEnd::Done { changed: false } => words.push_str("; there was nothing to do"),
        StepEnd::Failed { error, .. } => words.push_str(&format!("; failed: {error}")),
        StepEnd::Skipped => words.push_str("; it never went on"),
        StepEnd::CutOff => words.push_str("; the record ends before it does"),
    }
    if view.path.has(position) {
        words.push_str("; on the critical path");
    }
    escaped(&words)
}

/// `; calls 0.2 s, not ready for 41 s`: what there is of each.
fn parts(track: &StepTrack) -> String {
    type Is = fn(&SegmentKind) -> bool;
    let kinds: [(&str, Is); 5] = [
        ("in the queue", |kind| *kind == SegmentKind::Queued),
        ("calls", |kind| *kind == SegmentKind::Call),
        ("pauses", |kind| matches!(kind, SegmentKind::Pause { .. })),
        ("aside", |kind| matches!(kind, SegmentKind::Parked { .. })),
        ("until ready", |kind| {
            matches!(kind, SegmentKind::Readiness { .. })
        }),
    ];
    let told: Vec<String> = kinds
        .iter()
        .map(|(name, which)| (name, track.spent_ms(which)))
        .filter(|(_, spent)| *spent > 0)
        .map(|(name, spent)| format!("{name} {}", time(spent)))
        .collect();
    if told.is_empty() {
        String::new()
    } else {
        format!(" ({})", told.join(", "))
    }
}

/// The steps without a row of their own, as one.
fn others(html: &mut String, view: &View<'_>, steps: &[usize], top: usize) {
    let tracks = || steps.iter().map(|position| &view.run.steps[*position]);
    let start = tracks().map(|track| track.queued_ms).min().unwrap_or_default();
    let end = tracks().map(|track| track.end_ms).max().unwrap_or_default();
    let sum: u64 = tracks().map(StepTrack::duration_ms).sum();
    let _ = writeln!(
        html,
        "<g class=\"row others\"><title>{} from {} to {}, {} together</title>\
         <rect class=\"many\" x=\"{}%\" y=\"{}\" width=\"{}%\" height=\"10\"/></g>",
        count(steps.len(), "step"),
        time(start),
        time(end),
        time(sum),
        x(start, view),
        top + 6,
        width(start, end, view)
    );
}

/// The critical path: a line below each part of it, and one down or up to the next.
fn critical(html: &mut String, view: &View<'_>) {
    html.push_str("<g id=\"critical-path\">\n");
    let mut before: Option<(u64, usize)> = None;
    for part in &view.path.parts {
        let Some(top) = view.layout.tops[part.position] else {
            before = None;
            continue;
        };
        let y = top + ROW - 3;
        if let Some((from_ms, from_y)) = before {
            let _ = writeln!(
                html,
                "<line class=\"path link\" x1=\"{}%\" x2=\"{}%\" y1=\"{from_y}\" y2=\"{y}\"/>",
                x(from_ms, view),
                x(part.start_ms, view)
            );
        }
        let _ = writeln!(
            html,
            "<line class=\"path\" x1=\"{}%\" x2=\"{}%\" y1=\"{y}\" y2=\"{y}\"/>",
            x(part.start_ms, view),
            x(part.end_ms, view)
        );
        before = Some((part.end_ms, y));
    }
    html.push_str("</g>\n");
}

/// A moment's place in percent of the width.
fn x(at_ms: u64, view: &View<'_>) -> String {
    format!("{:.3}", share(at_ms, view))
}

fn share(at_ms: u64, view: &View<'_>) -> f64 {
    let whole = view.run.duration_ms.max(1) as f64;
    (at_ms as f64 / whole).min(1.0) * WIDTH
}

fn width(start_ms: u64, end_ms: u64, view: &View<'_>) -> String {
    x(end_ms.saturating_sub(start_ms), view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_times_and_not_too_many() {
        for duration_ms in (0..60)
            .map(|power| (1.5_f64.powi(power)) as u64)
            .take_while(|duration| *duration < 1_000_000_000)
        {
            let ticks: Vec<u64> = ticks(duration_ms).collect();
            assert!(
                (1..=TICKS as usize + 4).contains(&ticks.len()),
                "{duration_ms}: {ticks:?}"
            );
            assert!(duration_ms < 8 || ticks.len() > 2, "{duration_ms}: {ticks:?}");
        }
        for (at_ms, expected) in [
            (0, "0"),
            (250, "250 ms"),
            (1_500, "1.5 s"),
            (40_000, "40 s"),
            (120_000, "2 min"),
            (150_000, "2 min 30 s"),
        ] {
            assert_eq!(tick_words(at_ms), expected);
        }
    }
}
