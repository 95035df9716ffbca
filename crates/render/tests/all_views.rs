//! One scenario in all views, and what must hold whatever is shown.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod page;
mod scenario;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use infra_core::{Action, Event, EventKind, Plan, Step, StepId, StepOperation};
use infra_render::{EventSink, Format, HumanView, JsonView, PlainView, PlanView, Style, write_plan};

/// A writer whose text can be read while somebody else owns it.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unicode() -> Style {
    Style {
        color: false,
        unicode: true,
        width: 100,
    }
}

fn plan_text(view: PlanView<'_>, format: Format, style: &Style) -> String {
    text_of(&scenario::plan(), view, format, style)
}

fn text_of(plan: &Plan, view: PlanView<'_>, format: Format, style: &Style) -> String {
    let mut out = Vec::new();
    write_plan(&mut out, plan, view, format, style).unwrap();
    String::from_utf8(out).unwrap()
}

/// Feeds events and ten ticks a second, as the command line does.
fn play(sink: &mut dyn EventSink, events: &[Event], mut after_tick: impl FnMut(u64)) {
    let mut next_tick = 0;
    for event in events {
        while next_tick <= event.at_ms {
            sink.tick(next_tick).unwrap();
            after_tick(next_tick);
            next_tick += 100;
        }
        sink.event(event).unwrap();
    }
}

fn run_text(format: Format, style: Style, events: &[Event]) -> String {
    let out = Shared::default();
    let sources = Some(Arc::new(scenario::sources()));
    let writer = Box::new(out.clone());
    let mut sink: Box<dyn EventSink> = match format {
        Format::Human => Box::new(HumanView::lines_only(writer, style, sources)),
        Format::Plain => Box::new(PlainView::new(writer, style, sources)),
        Format::Json => Box::new(JsonView::new(scenario::plan().stack, writer)),
    };
    sink.status("reading 14 resources").unwrap();
    play(&mut *sink, events, |_| {});
    out.text()
}

#[test]
fn the_plan_for_a_person() {
    insta::assert_snapshot!(plan_text(
        PlanView::Plan(&scenario::forecast()),
        Format::Human,
        &unicode()
    ));
}

#[test]
fn the_plan_for_a_log() {
    insta::assert_snapshot!(plan_text(
        PlanView::Plan(&scenario::forecast()),
        Format::Plain,
        &Style::plain()
    ));
}

#[test]
fn the_plan_for_a_program() {
    insta::assert_snapshot!(plan_text(
        PlanView::Plan(&scenario::forecast()),
        Format::Json,
        &Style::plain()
    ));
}

#[test]
fn the_diff_for_a_person() {
    insta::assert_snapshot!(plan_text(PlanView::Diff, Format::Human, &unicode()));
}

