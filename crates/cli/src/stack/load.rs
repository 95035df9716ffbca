//! From a file to what it declares: read, with what is wrong shown and what is sensitive hidden.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use infra_aws::AwsCatalogue;
use infra_config::{DiskFiles, Files, Inputs, Loaded, load, load_identity, load_to_destroy};
use infra_core::{Secret, Severity, Stack, StackId, Value};

use crate::arguments::Where;
use crate::environment;
use crate::terminal::Terminal;

/// Reads a stack file and shows what is wrong with it.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read(path: &Path, place: &Where, terminal: &Terminal) -> Result<Loaded> {
    let variables = place.variables.iter().cloned().collect();
    let loaded = read_from(
        path,
        Arc::new(DiskFiles),
        &variables,
        &environment::all(),
        terminal,
    )?;
    let is_identity = path.to_str().is_some_and(|text| text.parse::<StackId>().is_ok());
    if is_identity && !path.is_file() {
        terminal.note(&format!(
            "help: {} is the identity of a stack, but this needs what its file declares. `infra destroy`, `output`, `report` \
             and `state` take an identity as well",
            path.display()
        ));
    }
    Ok(loaded)
}

/// The same for a destroy, which asks for no variable that it does not need.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read_to_destroy(path: &Path, place: &Where, terminal: &Terminal) -> Result<Loaded> {
    let variables = place.variables.iter().cloned().collect();
    let inputs = Inputs {
        files: Arc::new(DiskFiles),
        variables: &variables,
        environment: &environment::all(),
    };
    let loaded = load_to_destroy(path, &inputs, &AwsCatalogue);
    shown(loaded, inputs.environment, terminal)
}

/// The same for a command that needs no more than the stack's state: of what is wrong only that is told which keeps it from
/// knowing which stack it is. With the identity comes what the file declares, where nothing is wrong.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read_for_state(
    path: &Path,
    place: &Where,
    terminal: &Terminal,
) -> Result<Option<(StackId, Option<Stack>)>> {
    let variables = place.variables.iter().cloned().collect();
    let inputs = Inputs {
        files: Arc::new(DiskFiles),
        variables: &variables,
        environment: &environment::all(),
    };
    let Some(declared) = load(path, &inputs, &AwsCatalogue).stack else {
        let loaded = load_identity(path, &inputs, &AwsCatalogue);
        let loaded = shown(loaded, inputs.environment, terminal)?;
        return Ok(loaded.stack.map(|stack| (stack.id, None)));
    };
    terminal.redaction.hide(declared.variables.values());
    Ok(Some((declared.id.clone(), Some(declared))))
}

/// Which stack a file is of; `None` where that cannot be told, which is not shown.
pub fn identity(path: &Path, place: &Where) -> Option<StackId> {
    let variables = place.variables.iter().cloned().collect();
    let inputs = Inputs {
        files: Arc::new(DiskFiles),
        variables: &variables,
        environment: &environment::all(),
    };
    let loaded = load_identity(path, &inputs, &AwsCatalogue);
    Some(loaded.stack?.id)
}

/// The same from other files.
///
/// # Errors
/// When the diagnostics cannot be written.
pub fn read_from(
    path: &Path,
    files: Arc<dyn Files>,
    variables: &BTreeMap<String, String>,
    environment: &BTreeMap<String, String>,
    terminal: &Terminal,
) -> Result<Loaded> {
    let loaded = load(
        path,
        &Inputs {
            files,
            variables,
            environment,
        },
        &AwsCatalogue,
    );
    shown(loaded, environment, terminal)
}

/// Hides what is sensitive and shows what is wrong.
fn shown(loaded: Loaded, environment: &BTreeMap<String, String>, terminal: &Terminal) -> Result<Loaded> {
    if let Some(stack) = &loaded.stack {
        terminal.redaction.hide(stack.variables.values());
    }
    let sensitive = &loaded.used.sensitive_environment;
    let values = sensitive.iter().filter_map(|name| environment.get(name));
    let values: Vec<Value> = values
        .map(|value| Value::Secret(Secret::Clear(Box::new(Value::from(value.as_str())))))
        .collect();
    terminal.redaction.hide(&values);
    if !loaded.diagnostics.is_empty() {
        terminal.diagnostics(&loaded.diagnostics, &loaded.sources)?;
    }
    debug_assert!(
        loaded.stack.is_some()
            || loaded
                .diagnostics
                .iter()
                .any(|found| found.severity == Severity::Error)
    );
    Ok(loaded)
}
