//! The Python environment that the emulator runs in.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{SandboxError, last_lines};
use crate::program;

/// Names another folder for the Python environment, so that several roots share one.
pub const VENV_VARIABLE: &str = "INFRA_SANDBOX_VENV";
/// Names the Python that makes the environment; `python3` when it is not set.
pub const PYTHON_VARIABLE: &str = "INFRA_SANDBOX_PYTHON";

const STAMP: &str = "infra-requirements.sha256";
const OLDEST_PYTHON: (u32, u32) = (3, 11);

/// The environment's own Python.
pub(crate) fn python(venv: &Path) -> PathBuf {
    venv.join("bin").join("python")
}

/// Makes the environment unless it is there with what is required. Two processes that do this at once do it
/// one after the other, and the second finds it done.
pub(crate) fn prepare(venv: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    if is_ready(venv) {
        return Ok(());
    }
    if let Some(parent) = venv.parent() {
        fs::create_dir_all(parent).map_err(SandboxError::file("create", parent))?;
    }
    let lock_path = venv.with_added_extension("lock");
    let lock = File::create(&lock_path).map_err(SandboxError::file("create", &lock_path))?;
    if lock.try_lock().is_err() {
        progress("waiting for another process that is making the Python environment");
        lock.lock().map_err(SandboxError::file("lock", &lock_path))?;
    }
    if is_ready(venv) {
        return Ok(());
    }
    make(venv, &lock, progress)
}

fn is_ready(venv: &Path) -> bool {
    let stamp = fs::read_to_string(venv.join(STAMP)).unwrap_or_default();
    stamp.trim() == program::requirements_hash() && python(venv).exists()
}

fn make(venv: &Path, lock: &File, progress: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    let base = env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".to_owned());
    check_python(&base)?;
    if venv.exists() {
        if !venv.join("pyvenv.cfg").is_file() && !is_empty(venv) {
            return Err(SandboxError::Environment {
                path: venv.to_owned(),
                hint: format!("the folder holds something else; empty it or point {VENV_VARIABLE} elsewhere"),
                output: String::new(),
            });
        }
        fs::remove_dir_all(venv).map_err(SandboxError::file("remove", venv))?;
    }
    progress("making the emulator's Python environment (once, about a minute)");
    let mut create = Command::new(&base);
    create.args(["-m", "venv"]).arg(venv);
    run(venv, lock, create, &mut |_| {}, |_| {
        "the venv module failed; on Debian it is the package python3-venv".to_owned()
    })?;

    let requirements = venv.join("infra-requirements.txt");
    fs::write(&requirements, program::REQUIREMENTS).map_err(SandboxError::file("write", &requirements))?;
    let mut install = Command::new(python(venv));
    install
        .args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "-r",
        ])
        .arg(&requirements);
    let mut seen = 0;
    let mut tell = |line: &str| {
        if let Some(package) = line.strip_prefix("Collecting ") {
            seen += 1;
            let package = package.split_whitespace().next().unwrap_or(package);
            progress(&format!("fetching {package} ({seen} so far)"));
        } else if line.starts_with("Installing collected packages") {
            progress("installing the packages");
        }
    };
    run(venv, lock, install, &mut tell, explain_pip)?;
    let stamp = venv.join(STAMP);
    fs::write(&stamp, program::requirements_hash()).map_err(SandboxError::file("write", &stamp))
}

fn check_python(python: &str) -> Result<(), SandboxError> {
    let problem = |problem: String| SandboxError::Python {
        python: python.to_owned(),
        problem,
    };
    let output = Command::new(python)
        .args(["-c", "import sys; print(*sys.version_info[:2])"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| problem(format!("cannot be run ({error})")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = parse_version(&text).ok_or_else(|| problem("does not say its version".to_owned()))?;
    if version < OLDEST_PYTHON {
        return Err(problem(format!("is {}.{}", version.0, version.1)));
    }
    let modules = Command::new(python)
        .args(["-c", "import ensurepip, venv"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match modules {
        Ok(status) if status.success() => Ok(()),
        _ => Err(problem("lacks the modules venv and ensurepip".to_owned())),
    }
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Runs a command that makes the environment, telling its output line by line. Should this process be ended
/// meanwhile, the command holds the lock for as long as it goes on.
fn run(
    venv: &Path,
    lock: &File,
    mut command: Command,
    tell: &mut dyn FnMut(&str),
    explain: impl FnOnce(&str) -> String,
) -> Result<(), SandboxError> {
    let failed = |hint: String, output: String| SandboxError::Environment {
        path: venv.to_owned(),
        hint,
        output: last_lines(&output, 15),
    };
    let held = lock.try_clone().map_err(SandboxError::file("lock", venv))?;
    let mut child = command
        // Nothing is read from it: what counts is that the child has it open.
        .stdin(held)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            failed(
                format!("cannot run {:?}: {error}", command.get_program()),
                String::new(),
            )
        })?;
    let mut output = String::new();
    // Read beside the other stream: a full pipe would stop the command.
    let errors = child.stderr.take().map(|mut stream| {
        std::thread::spawn(move || {
            let mut text = String::new();
            // What is no text is of no use in a message.
            let _ = stream.read_to_string(&mut text);
            text
        })
    });
    if let Some(stream) = child.stdout.take() {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            tell(&line);
            output.push_str(&line);
            output.push('\n');
        }
    }
    if let Some(text) = errors.and_then(|thread| thread.join().ok()) {
        output.push_str(&text);
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failed(explain(&output), output)),
        Err(error) => Err(failed(error.to_string(), output)),
    }
}

/// What a failure of pip most likely means.
fn explain_pip(output: &str) -> String {
    const NETWORK: &[&str] = &[
        "name resolution",
        "Connection refused",
        "Network is unreachable",
        "timed out",
        "Retrying",
        "NewConnectionError",
        "ProxyError",
        "SSLError",
    ];
    if NETWORK.iter().any(|sign| output.contains(sign)) {
        "the Python package index cannot be reached; check the network, or pip's proxy and index settings \
         (`pip config list`)"
            .to_owned()
    } else if output.contains("No space left") {
        "the disk is full".to_owned()
    } else if output.contains("No matching distribution") {
        "a package is not to be had for this Python; name another one with INFRA_SANDBOX_PYTHON, or check \
         pip's index settings (`pip config list`)"
            .to_owned()
    } else {
        "pip failed".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_python_says_what_to_do() {
        let error = check_python("/nowhere/python3").unwrap_err().to_string();
        assert!(
            error.contains("/nowhere/python3") && error.contains(PYTHON_VARIABLE),
            "{error}"
        );
        // Any program that runs but is no Python.
        let error = check_python("true").unwrap_err().to_string();
        assert!(error.contains("does not say its version"), "{error}");
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("3 11\n"), Some((3, 11)));
        assert!(parse_version("3 9\n").unwrap() < OLDEST_PYTHON);
        assert_eq!(parse_version("Python"), None);
    }

    #[test]
    fn causes_of_pip_failures_are_named() {
        for (output, expected) in [
            ("Temporary failure in name resolution", "cannot be reached"),
            ("OSError: [Errno 28] No space left on device", "disk is full"),
            (
                "ERROR: No matching distribution found for moto==5.2.5",
                "not to be had",
            ),
            ("something else", "pip failed"),
        ] {
            assert!(explain_pip(output).contains(expected), "{output}");
        }
    }

    #[test]
    fn a_folder_of_something_else_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
        let lock = tempfile::tempfile().unwrap();
        let error = make(folder.path(), &lock, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(VENV_VARIABLE), "{error}");
        assert!(folder.path().join("thesis.txt").exists());
    }
}
