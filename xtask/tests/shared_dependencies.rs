//! Whatever is built, the program, all tests or those of one crate: AWS's crates, which take minutes, are built once.
//!
//! Cargo builds a crate again when its features, or those of anything that it uses, are others. `Cargo.toml` chooses
//! features for the whole workspace; this compares what comes of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Packages with their features, and what each is built from.
type Tree = BTreeMap<String, BTreeSet<String>>;

fn tree(arguments: &[&str]) -> Tree {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "depth", "--format", "{p} [{f}]"])
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    parse(&String::from_utf8(output.stdout).unwrap())
}

/// Reads lines such as `1serde v1.0.0 [std] (*)`, which stand below what uses them.
fn parse(text: &str) -> Tree {
    let mut tree = Tree::new();
    let mut above: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let depth: usize = line[..digits].parse().unwrap();
        let package = line[digits..]
            .trim_end_matches(" (*)")
            .replace(" (proc-macro)", "");
        above.truncate(depth);
        if let Some(user) = above.last() {
            tree.get_mut(user).unwrap().insert(package.clone());
        }
        tree.entry(package.clone()).or_default();
        above.push(package);
    }
    tree
}

/// All that a package is built from.
fn below(tree: &Tree, name: &str) -> BTreeSet<String> {
    let is_named = |package: &&String| package.split(' ').next() == Some(name);
    let mut open: Vec<&String> = tree.keys().filter(is_named).collect();
    assert!(!open.is_empty(), "there is no {name}");
    let mut found = BTreeSet::new();
    while let Some(package) = open.pop() {
        if found.insert(package.clone()) {
            open.extend(&tree[package]);
        }
    }
    found
}

#[test]
fn the_program_and_the_tests_are_built_from_the_same() {
    let program = tree(&["--package", "infra-cli", "--edges", "no-dev"]);
    let (all, aws) = (below(&program, "infra-cli"), below(&program, "infra-aws"));
    assert!(
        all.len() > 200 && aws.len() > 100,
        "{} and {}",
        all.len(),
        aws.len()
    );
    for (what, used, selection) in [
        ("all tests", &all, vec!["--workspace"]),
        ("the tests of infra-cli", &all, vec!["--package", "infra-cli"]),
        ("the tests of infra-aws", &aws, vec!["--package", "infra-aws"]),
    ] {
        let tests = tree(&selection);
        let others: Vec<&String> = used
            .iter()
            .filter(|package| !tests.contains_key(*package))
            .collect();
        assert!(
            others.is_empty(),
            "the program has these with other features than {what}: {others:#?}"
        );
    }
}

#[test]
fn a_tree_is_read_as_cargo_draws_it() {
    let tree = parse("0a v1 []\n1b v1 [x]\n2c v1 [] (proc-macro)\n1d v1 [y]\n2b v1 [x] (*)\n\n0e v1 []\n");
    assert_eq!(
        below(&tree, "d"),
        ["b v1 [x]", "c v1 []", "d v1 [y]"].map(str::to_owned).into()
    );
    assert_eq!(tree.len(), 5);
}
