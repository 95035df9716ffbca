//! The emulator program's own tests, which are Python's: `emulator/tests`.

use std::path::Path;
use std::process::Command;

use infra_sandbox::Sandbox;

#[test]
fn the_emulator_passes_its_own_tests() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.join("../..").canonicalize().unwrap();
    let python = Sandbox::new(root).python(&mut |_| {}).unwrap();
    let output = Command::new(python)
        .args(["-m", "unittest", "discover", "-s", "tests"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(package.join("emulator"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
