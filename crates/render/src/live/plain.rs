//! A run for a log: one line per event with the time since the start, and a heartbeat.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use infra_core::{Event, EventKind, ResourceAddress, SourceMap, StepId};

use super::EventSink;
use super::tracker::Tracker;
use super::words;
use crate::line::{Line, write_lines};
use crate::report::RunReport;
use crate::style::{Format, Style};
use crate::summary;
use crate::units::{duration, listed};

/// How often a log hears of what is in flight, in milliseconds.
pub const HEARTBEAT_MS: u64 = 15_000;
/// Steps that a heartbeat names.
const NAMED: usize = 8;

/// One line per event, no escape codes.
pub struct PlainView {
    out: Box<dyn io::Write + Send>,
    style: Style,
    sources: Option<Arc<SourceMap>>,
    tracker: Tracker,
    report: RunReport,
    next_heartbeat_ms: u64,
    /// What was last said of a resource's status: it is said again only when it changes.
    statuses: BTreeMap<ResourceAddress, String>,
    /// Why a step was last said to be tried again: that too is said again only when it changes.
    refusals: BTreeMap<StepId, String>,
}

impl PlainView {
    /// A view that writes to `out` and flushes after each line.
    pub fn new(out: Box<dyn io::Write + Send>, style: Style, sources: Option<Arc<SourceMap>>) -> Self {
        Self {
            out,
            style: style.for_format(Format::Plain),
            sources,
            tracker: Tracker::default(),
            report: RunReport::default(),
            next_heartbeat_ms: HEARTBEAT_MS,
            statuses: BTreeMap::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// One line for an event; what a message has in further lines, such as those of a log, stands below it.
    fn line(&mut self, at_ms: u64, text: &str) -> io::Result<()> {
        let time = format!("{:>7}  ", duration(at_ms));
        let below = " ".repeat(time.len());
        let line = |(position, text): (usize, &str)| {
            let before = if position == 0 { &time } else { &below };
            Line::new().normal(before).normal(text)
        };
        let lines: Vec<Line> = text.lines().enumerate().map(line).collect();
        write_lines(&mut self.out, &self.style, &lines)?;
        self.out.flush()
    }

    /// Whether a log should have the event at all.
    fn is_news(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Waiting { address, status } => {
                let before = self.statuses.insert(address.clone(), status.clone());
                before.as_ref() != Some(status)
            }
            EventKind::StepStarted { step, address, .. } => {
                self.statuses.remove(address);
                self.refusals.remove(step);
                true
            }
            EventKind::StepRetried { step, error, .. } => {
                let refusal = words::headline(error);
                let before = self.refusals.insert(*step, refusal.clone());
                before.as_ref() != Some(&refusal)
            }
            _ => true,
        }
    }

    /// What is in flight, on one line.
    fn heartbeat(&self) -> String {
        let tracker = &self.tracker;
        let in_flight: Vec<String> = tracker
            .in_flight()
            .into_iter()
            .map(|step| {
                let elapsed = duration(tracker.now_ms.saturating_sub(step.started_ms));
                let detail = [Some(words::brief(step, tracker)), words::transferred(step)]
                    .into_iter()
                    .flatten()
                    .filter(|detail| !detail.is_empty())
                    .collect::<Vec<_>>()
                    .join(", ");
                let detail = if detail.is_empty() {
                    detail
                } else {
                    format!(" ({detail})")
                };
                format!(
                    "{} {} for {elapsed}{detail}",
                    step.address,
                    words::doing(step.operation).trim_end_matches(" for")
                )
            })
            .collect();
        let progress = format!("{}/{} done", tracker.done, tracker.steps);
        match in_flight.len() {
            0 => format!("still running: {progress}"),
            _ => format!("still running: {progress}; {}", listed(&in_flight, NAMED)),
        }
    }
}

impl EventSink for PlainView {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if matches!(event.kind, EventKind::RunStarted { .. }) {
            self.next_heartbeat_ms = event.at_ms + HEARTBEAT_MS;
            self.statuses.clear();
            self.refusals.clear();
        }
        self.tracker.event(event);
        self.report.event(event);
        if self.is_news(event)
            && let Some(text) = words::sentence(event, &self.tracker)
        {
            self.line(event.at_ms, &text)?;
        }
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            let lines = summary::lines(&self.report, self.sources.as_deref(), &self.style);
            writeln!(self.out)?;
            write_lines(&mut self.out, &self.style, &lines)?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn tick(&mut self, now_ms: u64) -> io::Result<()> {
        self.tracker.tick(now_ms);
        if !self.tracker.running || now_ms < self.next_heartbeat_ms {
            return Ok(());
        }
        // One line however many heartbeats were missed.
        let missed = (now_ms - self.next_heartbeat_ms) / HEARTBEAT_MS;
        self.next_heartbeat_ms += (missed + 1) * HEARTBEAT_MS;
        let text = self.heartbeat();
        self.line(now_ms, &text)
    }

    fn status(&mut self, text: &str) -> io::Result<()> {
        Line::new().normal(text).write(&mut self.out, &self.style)?;
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use infra_core::{ErrorClass, ProviderError, StepOperation};

    use super::*;

    /// What was written, to be looked at while the view has it.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn why_a_step_is_tried_again_is_said_once_until_it_changes() {
        let page = Page::default();
        let mut view = PlainView::new(Box::new(page.clone()), Style::plain(), None);
        let address: ResourceAddress = "ec2.subnet.a".parse().unwrap();
        let mut told = |at_ms, kind| {
            let event = Event {
                at_ms,
                sequence: None,
                kind,
            };
            view.event(&event).unwrap();
            view.tick(at_ms).unwrap();
        };
        told(
            0,
            EventKind::StepStarted {
                step: StepId(0),
                address: address.clone(),
                operation: StepOperation::Delete,
                queued_ms: 0,
                after: Vec::new(),
            },
        );
        for attempt in 1..=40 {
            let message = if attempt < 40 { "in use" } else { "too busy" };
            // AWS gives every answer an id of its own.
            let error = ProviderError {
                request_id: Some(attempt.to_string()),
                ..ProviderError::new(ErrorClass::DependencyViolation, message)
            };
            told(
                u64::from(attempt) * 1000,
                EventKind::StepRetried {
                    step: StepId(0),
                    address: address.clone(),
                    attempt,
                    delay_ms: 900,
                    error,
                },
            );
            if attempt == 20 {
                let text = "in the way: network interface eni-1".to_owned();
                let address = address.clone();
                told(20_500, EventKind::Note { address, text });
            }
        }
        let page = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        for (text, times) in [("in use", 1), ("too busy", 1), ("eni-1", 1)] {
            assert_eq!(page.matches(text).count(), times, "{text} in {page}");
        }
    }
}
