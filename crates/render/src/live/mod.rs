//! A run while it goes on, for three kinds of readers.

mod human;
mod json;
mod plain;
mod rows;
mod tracker;
pub(crate) mod words;

use std::io;
use std::sync::Arc;

use infra_core::{Event, SourceMap, StackId};

pub use human::{HumanView, TerminalSize};
pub use json::JsonView;
pub use plain::{HEARTBEAT_MS, PlainView};

use crate::style::{Format, Style};

/// Where a run's events go. Events come in order; those that [`infra_core::EventKind::may_be_dropped`] names may
/// be missing without harm. Times are milliseconds since the run's start, on one clock for all methods.
pub trait EventSink: Send {
    /// Takes one event. The last one of a run makes the sink show the run's summary.
    ///
    /// # Errors
    /// When it cannot be written.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Tells the time, some ten times a second: moves what is live, and gives a log its heartbeat.
    ///
    /// # Errors
    /// When it cannot be written.
    fn tick(&mut self, now_ms: u64) -> io::Result<()>;

    /// Says what is being done outside of steps, such as `reading 58 resources`.
    ///
    /// # Errors
    /// When it cannot be written.
    fn status(&mut self, text: &str) -> io::Result<()>;

    /// Takes away what is live: before a question is asked, and before the program ends. What comes later
    /// brings it back.
    ///
    /// # Errors
    /// When it cannot be written.
    fn clear(&mut self) -> io::Result<()>;
}

/// The sink for what is done to `stack`, in `format`. With `live` a human's view draws on standard error, and `out` is not used; without, and for all other formats, everything goes to `out`. With `sources` a failure
/// shows the line of the stack file that it came from.
pub fn open_sink(
    stack: StackId,
    format: Format,
    style: Style,
    sources: Option<Arc<SourceMap>>,
    live: bool,
    out: Box<dyn io::Write + Send>,
) -> Box<dyn EventSink> {
    match format {
        Format::Human if live => Box::new(HumanView::on_terminal(style, sources)),
        Format::Human => Box::new(HumanView::lines_only(out, style, sources)),
        Format::Plain => Box::new(PlainView::new(out, style, sources)),
        Format::Json => Box::new(JsonView::new(stack, out)),
    }
}
