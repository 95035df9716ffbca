//! What a database holds: the state as a whole, written, read, and checked to be all that it was.

use infra_core::state::STATE_FORMAT_VERSION;
use infra_core::{Attributes, Intent, ResourceAddress, ResourceRecord, StackId, State, Token};
use infra_state::{StateError, new_state, newest_of_lineage};
use serde::{Deserialize, Serialize};

use crate::committed::{self, Committed};
use crate::database::Database;
use crate::keys;
use crate::open::{BACKUPS, Mode, Opened, newest_backup};
use crate::sum::Sum;
use crate::writer::Writer;

/// What is said of the state as a whole.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub format: u32,
    pub stack: StackId,
    pub lineage: String,
    pub serial: u64,
    /// [`State::rebuilt`].
    #[serde(default)]
    pub rebuilt: bool,
    /// Over all parts of the state.
    pub sum: Sum,
}

impl Meta {
    pub(crate) fn of(state: &State, sum: Sum) -> Self {
        Self {
            format: STATE_FORMAT_VERSION,
            stack: state.stack.clone(),
            lineage: state.lineage.clone(),
            serial: state.serial,
            rebuilt: state.rebuilt,
            sum,
        }
    }

    pub(crate) fn noted(&self) -> Committed {
        Committed {
            format: self.format,
            lineage: self.lineage.clone(),
            serial: self.serial,
            next_lineage: None,
        }
    }
}

/// Refuses a database that is not all that it is known to have been.
pub(crate) fn check_whole(opened: &Opened, stack: &StackId, meta: &Meta) -> Result<(), StateError> {
    committed::check_format(&opened.folder, Some(meta.format))?;
    if meta.stack != *stack {
        return Err(StateError::OtherStack {
            location: opened.folder.display().to_string(),
            found: meta.stack.to_string(),
            expected: stack.to_string(),
        });
    }
    let damaged = |what: String| Err(opened.database.damaged(what));
    let lost = |until: u64| {
        let first = meta.serial + 1;
        format!("its database lost the journal entries {first} to {until}")
    };
    match &opened.committed {
        Some(committed) if !committed.is_of(&meta.lineage) => damaged(format!(
            "its database has the lineage {} and its note the lineage {}: files of two states were mixed",
            meta.lineage, committed.lineage
        )),
        Some(committed) if committed.lineage == meta.lineage && committed.serial > meta.serial => {
            damaged(lost(committed.serial))
        }
        None if meta.serial > 0 => damaged(format!(
            "its note `{}` of what was acknowledged is gone or unreadable, so nobody knows whether the database has it \
             all (it has {} journal entries)",
            committed::FILE,
            meta.serial
        )),
        _ if newest_backup(&opened.folder)?.is_none_or(|serial| serial <= meta.serial) => Ok(()),
        _ => match newest_of_lineage(&opened.folder.join(BACKUPS), stack, &meta.lineage)? {
            Some(serial) if serial > meta.serial => {
                damaged(format!("{}, for there is a backup of that serial", lost(serial)))
            }
            _ => Ok(()),
        },
    }
}

/// Refuses to begin a new state in the place of one that was lost.
pub(crate) fn check_new(opened: &Opened, stack: &StackId, mode: Mode) -> Result<(), StateError> {
    let lost = opened.committed.as_ref().map(|committed| committed.serial);
    if let Some(serial) = lost.or(newest_backup(&opened.folder)?) {
        let what = format!("its database lost all of {serial} journal entries");
        return Err(opened.database.damaged(what));
    }
    match mode {
        Mode::Create => Ok(()),
        Mode::Existing => Err(StateError::Absent {
            stack: stack.to_string(),
            path: opened.folder.clone(),
        }),
    }
}

/// A new state, durable.
pub(crate) fn create(database: &Database, stack: &StackId) -> Result<Meta, StateError> {
    fill(database, &new_state(stack))
}

/// Writes a state into a new database, durably.
pub(crate) fn fill(database: &Database, state: &State) -> Result<Meta, StateError> {
    let mut batch = Writer::new(database, Sum::default());
    batch.replace(state)?;
    let meta = Meta::of(state, batch.sum());
    batch.put(keys::META, &meta)?;
    database.write_durably(batch.finish())?;
    Ok(meta)
}

/// The state as the database has it: all of it, and as it was when it was written.
pub(crate) fn load(database: &Database) -> Result<State, StateError> {
    let meta: Meta = database
        .read_key(keys::META)?
        .ok_or_else(|| database.damaged("its database has no head"))?;
    let mut state = State::new(meta.stack, meta.lineage);
    state.serial = meta.serial;
    state.rebuilt = meta.rebuilt;
    let mut sum = Sum::default();
    let mut parts = |prefix: &[u8]| {
        let parts = database.read_all(prefix)?;
        for (key, value) in &parts {
            sum.toggle(key, value);
        }
        Ok::<_, StateError>(parts)
    };
    let name = |prefix: &[u8], key: &[u8]| String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
    let address = |prefix: &[u8], key: &[u8]| {
        name(prefix, key)
            .parse::<ResourceAddress>()
            .map_err(|error| database.damaged(format!("the key of a record is wrong: {error}")))
    };
    for (key, value) in parts(keys::RECORDS)? {
        let record: ResourceRecord = database.parsed(&key, &value)?;
        state.resources.insert(address(keys::RECORDS, &key)?, record);
    }
    for (key, value) in parts(keys::DEPOSED)? {
        let records: Vec<ResourceRecord> = database.parsed(&key, &value)?;
        state.deposed.insert(address(keys::DEPOSED, &key)?, records);
    }
    for (key, value) in parts(keys::INTENTS)? {
        let intent: Intent = database.parsed(&key, &value)?;
        state.intents.insert(Token(name(keys::INTENTS, &key)), intent);
    }
    for (key, value) in parts(keys::OUTPUTS)? {
        state.outputs = database.parsed::<Attributes>(&key, &value)?;
    }
    for (key, value) in parts(keys::CONNECTION)? {
        state.connection = Some(database.parsed(&key, &value)?);
    }
    for (key, value) in parts(keys::SEALED_WITH)? {
        state.sealed_with = Some(database.parsed(&key, &value)?);
    }
    for (key, value) in parts(keys::KEPT_KEY)? {
        state.kept_key = Some(database.parsed(&key, &value)?);
    }
    if sum != meta.sum {
        return Err(database.damaged("its database does not have what was written last"));
    }
    Ok(state)
}
