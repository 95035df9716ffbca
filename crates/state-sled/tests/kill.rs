//! What was acknowledged survives SIGKILL.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use infra_core::state::JournalEntry;
use infra_core::{Operation, ResourceAddress, Token, Value};
use infra_state::testing::{intent, record, sample_stack};
use infra_state::{Holder, Journal, StateStore};
use infra_state_sled::{Mode, Request, SledStore};

const STATE_DIR: &str = "INFRA_STATE_KILL_TEST_DIR";
const ROUNDS: u64 = 20;
const TASKS: usize = 8;

fn open(state_dir: &Path) -> SledStore {
    let request = Request {
        mode: Mode::Create,
        holder: Holder::this_process("kill test", None),
        wait: Duration::ZERO,
    };
    SledStore::open(state_dir, &sample_stack(), &request).unwrap()
}

/// The child: creates and updates resources from many tasks for ever, and prints each serial that was
/// acknowledged. Started by the test below only.
#[test]
#[ignore = "runs for ever; the other test starts and kills it"]
fn appends_for_ever() {
    let state_dir = std::env::var_os(STATE_DIR).expect("started by the other test");
    let journal = Arc::new(Journal::open(Arc::new(open(Path::new(&state_dir)))).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| tokio::spawn(append_for_ever(Arc::clone(&journal), task)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

async fn append_for_ever(journal: Arc<Journal>, task: usize) {
    let address: ResourceAddress = format!("ec2.subnet.task{task}").parse().unwrap();
    for number in 0.. {
        let token = format!("{}-{task}-{number}", std::process::id());
        // Now and then one that does not fit into one piece.
        let size = if number % 5 == 0 { 20_000 } else { 100 };
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
        let token = Token(token);
        let record = Box::new(made);
        let outcome = if is_update {
            JournalEntry::Updated { token, record }
        } else {
            JournalEntry::Created { token, record }
        };
        for entry in [JournalEntry::Intended(Box::new(intent)), outcome] {
            let serial = journal.append(entry).await.unwrap();
            let mut out = std::io::stdout().lock();
            // The parent may be gone already.
            let _ = writeln!(out, "acknowledged {serial}").and_then(|()| out.flush());
        }
    }
}

#[test]
fn everything_acknowledged_is_there_after_sigkill() {
    let place = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "appends_for_ever", "--ignored", "--nocapture"])
            .env(STATE_DIR, place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let serial = |line: std::io::Result<String>| -> Option<u64> {
            line.unwrap().split("acknowledged ").nth(1)?.parse().ok()
        };
        // Killed after another number of entries in every round, while more are on their way.
        let entries = 1 + (round * 37) as usize % 101;
        let mut acknowledged: Vec<u64> = lines.by_ref().filter_map(serial).take(entries).collect();
        assert_eq!(acknowledged.len(), entries, "the child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said and we had not read yet; the last line may be cut off.
        let rest: Vec<_> = lines.collect();
        let complete = rest.len().saturating_sub(1);
        acknowledged.extend(rest.into_iter().take(complete).filter_map(serial));

        let store = open(place.path());
        assert!(store.took_over().is_some(), "the hold of the dead child");
        let state = store.load().unwrap().state;
        let journal = store.journal(0..=u64::MAX).unwrap();
        let newest = acknowledged.iter().copied().max().unwrap();
        assert!(
            state.serial >= newest,
            "round {round}: {} < {newest}",
            state.serial
        );
        assert!(journal.iter().map(|(serial, _)| *serial).eq(1..=state.serial));
        let mut folded = infra_core::State::new(sample_stack(), state.lineage.clone());
        for (_, entry) in &journal {
            folded.fold(entry).unwrap();
        }
        assert!(
            folded == state,
            "round {round}: the journal's fold is not the state"
        );
    }
}
