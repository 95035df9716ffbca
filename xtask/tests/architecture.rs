//! ARCHITECTURE.md draws the arrows between the crates as the manifests have them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What a manifest names, and those crates of the project that it uses outside of tests.
fn manifest(path: &Path) -> (String, BTreeSet<String>) {
    let text = fs::read_to_string(path).unwrap();
    let (mut section, mut name, mut used) = ("", String::new(), BTreeSet::new());
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section == "[package]" && name.is_empty() && line.starts_with("name") {
            name = line.split('"').nth(1).unwrap().to_owned();
        } else if section == "[dependencies]" && line.starts_with("infra-") {
            used.insert(line.split(['.', ' ', '=']).next().unwrap().to_owned());
        }
    }
    (name, used)
}

fn in_manifests() -> Arrows {
    fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .chain([root().join("xtask")])
        .map(|folder| manifest(&folder.join("Cargo.toml")))
        .collect()
}

/// The names in backticks in one cell.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn in_the_page() -> Arrows {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `infra-") || line.starts_with("| `xtask`"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            (names(cells[1]).pop_first().unwrap(), names(cells[2]))
        })
        .collect()
}

#[test]
fn the_page_has_the_arrows_of_the_manifests() {
    let (page, manifests) = (in_the_page(), in_manifests());
    assert!(manifests.len() > 10, "the manifests are not there");
    for name in manifests.keys().chain(page.keys()) {
        assert_eq!(
            page.get(name),
            manifests.get(name),
            "{name}: the page, then its manifest"
        );
    }
}
