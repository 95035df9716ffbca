//! What the documents say of the sources, held against them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The files below `crates/*/<part>` that have one of these texts, from `crates` on.
fn that_have(part: &str, texts: &[&str]) -> BTreeSet<String> {
    let crates = root().join("crates");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        let folder = entry.unwrap().path().join(part);
        if folder.is_dir() {
            sources(&folder, &mut files);
        }
    }
    assert!(files.len() > 10, "the sources are not there");
    files
        .into_iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            texts.iter().any(|part| text.contains(part))
        })
        .map(|file| file.strip_prefix(&crates).unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn are<const N: usize>(found: &BTreeSet<String>, expected: [&str; N]) {
    let expected = BTreeSet::from(expected.map(str::to_owned));
    assert_eq!(*found, expected);
}

/// As the first lines of `crates/cli/src/environment.rs` say.
#[test]
fn environment_variables_are_read_in_one_place_of_each_crate_that_does() {
    are(
        &that_have("src", &["env::var", "env::var_os", "env::vars"]),
        [
            "cli/src/environment.rs",
            "oci/src/image/build.rs",
            "sandbox/src/sandbox.rs",
            "sandbox/src/venv.rs",
            "state/src/holder.rs",
        ],
    );
}

/// As `Resource` says: the engine waits. What is here gathers changes of one moment.
#[test]
fn types_wait_for_nothing() {
    are(
        &that_have(
            "src/services",
            &["time::sleep", "time::interval", "thread::sleep"],
        ),
        ["aws/src/services/route53/changes.rs"],
    );
}

/// What waits on the machine's clock: for another process, up to a bound; between signals; until a random moment.
#[test]
fn tests_pause_where_it_is_said() {
    are(
        &that_have("tests", &["thread::sleep("]),
        [
            "cli/tests/e2e/harness/started.rs",
            "cli/tests/e2e/proof/signals/left.rs",
            "cli/tests/e2e/proof/signals/mod.rs",
            "cli/tests/e2e/signals.rs",
            "state-sled/tests/suite/kill.rs",
        ],
    );
    // The clock of all others is paused: nobody waits for it.
    let on_a_clock = that_have("tests", &["time::sleep"]);
    let not_simulated: BTreeSet<String> = on_a_clock
        .into_iter()
        .filter(|file| !file.starts_with("engine/tests/simulated/") && !file.starts_with("testkit/tests/"))
        .collect();
    are(&not_simulated, ["aws/tests/lifecycle/harness.rs"]);
}

/// As CONTRIBUTING.md says.
#[test]
fn each_resource_type_has_a_file_of_its_own() {
    let folder = root().join("crates/aws/src/services");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let mut types = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let here = text.matches("impl Resource for").count();
        assert!(here <= 1, "{} holds {here} types", file.display());
        types += here;
    }
    let catalogue = fs::read_to_string(root().join("crates/aws/src/catalogue.rs")).unwrap();
    assert!(
        types > 30 && catalogue.contains("ec2::vpc::Vpc,"),
        "{types} types"
    );
}

/// The text of a file of a type without what stands in its tests, and without whitespace.
fn without_tests(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let is_test = file.components().any(|part| {
        matches!(
            part.as_os_str().to_str(),
            Some("tests" | "tests.rs" | "testing.rs")
        )
    });
    let text = match text.find("#[cfg(test)]\nmod ") {
        _ if is_test => "",
        Some(start) => &text[..start],
        None => &text,
    };
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.chars().filter(|letter| !letter.is_whitespace()))
        .collect()
}

/// Whether a name in quotes stands where a field's own name belongs: in a look-up, or as the place of a problem. A problem of
/// the whole resource is at the empty name.
fn is_named_by_text(code: &str) -> bool {
    let by_text = |start: &str| {
        code.match_indices(start).any(|(at, _)| {
            let name = code[at + start.len()..].split('"').next().unwrap_or_default();
            !name.is_empty()
                && name
                    .chars()
                    .all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '.'))
        })
    };
    let looks_up = [
        ".get(\"",
        ".get_mut(\"",
        ".contains_key(\"",
        ".remove(\"",
        ".insert(\"",
    ];
    let places = [
        "problems.at(\"",
        "problems.at_with_help(\"",
        "path.name(\"",
        "path:\"",
        "::attribute(\"",
    ];
    // These take a name as a text; those of `crates/aws/src/fields.rs` take a field.
    let of_core = [
        "types::known",
        "types::{known",
        "types::{Problem,Problems,known",
        "types::{Problems,known",
    ];
    looks_up.into_iter().chain(places).any(by_text) || of_core.iter().any(|part| code.contains(part))
}

