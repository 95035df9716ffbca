//! The page of a past run: what it tells, and that nothing from outside becomes part of its markup.

use std::collections::BTreeSet;

use infra_core::plan::StepDependency;
use infra_core::{
    ErrorClass, Event, EventKind, PhysicalId, ProviderError, ResourceAddress, RunId, RunOutcome, RunSummary,
    StackId, StepId, StepOperation, Strength,
};
use infra_record::{Record, Timeline};
use infra_render::{Format, Style, write_report, write_report_figures};

use crate::scenario;

fn run_of(events: &[Event]) -> Timeline {
    let record = Record {
        events: events.to_vec(),
        unreadable_lines: 0,
    };
    Timeline::of(&record).unwrap()
}

fn page(run: &Timeline) -> String {
    let mut out = Vec::new();
    write_report(&mut out, run).unwrap();
    String::from_utf8(out).unwrap()
}

/// The tags and attributes of a page, which must be well-formed: whatever is opened is closed in its turn,
/// every attribute has quotes, and no text has a bracket.
fn markup(html: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html
        .strip_prefix("<!DOCTYPE html>\n<!-- written by infra report -->")
        .unwrap();
    while let Some((text, after)) = rest.split_once('<') {
        let in_style = open.last() == Some(&"style");
        assert!(in_style || !text.contains('>'), "a bracket in {text:?}");
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "in {html}");
            continue;
        }
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.trim_end_matches('/');
        found.insert(name.to_owned());
        attributes = attributes.trim_end_matches('/');
        while let Some((attribute, value)) = attributes.split_once("=\"") {
            let (value, after) = value.split_once('"').unwrap();
            found.insert(format!("{name} {}", attribute.trim()));
            if attribute.trim() == "href" {
                assert!(value.starts_with("#step-"), "{value}");
            }
            attributes = after;
        }
        assert_eq!(attributes.trim(), "", "of {tag}");
        if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
    found
}

