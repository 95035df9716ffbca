//! JSON lines: one object per line, each with the format's version and what the line is.

use std::io;

use infra_core::event::EVENT_FORMAT_VERSION;
use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'a, T> {
    version: u32,
    r#type: &'a str,
    #[serde(flatten)]
    body: T,
}

/// Writes one line `{"version":1,"type":"…",…}`.
///
/// # Errors
/// When `out` fails.
pub fn write_line(out: &mut dyn io::Write, kind: &str, body: impl Serialize) -> io::Result<()> {
    let envelope = Envelope {
        version: EVENT_FORMAT_VERSION,
        r#type: kind,
        body,
    };
    serde_json::to_writer(&mut *out, &envelope)?;
    writeln!(out)
}
