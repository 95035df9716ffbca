//! The binary that is distributed: it starts wherever there is glibc 2.28, such as on Amazon Linux 2023, Ubuntu 20.04
//! and RHEL 8.
//!
//! A compiler's own linker takes the newest versions of symbols that the machine's glibc has. zig brings the symbols of
//! every glibc, and `cargo-zigbuild` links with it; both come from PyPI, pinned, into an environment of their own.

mod needs;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{cargo, run as run_program, target};

/// The oldest glibc that the binary starts with.
const GLIBC: (u32, u32) = (2, 28);

/// What links it.
const TOOLS: [&str; 2] = ["cargo-zigbuild==0.24.1", "ziglang==0.17.1"];

/// Build the binary that is distributed, and check that it starts on older systems
#[derive(Debug, Args)]
pub struct Dist {
    /// Only check this binary
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Builds the binary, checks what it asks for, and says where it is.
///
/// # Errors
/// The tools cannot be had, it does not build, or it asks for more than glibc 2.28 has.
pub fn run(asked: &Dist) -> Result<()> {
    match &asked.check {
        Some(binary) => check(binary),
        None => check(&build()?),
    }
}

/// Builds the binary; where it is.
fn build() -> Result<PathBuf> {
    let tools = tools()?;
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let (major, minor) = GLIBC;
    let versioned = format!("{triple}.{major}.{minor}");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools).chain(std::env::split_paths(&path));
    let build = [
        "zigbuild",
        "--release",
        "--locked",
        "--package",
        "infra-cli",
        "--target",
        &versioned,
    ];
    run_program(cargo(&build).env("PATH", std::env::join_paths(folders)?))?;
    Ok(target().join(&triple).join("release/infra"))
}

/// Says how large a binary is.
///
/// # Errors
/// It asks for more than glibc 2.28 has.
fn check(binary: &Path) -> Result<()> {
    let (major, minor) = GLIBC;
    let bytes = std::fs::read(binary).with_context(|| format!("{} cannot be read", binary.display()))?;
    let newer = needs::newer_than(&needs::of(&bytes)?, GLIBC);
    if !newer.is_empty() {
        bail!(
            "{} does not start with glibc {major}.{minor}; it asks for {}",
            binary.display(),
            newer.join(", ")
        );
    }
    println!("{}: {:.1} MB", binary.display(), bytes.len() as f64 / 1e6);
    Ok(())
}

/// The folder of the programs that link, which are fetched the first time.
fn tools() -> Result<PathBuf> {
    // Of these versions: others get a folder of their own.
    let folder = target().join(format!("dist-tools-{}", TOOLS.join("-").replace("==", "-")));
    let programs = folder.join("bin");
    if !programs.join("cargo-zigbuild").is_file() {
        let python = std::env::var(infra_sandbox::PYTHON_VARIABLE).unwrap_or_else(|_| "python3".into());
        run_program(Command::new(python).args(["-m", "venv"]).arg(&folder))?;
        run_program(
            Command::new(programs.join("python"))
                .args(["-m", "pip", "install", "--quiet"])
                .args(TOOLS),
        )?;
    }
    Ok(programs)
}
