//! Every folder under `tests/cases` is a case: `stack.toml` with whatever it includes, optionally `inputs.toml`
//! (`variables`, `environment`, `account`, and `observed` attributes by address), and `expected.txt`: the
//! diagnostics, and the stack if there is one.
//!
//! `UPDATE_CASES=1 cargo test -p infra-config ` writes what is found into `expected.txt`, to be
//! reviewed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::catalogue::catalogue;
use crate::support::scope::{Observed, scope_of};
use infra_config::{Files, Inputs, Loaded, MemoryFiles, load};
use infra_core::{Attributes, Value};

/// Files below a case's folder.
struct CaseFiles(PathBuf);

impl Files for CaseFiles {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        std::fs::read_to_string(self.0.join(path))
    }
}

#[derive(Default)]
struct CaseInputs {
    variables: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    observed: Observed,
    account: bool,
}

fn inputs(folder: &Path) -> CaseInputs {
    let Ok(text) = std::fs::read_to_string(folder.join("inputs.toml")) else {
        return CaseInputs::default();
    };
    let table: toml::Table = text.parse().unwrap();
    let texts = |name: &str| -> BTreeMap<String, String> {
        let Some(entries) = table.get(name).and_then(toml::Value::as_table) else {
            return BTreeMap::new();
        };
        entries
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    };
    let observed = table
        .get("observed")
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    let observed = observed
        .into_iter()
        .map(|(address, attributes)| {
            let json = serde_json::to_value(attributes).unwrap();
            let Value::Map(attributes) = Value::from(json) else {
                panic!("{address} is no table")
            };
            (address.parse().unwrap(), attributes as Attributes)
        })
        .collect();
    CaseInputs {
        variables: texts("variables"),
        environment: texts("environment"),
        observed,
        account: table.get("account").is_some(),
    }
}

fn rendered(loaded: &Loaded, case: &CaseInputs) -> String {
    let diagnostics: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|found| crate::support::text::diagnostic(found, &loaded.sources))
        .collect();
    let mut text = diagnostics.join("\n");
    if let Some(stack) = &loaded.stack {
        let scope = scope_of(stack, &catalogue(), &case.observed, case.account);
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&crate::support::text::stack(stack, &scope));
    }
    text
}

fn run(folder: &Path) -> Result<(), String> {
    let case = inputs(folder);
    let load_with = |files: Arc<dyn Files>,
                     variables: &BTreeMap<String, String>,
                     environment: &BTreeMap<String, String>| {
        load(
            Path::new("stack.toml"),
            &Inputs {
                files,
                variables,
                environment,
            },
            &catalogue(),
        )
    };
    let loaded = load_with(
        Arc::new(CaseFiles(folder.to_owned())),
        &case.variables,
        &case.environment,
    );
    let found = rendered(&loaded, &case);
    let expected_path = folder.join("expected.txt");
    if std::env::var_os("UPDATE_CASES").is_some() {
        std::fs::write(&expected_path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    if expected != found {
        return Err(format!(
            "--- {}: expected\n{expected}\n--- found\n{found}",
            folder.display()
        ));
    }
    // What the stack was read from is enough to read it again.
    let mut used = loaded.used.clone();
    for name in &used.sensitive_variables {
        let given = case
            .variables
            .get(name)
            .or_else(|| case.environment.get(&format!("INFRA_VAR_{name}")));
        used.variables.insert(name.clone(), given.unwrap().clone());
    }
    let again = load_with(
        Arc::new(MemoryFiles::new(used.files)),
        &used.variables,
        &used.environment,
    );
    if loaded.stack.is_some() && rendered(&again, &case) != stack_only(&loaded, &case) {
        return Err(format!(
            "{}: read again from what was used it is another stack",
            folder.display()
        ));
    }
    Ok(())
}

/// The rendered stack without what was said of the environment, which is not kept.
fn stack_only(loaded: &Loaded, case: &CaseInputs) -> String {
    let kept = loaded
        .diagnostics
        .iter()
        .filter(|found| found.primary.is_some())
        .cloned()
        .collect();
    let loaded = Loaded {
        stack: loaded.stack.clone(),
        diagnostics: kept,
        sources: loaded.sources.clone(),
        used: loaded.used.clone(),
    };
    rendered(&loaded, case)
}

#[test]
fn every_case_gives_what_it_expects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() > 20, "the cases are not there");
    let wrong: Vec<String> = folders.iter().filter_map(|folder| run(folder).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
