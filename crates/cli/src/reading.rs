//! Commands that only read the state: they wait a moment for somebody who works on the stack, and then show
//! what was known before.

use anyhow::Result;
use infra_core::{StackId, State};
use infra_state::{StateError, StateStore, backup_serial, backup_time, backups, read_backup};

use crate::site::{self, Need, Site};
use crate::terminal::Terminal;

/// The state of a stack. While somebody works on it for longer than a moment, that of the newest backup, which
/// is told.
///
/// # Errors
/// There is none, it is damaged or of a later version, or somebody works on the stack and there is no backup.
pub fn state(site: &Site, stack: &StackId, command: &str, terminal: &Terminal) -> Result<State> {
    let error = match site::open_store(site, stack, command, Need::Existing, terminal) {
        Ok(store) => {
            let loaded = store.load().map_err(|error| site.explained(stack, error))?;
            return Ok(loaded.state);
        }
        Err(error) => error,
    };
    if !matches!(error.downcast_ref(), Some(StateError::Held(_))) {
        return Err(error);
    }
    let folder = infra_state_sled::backups_folder(&site.state_dir, stack);
    let Some(newest) = backups(&folder)?.pop() else {
        return Err(error);
    };
    let Ok(state) = read_backup(&newest, stack) else {
        return Err(error);
    };
    terminal.note(&format!(
        "note: {error}.\nThis is what was known before: the backup of {}, serial {}",
        backup_time(&newest),
        backup_serial(&newest).unwrap_or(state.serial)
    ));
    Ok(state)
}
