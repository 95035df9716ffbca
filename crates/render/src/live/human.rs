//! A run for a person at a terminal: finished steps scroll by, what is in flight stays at the foot.

use std::io;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use infra_core::{ErrorClass, Event, EventKind, SourceMap, StepOperation};

use super::EventSink;
use super::rows::{rows, status_row};
use super::tracker::Tracker;
use super::words;
use crate::line::{Line, write_lines};
use crate::report::{Failure, RunReport};
use crate::style::{Format, Role, Style};
use crate::summary::{self, failure_lines, stopped_lines};
use crate::units::duration;

/// A terminal's columns and rows, asked for before each drawing because windows change.
pub type TerminalSize = Box<dyn Fn() -> (usize, usize) + Send>;

/// The live rows take at most this many rows of the terminal, however high it is.
const MOST_ROWS: usize = 24;

/// The view for a person.
pub struct HumanView {
    style: Style,
    sources: Option<Arc<SourceMap>>,
    tracker: Tracker,
    report: RunReport,
    status: Option<String>,
    screen: Screen,
}

enum Screen {
    /// Lines only: nothing moves.
    Lines(Box<dyn io::Write + Send>),
    /// Lines above, and one block of rows below that is drawn again and again.
    Live { block: ProgressBar, size: TerminalSize },
}

impl HumanView {
    /// A view that draws on standard error; if that turns out to be no terminal it writes lines only.
    pub fn on_terminal(style: Style, sources: Option<Arc<SourceMap>>) -> Self {
        let target = ProgressDrawTarget::stderr();
        if target.is_hidden() {
            return Self::lines_only(Box::new(io::stderr()), style, sources);
        }
        let terminal = console::Term::stderr();
        let size = Box::new(move || {
            let (rows, columns) = terminal.size();
            (usize::from(columns), usize::from(rows))
        });
        Self::with_target(target, size, style, sources)
    }

    /// A view that draws on `target`.
    pub fn with_target(
        target: ProgressDrawTarget,
        size: TerminalSize,
        style: Style,
        sources: Option<Arc<SourceMap>>,
    ) -> Self {
        let block = ProgressBar::with_draw_target(None, target);
        if let Ok(template) = ProgressStyle::with_template("{msg}") {
            block.set_style(template);
        }
        Self::new(Screen::Live { block, size }, style, sources)
    }

    /// A view in the same words without anything that moves, for what is no terminal.
    pub fn lines_only(out: Box<dyn io::Write + Send>, style: Style, sources: Option<Arc<SourceMap>>) -> Self {
        Self::new(Screen::Lines(out), style, sources)
    }

    fn new(screen: Screen, style: Style, sources: Option<Arc<SourceMap>>) -> Self {
        let mut view = Self {
            style: style.for_format(Format::Human),
            sources,
            tracker: Tracker::default(),
            report: RunReport::default(),
            status: None,
            screen,
        };
        view.measure();
        view
    }

    /// Takes the width of the terminal as it is now; returns its rows.
    fn measure(&mut self) -> usize {
        match &self.screen {
            Screen::Live { size, .. } => {
                let (columns, rows) = size();
                // The last column stays free: some terminals wrap when it is written.
                self.style.width = columns.saturating_sub(1).max(20);
                rows
            }
            Screen::Lines(_) => MOST_ROWS,
        }
    }

    /// Puts lines above what is live.
    fn print(&mut self, lines: &[Line]) -> io::Result<()> {
        match &mut self.screen {
            Screen::Lines(out) => {
                write_lines(out, &self.style, lines)?;
                out.flush()
            }
            Screen::Live { block, .. } => {
                if !lines.is_empty() {
                    let texts: Vec<String> = lines.iter().map(|line| line.text(&self.style)).collect();
                    block.println(texts.join("\n"));
                }
                Ok(())
            }
        }
    }

