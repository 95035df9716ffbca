//! State that outlives a run: the store behind a trait, the journal in front of it, and the rules that a
//! state must keep.
//!
//! What is here: [`StateStore`] (what a store must do, with the errors it may answer), [`Journal`] (appends
//! from many tasks, durable when they return, sharing flushes), [`Lease`] (one writer at a time),
//! [`check`] (integrity), [`export`] and [`import`] (the lasting JSON form), [`backup`] (before and after each run),
//! [`rebuild`] (from a backup and what is left of a damaged store), and [`removal`] (by hand).
//! This crate names no database, knows no AWS and no terminal.

mod backup;
mod clear;
mod edit;
mod error;
mod exchange;
mod files;
mod holder;
mod integrity;
mod journal;
mod lease;
mod rebuild;
mod runs;
mod store;
// Always there: as a feature it would have this crate and all that use it built twice, for the program and for tests.
pub mod testing;

pub use backup::{
    BACKUPS_KEPT, BackupError, backup, backup_serial, backup_time, backups, newest_of_lineage, read_backup,
};
pub use edit::{NothingThere, Removal, removal};
pub use error::{AppendError, Held, StateError};
pub use exchange::{ImportError, Imported, export, import};
pub use files::{
    create_private_folder, make_private, open_private, sync_folder, write_private, write_private_once,
};
pub use holder::Holder;
pub use integrity::{DUPLICATE_PHYSICAL_ID, check};
pub use journal::{FlushStatistics, Journal};
pub use lease::{Lease, unlock};
pub use rebuild::{Rebuilt, Remains, rebuild};
pub use runs::{RECORDS_KEPT, RecordFile, create_record, records};
pub use store::{Changeset, RunEnd, RunRecord, StateStore, StoredState, new_state};
