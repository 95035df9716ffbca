//! Everything that has to hold: format, lints, tests.

use std::process::Command;

use anyhow::Result;
use infra_sandbox::{PlainMoto, VENV_VARIABLE};

use crate::setup::{self, Setup};
use crate::steps::Steps;
use crate::workspace::{cargo, in_ci, run as run_program, target};

/// What an unchanged moto needs to be told to be of use; see the emulator's README.
const MOTO: [(&str, &str); 3] = [
    ("MOTO_IAM_LOAD_MANAGED_POLICIES", "true"),
    ("MOTO_ECS_SERVICE_RUNNING", "1"),
    ("MOTO_EC2_LOAD_DEFAULT_AMIS", "false"),
];

/// Sets up, then checks and tests everything.
///
/// # Errors
/// Any step failed.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    steps.take("set up: Debian packages", setup::debian_packages);
    let emulators = steps.take("set up: emulators", setup::emulators);
    steps.take("format", || run_program(&mut cargo(&["fmt", "--all", "--check"])));
    let lints = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    steps.take("lints", || run_program(&mut cargo(&lints)));
    // Apart from the tests, so that it shows what is waited for.
    let build = ["test", "--workspace", "--all-targets", "--locked", "--no-run"];
    let built = steps.take("build the tests", || run_program(&mut cargo(&build)));
    match (built, emulators) {
        (Some(()), Some(setup)) => {
            steps.take("tests", || all_tests(&setup));
            let documentation = ["test", "--workspace", "--doc", "--locked"];
            steps.take("tests in the documentation", || {
                run_program(&mut with_what_they_need(cargo(&documentation), &setup))
            });
        }
        (None, _) => steps.skip("tests", "they do not build"),
        (_, None) => steps.skip("tests", "there are no emulators"),
    }
    steps.finish()
}

/// Runs the tests with an unchanged moto beside them, which ends when they do.
fn all_tests(setup: &Setup) -> Result<()> {
    let log = target().join("moto.log");
    std::fs::create_dir_all(target())?;
    let moto = PlainMoto::start(&setup.python, &MOTO, &log)?;
    println!("moto at {}, its log in {}", moto.endpoint(), log.display());
    // All of them, even when some fail: one run shows everything that is wrong.
    let tests = [
        "test",
        "--workspace",
        "--all-targets",
        "--locked",
        "--no-fail-fast",
    ];
    run_program(with_what_they_need(cargo(&tests), setup).env("INFRA_TEST_ENDPOINT", moto.endpoint()))
}

fn with_what_they_need(mut command: Command, setup: &Setup) -> Command {
    command.env(VENV_VARIABLE, &setup.venv);
    if in_ci() {
        command.env("INFRA_TEST_REQUIRE_REGISTRY", "1");
        command.env("INFRA_TEST_REQUIRE_EMULATOR", "1");
        command.env("INFRA_TEST_REQUIRE_BROWSER", "1");
    }
    command
}
