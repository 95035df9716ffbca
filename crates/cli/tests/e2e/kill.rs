//! The process killed at once, at moments spread over a whole apply, and the apply run again.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::harness::Reference;

/// At how many moments of an apply it is killed.
const MOMENTS: usize = 10;

/// Runs a command whose events go to stdout, and kills it when it has written that many lines; returns how
/// many it wrote.
fn killed_after(command: &mut Command, lines: usize) -> usize {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = events.by_ref().take(lines).map(Result::unwrap).count();
    // SIGKILL: nothing that it has left undone is done now.
    child.kill().unwrap();
    child.wait().unwrap();
    seen + events.map_while(Result::ok).count()
}

#[test]
fn killed_at_any_moment_the_next_apply_goes_on() {
    let reference = Reference::dev02();
    let arguments = ["-y", "--output=json"];
    let clean = reference.run("apply", &arguments).exits(0);
    let expected = reference.project.held();
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();

    // From the first event of the run, before which nothing is changed, to the last.
    let lines: Vec<_> = clean.json();
    let first = lines
        .iter()
        .position(|line| line["event"] == "run_started")
        .unwrap();
    let last = lines
        .iter()
        .position(|line| line["event"] == "run_finished")
        .unwrap();
    let mut interrupted = 0;
    for moment in 0..MOMENTS {
        let after = first + 1 + (last - first) * moment / MOMENTS;
        let seen = killed_after(&mut reference.command("apply", &arguments), after);
        interrupted += usize::from(seen <= last);
        let told = format!("killed after line {after}");

        reference.apply();
        let held = reference.project.held();
        assert_eq!(held.counts(), expected.counts(), "{told}: {held}");
        reference.differs_in_nothing();
        reference.run("destroy", &["-y"]).exits(0);
        let left = reference.project.held();
        assert!(left.is_empty(), "{told}: the account still holds {left}");
    }
    assert!(
        interrupted >= MOMENTS / 2,
        "only {interrupted} runs were still under way when they were killed"
    );
}

#[test]
fn killed_again_and_again_a_destroy_still_ends() {
    let reference = Reference::dev02();
    reference.apply();
    let arguments = ["-y", "--output=json"];
    for lines in [60, 90, 120] {
        killed_after(&mut reference.command("destroy", &arguments), lines);
    }
    reference.run("destroy", &["-y"]).exits(0);
    reference.project.holds_nothing();
}
