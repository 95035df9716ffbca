//! Which cases of a proof are asked for. `cargo xtask prove` says it in environment variables.

use std::env;
use std::ops::Range;
use std::thread::available_parallelism;

/// What the environment asks for.
pub struct Asked {
    /// `INFRA_PROOF_CASES`: a case's name, the start of some names, or numbers such as `10..20`; all of them
    /// when it is not set.
    cases: Option<String>,
    /// `INFRA_PROOF_SEED`: what random cases are drawn with.
    pub seed: u64,
    /// `INFRA_PROOF_WORKERS`: cases under way at the same time, each with an emulator of its own.
    pub workers: usize,
}

impl Asked {
    /// Reads the environment.
    pub fn of_environment() -> Self {
        let number = |name: &str| {
            set(name).map(|value| {
                value
                    .parse()
                    .unwrap_or_else(|_| panic!("{name}={value} is not a number"))
            })
        };
        Self {
            cases: set("INFRA_PROOF_CASES"),
            seed: number("INFRA_PROOF_SEED").unwrap_or(1),
            workers: number("INFRA_PROOF_WORKERS").map_or_else(
                || available_parallelism().map_or(1, usize::from),
                |workers| usize::try_from(workers).unwrap(),
            ),
        }
    }

    /// One after the other, and only these.
    pub fn only(cases: &str) -> Self {
        Self {
            cases: Some(cases.to_owned()),
            seed: 1,
            workers: 1,
        }
    }

    /// Whether a case, or any below it, is asked for: `create` is when `create/before/3` is.
    pub fn includes(&self, name: &str) -> bool {
        let Some(cases) = &self.cases else {
            return true;
        };
        cases
            .split(',')
            .map(str::trim)
            .any(|asked| starts_with(name, asked) || starts_with(asked, name))
    }

    /// The numbers of the cases that have only a number; `all` when none are asked for.
    pub fn numbers(&self, all: Range<u64>) -> Range<u64> {
        let Some(cases) = &self.cases else {
            return all;
        };
        let read = |text: &str| {
            text.trim().parse::<u64>().unwrap_or_else(|_| {
                panic!("{cases} is neither a number of a case nor a range such as 10..20")
            })
        };
        match cases.split_once("..") {
            Some((first, end)) => read(first)..read(end),
            None => read(cases)..read(cases) + 1,
        }
    }
}

/// The command that shows one case of a proof alone, with the seed of this one.
pub fn again(proof: &str, case: &str) -> String {
    let seed = match set("INFRA_PROOF_SEED") {
        Some(seed) => format!(" --seed {seed}"),
        None => String::new(),
    };
    format!("cargo xtask prove --only {proof}{seed} --cases {case}")
}

fn set(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

fn starts_with(name: &str, start: &str) -> bool {
    name.strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[test]
fn cases_are_asked_for_by_the_start_of_their_names() {
    let asked = Asked::only("create/before, change/after/3");
    for name in ["create", "create/before/7", "change/after", "change/after/3"] {
        assert!(asked.includes(name), "{name}");
    }
    for name in ["create/after", "change/after/31", "change/before/3", "destroy"] {
        assert!(!asked.includes(name), "{name}");
    }
    assert_eq!(Asked::only("10..20").numbers(0..5), 10..20);
    assert_eq!(Asked::only("7").numbers(0..5), 7..8);
}
