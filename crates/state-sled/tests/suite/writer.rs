//! A process of its own that appends and says what was acknowledged, to be killed or to fail.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use infra_core::state::JournalEntry;
use infra_core::{Operation, ResourceAddress, State, Token, Value};
use infra_state::testing::{intent, record, sample_stack};
use infra_state::{AppendError, Journal};

use crate::bench::{Known, open};

const STATE_DIR: &str = "INFRA_STATE_WRITER_DIR";
const SEED: &str = "INFRA_STATE_WRITER_SEED";
const TASKS: u64 = 8;

/// What the writer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The state is open.
    Open,
    /// The entry of this serial is durable; it is about this token.
    Acknowledged(u64, String),
    /// It can go on no more.
    Failed(String),
}

/// The other process.
pub struct Writer {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    /// Starts it; `wrap` may put something around the command line.
    pub fn start(state_dir: &Path, seed: u64, wrap: impl FnOnce(Command) -> Command) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "writer::appends_for_ever", "--nocapture"]);
        let mut child = wrap(command)
            .env(STATE_DIR, state_dir)
            .env(SEED, seed.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What it says next; `None` when it has ended, or in the middle of a line.
    pub fn said(&mut self) -> Option<Said> {
        loop {
            let line = self.lines.next()?.ok()?;
            // The test harness writes lines, too.
            let Some((_, words)) = line.split_once("writer: ") else {
                continue;
            };
            // Every line ends so; one that was cut off does not.
            let words = words.strip_suffix(" .")?;
            return Some(match words.split(' ').collect::<Vec<_>>()[..] {
                ["open"] => Said::Open,
                ["acknowledged", serial, token] => Said::Acknowledged(serial.parse().unwrap(), token.into()),
                _ => Said::Failed(words.to_owned()),
            });
        }
    }

    /// Kills it at once, and returns what it had said and nobody heard.
    pub fn kill(mut self) -> Vec<Said> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::iter::from_fn(|| self.said()).collect()
    }
}

fn say(words: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    // Who listens may be gone.
    let _ = writeln!(out, "writer: {words} .").and_then(|()| out.flush());
}

/// The other process: creates and updates resources from many tasks for ever. Started by other tests only.
#[test]
#[ignore = "runs for ever; other tests start it and end it"]
fn appends_for_ever() {
    let state_dir = std::env::var_os(STATE_DIR).expect("started by another test");
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let opened = open(Path::new(&state_dir)).and_then(|store| Journal::open(Arc::new(store)));
    let journal = match opened {
        Ok(journal) => Arc::new(journal),
        Err(error) => return say(error),
    };
    say("open");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let failed = runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(append_for_ever(Arc::clone(&journal), task, seed)))
            .collect();
        let mut last = None;
        for task in tasks {
            last = Some(task.await.unwrap());
        }
        last.unwrap()
    });
    say(failed);
}

async fn append_for_ever(journal: Arc<Journal>, task: u64, seed: u64) -> AppendError {
    let address: ResourceAddress = format!("ec2.subnet.task{task}").parse().unwrap();
    for number in 0_u64.. {
        let token = format!("{seed}-{}-{task}-{number}", std::process::id());
        // Now and then one that does not fit into one piece.
        let size = if (number + seed).is_multiple_of(5) {
            20_000
        } else {
            100
        };
        let mut made = record(&token, &[]);
        made.observed.insert("text".into(), Value::from("x".repeat(size)));
        let update = journal.with_state(|state| {
            let record = state.resources.get(&address)?;
            Some(intent(
                &token,
                &address,
                Operation::Update,
                Some(&record.physical_id),
            ))
        });
        let is_update = update.is_some();
        let intent = update.unwrap_or_else(|| intent(&token, &address, Operation::Create, None));
        let record = Box::new(made);
        let outcome = if is_update {
            JournalEntry::Updated {
                token: Token(token.clone()),
                record,
            }
        } else {
            JournalEntry::Created {
                token: Token(token.clone()),
                record,
            }
        };
        for entry in [JournalEntry::Intended(Box::new(intent)), outcome] {
            match journal.append(entry).await {
                Ok(serial) => say(format_args!("acknowledged {serial} {token}")),
                Err(error) => return error,
            }
        }
    }
    AppendError::Closed
}

/// Everything acknowledged is there, in order and as it was sent, and the state is what the journal makes.
pub fn holds(known: &Known, acknowledged: &[Said], told: &str) {
    let (state, journal) = known;
    let serials = journal.iter().map(|(serial, _)| *serial);
    assert!(serials.eq(1..=state.serial), "{told}: the journal has a gap");
    for said in acknowledged {
        let Said::Acknowledged(serial, token) = said else {
            continue;
        };
        let entry = journal.get(*serial as usize - 1).map(|(_, entry)| entry);
        let there = match entry {
            Some(JournalEntry::Intended(intent)) => Some(&intent.token),
            Some(JournalEntry::Created { token, .. } | JournalEntry::Updated { token, .. }) => Some(token),
            _ => None,
        };
        assert_eq!(there, Some(&Token(token.clone())), "{told}: entry {serial}");
    }
    let mut folded = State::new(sample_stack(), state.lineage.clone());
    for (_, entry) in journal {
        folded.fold(entry).unwrap();
    }
    assert!(folded == *state, "{told}: the journal's fold is not the state");
}
