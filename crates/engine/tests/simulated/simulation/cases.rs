//! A test of many stories: on all processors, with a line that makes a failure again, cut down.
//!
//! | variable | meaning |
//! |---|---|
//! | `INFRA_PROOF_CASES` | the number of a story, or a range such as `0..10`, instead of the test's own |
//! | `INFRA_PROOF_SEED` | other stories under the same numbers |
//! | `INFRA_PROOF_WORKERS` | stories under way at once, instead of one per processor |

use std::cell::RefCell;
use std::fmt::Write;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use super::shrink::shrunk;
use super::story::Story;
use crate::trace::traced;

/// Failing stories after which no more are tried.
const ENOUGH: usize = 25;

/// The variable that names stories.
const CASES: &str = "INFRA_PROOF_CASES";

/// After so many stories it is said how far it is.
const HEARTBEAT: u64 = 20_000;

/// A story that has not ended after this much simulated time never will.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 30);

/// Stories to be carried out.
pub struct Cases {
    numbers: Range<u64>,
    seed: u64,
    workers: usize,
}

impl Cases {
    /// Those that the environment asks for, or else the first `many`.
    pub fn asked_or_first(many: u64) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let read = |name: &str, text: &str| -> u64 {
            text.trim()
                .parse()
                .unwrap_or_else(|_| panic!("{name}: {text:?} is not a number"))
        };
        let number = |name: &str| set(name).map(|text| read(name, &text));
        let numbers = set(CASES).map(|text| match text.split_once("..") {
            Some((first, end)) => read(CASES, first)..read(CASES, end),
            None => read(CASES, &text)..read(CASES, &text).saturating_add(1),
        });
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            numbers: numbers.unwrap_or(0..many),
            seed: number("INFRA_PROOF_SEED").unwrap_or_default(),
            workers: number("INFRA_PROOF_WORKERS").map_or_else(processors, |workers| workers as usize),
        }
    }

    /// The story of a number.
    fn story(&self, number: u64) -> Story {
        Story::of(self.seed.rotate_left(32).wrapping_add(number))
    }

    /// The command that carries out one of them alone.
    fn again(&self, number: u64) -> String {
        let seed = match self.seed {
            0 => String::new(),
            seed => format!(" --seed {seed}"),
        };
        format!("cargo xtask prove --only simulation{seed} --cases {number}")
    }

    /// Carries all of them out; `carry_out` panics where one does not end well.
    pub fn end_well(&self, carry_out: impl AsyncFn(&Story) + Sync) {
        assert!(!self.numbers.is_empty(), "there is no such story");
        let started = Instant::now();
        let (failing, many) = self.failing(|number| failure(&self.story(number), &carry_out));
        let seconds = started.elapsed().as_secs_f64();
        // `cargo xtask prove` looks for this line.
        tell(&format!(
            "proof: simulation: {many} stories, {} failed, {seconds:.0} s ({:.1} s a thousand); seed {}, numbers {:?}",
            failing.len(),
            seconds * 1000.0 / many as f64,
            self.seed,
            self.numbers
        ));
        let Some((number, told)) = failing.first() else {
            return;
        };
        let (smallest, told) = shrunk(self.story(*number), told.clone(), |story| {
            failure(story, &carry_out)
        });
        let happened = traced(|| {
            let _ = failure(&smallest, &carry_out);
        });
        let mut message = String::new();
        for (number, told) in &failing {
            // The first line says where the panic was.
            let lines: Vec<&str> = told.lines().skip(1).take(3).map(str::trim).collect();
            let _ = writeln!(message, "story {number}: {}", lines.join(" "));
        }
        panic!(
            "{message}\nstory {number}, cut down to this:\n{smallest}\ngoes so:\n{}\n\nand ends so:\n{told}\n\n\
             one alone: {}\n",
            happened.join("\n"),
            self.again(*number)
        );
    }

    /// The stories that fail, and how, in their order; and how many were carried out.
    fn failing(&self, fails: impl Fn(u64) -> Option<String> + Sync) -> (Vec<(u64, String)>, u64) {
        let next = AtomicU64::new(self.numbers.start);
        let carried_out = AtomicU64::new(0);
        let found = Mutex::new(Vec::new());
        let lock = || found.lock().unwrap_or_else(PoisonError::into_inner);
        std::thread::scope(|scope| {
            for _ in 0..self.workers.max(1) {
                scope.spawn(|| {
                    while lock().len() < ENOUGH {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= self.numbers.end {
                            return;
                        }
                        if let Some(failure) = fails(number) {
                            tell(&format!("story {number} FAILED; alone: {}", self.again(number)));
                            lock().push((number, failure));
                        }
                        let many = carried_out.fetch_add(1, Ordering::Relaxed) + 1;
                        if many.is_multiple_of(HEARTBEAT) {
                            tell(&format!("{many} stories, {} failed", lock().len()));
                        }
                    }
                });
            }
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort();
        (found, carried_out.into_inner())
    }
}

#[expect(clippy::print_stdout, reason = "the count of cases is a result")]
fn tell(line: &str) {
    println!("{line}");
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
