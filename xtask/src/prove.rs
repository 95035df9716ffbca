//! The long proofs, which take minutes to hours: for a nightly job, or to replay one case of them.
//!
//! Each is an ignored test that prints a line `proof: <name>: <cases and what became of them>` at its end. A few
//! of the same cases are among the ordinary tests.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::Args;
use infra_sandbox::VENV_VARIABLE;

use crate::setup;
use crate::steps::Steps;
use crate::workspace::{cargo, run as run_program, shown};

/// What the line of a test begins with that says how many cases there were.
const SUMMARY: &str = "proof: ";

/// One of the proofs.
struct Proof {
    name: &'static str,
    /// What is true when it succeeds.
    shows: &'static str,
    /// What cargo is told to find the test's program.
    target: &'static [&'static str],
    /// The profile that it is built with, if not the usual one of tests: optimisation is quick where no crate of
    /// AWS's is among them.
    profile: Option<&'static str>,
    /// The path of the ignored test in it.
    test: &'static str,
    /// Whether it runs against the sandbox.
    needs_emulators: bool,
    /// The environment variable that tells the test its cases, and what `--cases` may be.
    cases: (&'static str, &'static str),
    /// The environment variable that tells the test its seed.
    seed: &'static str,
}

/// In the order in which they run.
const PROOFS: &[Proof] = &[
    Proof {
        name: "sweep",
        shows: "killed at any of its changes, before or after the effect, the next run ends with what the file says",
        target: &["--package", "infra-cli", "--test", "e2e"],
        profile: None,
        test: "proof::sweep::killed_at_every_change",
        needs_emulators: true,
        cases: (
            "INFRA_PROOF_CASES",
            "names or starts of names with commas between: create/before/17, destroy, change/relay",
        ),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "storm",
        shows: "throttled, refused, reset, unanswered: a run ends well, or says why and the next one does",
        target: &["--package", "infra-cli", "--test", "e2e"],
        profile: None,
        test: "proof::storm::every_storm_passes",
        needs_emulators: true,
        cases: (
            "INFRA_PROOF_CASES",
            "the number of a story, or a range such as 0..10",
        ),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "signals",
        shows: "asked to stop once, twice, three times at any moment, a run ends as it should and the next one goes on",
        target: &["--package", "infra-cli", "--test", "e2e"],
        profile: None,
        test: "proof::signals::a_hundred_runs_are_stopped",
        needs_emulators: true,
        cases: ("INFRA_PROOF_CASES", "a number, or a range such as 0..10"),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "simulation",
        shows: "whatever befalls a random stack, its next apply makes of it what the file says, and no rule is broken",
        target: &["--package", "infra-engine", "--test", "simulated"],
        profile: Some("proof"),
        test: "simulation::a_hundred_thousand_stories",
        needs_emulators: false,
        cases: ("INFRA_PROOF_CASES", "a number, or a range such as 0..1000"),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "kill",
        shows: "the state after SIGKILL in the middle of writing has all that was acknowledged",
        target: &["--package", "infra-state-sled", "--test", "suite"],
        profile: None,
        test: "kill::killed_a_thousand_times",
        needs_emulators: false,
        cases: ("INFRA_PROOF_CASES", "a number, or a range such as 0..10"),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "power",
        shows: "so it has where writes that were not synced are lost in any order, or it is refused as damaged",
        target: &["--package", "infra-state-sled", "--test", "suite"],
        profile: None,
        test: "power::power_lost_at_any_moment",
        needs_emulators: false,
        cases: ("INFRA_PROOF_CASES", "a number, or a range such as 0..10"),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "disk",
        shows: "on a disk that fills up a run says so, and all that was acknowledged is there",
        target: &["--package", "infra-state-sled", "--test", "suite"],
        profile: None,
        test: "space::a_full_disk",
        needs_emulators: false,
        cases: ("INFRA_PROOF_CASES", "there is one"),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "damage",
        shows: "a damaged state is refused, and never taken for another one",
        target: &["--package", "infra-state-sled", "--test", "suite"],
        profile: None,
        test: "damage::damaged_in_any_way",
        needs_emulators: false,
        cases: ("INFRA_PROOF_CASES", "a number, or a range such as 0..10"),
        seed: "INFRA_PROOF_SEED",
    },
    Proof {
        name: "races",
        shows: "of several applies on one stack one works at a time, and the others say who holds it",
        target: &["--package", "infra-cli", "--test", "e2e"],
        profile: None,
        test: "races::a_hundred_races",
        needs_emulators: true,
        cases: ("INFRA_PROOF_CASES", "a number, or a range such as 0..10"),
        seed: "INFRA_PROOF_SEED",
    },
];

