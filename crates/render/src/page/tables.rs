//! The tables of the page.

use std::fmt::Write as _;

use infra_core::{ResourceAddress, StepOperation};
use infra_record::{CallSum, SegmentKind, StepEnd, StepTrack, call_sums};

use super::View;
use super::chart::names;
use super::rows::Row;
use super::text::{count, escaped, escaped_lines, more, name, number, time, verb};

/// Steps in the table of the slowest.
const SLOWEST: usize = 15;
/// Failures and skipped steps that are told.
const MOST_TOLD: usize = 100;
/// Calls named for one step.
const MOST_CALLS: usize = 12;

pub(super) fn failures(html: &mut String, view: &View<'_>) {
    let failed: Vec<&StepTrack> = view.run.steps.iter().filter(|track| track.failed()).collect();
    if failed.is_empty() {
        return;
    }
    let _ = writeln!(
        html,
        "<section id=\"failures\">\n<h2>{} failed</h2>",
        count(failed.len(), "step")
    );
    for track in failed.iter().take(MOST_TOLD) {
        let StepEnd::Failed { error, place } = &track.end else {
            continue;
        };
        let _ = write!(
            html,
            "<article class=\"failure\"><h3>✖ {} <span class=\"muted\">after {}</span></h3>\n<pre>{}</pre>\n",
            escaped(&name(track)),
            time(track.duration_ms()),
            escaped_lines(&error.to_string())
        );
        if let Some(hint) = &error.hint {
            let _ = writeln!(html, "<p>What to do: {}</p>", escaped(hint));
        }
        if let Some(place) = place {
            let _ = writeln!(html, "<p class=\"muted\">See {}</p>", escaped(place));
        }
        html.push_str("</article>\n");
    }
    rest(html, failed.len(), "failure");
    html.push_str("</section>\n");
}

fn rest(html: &mut String, all: usize, noun: &str) {
    if all > MOST_TOLD {
        let _ = writeln!(html, "<p class=\"muted\">{}</p>", more(all - MOST_TOLD, noun));
    }
}

pub(super) fn slowest(html: &mut String, view: &View<'_>) {
    let mut order: Vec<usize> = (0..view.run.steps.len()).collect();
    order.sort_by_key(|&position| std::cmp::Reverse(view.run.steps[position].duration_ms()));
    order.truncate(SLOWEST);
    if order.is_empty() {
        return;
    }
    html.push_str(
        "<section>\n<h2>The slowest steps</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th>Step</th><th class=\"n\">Took</th>\
         <th class=\"n\">Calls</th><th class=\"n\">Until ready</th><th class=\"n\">Pauses</th>\
         <th class=\"n\">Aside</th><th></th></tr></thead>\n<tbody>\n",
    );
    for position in order {
        let track = &view.run.steps[position];
        let cell = |which: fn(&SegmentKind) -> bool| match track.spent_ms(which) {
            0 => "–".to_owned(),
            spent => time(spent),
        };
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td class=\"n\"><b>{}</b></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escaped(&name(track)),
            time(track.duration_ms()),
            cell(|kind| *kind == SegmentKind::Call),
            cell(|kind| matches!(kind, SegmentKind::Readiness { .. })),
            cell(|kind| matches!(kind, SegmentKind::Pause { .. })),
            cell(|kind| matches!(kind, SegmentKind::Parked { .. })),
            if view.path.has(position) {
                "◆ critical path"
            } else {
                ""
            }
        );
    }
    html.push_str("</tbody>\n</table></div>\n</section>\n");
}

pub(super) fn calls(html: &mut String, view: &View<'_>) {
    let sums = call_sums(&view.run.calls);
    html.push_str("<section id=\"calls\">\n<h2>Calls to AWS</h2>\n");
    if sums.is_empty() {
        html.push_str("<p>None.</p>\n");
    } else {
        html.push_str(
            "<div class=\"scroll\"><table>\n<thead><tr><th>Service and operation</th><th class=\"n\">Calls</th><th class=\"n\">Together</th>\
             <th class=\"n\">Mean</th><th class=\"n\">Slowest</th><th class=\"n\">Failed</th>\
             <th class=\"n\">Throttled</th></tr></thead>\n",
        );
        for service in sums.chunk_by(|one, other| one.service == other.service) {
            html.push_str("<tbody>\n");
            let whole = together(service);
            call_row(html, &whole, true);
            for sum in service {
                call_row(html, sum, false);
            }
            html.push_str("</tbody>\n");
        }
        html.push_str("</table></div>\n");
    }
    if !view.run.calls_before.is_empty() {
        let sum = together(&call_sums(&view.run.calls_before));
        let _ = writeln!(
            html,
            "<p class=\"muted\">Planning made {} before that, {} together.</p>",
            count(usize::try_from(sum.count).unwrap_or(usize::MAX), "call"),
            time(sum.total_ms)
        );
    }
    html.push_str("</section>\n");
}

