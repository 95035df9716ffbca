//! A run for programs: each event as one JSON line.

use std::io;

use infra_core::Event;
use serde::Serialize;

use super::EventSink;
use crate::json;

/// Writes `{"version":1,"type":"event",…}` for each event and `{"version":1,"type":"status",…}` for what is
/// done outside of steps.
pub struct JsonView {
    out: Box<dyn io::Write + Send>,
}

impl JsonView {
    /// A view that writes to `out` and flushes after each line.
    pub fn new(out: Box<dyn io::Write + Send>) -> Self {
        Self { out }
    }

    fn line(&mut self, kind: &str, body: impl Serialize) -> io::Result<()> {
        json::write(&mut self.out, kind, body)?;
        self.out.flush()
    }
}

#[derive(Serialize)]
struct Status<'a> {
    text: &'a str,
}

impl EventSink for JsonView {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.line("event", event)
    }

    fn tick(&mut self, _now_ms: u64) -> io::Result<()> {
        Ok(())
    }

    fn status(&mut self, text: &str) -> io::Result<()> {
        self.line("status", Status { text })
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }
}