#[test]
fn the_page_tells_what_happened() {
    let html = page(&run_of(&scenario::events()));
    markup(&html);
    for expected in [
        "apply of app/test/dev/us-east-1",
        "■ cancelled",
        "1 min 02 s",
        "◆ </a>",
        "id=\"critical-path\"",
        "until NAT gateway available (pending)",
        "stood aside 59.0 s",
        "DescribeNatGateways",
        "is not authorized",
        "What to do: allow elasticloadbalancing:CreateTargetGroup",
        "See stacks/dev.toml:8:1",
        "because elbv2.target_group.app failed",
        "because the run was cancelled",
        "stopped by the user at 41.0 s",
    ] {
        let expected = expected.trim_end_matches("</a>");
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert!(!html.contains(scenario::SECRET));
}

#[test]
fn the_figures_of_a_run() {
    let run = run_of(&scenario::events());
    let mut all = Vec::new();
    for format in [Format::Plain, Format::Json] {
        write_report_figures(&mut all, &run, format, &Style::plain()).unwrap();
    }
    insta::assert_snapshot!(String::from_utf8(all).unwrap());
}

#[test]
fn a_record_that_ends_anywhere_has_a_page() {
    let events = scenario::events();
    let whole = page(&run_of(&events));
    for length in 1..events.len() {
        let html = page(&run_of(&events[..length]));
        markup(&html);
        assert!(html.contains("… not ended") && html != whole, "{length}");
    }
}

/// A run of `steps` steps in a chain, all of whose texts are `text`.
fn made_up(steps: u32, text: &str) -> Vec<Event> {
    let address = |step: u32| -> ResourceAddress {
        let block: ResourceAddress = format!("ec2.vpc.v{}", step % 7).parse().unwrap();
        block.with_key(format!("{text}{step}"))
    };
    let error = || ProviderError {
        service: text.to_owned(),
        operation: text.to_owned(),
        code: Some(text.to_owned()),
        request_id: Some(text.to_owned()),
        hint: Some(text.to_owned()),
        ..ProviderError::new(ErrorClass::Other, format!("{text}\n{text}"))
    };
    let mut events = vec![EventKind::RunStarted {
        run: RunId(text.to_owned()),
        command: text.to_owned(),
        steps: steps as usize + 1,
        stack: StackId::new("app", "", "dev", "dev").unwrap(),
        serial: 1,
        at_unix_ms: 1,
    }];
    for number in 0..steps {
        let (step, address) = (StepId(number), address(number));
        let after = number.checked_sub(1).map(|before| StepDependency {
            step: StepId(before),
            strength: Strength::Ready,
        });
        events.extend([
            EventKind::StepStarted {
                step,
                address: address.clone(),
                operation: StepOperation::Create,
                queued_ms: 0,
                after: after.into_iter().collect(),
            },
            EventKind::ApiCall {
                address: Some(address.clone()),
                service: text.to_owned(),
                operation: text.to_owned(),
                mutating: true,
                duration_ms: 1,
                error: Some(text.to_owned()),
                throttled: true,
            },
            EventKind::StepRetried {
                step,
                address: address.clone(),
                attempt: 1,
                delay_ms: 1,
                error: error(),
            },
            EventKind::StepParked {
                step,
                address: address.clone(),
                waits_for: vec![StepId(number), StepId(steps)],
                error: error(),
            },
            EventKind::StepResumed {
                step,
                address: address.clone(),
                queued_ms: 0,
            },
            EventKind::StepExists {
                step,
                address: address.clone(),
                physical_id: PhysicalId::new(text),
            },
            EventKind::WaitStarted {
                step,
                address: address.clone(),
                waiter: text.to_owned(),
            },
            EventKind::Waiting {
                address: address.clone(),
                status: text.to_owned(),
            },
            match number % 2 {
                0 => EventKind::StepFinished {
                    step,
                    address,
                    operation: StepOperation::Create,
                    changed: true,
                    physical_id: None,
                    duration_ms: 1,
                },
                _ => EventKind::StepFailed {
                    step,
                    address,
                    operation: StepOperation::Create,
                    error: error(),
                    place: Some(text.to_owned()),
                    duration_ms: 1,
                },
            },
        ]);
    }
    events.extend([
        EventKind::StepSkipped {
            step: StepId(steps),
            address: address(steps),
            operation: StepOperation::Delete,
            because_of: Some(address(0)),
        },
        EventKind::RunFinished {
            run: RunId(text.to_owned()),
            outcome: RunOutcome::Failed,
            summary: RunSummary::default(),
            critical_path: Vec::new(),
        },
    ]);
    events
        .into_iter()
        .zip(1..)
        .map(|(kind, number)| Event {
            at_ms: number * 10,
            sequence: Some(number),
            kind,
        })
        .collect()
}

#[test]
fn names_and_messages_never_become_markup() {
    let harmless = markup(&page(&run_of(&made_up(4, "name"))));
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</title></style></svg><svg onload=alert(1)>",
        "]]><!--",
        "--><a href=\"javascript:alert(1)\">",
        "&lt;b&gt;\u{202e}\u{0}\r\n\u{1b}[2J",
        "漢字 und Ünïcödé 😀",
        "",
    ] {
        let html = page(&run_of(&made_up(4, hostile)));
        assert_eq!(markup(&html), harmless, "{hostile}");
        assert!(!html.contains(['\u{202e}', '\u{0}', '\u{1b}']), "{hostile}");
    }
}

#[test]
fn a_run_of_ten_thousand_steps_has_a_page_that_a_browser_can_show() {
    let run = run_of(&made_up(10_000, "a"));
    let html = page(&run);
    markup(&html);
    assert!(html.contains("Of 10,000 steps the 400 that matter most have a row"));
    assert!(html.contains("and 9,600 more steps"));
    assert_eq!(html.matches("class=\"row\"").count(), 400);
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
}

#[test]
fn a_record_that_was_tampered_with_goes_in_no_circle() {
    let mut events = made_up(5, "a");
    for event in &mut events {
        if let EventKind::StepStarted { step, after, .. } = &mut event.kind {
            *after = (0..5)
                .map(|other| StepDependency {
                    step: StepId(other),
                    strength: Strength::Exists,
                })
                .collect();
            *step = StepId(step.0 % 2);
        }
        event.at_ms = 7;
    }
    let run = run_of(&events);
    assert!(run.critical_path().parts.len() <= run.steps.len() + 1);
    markup(&page(&run));
}