fn together(sums: &[CallSum]) -> CallSum {
    let mut whole = CallSum {
        service: sums.first().map_or_else(String::new, |sum| sum.service.clone()),
        ..CallSum::default()
    };
    for sum in sums {
        whole.count += sum.count;
        whole.total_ms = whole.total_ms.saturating_add(sum.total_ms);
        whole.slowest_ms = whole.slowest_ms.max(sum.slowest_ms);
        whole.failed += sum.failed;
        whole.throttled += sum.throttled;
    }
    whole
}

fn call_row(html: &mut String, sum: &CallSum, is_service: bool) {
    let (class, what) = match is_service {
        true => (" class=\"service\"", format!("<b>{}</b>", escaped(&sum.service))),
        false => ("", format!("<code>{}</code>", escaped(&sum.operation))),
    };
    let few = |number_of: u64| match number_of {
        0 => "–".to_owned(),
        some => number(some),
    };
    let _ = writeln!(
        html,
        "<tr{class}><td>{what}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
        number(sum.count),
        time(sum.total_ms),
        time(sum.mean_ms()),
        time(sum.slowest_ms),
        few(sum.failed),
        few(sum.throttled)
    );
}

pub(super) fn skipped(html: &mut String, view: &View<'_>) {
    let why = |cause: Option<&ResourceAddress>| match cause {
        Some(cause) => format!("because {cause} failed"),
        None => "because the run was cancelled".to_owned(),
    };
    let skipped = view.run.skipped.iter();
    let skipped = skipped.map(|skip| (skip.operation, &skip.address, why(skip.because_of.as_ref())));
    not_done(html, "skipped", skipped);
    let left = view.run.left.iter();
    let left = left.map(|left| {
        (
            left.operation,
            &left.address,
            format!("to the next run, when {} has ended", left.until),
        )
    });
    not_done(html, "left", left);
}

fn not_done<'a>(
    html: &mut String,
    word: &str,
    steps: impl ExactSizeIterator<Item = (StepOperation, &'a ResourceAddress, String)>,
) {
    let all = steps.len();
    if all == 0 {
        return;
    }
    let _ = writeln!(html, "<section>\n<h2>{} {word}</h2>\n<ul>", count(all, "step"));
    for (operation, address, why) in steps.take(MOST_TOLD) {
        let _ = writeln!(
            html,
            "<li><code>{} {}</code> <span class=\"muted\">{}</span></li>",
            verb(operation),
            escaped(&address.to_string()),
            escaped(&why)
        );
    }
    html.push_str("</ul>\n");
    rest(html, all, "step");
    html.push_str("</section>\n");
}

/// Everything of each step that has a row, where the chart's labels lead to.
pub(super) fn steps(html: &mut String, view: &View<'_>) {
    let own = || {
        view.layout.rows.iter().filter_map(|(_, row)| match row {
            Row::Step(position) => Some(*position),
            _ => None,
        })
    };
    if own().next().is_none() {
        return;
    }
    html.push_str(
        "<section>\n<h2>All of it</h2>\n<div class=\"scroll\"><table class=\"steps\">\n<thead><tr><th>Step</th><th class=\"n\">From</th>\
         <th class=\"n\">To</th><th>After</th><th>Calls</th></tr></thead>\n<tbody>\n",
    );
    for position in own() {
        let track = &view.run.steps[position];
        let after: Vec<_> = track.after.iter().map(|before| before.step).collect();
        let _ = writeln!(
            html,
            "<tr id=\"step-{}\"><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>\
             <td>{}</td></tr>",
            track.step.0,
            escaped(&name(track)),
            time(track.queued_ms),
            time(track.end_ms),
            escaped(&names(view, &after)),
            escaped(&calls_of(view, position))
        );
    }
    html.push_str("</tbody>\n</table></div>\n</section>\n");
}

/// `CreateVpc 40 ms, 3 × DescribeVpcs 25 ms`.
fn calls_of(view: &View<'_>, position: usize) -> String {
    let calls = &view.calls[position];
    let sums = call_sums(calls.iter().filter_map(|call| view.run.calls.get(*call)));
    let mut words: Vec<String> = sums
        .iter()
        .take(MOST_CALLS)
        .map(|sum| match sum.count {
            1 => format!("{} {}", sum.operation, time(sum.total_ms)),
            some => format!("{some} × {} {}", sum.operation, time(sum.total_ms)),
        })
        .collect();
    if sums.len() > MOST_CALLS {
        words.push("…".to_owned());
    }
    words.join(", ")
}
