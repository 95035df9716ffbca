//! The pages under `docs/resources`, and `docs/rules.md`.

use anyhow::Result;

use crate::workspace::{cargo, run};

/// Writes the pages from the resource types. That they are up to date is one of the ordinary tests.
///
/// # Errors
/// The types do not build.
pub fn write() -> Result<()> {
    // With --workspace cargo takes the features that all tests are built with, and builds nothing twice.
    run(cargo(&["test", "--workspace", "--locked", "--test", "documents"]).env("UPDATE_DOCUMENTS", "1"))
}