/// As `crates/aws/src/fields.rs` says: a misspelt name of an attribute does not compile.
#[test]
fn attributes_are_looked_up_by_fields_and_not_by_texts() {
    for named in [
        "attributes.get(\"vpc_id\")",
        "problems.at(\"stickiness.type\",message)",
        "useinfra_core::types::{Problems,known_str};",
    ] {
        assert!(is_named_by_text(named), "{named}");
    }
    for not_named in ["problems.at(\"\",message)", "value_of(attributes,Field::VpcId)"] {
        assert!(!is_named_by_text(not_named), "{not_named}");
    }
    let crates = root().join("crates");
    let mut files = Vec::new();
    sources(&crates.join("aws/src/services"), &mut files);
    let found = files
        .into_iter()
        .filter(|file| is_named_by_text(&without_tests(file)))
        .map(|file| file.strip_prefix(&crates).unwrap().to_str().unwrap().to_owned());
    are(
        &found.collect(),
        [
            // It looks into a JSON document.
            "aws/src/services/ecr/lifecycle_policy.rs",
        ],
    );
}

/// As CONTRIBUTING.md says: what is longer says in its first lines why it is.
#[test]
fn long_files_say_why_they_are_long() {
    let mut files = Vec::new();
    for folder in ["crates", "xtask"] {
        sources(&root().join(folder), &mut files);
    }
    let mut silent = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut first = text.lines().take(12);
        let is_said = first.any(|line| line.starts_with("//!") && line.contains("The file is long because"));
        if text.lines().count() > 450 && !is_said {
            silent.insert(file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(silent, BTreeSet::new());
}

/// A text that is broken over two lines without a `\` at the end of the first one has the second one's margin in it.
#[test]
fn no_text_has_a_margin_in_its_middle() {
    let has_margin = |line: &str| {
        let line = line.trim();
        let is_text = line.contains('"') && !line.contains("after_help") && !line.starts_with("//");
        let letters_around = |(at, _): (usize, &str)| {
            let before = line[..at].chars().next_back();
            let after = line[at..].trim_start().chars().next();
            let goes_on = before.is_some_and(char::is_alphanumeric) && !line[..at].ends_with("\\n");
            goes_on && after.is_some_and(char::is_alphanumeric)
        };
        is_text && line.match_indices("        ").any(letters_around)
    };
    let crates = root().join("crates");
    let mut files = Vec::new();
    sources(&crates, &mut files);
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| has_margin(line));
        found.extend(lines.map(|line| format!("{}: {line}", file.display())));
    }
    assert_eq!(found, Vec::<String>::new());
}

/// As `infra_core::Commands` says: it knows what stands behind a stack, such as `--sandbox`.
#[test]
fn commands_on_a_stack_are_typed_in_one_place() {
    let verbs = [
        "apply", "destroy", "diff", "graph", "import", "output", "plan", "redeploy", "report", "state",
    ];
    let is_typed = |line: &str| {
        let of_verb = |(at, _): (usize, &str)| {
            let rest = &line[at + "infra ".len()..];
            let verb = rest
                .split(|character: char| !character.is_ascii_lowercase())
                .next();
            let word = rest.split(['`', '"']).next().unwrap_or(rest);
            rest.starts_with('{') || (verb.is_some_and(|verb| verbs.contains(&verb)) && word.contains('{'))
        };
        let is_text = line.contains('"') && !line.trim_start().starts_with("//");
        is_text && line.match_indices("infra ").any(of_verb)
    };
    let crates = root().join("crates");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        sources(&entry.unwrap().path().join("src"), &mut files);
    }
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        if text.lines().any(is_typed) {
            found.insert(file.strip_prefix(&crates).unwrap().to_str().unwrap().to_owned());
        }
    }
    // The one place; who holds a stack; all stacks of a place, of which none is named.
    are(
        &found,
        ["cli/src/named.rs", "cli/src/site.rs", "core/src/command.rs"],
    );
}
