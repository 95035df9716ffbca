//! A disk that fills up: a clear error, and everything acknowledged until then is there.

use std::fs;
use std::path::Path;
use std::process::Command;

use infra_state::StateError;

use crate::bench::{Chance, Place, known, open};
use crate::writer::{Said, Writer, holds};

/// What the writer acknowledged until it failed, and why it failed.
fn until_it_fails(state_dir: &Path, seed: u64, wrap: impl FnOnce(Command) -> Command) -> (Vec<Said>, String) {
    let mut writer = Writer::start(state_dir, seed, wrap);
    let mut acknowledged = Vec::new();
    loop {
        match writer.said() {
            Some(Said::Failed(why)) => {
                writer.child.wait().unwrap();
                return (acknowledged, why);
            }
            Some(said) => acknowledged.push(said),
            None => panic!("it ended without a word after {}", acknowledged.len()),
        }
    }
}

/// A limit on the size of files, which works for everybody; the signal of it is ignored, as on a full disk
/// there is none.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_file_sizes() {
    let place = Place::new();
    let mut acknowledged = Vec::new();
    let mut chance = Chance(3);
    for round in 0..6 {
        // Blocks of 512 bytes: from nothing at all to a few of sled's segments.
        let blocks = [0, 1, 8, 1100, 3000, 9000][round] + chance.below(3);
        let (said, why) = until_it_fails(place.path(), round as u64, |command| {
            let mut limited = Command::new("sh");
            limited
                .args([
                    "-c",
                    "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"",
                    "sh",
                    &blocks.to_string(),
                ])
                .arg(command.get_program())
                .args(command.get_args());
            limited
        });
        assert!(
            why.contains("the disk is full, or a quota or limit") && why.contains("run the command again"),
            "{blocks}: {why}"
        );
        acknowledged.extend(said);
        let known = known(place.path()).unwrap_or_else(|error| panic!("{blocks}: {error}"));
        holds(&known, &acknowledged, &format!("{blocks} blocks"));
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
}

/// A small disk of its own, which not every machine lets a process make.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "mounts a disk: cargo xtask prove --only disk"]
fn a_full_disk() {
    let outside = tempfile::tempdir().unwrap();
    let report = outside.path().join("found");
    // In a mount namespace of its own, which goes with its processes, and with it the disk.
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script]);
        command
    };
    let disk = tempfile::tempdir().unwrap();
    // What the disk has in the end is copied out of the namespace.
    let (acknowledged, why) = until_it_fails(disk.path(), 5, |command| {
        let mut wrapped = namespace(
            "disk=\"$1\" report=\"$2\"; shift 2; mount -t tmpfs -o size=3m tmpfs \"$disk\"; \"$@\"; cp -r \"$disk\" \
             \"$report\"",
        );
        wrapped
            .arg("sh")
            .args([disk.path(), report.as_path()])
            .arg(command.get_program())
            .args(command.get_args());
        wrapped
    });
    assert!(why.contains("the disk is full, or a quota or limit"), "{why}");
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let known = known(&report).unwrap();
    holds(&known, &acknowledged, "a full disk");
    println!(
        "proof: disk: full after {} acknowledged entries, all there",
        acknowledged.len()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_that_is_always_full_in_the_place_of_the_data() {
    let full = Place::new();
    fs::create_dir_all(full.folder().join("db")).unwrap();
    std::os::unix::fs::symlink("/dev/full", full.folder().join("db/db")).unwrap();
    let full = open(full.path()).unwrap_err();
    assert!(matches!(full, StateError::NoSpace { .. }), "{full:?}");
}
