//! A new database in the place of a damaged one, which is set aside and never deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infra_core::state::JournalEntry;
use infra_core::{StackId, State};
use infra_state::{
    Holder, Lease, Remains, StateError, backups, create_private_folder, make_private, sync_folder,
};

use crate::committed::{self, Committed, Note};
use crate::content::{Meta, fill, load};
use crate::database::Database;
use crate::keys;
use crate::open::{BACKUPS, DATABASE, above, folder, refuse_old};

/// Where a copy is read and the new database is made; what a dead process left of it is removed.
const WORKSHOP: &str = "rebuilding";

/// A stack whose database is to be replaced, held by this process alone.
///
/// What is left of the old database can be read through [`Remains`]. It is read from a copy, since sled
/// changes what it opens.
#[derive(Debug)]
pub struct Rebuilding {
    folder: PathBuf,
    stack: StackId,
    committed: Option<Committed>,
    copy: Option<Database>,
    lease: Lease,
}

/// Where the damaged database is now; `None` where there was none.
pub type SetAside = Option<PathBuf>;

impl Rebuilding {
    /// Takes the lease of `stack` in `state_dir` and reads what is left of its database.
    ///
    /// # Errors
    /// [`StateError::Held`] while somebody works on the stack; [`StateError::OtherFormat`];
    /// [`StateError::OtherStack`]; otherwise what the file system says.
    pub fn begin(
        state_dir: &Path,
        stack: &StackId,
        holder: Holder,
        wait: Duration,
    ) -> Result<Self, StateError> {
        refuse_old(state_dir, stack)?;
        let folder = folder(state_dir, stack);
        committed::read(&folder)?;
        create_private_folder(&folder)?;
        let lease = Lease::acquire(&folder, stack, holder, wait)?;
        let committed = committed::read(&folder)?;
        let workshop = folder.join(WORKSHOP);
        remove(&workshop)?;
        let mut rebuilding = Self {
            folder,
            stack: stack.clone(),
            committed,
            copy: None,
            lease,
        };
        let database = rebuilding.folder.join(DATABASE);
        if database.is_dir() {
            let copy = workshop.join("copy");
            copy_folder(&database, &copy)?;
            // Where it cannot be opened at all there is nothing left of it.
            rebuilding.copy = Database::open(&copy, &rebuilding.folder).ok();
            if let Some(meta) = rebuilding.meta() {
                committed::check_format(&rebuilding.folder, Some(meta.format))?;
                if meta.stack != *stack {
                    return Err(StateError::OtherStack {
                        location: rebuilding.folder.display().to_string(),
                        found: meta.stack.to_string(),
                        expected: stack.to_string(),
                    });
                }
            }
        }
        Ok(rebuilding)
    }

    /// The stack's backups by their serials, the oldest first.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn backups(&self) -> Result<Vec<PathBuf>, StateError> {
        backups(&self.backups_folder())
    }

    /// Where the stack's backups are.
    pub fn backups_folder(&self) -> PathBuf {
        self.folder.join(BACKUPS)
    }

    /// Puts a new database with `state` in the place of the old one, which moves to a folder
    /// `set-aside-<time>` beside it. A crash
    /// in between leaves a state that is still refused as damaged.
    ///
    /// # Errors
    /// What the file system says; the old database is then where it was or set aside.
    pub fn finish(mut self, state: &State) -> Result<SetAside, StateError> {
        let state = State {
            stack: self.stack.clone(),
            ..state.clone()
        };
        let workshop = self.folder.join(WORKSHOP);
        let fresh = workshop.join(DATABASE);
        create_private_folder(&fresh)?;
        self.copy = None;
        let database = Database::open(&fresh, &self.folder)?;
        let meta = fill(&database, &state)?;
        drop(database);
        make_private(&fresh)?;
        sync_folder(&fresh)?;

        let place = self.folder.join(DATABASE);
        let aside = self
            .folder
            .join(format!("set-aside-{}", self.lease.holder().since_unix_ms));
        let moving = |from: &Path, error| StateError::io("moving", from, error);
        let note = self.folder.join(committed::FILE);
        let has_old = place.exists() || note.exists();
        if has_old {
            create_private_folder(&aside)?;
        }
        if note.exists() {
            let kept = aside.join(committed::FILE);
            fs::copy(&note, &kept).map_err(|error| StateError::io("copying", &note, error))?;
        }
        // From here on the note promises more than the old database has.
        Note::create(&self.folder, &meta.noted())?;
        if place.exists() {
            fs::rename(&place, aside.join(DATABASE)).map_err(|error| moving(&place, error))?;
        }
        fs::rename(&fresh, &place).map_err(|error| moving(&fresh, error))?;
        if has_old {
            make_private(&aside)?;
            sync_folder(&aside)?;
        }
        sync_folder(&self.folder)?;
        for above in above(&self.folder) {
            sync_folder(above)?;
        }
        Ok(has_old.then_some(aside))
    }

    fn meta(&self) -> Option<Meta> {
        self.copy.as_ref()?.read_key(keys::META).ok().flatten()
    }
}

impl Remains for Rebuilding {
    fn lineage(&self) -> Option<String> {
        let noted = || self.committed.as_ref().map(|committed| committed.lineage.clone());
        self.meta().map(|meta| meta.lineage).or_else(noted)
    }

    fn acknowledged(&self) -> Option<u64> {
        let noted = self.committed.as_ref().map(|committed| committed.serial);
        noted.max(self.meta().map(|meta| meta.serial))
    }

    fn entry(&self, serial: u64) -> Option<JournalEntry> {
        self.copy.as_ref()?.read_key(&keys::entry(serial)).ok().flatten()
    }

    fn state(&self) -> Option<State> {
        load(self.copy.as_ref()?).ok()
    }
}

impl Drop for Rebuilding {
    fn drop(&mut self) {
        self.copy = None;
        // What stays is removed by the next one.
        let _ = remove(&self.folder.join(WORKSHOP));
    }
}

fn remove(folder: &Path) -> Result<(), StateError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StateError::io("removing", folder, error))
        }
        _ => Ok(()),
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), StateError> {
    create_private_folder(to)?;
    let reading = |error| StateError::io("reading the folder", from, error);
    for entry in fs::read_dir(from).map_err(reading)? {
        let entry = entry.map_err(reading)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)
                .map_err(|error| StateError::io("copying", &entry.path(), error))?;
        }
    }
    Ok(())
}
