//! A run for programs: each event as one JSON line.

use std::io;

use infra_core::{Event, EventKind, StackId};
use serde::Serialize;

use super::EventSink;
use crate::json;

/// Writes `{"version":1,"type":"event","stack":…,…}` for each event and `{"version":1,"type":"status",…}` for what is
/// done outside of steps.
pub struct JsonView {
    stack: StackId,
    out: Box<dyn io::Write + Send>,
}

impl JsonView {
    /// A view of what is done to `stack`, that writes to `out` and flushes after each line.
    pub fn new(stack: StackId, out: Box<dyn io::Write + Send>) -> Self {
        Self { stack, out }
    }
}

#[derive(Serialize)]
struct EventLine<'a> {
    /// Not where the event itself has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<&'a StackId>,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Serialize)]
struct Status<'a> {
    stack: &'a StackId,
    text: &'a str,
}

impl EventSink for JsonView {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let has_it = matches!(event.kind, EventKind::RunStarted { .. });
        let stack = Some(&self.stack).filter(|_| !has_it);
        json::write(&mut self.out, "event", EventLine { stack, event })?;
        self.out.flush()
    }

    fn tick(&mut self, _now_ms: u64) -> io::Result<()> {
        Ok(())
    }

    fn status(&mut self, text: &str) -> io::Result<()> {
        let stack = &self.stack;
        json::write(&mut self.out, "status", Status { stack, text })?;
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }
}
