//! Everything that has to hold: format, lints, tests.

use std::process::Command;

use anyhow::Result;
use infra_sandbox::VENV_VARIABLE;

use crate::lints;
use crate::setup::{self, Setup};
use crate::steps::Steps;
use crate::workspace::{cargo, in_ci, run as run_program};

/// Sets up, then checks and tests everything.
///
/// # Errors
/// Any step failed; in CI also when one was skipped.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("set up: Debian packages", setup::debian_packages);
    let emulators = steps.take("set up: emulators", setup::emulators);
    steps.take("format", || run_program(&mut cargo(&["fmt", "--all", "--check"])));
    // Apart from the tests, so that it shows what is waited for.
    let built = steps.take("build the tests, with lints", lints::build_tests);
    match (built, emulators) {
        (Some(()), Some(setup)) => {
            steps.take("tests", || all_tests(&setup));
            for (why, tests) in setup::untested() {
                steps.skip(&format!("tests {}", tests.join(", ")), &why);
            }
            let documentation = ["test", "--workspace", "--doc", "--locked"];
            steps.take("tests in the documentation", || {
                run_program(with_emulators(&mut cargo(&documentation), &setup))
            });
        }
        (None, _) => steps.skip("tests", "they do not build"),
        (_, None) => steps.skip("tests", "there are no emulators"),
    }
    steps.finish(in_ci())
}

/// Runs the tests, all but those whose programs are not there.
fn all_tests(setup: &Setup) -> Result<()> {
    let mut tests = cargo(&lints::TESTS);
    // All of them, even when some fail: one run shows everything that is wrong.
    tests.args(["--no-fail-fast", "--"]);
    for (_, names) in setup::untested() {
        tests.args(names.iter().flat_map(|name| ["--skip", name]));
    }
    run_program(with_emulators(&mut tests, setup))
}

fn with_emulators<'a>(command: &'a mut Command, setup: &Setup) -> &'a mut Command {
    command.env(VENV_VARIABLE, &setup.venv)
}
