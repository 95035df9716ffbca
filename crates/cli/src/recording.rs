//! The records of runs, beside the state: written while a run goes on, and read for the next one's forecast.

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::Result;
use infra_core::{Event, EventKind};
use infra_record::{Durations, Record, Timeline, Writer};
use infra_state::{create_record, records};

/// Events from before a run that are kept for its record: what planning asked AWS.
const BEFORE: usize = 10_000;
/// Runs that a forecast goes by at most.
const PAST_RUNS: usize = 10;
/// Bytes of their records that are read for it at most.
const PAST_BYTES: u64 = 4 * 1024 * 1024;

/// Writes runs down. It belongs to the one task that takes their events.
#[derive(Default)]
pub struct Recording {
    folder: Option<PathBuf>,
    before: Vec<Event>,
    writer: Option<Writer<BufWriter<File>>>,
}

impl Recording {
    /// From now on runs are written down in `folder`.
    pub fn start_in(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// Takes an event.
    ///
    /// # Errors
    /// The record cannot be written. The rest of the run is not recorded then.
    pub fn event(&mut self, event: &Event) -> Result<()> {
        if let (
            Some(folder),
            EventKind::RunStarted {
                run,
                serial,
                at_unix_ms,
                ..
            },
        ) = (&self.folder, &event.kind)
        {
            let file = create_record(folder, run, *serial, *at_unix_ms)?;
            let mut writer = Writer::new(BufWriter::new(file));
            for earlier in std::mem::take(&mut self.before) {
                writer.event(&earlier)?;
            }
            // However soon it is killed, that it began is known.
            writer.event(event)?;
            writer.flush()?;
            self.writer = Some(writer);
            return Ok(());
        }
        let Some(writer) = &mut self.writer else {
            if self.before.len() < BEFORE && !event.kind.may_be_dropped() {
                self.before.push(event.clone());
            }
            return Ok(());
        };
        let written = writer.event(event).and_then(|()| {
            if matches!(event.kind, EventKind::RunFinished { .. }) {
                writer.flush()?;
            }
            Ok(())
        });
        if written.is_err() || matches!(event.kind, EventKind::RunFinished { .. }) {
            self.writer = None;
        }
        Ok(written?)
    }

    /// Hands on what is in the buffer, so that a run that is killed is recorded up to here.
    ///
    /// # Errors
    /// The record cannot be written. The rest of the run is not recorded then.
    pub fn flush(&mut self) -> Result<()> {
        let flushed = self.writer.as_mut().map_or(Ok(()), Writer::flush);
        if flushed.is_err() {
            self.writer = None;
        }
        Ok(flushed?)
    }
}

/// What steps took in the last runs. A record that cannot be read tells nothing, and is no reason to stop.
pub fn past(folder: &Path) -> Durations {
    let mut left = PAST_BYTES;
    let mut runs = Vec::new();
    for record in records(folder).unwrap_or_default().iter().rev().take(PAST_RUNS) {
        let mut text = Vec::new();
        let read = File::open(&record.path).and_then(|file| file.take(left).read_to_end(&mut text));
        left -= read.map_or(0, |length| length as u64).min(left);
        let text = String::from_utf8_lossy(&text);
        let found: Vec<Record> = infra_record::read(&text).unwrap_or_default();
        runs.extend(found.last().and_then(Timeline::of));
        if left == 0 {
            break;
        }
    }
    Durations::of_runs(&runs)
}

#[cfg(test)]
mod tests {
    use infra_core::RunId;
    use infra_core::plan::StepOperation;
    use infra_core::{StackId, StepId};

    use super::*;

    fn event(at_ms: u64, kind: EventKind) -> Event {
        Event {
            at_ms,
            sequence: Some(at_ms),
            kind,
        }
    }

    /// A run of one step that takes so many milliseconds, and may not come to its end.
    fn run(name: &str, at_unix_ms: u64, took_ms: u64, is_killed: bool) -> Vec<Event> {
        let (step, address) = (StepId(0), "ec2.vpc.main".parse().unwrap());
        let call = EventKind::ApiCall {
            address: None,
            service: "ec2".into(),
            operation: "DescribeVpcs".into(),
            mutating: false,
            duration_ms: 1,
            error: None,
            throttled: false,
        };
        let mut events = vec![
            event(1, call),
            event(
                2,
                EventKind::RunStarted {
                    run: RunId(name.into()),
                    command: "apply".into(),
                    steps: 1,
                    stack: StackId::new("a", "", "b", "c").unwrap(),
                    serial: 7,
                    at_unix_ms,
                },
            ),
            event(
                3,
                EventKind::StepStarted {
                    step,
                    address,
                    operation: StepOperation::Create,
                    queued_ms: 3,
                    after: Vec::new(),
                },
            ),
        ];
        if !is_killed {
            events.push(event(
                3 + took_ms,
                EventKind::StepFinished {
                    step,
                    address: "ec2.vpc.main".parse().unwrap(),
                    operation: StepOperation::Create,
                    changed: true,
                    physical_id: None,
                    duration_ms: took_ms,
                },
            ));
        }
        events
    }

    #[test]
    fn runs_are_written_down_and_the_last_ones_are_what_the_next_is_expected_to_take() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("runs");
        assert!(past(&folder).is_empty());
        for number in 0..15_u64 {
            let mut recording = Recording::default();
            recording.start_in(folder.clone());
            let is_killed = number == 14;
            for event in run(
                &format!("run-{number}"),
                1_000_000 + number,
                100 * number,
                is_killed,
            ) {
                recording.event(&event).unwrap();
            }
            recording.flush().unwrap();
        }
        let files = records(&folder).unwrap();
        assert_eq!(files.len(), 15);
        let text = std::fs::read_to_string(&files[14].path).unwrap();
        let events = &infra_record::read(&text).unwrap()[0].events;
        assert_eq!(events[..], run("run-14", 1_000_014, 0, true)[..]);
        // Of the last ten, one was killed: of 5 to 13 the middle one counts.
        let durations = past(&folder);
        let of = durations.of(&"ec2.vpc.other".parse().unwrap(), StepOperation::Create);
        assert_eq!(of.unwrap().call.as_millis(), 900);
        std::fs::write(&files[13].path, [0xff, 0xfe, b'\n', b'{']).unwrap();
        assert!(!past(&folder).is_empty());
    }

    #[test]
    fn what_cannot_be_written_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let mut recording = Recording::default();
        recording.start_in(file);
        let told = run("r", 1, 1, false)
            .iter()
            .filter(|event| recording.event(event).is_err())
            .count();
        assert_eq!(told, 1);
        recording.flush().unwrap();
    }
}
