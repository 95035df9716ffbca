//! From a record's text to its events.

use infra_core::event::EVENT_FORMAT_VERSION;
use infra_core::{Event, EventKind};
use serde::Deserialize;

/// The events of one run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Those of planning, and then the run's, in order. There may be no end: the run goes on, or was cut off.
    pub events: Vec<Event>,
    /// Lines that are broken off, or of a kind of event that is not known.
    pub unreadable_lines: usize,
}

/// Nothing to show in a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// No run begins in it.
    #[error("no run begins in it: a record has a line with `\"event\":\"run_started\"`")]
    NoRun,
    /// A later version wrote it.
    #[error(
        "it was written in version {found} of the format, and this program knows those up to {EVENT_FORMAT_VERSION}: use a later one"
    )]
    Newer {
        /// The version.
        found: u32,
    },
}

/// What every line is.
#[derive(Deserialize)]
struct Head<'a> {
    version: u32,
    r#type: &'a str,
}

/// The runs that a text tells of, in its order: one for the record of a run, any number for the log of a job.
///
/// Whatever else stands in it is passed over, and an object that cannot be read is counted: the last one of a
/// run that was killed may be broken off.
///
/// # Errors
/// There is none, or a later version wrote it.
pub fn read(text: &str) -> Result<Vec<Record>, NoRecord> {
    let mut records: Vec<Record> = Vec::new();
    let mut before = Record::default();
    let mut has_begun = false;
    for line in text.lines() {
        let Ok(head) = serde_json::from_str::<Head<'_>>(line) else {
            before.unreadable_lines += usize::from(line.starts_with('{'));
            continue;
        };
        if head.version > EVENT_FORMAT_VERSION {
            return Err(NoRecord::Newer { found: head.version });
        }
        if head.r#type != "event" {
            continue;
        }
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            before.unreadable_lines += 1;
            continue;
        };
        match (&event.kind, records.last_mut()) {
            (EventKind::RunStarted { .. }, _) => {
                let mut record = std::mem::take(&mut before);
                record.events.push(event);
                records.push(record);
                has_begun = true;
            }
            (kind, Some(record)) if has_begun => {
                has_begun = !matches!(kind, EventKind::RunFinished { .. });
                record.unreadable_lines += std::mem::take(&mut before.unreadable_lines);
                record.events.push(event);
            }
            // Between two runs: of the planning of the next.
            _ => before.events.push(event),
        }
    }
    match records.last_mut() {
        Some(last) => last.unreadable_lines += before.unreadable_lines,
        None => return Err(NoRecord::NoRun),
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"version":1,"type":"event","at_ms":40,"sequence":2,"event":"run_started","run":"r1","command":"apply","steps":1,"stack":"a/b/c/us-east-1","serial":3,"at_unix_ms":9}"#;
    const CALL: &str = r#"{"version":1,"type":"event","at_ms":30,"sequence":1,"event":"api_call","address":null,"service":"ec2","operation":"DescribeVpcs","mutating":false,"duration_ms":5,"error":null}"#;
    const ENDED: &str =
        r#"{"version":1,"type":"event","at_ms":90,"sequence":9,"event":"cancelling","level":1}"#;

    #[test]
    fn a_record_is_read_as_far_as_it_goes() {
        let plan = r#"{"version":1,"type":"plan","steps":4}"#;
        let cut = &STARTED[..60];
        for (lines, expected) in [
            (vec![STARTED], Ok(vec![(1, 0)])),
            (vec![CALL, STARTED, "", ENDED], Ok(vec![(3, 0)])),
            (vec![STARTED, ENDED, cut], Ok(vec![(2, 1)])),
            (vec!["$ infra apply", plan, CALL, STARTED, CALL], Ok(vec![(3, 0)])),
            (vec![STARTED, STARTED], Ok(vec![(1, 0), (1, 0)])),
            (vec![CALL, plan], Err(NoRecord::NoRun)),
            (vec![], Err(NoRecord::NoRun)),
            (
                vec![r#"{"version":2,"type":"event"}"#],
                Err(NoRecord::Newer { found: 2 }),
            ),
        ] {
            let found = read(&lines.join("\n")).map(|records| {
                records
                    .iter()
                    .map(|record| (record.events.len(), record.unreadable_lines))
                    .collect::<Vec<_>>()
            });
            assert_eq!(found, expected, "{lines:?}");
        }
    }
}
