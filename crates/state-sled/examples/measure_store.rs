//! Measures the store in a new folder of the current one: appends per second, alone and 64 at a time, the
//! time to open, and the size on disk. `cargo run --release -p infra-state-sled --example measure_store`.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_core::state::JournalEntry;
use infra_core::{ResourceAddress, SealingKey, StackId};
use infra_state::testing::record;
use infra_state::{Holder, Journal, StateStore};
use infra_state_sled::{Mode, Request, SledStore};

const ALONE: u64 = 500;
const TOGETHER: u64 = 64;
const ROUNDS: u64 = 100;

fn open(state_dir: &Path) -> Result<SledStore, Box<dyn Error>> {
    let request = Request {
        mode: Mode::Create,
        holder: Holder::this_process("measure", None),
        wait: Duration::ZERO,
        sealing_key: SealingKey::new([7; 32]),
    };
    Ok(SledStore::open(
        state_dir,
        &StackId::new("measure", "", "dev", "us-east-1")?,
        &request,
    )?)
}

fn entry(number: u64) -> Result<JournalEntry, Box<dyn Error>> {
    let address: ResourceAddress = format!("ec2.subnet.name{}", number % TOGETHER).parse()?;
    Ok(JournalEntry::Confirmed {
        address,
        record: Box::new(record(&format!("subnet-{number}"), &["ec2.vpc.main"])),
    })
}

fn opened(state_dir: &Path, what: &str) -> Result<(), Box<dyn Error>> {
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let store = open(state_dir)?;
        let serial = store.load()?.state.serial;
        fastest = fastest.min(started.elapsed());
        drop(store);
        if serial == 0 {
            println!("opened an empty state");
        }
    }
    println!("open and load with {what}: {fastest:.1?} (best of 5)");
    Ok(())
}

fn size(folder: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() {
            size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(sum)
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = tempfile::tempdir_in(".")?;
    let started = Instant::now();
    drop(open(place.path())?);
    println!("make a new state: {:.1?}", started.elapsed());
    println!("size of a new state: {} bytes", size(place.path())?);

    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let journal = Arc::new(Journal::open(Arc::new(open(place.path())?))?);
    let started = Instant::now();
    for number in 0..ALONE {
        let entry = entry(number)?;
        runtime.block_on(journal.append(entry))?;
    }
    let took = started.elapsed().as_secs_f64();
    println!("appends alone: {:.0} per second", ALONE as f64 / took);

    let flushes_before = journal.statistics().flushes;
    let started = Instant::now();
    let tasks: Vec<_> = (0..TOGETHER)
        .map(|task| {
            let journal = Arc::clone(&journal);
            runtime.spawn(async move {
                for round in 0..ROUNDS {
                    let entry = entry(round * TOGETHER + task).map_err(|error| error.to_string())?;
                    journal.append(entry).await.map_err(|error| error.to_string())?;
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task)??;
    }
    let took = started.elapsed().as_secs_f64();
    let statistics = journal.statistics();
    println!(
        "appends by {TOGETHER} tasks: {:.0} per second, {:.1} per flush",
        (TOGETHER * ROUNDS) as f64 / took,
        (TOGETHER * ROUNDS) as f64 / (statistics.flushes - flushes_before) as f64
    );
    println!(
        "flushes: {:.2?} each, the slowest {:.1?}",
        statistics.total / u32::try_from(statistics.flushes)?,
        statistics.longest
    );
    drop(journal);
    opened(place.path(), "6,900 journal entries")?;
    println!("size: {} KiB", size(place.path())? / 1024);
    Ok(())
}
