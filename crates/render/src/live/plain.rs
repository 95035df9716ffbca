//! A run for a log: one line per event with the time since the start, and a heartbeat.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use infra_core::{Event, EventKind, ResourceAddress, SourceMap};

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
            EventKind::StepStarted { address, .. } => {
                self.statuses.remove(address);
                true
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
                let detail = [Some(words::detail(step, tracker)), words::transferred(step)]
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
