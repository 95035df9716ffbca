//! The sandbox as a process: started, found again, reset, ended. Needs Python and, the first time, the network.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use infra_sandbox::{PlainMoto, Sandbox, SandboxError, StartOptions, Status, TemporarySandbox};

/// The environment that all tests of the project share.
fn shared_venv() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap();
    Sandbox::new(root).venv().to_owned()
}

fn get(endpoint: &str, path: &str) -> String {
    let host = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_sandbox_is_started_once_reset_and_stopped() {
    let root = tempfile::tempdir().unwrap();
    let options = StartOptions {
        time_scale: Some(0.0),
        ..StartOptions::default()
    };
    let sandbox = TemporarySandbox::start(root.path(), shared_venv(), &options).unwrap();
    let first = sandbox.running().clone();
    assert!(first.started_now && first.state_dir.is_dir());
    assert!(get(&first.registry_url, "/v2/").starts_with("HTTP/1.0 401"));

    sandbox.advance(60.0).unwrap();
    assert!(sandbox.advance(f64::NAN).is_err());

    // Found again, by the same root only.
    let again = sandbox.start(&options, &mut |_| {}).unwrap();
    assert!(!again.started_now);
    assert_eq!((&again.instance_id, again.pid), (&first.instance_id, first.pid));
    assert!(matches!(sandbox.status().unwrap(), Status::Running(running) if running.pid == first.pid));
    let elsewhere = Sandbox::new(root.path().join("elsewhere"));
    assert_eq!(elsewhere.status().unwrap(), Status::Stopped);

    // A reset is a new instance in the same process, with an empty state.
    fs::write(first.state_dir.join("state"), "resources").unwrap();
    let reset = sandbox.reset().unwrap();
    assert_ne!(reset.instance_id, first.instance_id);
    assert_eq!(reset.pid, first.pid);
    assert!(!first.state_dir.exists());
    assert_eq!(fs::read_dir(&reset.state_dir).unwrap().count(), 0);
    // Where uploads go is the process's, and stays.
    let uploads = root.path().join(".infra/sandbox/data/registry/uploads");
    assert!(uploads.is_dir());
    assert_eq!(
        sandbox.start(&options, &mut |_| {}).unwrap().instance_id,
        reset.instance_id
    );
    assert_eq!(sandbox.requests().unwrap().total, 0);

    // What is asked is kept as it was sent, for as long as somebody wants it.
    assert!(sandbox.durations().unwrap().values().all(Duration::is_zero));
    assert!(sandbox.stop_recording().unwrap().is_empty());
    sandbox.start_recording().unwrap();
    let target = "/2013-04-01/hostedzone?maxitems=7";
    get(&first.endpoint, target);
    let recorded = sandbox.stop_recording().unwrap();
    assert_eq!(recorded.len(), 1);
    assert_eq!(
        (recorded[0].method.as_str(), recorded[0].target.as_str()),
        ("GET", target)
    );
    assert!(recorded[0].body.is_empty() && !recorded[0].answer.is_empty());
    get(&first.endpoint, target);
    assert!(sandbox.stop_recording().unwrap().is_empty());

    assert!(sandbox.stop().unwrap());
    assert!(!reset.state_dir.exists() && !uploads.exists());
    assert_eq!(sandbox.status().unwrap(), Status::Stopped);
    assert!(!sandbox.stop().unwrap());
    assert!(matches!(sandbox.requests(), Err(SandboxError::NotRunning)));
}

#[test]
fn only_the_owner_may_look_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let sandbox = TemporarySandbox::start(root.path(), shared_venv(), &StartOptions::default()).unwrap();
    let mut folders = vec![root.path().join(".infra/sandbox")];
    assert!(sandbox.running().log.starts_with(&folders[0]));
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            let is_folder = entry.path().is_dir();
            if entry.file_name().to_string_lossy().starts_with("program-") {
                // Nothing of the user's, in a folder that is private as a whole.
                continue;
            }
            assert_eq!(mode, if is_folder { 0o700 } else { 0o600 }, "{entry:?}");
            files += usize::from(!is_folder);
            folders.extend(is_folder.then(|| entry.path()));
        }
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder:?}");
    }
    assert!(files >= 4, "{files} files");
}

#[test]
fn a_start_that_was_interrupted_is_carried_on() {
    let root = tempfile::tempdir().unwrap();
    let sandbox = TemporarySandbox::start(root.path(), shared_venv(), &StartOptions::default()).unwrap();
    let first = sandbox.running().clone();
    // As it is written down before the emulator answers.
    let written = root.path().join(".infra/sandbox/instance.json");
    let mut instance: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&written).unwrap()).unwrap();
    instance["port"] = 0.into();
    fs::write(&written, instance.to_string()).unwrap();
    assert_eq!(sandbox.status().unwrap(), Status::Stopped);
    let again = sandbox.start(&StartOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(
        (again.pid, &again.endpoint, &again.instance_id),
        (first.pid, &first.endpoint, &first.instance_id)
    );
    // A terminal that is closed does not take it along.
    let hung_up = std::process::Command::new("kill")
        .args(["-HUP", &first.pid.to_string()])
        .status()
        .unwrap();
    assert!(hung_up.success());
    assert_eq!(sandbox.requests().unwrap().total, 0);
}

#[test]
fn a_dead_emulator_is_noticed_and_its_state_is_dropped() {
    let root = tempfile::tempdir().unwrap();
    let sandbox = TemporarySandbox::start(root.path(), shared_venv(), &StartOptions::default()).unwrap();
    let first = sandbox.running().clone();
    let status = std::process::Command::new("kill")
        .args(["-9", &first.pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    // The signal has been sent; the process is gone a moment later.
    while matches!(sandbox.status().unwrap(), Status::Running(_)) {
        std::thread::yield_now();
    }
    let mut told = Vec::new();
    let second = sandbox
        .start(&StartOptions::default(), &mut |line| told.push(line.to_owned()))
        .unwrap();
    assert!(second.started_now);
    assert!(told.iter().any(|line| line.contains("gone")), "{told:?}");
    assert!(!first.state_dir.exists() && second.state_dir.is_dir());
}

#[test]
fn an_emulator_that_cannot_start_shows_its_log() {
    let root = tempfile::tempdir().unwrap();
    let options = StartOptions {
        time_scale: Some(-1.0),
        ..StartOptions::default()
    };
    let error = TemporarySandbox::start(root.path(), shared_venv(), &options)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("--time-scale must be a number that is not negative"),
        "{error}"
    );
}

#[test]
fn plain_moto_runs_beside_it_and_ends_with_its_handle() {
    let root = tempfile::tempdir().unwrap();
    let python = Sandbox::new(root.path())
        .with_venv(shared_venv())
        .python(&mut |_| {})
        .unwrap();
    let moto = PlainMoto::start(&python, &root.path().join("moto.log")).unwrap();
    let endpoint = moto.endpoint().to_owned();
    assert!(get(&endpoint, "/moto-api/data.json").contains(" 200 "));
    drop(moto);
    assert!(TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).is_err());
}
