//! What happened, line by line, for whoever looks into a failure.

use std::cell::RefCell;
use std::sync::Arc;

use infra_core::event::EventKind;
use infra_provider::Progress;
use tokio::time::Instant;

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Does something, and returns the lines that were told meanwhile by this thread.
pub fn traced(what: impl FnOnce()) -> Vec<String> {
    LINES.set(Some(Vec::new()));
    what();
    LINES.take().unwrap_or_default()
}

/// Tells a line, if anybody listens.
pub fn tell(line: impl FnOnce() -> String) {
    LINES.with_borrow_mut(|lines| {
        if let Some(lines) = lines {
            let line = line();
            let is_again = lines.last().is_some_and(|last| told(last) == told(&line));
            if is_again
                && lines.len() > 1
                && lines
                    .get(lines.len() - 2)
                    .is_some_and(|before| told(before) == told(&line))
            {
                // Of what is told again and again the first and the last are enough.
                lines.pop();
            }
            lines.push(line);
        }
    });
}

/// A line without its time.
fn told(line: &str) -> &str {
    line.split_once(" ms ").map_or(line, |(_, told)| told)
}

/// Tells of every call and of every event of a run before it passes them on.
pub struct Traced {
    start: Instant,
    then: Arc<dyn Progress>,
}

impl Traced {
    pub fn new(then: Arc<dyn Progress>) -> Self {
        Self {
            start: Instant::now(),
            then,
        }
    }
}

impl Progress for Traced {
    fn report(&self, kind: EventKind) {
        if let EventKind::ApiCall {
            address,
            operation,
            error,
            ..
        } = &kind
        {
            tell(|| {
                let address = address.as_ref().map(ToString::to_string).unwrap_or_default();
                let at = self.start.elapsed().as_millis();
                let error = error.as_deref().unwrap_or("");
                format!("  {at:>7} ms  {operation} {address} {error}")
            });
        }
        self.then.report(kind);
    }
}
