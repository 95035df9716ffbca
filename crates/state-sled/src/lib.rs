//! The default state store: one sled database per stack, and the only crate that knows sled.
//!
//! A stack's folder, `<state dir>/<stack id>/`, holds `db/` (sled's own files), `lock` (the lease),
//! `committed` (the format, and up to which serial the database must reach), `backups/`, and `runs/` with the
//! records of runs. Everything is readable by its owner only.
//!
//! What sled does not give is added here: a real `fdatasync` before a commit is acknowledged (sled only
//! hands its pages to the disk, which neither empties the disk's cache nor makes a grown file's length
//! durable), values small enough to stay inside sled's log (larger ones go to files of their own that sled
//! never syncs), and a note of the serial that was acknowledged, since sled drops a damaged end of its log
//! without a word, and a sum over the state, since it does not notice a part that is an older one.

mod committed;
mod content;
mod database;
mod keys;
mod open;
mod pieces;
mod quiet;
mod rebuild;
mod store;
mod sum;
mod writer;

pub use open::{Mode, Request, backups_folder, folder, runs_folder, stacks};
pub use rebuild::{Rebuilding, SetAside};
pub use store::{JOURNAL_KEPT, SledStore};
