//! Writing a run down while it goes on.

use std::collections::BTreeMap;
use std::io;

use infra_core::{Event, EventKind, ResourceAddress};

use crate::lines::write_line;

/// Writes the events of a run, each on its line. What may be large or come from somebody else's program (the
/// output of a build, the bytes of a transfer) stays out, and a status is written only when it changes.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    statuses: BTreeMap<ResourceAddress, String>,
}

impl<W: io::Write> Writer<W> {
    /// A writer to `out`, which should have a buffer.
    pub fn new(out: W) -> Self {
        Self {
            out,
            statuses: BTreeMap::new(),
        }
    }

    /// Writes an event if it belongs into a record.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::Bytes { .. } | EventKind::Note { .. } => return Ok(()),
            EventKind::Waiting { address, status } => {
                let before = self.statuses.insert(address.clone(), status.clone());
                if before.as_ref() == Some(status) {
                    return Ok(());
                }
            }
            EventKind::StepFinished { address, .. } | EventKind::StepFailed { address, .. } => {
                self.statuses.remove(address);
            }
            _ => {}
        }
        write_line(&mut self.out, "event", event)
    }

    /// Hands on what is still in a buffer.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
