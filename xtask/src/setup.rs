//! What the tests need beside Rust and Python: fetched once, found again afterwards.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use infra_sandbox::Sandbox;

use crate::workspace::{in_ci, is_installed, root, run as run_program};

/// What there is after the set-up.
#[derive(Debug)]
pub struct Setup {
    /// The Python environment with the pinned emulators.
    pub venv: PathBuf,
    /// Its Python.
    pub python: PathBuf,
}

/// A Debian package, and how to see that what it brings is there.
struct Package {
    name: &'static str,
    is_there: fn() -> bool,
    /// What is not tested without it.
    without: &'static str,
    /// The tests that need it, as `--skip` of a test's program takes them.
    tests: &'static [&'static str],
}

/// Programs that can look at a page.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Tests that push to a real registry and read back what is there.
const WITH_A_REGISTRY: &[&str] = &[
    "debian_registry::",
    "moto::the_development_stage_on_unchanged_moto",
];

const PACKAGES: [Package; 4] = [
    Package {
        name: "python3-venv",
        is_there: python_makes_environments,
        without: "there is no emulator: the sandbox and its tests need Python 3.11 with its venv module",
        tests: &[],
    },
    Package {
        name: "docker-registry",
        is_there: || is_installed("docker-registry"),
        without: "pushes to a real registry are not tested",
        tests: WITH_A_REGISTRY,
    },
    Package {
        name: "skopeo",
        is_there: || is_installed("skopeo"),
        without: "what is pushed is not read back by another program",
        tests: WITH_A_REGISTRY,
    },
    Package {
        name: "chromium",
        is_there: || BROWSERS.iter().any(|program| is_installed(program)),
        without: "the page of a run is not looked at in a browser",
        tests: &["report::a_run_is_drawn_and_the_next_one_is_expected_to_take_as_long"],
    },
];

/// Fetches what is missing.
///
/// # Errors
/// The emulators cannot be had; in CI also the registry and skopeo.
pub fn run() -> Result<Setup> {
    debian_packages()?;
    emulators()
}

/// Installs missing packages where apt and root are at hand.
///
/// # Errors
/// apt fails; in CI also when there is no apt, or no root.
pub fn debian_packages() -> Result<()> {
    let missing: Vec<&Package> = PACKAGES.iter().filter(|package| !(package.is_there)()).collect();
    if missing.is_empty() {
        println!("registry, skopeo, browser and Python are there");
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if is_installed("apt-get") && rustix::process::geteuid().is_root() {
        return install(&names);
    }
    let words = names.join(" ");
    if in_ci() {
        bail!(
            "{words} are missing, and only root can install them with apt-get; in CI nothing may be skipped"
        );
    }
    for package in &missing {
        println!("without {}, {}", package.name, package.without);
    }
    println!("to have them: sudo apt-get install {words}");
    Ok(())
}

/// What cannot be tested on this machine: why, and the names of the tests.
pub fn untested() -> Vec<(String, &'static [&'static str])> {
    PACKAGES
        .iter()
        .filter(|package| !package.tests.is_empty() && !(package.is_there)())
        .map(|package| {
            (
                format!("without {}, {}", package.name, package.without),
                package.tests,
            )
        })
        .collect()
}

fn install(names: &[&str]) -> Result<()> {
    run_program(&mut apt(&["update", "--quiet"]))?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(names);
    run_program(&mut apt(&arguments))?;
    match PACKAGES.iter().find(|package| !(package.is_there)()) {
        Some(package) => bail!("{} is installed, but {}", package.name, package.without),
        None => Ok(()),
    }
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The registry of the package is a service; the tests start their own, on loopback.
        .env("RUNLEVEL", "1");
    command
}

/// The Python environment with the emulators, made if need be.
///
/// # Errors
/// There is no usable Python, or the packages cannot be had.
pub fn emulators() -> Result<Setup> {
    let sandbox = Sandbox::new(root());
    let python = sandbox
        .python(&mut |line| println!("{line}"))
        .context("the emulators cannot be set up")?;
    println!("emulators: {}", sandbox.venv().display());
    Ok(Setup {
        venv: sandbox.venv().to_owned(),
        python,
    })
}

fn python_makes_environments() -> bool {
    let python = std::env::var(infra_sandbox::PYTHON_VARIABLE).unwrap_or_else(|_| "python3".into());
    Command::new(python)
        .args(["-c", "import ensurepip, venv"])
        .output()
        .is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::is_declared;

    #[test]
    fn the_tests_that_need_a_program_exist() {
        for name in PACKAGES.iter().flat_map(|package| package.tests) {
            let (module, test) = name.rsplit_once("::").unwrap();
            let declared = if test.is_empty() {
                format!("mod {module};")
            } else {
                format!("fn {test}(")
            };
            assert!(is_declared(&declared), "there is no test {name}");
        }
    }
}
