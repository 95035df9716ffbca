//! Cases taken one after the other by workers that each have a project and an emulator of their own.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::asked::again;

/// After so many cases that failed no further one is begun: more of the same would only hide the first.
const ENOUGH_FAILURES: usize = 20;

/// Something that is shown case by case.
pub trait Proof: Sync {
    /// What a worker works on; a case that failed leaves it behind, and the next one gets a new one.
    type Stand;
    /// One case, shown by its name, with which it can be replayed.
    type Case: Display;

    /// A new stand.
    fn stand(&self) -> Self::Stand;

    /// The next case; `None` when there are no more.
    fn next(&self) -> Option<Self::Case>;

    /// Shows one case, and panics when it does not hold.
    fn show(&self, stand: &mut Self::Stand, case: &Self::Case);

    /// What happened altogether, in a few words.
    fn happened(&self) -> String;
}

/// What the workers have in common.
#[derive(Default)]
struct Board {
    cases: usize,
    working: Duration,
    failures: Vec<String>,
}

/// Shows all cases, and panics when any did not hold.
pub fn prove<P: Proof>(name: &str, proof: &P, workers: usize) {
    let started = Instant::now();
    let board = Mutex::new(Board::default());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(proof, &board));
        }
    });
    let board = board.into_inner().unwrap();
    let count = board.failures.len();
    // `cargo xtask prove` looks for this line.
    println!(
        "proof: {name}: {} cases, {count} failed, {:.0} s ({:.1} s a case); {}",
        board.cases,
        started.elapsed().as_secs_f64(),
        board.working.as_secs_f64() / board.cases.max(1) as f64,
        proof.happened()
    );
    assert!(board.cases > 0, "there is no such case");
    assert!(
        count == 0,
        "{count} of {} cases failed: {}\none alone: {}",
        board.cases,
        board.failures.join(", "),
        again(name, &board.failures[0])
    );
}

fn work<P: Proof>(proof: &P, board: &Mutex<Board>) {
    let mut stand = None;
    while let Some(case) = proof.next() {
        let began = Instant::now();
        let shown = catch_unwind(AssertUnwindSafe(|| {
            proof.show(stand.get_or_insert_with(|| proof.stand()), &case);
        }));
        let mut board = board.lock().unwrap();
        board.cases += 1;
        board.working += began.elapsed();
        if let Err(panic) = shown {
            stand = None;
            println!("case {case} FAILED: {}", message(panic.as_ref()));
            board.failures.push(case.to_string());
        } else if board.cases.is_multiple_of(20) {
            println!("{} cases, the last was {case}", board.cases);
        }
        if board.failures.len() >= ENOUGH_FAILURES {
            return;
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked")
}