#[test]
fn what_is_only_waited_for_is_told_as_pending() {
    let mut plan = scenario::plan();
    plan.outputs.clear();
    plan.changes
        .retain(|change| change.action == Action::NoOp && change.drift.is_empty());
    let address = plan.changes[0].address.clone();
    plan.steps = vec![Step {
        id: StepId(0),
        address: address.clone(),
        operation: StepOperation::Wait,
        physical_id: None,
        forced: false,
        after: Vec::new(),
        together: None,
    }];
    let forecast = scenario::forecast();
    for (view, last) in [
        (
            PlanView::Plan(&forecast),
            "Nothing to change: 1 resource is waited for.",
        ),
        (
            PlanView::Diff,
            "0 resources drifted, and 1 resource is not ready yet",
        ),
    ] {
        let text = text_of(&plan, view, Format::Plain, &Style::plain());
        assert!(
            text.contains("Pending: what exists and does not work yet"),
            "{text}"
        );
        assert!(
            text.contains(&format!(". {address}")) && text.contains(last),
            "{text}"
        );
        let json = text_of(&plan, view, Format::Json, &Style::plain());
        assert!(json.contains(&format!(r#""pending":["{address}"]"#)), "{json}");
    }
}

#[test]
fn the_lines_of_a_message_stand_below_each_other_in_a_log() {
    let mut events = scenario::events();
    let message = "the rollout failed:\na task stopped\n  Traceback:\n  KeyError: 'A'";
    for event in &mut events {
        if let EventKind::StepFailed { error, .. } = &mut event.kind {
            error.message = message.to_owned();
        }
    }
    let text = run_text(Format::Plain, Style::plain(), &events);
    assert!(!text.contains("\\n"), "{text}");
    let lines =
        "the rollout failed:\n         a task stopped\n           Traceback:\n           KeyError: 'A'";
    assert!(text.contains(lines), "{text}");
}

#[test]
fn the_run_for_a_person() {
    insta::assert_snapshot!(run_text(Format::Human, unicode(), &scenario::events()));
}

#[test]
fn the_run_for_a_log() {
    insta::assert_snapshot!(run_text(Format::Plain, Style::plain(), &scenario::events()));
}

#[test]
fn the_run_for_a_program() {
    insta::assert_snapshot!(run_text(Format::Json, Style::plain(), &scenario::events()));
}

/// The live screen at some moments of the run, in a window of so many rows and columns.
fn screens(rows: u16, columns: u16, style: Style, moments: &[u64], events: &[Event]) -> String {
    let terminal = InMemoryTerm::new(rows, columns);
    let mut shown = String::new();
    let mut sink = HumanView::with_target(
        ProgressDrawTarget::term_like(Box::new(terminal.clone())),
        Box::new(move || (usize::from(columns), usize::from(rows))),
        style,
        Some(Arc::new(scenario::sources())),
    );
    sink.status("reading 14 resources").unwrap();
    shown.push_str(&format!("== before the run\n{}\n", terminal.contents()));
    play(&mut sink, events, |now_ms| {
        if moments.contains(&now_ms) {
            shown.push_str(&format!("== at {now_ms} ms\n{}\n", terminal.contents()));
        }
    });
    drop(sink);
    shown.push_str(&format!("== in the end\n{}\n", terminal.contents()));
    shown
}

#[test]
fn the_live_screen() {
    let moments = [300, 800, 3_000, 12_000, 22_000, 45_000];
    insta::assert_snapshot!(screens(40, 120, unicode(), &moments, &scenario::events()));
}

#[test]
fn the_live_screen_of_a_small_window_without_unicode() {
    let moments = [800, 12_000];
    insta::assert_snapshot!(screens(5, 60, Style::plain(), &moments, &scenario::events()));
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let colored = |style: Style| Style { color: true, ..style };
    let events = scenario::events();
    for (with, without) in [
        (
            plan_text(
                PlanView::Plan(&scenario::forecast()),
                Format::Human,
                &colored(unicode()),
            ),
            plan_text(PlanView::Plan(&scenario::forecast()), Format::Human, &unicode()),
        ),
        (
            run_text(Format::Human, colored(unicode()), &events),
            run_text(Format::Human, unicode(), &events),
        ),
    ] {
        assert!(with.contains("\u{1b}["));
        assert_eq!(console::strip_ansi_codes(&with), without);
    }
}

#[test]
fn only_people_get_escape_codes_and_nobody_gets_a_secret() {
    let style = Style {
        color: true,
        unicode: true,
        width: 100,
    };
    let events = scenario::events();
    for format in [Format::Human, Format::Plain, Format::Json] {
        let text = plan_text(PlanView::Diff, format, &style) + &run_text(format, style, &events);
        assert!(!text.contains(scenario::SECRET), "{format:?}");
        assert_eq!(text.contains('\u{1b}'), format == Format::Human, "{format:?}");
    }
}

#[test]
fn every_json_line_says_its_version_and_type() {
    let events = scenario::events();
    let text = plan_text(
        PlanView::Plan(&scenario::forecast()),
        Format::Json,
        &Style::plain(),
    ) + &run_text(Format::Json, Style::plain(), &events);
    let mut back = Vec::new();
    for line in text.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["version"], 1, "{line}");
        if json["type"] == "event" {
            back.push(serde_json::from_value::<Event>(json).unwrap());
        } else {
            assert!(json["type"].is_string(), "{line}");
        }
    }
    assert_eq!(back, events);
}

#[test]
fn a_log_has_one_line_per_event_and_a_heartbeat() {
    let text = run_text(Format::Plain, Style::plain(), &scenario::events());
    let (run, _summary) = text.split_once("\n\n").unwrap();
    let heartbeats: Vec<&str> = run
        .lines()
        .filter(|line| line.contains("still running"))
        .collect();
    let times: Vec<&str> = heartbeats
        .iter()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(times, ["15s", "30s", "45s", "1m00s"]);
    assert!(
        heartbeats[0].contains("ec2.nat_gateway.main creating for 12s"),
        "{}",
        heartbeats[0]
    );
    assert!(heartbeats[0].contains("of 120.0 MB"), "{}", heartbeats[0]);
    let lasting = scenario::events()
        .iter()
        .filter(|event| !event.kind.is_progress())
        .count();
    // The status in front, and progress that is news: one status, one note. The end has its own lines.
    assert_eq!(run.lines().count() - heartbeats.len(), 1 + lasting - 1 + 2);
}

#[test]
fn dropped_progress_changes_nothing_that_lasts() {
    let all = scenario::events();
    let kept: Vec<Event> = all
        .iter()
        .filter(|event| !event.kind.is_progress())
        .cloned()
        .collect();
    assert!(kept.len() < all.len());
    assert_eq!(
        run_text(Format::Human, unicode(), &kept),
        run_text(Format::Human, unicode(), &all)
    );
    let with_progress = screens(40, 120, unicode(), &[], &all);
    assert_eq!(screens(40, 120, unicode(), &[], &kept), with_progress);
}

#[test]
fn events_out_of_the_blue_break_nothing() {
    let mut events = scenario::events();
    events.retain(|event| {
        !matches!(
            event.kind,
            EventKind::StepStarted { .. } | EventKind::RunStarted { .. }
        )
    });
    for format in [Format::Human, Format::Plain, Format::Json] {
        assert!(run_text(format, unicode(), &events).contains("ec2.vpc.main"));
    }
    let screen = screens(3, 20, unicode(), &[12_000], &events);
    assert!(screen.contains("== in the end"));
}
