//! A test for many seeds: on all processors, with a line that makes a failure again, cut down.
//!
//! | variable | meaning |
//! |---|---|
//! | `INFRA_SIMULATION_CASES` | how many seeds, instead of a few hundred |
//! | `INFRA_SIMULATION_SEED` | the first seed; alone: only this one |

use std::cell::RefCell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use super::shrink::shrunk;
use super::story::Story;
use crate::trace::traced;

/// Failing seeds after which no more are tried.
const ENOUGH: usize = 25;

/// A story that has not ended after this much simulated time never will.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 30);

/// What is to hold for every seed.
pub struct Property {
    /// The test's name in this file's module.
    pub test: &'static str,
    /// Seeds of the usual test run.
    pub cases: u64,
    /// The story of a seed.
    pub story: fn(u64) -> Story,
}

impl Property {
    /// Holds it against every seed; `carry_out` panics where it does not hold.
    pub fn holds(&self, carry_out: impl AsyncFn(&Story) + Sync) {
        let number = |name: &str| -> Option<u64> {
            let value = std::env::var(name).ok()?;
            Some(
                value
                    .parse()
                    .unwrap_or_else(|_| panic!("{name} is {value:?}, not a number")),
            )
        };
        let (seed, cases) = (number("INFRA_SIMULATION_SEED"), number("INFRA_SIMULATION_CASES"));
        let cases = cases.unwrap_or(if seed.is_some() { 1 } else { self.cases });
        let first = seed.unwrap_or(0);
        let started = Instant::now();
        let failing = failing(first..first.saturating_add(cases), |seed| {
            failure(&(self.story)(seed), &carry_out)
        });
        let test = self.test;
        tell(&format!(
            "{test}: {cases} cases from seed {first} in {:.1} s, {} failed",
            started.elapsed().as_secs_f64(),
            failing.len()
        ));
        let Some((seed, told)) = failing.first() else {
            return;
        };
        let (smallest, told) = shrunk((self.story)(*seed), told.clone(), |story| {
            failure(story, &carry_out)
        });
        let happened = traced(|| {
            let _ = failure(&smallest, &carry_out);
        });
        let mut message = String::new();
        for (seed, told) in &failing {
            // The first line says where the panic was.
            let lines: Vec<&str> = told.lines().skip(1).take(3).map(str::trim).collect();
            let _ = writeln!(message, "seed {seed}: {}", lines.join(" "));
        }
        panic!(
            "{message}\nseed {seed}, cut down to this:\n{smallest}\ngoes so:\n{}\n\nand ends so:\n{told}\n\nmake it again:\n\
             INFRA_SIMULATION_SEED={seed} cargo test -p infra-engine --test simulated simulation::{test}\n",
            happened.join("\n")
        );
    }
}

#[expect(clippy::print_stdout, reason = "the count of cases is a result")]
fn tell(line: &str) {
    println!("{line}");
}

/// The seeds that fail, and how, in their order.
fn failing(seeds: std::ops::Range<u64>, fails: impl Fn(u64) -> Option<String> + Sync) -> Vec<(u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(Vec::new());
    let lock = || found.lock().unwrap_or_else(PoisonError::into_inner);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while lock().len() < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Some(failure) = fails(seed) {
                        lock().push((seed, failure));
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort();
    found
}

/// How a story fails, if it does.
fn failure(story: &Story, carry_out: &impl AsyncFn(&Story)) -> Option<String> {
    quiet();
    LAST.set(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(|| in_simulated_time(carry_out(story))));
    let told = LAST.take().unwrap_or_default();
    match result {
        Ok(true) => None,
        Ok(false) => Some("it never ends".to_owned()),
        Err(_) => Some(told),
    }
}

/// Whether the future came to its end.
fn in_simulated_time(future: impl Future<Output = ()>) -> bool {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async { tokio::time::timeout(FOR_EVER, future).await.is_ok() })
}

thread_local! {
    /// What the last panic of this thread said; `None` where panics are shown.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics of stories are told of in the end, and not shown each.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let show = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_kept = LAST.with_borrow_mut(|last| match last {
                Some(last) => {
                    *last = panic.to_string();
                    true
                }
                None => false,
            });
            if !is_kept {
                show(panic);
            }
        }));
    });
}