/// Run the long proofs, or single cases of them
#[derive(Debug, Args)]
pub struct Prove {
    /// Only this proof; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// What random cases are drawn with: the same cases again, or others
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Only these cases of the one proof that `--only` names; `--list` says how each names its own
    #[arg(long, value_name = "CASES")]
    cases: Option<String>,
    /// Say what there is to prove, and run nothing
    #[arg(long)]
    list: bool,
}

/// Runs the proofs that are asked for.
///
/// # Errors
/// There is no such proof, or one failed.
pub fn run(asked: &Prove) -> Result<()> {
    let proofs = chosen(asked)?;
    if asked.list {
        for proof in proofs {
            println!("{}: {}", proof.name, proof.shows);
            println!("    --cases: {}", proof.cases.1);
        }
        return Ok(());
    }
    let mut steps = Steps::default();
    let emulators = if proofs.iter().any(|proof| proof.needs_emulators) {
        steps.take("set up: emulators", setup::emulators)
    } else {
        None
    };
    let mut summaries = Vec::new();
    for proof in proofs {
        if proof.needs_emulators && emulators.is_none() {
            steps.skip(proof.name, "there are no emulators");
            continue;
        }
        // Apart from the proof, so that it shows what is waited for.
        let build = test(proof, &["--no-run"], &[]);
        let built = steps.take(&format!("{}: build", proof.name), || {
            run_program(&mut cargo(&build))
        });
        if built.is_none() {
            continue;
        }
        steps.take(proof.name, || {
            println!("{}", proof.shows);
            let arguments = test(proof, &[], &["--ignored", "--exact", "--nocapture", proof.test]);
            let mut command = cargo(&arguments);
            if let Some(setup) = &emulators {
                command.env(VENV_VARIABLE, &setup.venv);
            }
            if let Some(cases) = &asked.cases {
                command.env(proof.cases.0, cases);
            }
            if let Some(seed) = asked.seed {
                command.env(proof.seed, seed.to_string());
            }
            let said = shown_and_kept(&mut command, &mut summaries)?;
            if !said {
                bail!(
                    "it did not say what it has proven: is {} still its name?",
                    proof.test
                );
            }
            Ok(())
        });
    }
    println!("\n== proven");
    for line in &summaries {
        println!("{line}");
    }
    steps.finish(true)
}

fn chosen(asked: &Prove) -> Result<Vec<&'static Proof>> {
    if let Some(unknown) = asked
        .only
        .iter()
        .find(|name| !PROOFS.iter().any(|proof| proof.name == name.as_str()))
    {
        let names: Vec<_> = PROOFS.iter().map(|proof| proof.name).collect();
        bail!("there is no proof {unknown}; there are {}", names.join(", "));
    }
    let is_asked = |proof: &&Proof| asked.only.is_empty() || asked.only.iter().any(|name| name == proof.name);
    let proofs: Vec<_> = PROOFS.iter().filter(is_asked).collect();
    if asked.cases.is_some() && proofs.len() != 1 {
        bail!("--cases are of one proof: name it with --only");
    }
    Ok(proofs)
}

/// The arguments of `cargo test` for a proof.
fn test<'a>(proof: &Proof, of_cargo: &[&'a str], of_test: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["test", "--locked"];
    arguments.extend(proof.profile.iter().flat_map(|profile| ["--profile", profile]));
    arguments.extend(proof.target);
    arguments.extend(of_cargo);
    arguments.push("--");
    arguments.extend(of_test);
    arguments
}

/// Runs a test with its output shown, and keeps its summaries; returns whether there were any.
fn shown_and_kept(command: &mut std::process::Command, summaries: &mut Vec<String>) -> Result<bool> {
    let shown = shown(command);
    println!("$ {shown}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` cannot be started"))?;
    let output = child.stdout.take().context("its output was asked for")?;
    let before = summaries.len();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some((_, summary)) = line.split_once(SUMMARY) {
            summaries.push(summary.to_owned());
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(summaries.len() > before)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::workspace::is_declared;

    fn asked(only: &[&str], cases: Option<&str>) -> Prove {
        Prove {
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            seed: None,
            cases: cases.map(str::to_owned),
            list: false,
        }
    }

    #[test]
    fn proofs_are_chosen_by_name() {
        let names: BTreeSet<_> = PROOFS.iter().map(|proof| proof.name).collect();
        assert_eq!(names.len(), PROOFS.len());
        assert_eq!(chosen(&asked(&[], None)).unwrap().len(), PROOFS.len());
        assert_eq!(chosen(&asked(&["storm"], Some("3"))).unwrap()[0].name, "storm");
        for (wrong, message) in [
            (asked(&["stormy"], None), "there is no proof stormy"),
            (asked(&[], Some("3")), "--cases are of one proof"),
        ] {
            let error = chosen(&wrong).err().unwrap().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn the_tests_of_the_proofs_exist() {
        for proof in PROOFS {
            let name = proof.test.rsplit("::").next().unwrap();
            assert!(is_declared(&format!("fn {name}(")), "there is no test {name}");
        }
    }
}