    /// Draws what is live again.
    fn draw(&mut self) {
        let height = self.measure();
        let Screen::Live { block, .. } = &self.screen else {
            return;
        };
        let lines = if self.tracker.running {
            let most = height.saturating_sub(2).clamp(1, MOST_ROWS);
            rows(&self.tracker, most, &self.style)
        } else if let Some(status) = &self.status {
            vec![status_row(status, self.tracker.now_ms, &self.style)]
        } else {
            return;
        };
        let texts: Vec<String> = lines.iter().map(|line| line.text(&self.style)).collect();
        if block.is_finished() {
            block.reset();
        }
        block.set_message(texts.join("\n"));
    }

    fn take_away(&self) {
        if let Screen::Live { block, .. } = &self.screen {
            block.finish_and_clear();
        }
    }

    /// The lines that an event leaves above what is live.
    fn lines_of(&self, event: &Event) -> Vec<Line> {
        let symbols = self.style.symbols();
        match &event.kind {
            EventKind::StepFinished {
                operation: StepOperation::Confirm,
                ..
            } => Vec::new(),
            EventKind::StepFinished {
                address,
                operation,
                changed,
                physical_id,
                duration_ms,
                ..
            } => {
                let mut line = Line::new()
                    .add(Role::Good, symbols.done)
                    .normal(" ")
                    .add(Role::Strong, address.to_string())
                    .normal(format!(" {}", words::done(*operation, *changed)));
                if let Some(id) = physical_id {
                    line = line.normal(format!(" {id}"));
                }
                vec![line.add(Role::Muted, format!(" ({})", duration(*duration_ms)))]
            }
            EventKind::StepFailed {
                address,
                operation,
                error,
                place,
                duration_ms,
                ..
            } => {
                let failure = Failure {
                    address: address.clone(),
                    operation: *operation,
                    error: error.clone(),
                    place: place.clone(),
                    duration_ms: *duration_ms,
                };
                if error.class == ErrorClass::Cancelled {
                    stopped_lines(&failure, &self.style, 0)
                } else {
                    failure_lines(&failure, self.sources.as_deref(), &self.style, 0)
                }
            }
            EventKind::StepSkipped {
                because_of: Some(_), ..
            }
            | EventKind::StepLeft { .. } => self.sentence(event, Role::Muted, symbols.skipped),
            EventKind::Settling { .. } => self.sentence(event, Role::Notice, symbols.dash),
            EventKind::Settled { .. } => self.sentence(event, Role::Good, symbols.done),
            EventKind::Cancelling { .. } => self.sentence(event, Role::Notice, symbols.dash),
            EventKind::RunFinished { .. } => {
                let mut lines = vec![Line::new()];
                lines.extend(summary::lines(&self.report, self.sources.as_deref(), &self.style));
                lines
            }
            _ => Vec::new(),
        }
    }

    fn sentence(&self, event: &Event, role: Role, sign: &str) -> Vec<Line> {
        words::sentence(event, &self.tracker)
            .map(|text| {
                Line::new()
                    .add(role, sign)
                    .normal(" ")
                    .normal(words::in_one_line(&text))
            })
            .into_iter()
            .collect()
    }
}

impl EventSink for HumanView {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.tracker.event(event);
        self.report.event(event);
        if matches!(event.kind, EventKind::RunStarted { .. }) {
            self.status = None;
        }
        let lines = self.lines_of(event);
        self.print(&lines)?;
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            self.take_away();
        } else if !event.kind.is_progress() {
            self.draw();
        }
        Ok(())
    }

    fn tick(&mut self, now_ms: u64) -> io::Result<()> {
        self.tracker.tick(now_ms);
        self.draw();
        Ok(())
    }

    fn status(&mut self, text: &str) -> io::Result<()> {
        self.status = Some(text.to_owned());
        if let Screen::Lines(_) = self.screen {
            return self.print(&[Line::new().normal(text)]);
        }
        self.draw();
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.status = None;
        self.take_away();
        Ok(())
    }
}

impl Drop for HumanView {
    fn drop(&mut self) {
        self.take_away();
    }
}
