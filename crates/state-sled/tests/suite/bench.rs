//! A folder with a stack's state, and what tests do to it.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use infra_core::state::JournalEntry;
use infra_core::state::STATE_FORMAT_VERSION;
use infra_core::{Attributes, RunId, SealingKey, State, Value};
use infra_state::testing::{Bench, sample_stack};
use infra_state::{Holder, Journal, StateError, StateStore};
use infra_state_sled::{Mode, Request, SledStore, folder};

pub fn me() -> Holder {
    Holder::this_process("infra apply", Some(RunId("run-1".into())))
}

pub fn request(mode: Mode) -> Request {
    Request {
        mode,
        holder: me(),
        wait: Duration::ZERO,
        sealing_key: SealingKey::new([7; 32]),
    }
}

pub fn open(state_dir: &Path) -> Result<SledStore, StateError> {
    SledStore::open(state_dir, &sample_stack(), &request(Mode::Create))
}

/// All that a store knows.
pub type Known = (State, Vec<(u64, JournalEntry)>);

/// Opens the state and reads all of it.
pub fn known(state_dir: &Path) -> Result<Known, StateError> {
    let store = open(state_dir)?;
    Ok((store.load()?.state, store.journal(0..=u64::MAX)?))
}

pub fn outputs(number: i64) -> JournalEntry {
    JournalEntry::Outputs {
        values: Attributes::from([("number".to_owned(), Value::Integer(number))]),
    }
}

/// An entry of about that many bytes.
pub fn text_output(number: usize, bytes: usize) -> JournalEntry {
    let text = format!("{number} ");
    let mut values = Attributes::new();
    values.insert("text".into(), Value::from(text.repeat(bytes / text.len() + 1)));
    JournalEntry::Outputs { values }
}

/// A state with some entries, closed again.
pub fn written(state_dir: &Path, entries: i64) -> State {
    let journal = Journal::open(Arc::new(open(state_dir).unwrap())).unwrap();
    for number in 0..entries {
        journal.append_blocking(outputs(number)).unwrap();
    }
    let state = (*journal.snapshot()).clone();
    journal.close().unwrap();
    state
}

/// All files and folders below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// The content of all files below a folder, by their path in it: what a disk has at a moment.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

pub fn image(folder: &Path) -> Image {
    let all = files(folder).into_iter().filter(|path| path.is_file());
    all.map(|path| {
        let content = fs::read(&path).unwrap();
        (path.strip_prefix(folder).unwrap().to_owned(), content)
    })
    .collect()
}

/// Makes a folder hold exactly this.
pub fn restore(folder: &Path, image: &Image) {
    for path in files(folder).into_iter().filter(|path| path.is_file()) {
        if !image.contains_key(path.strip_prefix(folder).unwrap()) {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, content) in image {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`; 0 for 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// The cases of a long proof, by the environment: `INFRA_PROOF_CASES` is a number or a range such as `0..10`.
pub fn asked(all: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("INFRA_PROOF_CASES") else {
        return all;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match text.split_once("..") {
        Some((first, end)) => number(first).zip(number(end)).map(|(first, end)| first..end),
        None => number(&text).map(|one| one..one + 1),
    };
    range.unwrap_or_else(|| panic!("INFRA_PROOF_CASES={text}: expected a number, or a range such as 0..10"))
}

/// What the cases of a long proof are drawn with, by the environment.
pub fn asked_seed() -> u64 {
    match std::env::var("INFRA_PROOF_SEED") {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("INFRA_PROOF_SEED={text} is no number")),
        Err(_) => 1,
    }
}

/// What a case is drawn with.
pub fn chance(seed: u64, case: u64) -> Chance {
    Chance(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ case)
}

pub struct Place(pub tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn folder(&self) -> PathBuf {
        folder(self.0.path(), &sample_stack())
    }

    pub fn backups(&self) -> PathBuf {
        self.folder().join("backups")
    }

    pub fn rewrite_committed(&self, change: impl Fn(String) -> String) {
        let path = self.folder().join("committed");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }
}

impl Bench for Place {
    fn open(&self) -> Result<Arc<dyn StateStore>, StateError> {
        Ok(Arc::new(open(self.0.path())?))
    }

    fn claim_newer_format(&self) {
        let ours = format!("\"format\":{STATE_FORMAT_VERSION}");
        self.rewrite_committed(|text| {
            assert!(text.contains(&ours), "{text}");
            text.replace(&ours, "\"format\":99")
        });
    }

    fn damage(&self) {
        let path = self.folder().join("db/db");
        let mut bytes = fs::read(&path).unwrap();
        for byte in bytes.iter_mut().skip(1000) {
            *byte ^= 0x55;
        }
        fs::write(&path, bytes).unwrap();
    }

    fn stored_bytes(&self) -> Vec<u8> {
        let files = files(self.0.path());
        let all = files
            .iter()
            .filter(|path| path.is_file())
            .map(|path| fs::read(path).unwrap());
        all.collect::<Vec<_>>().concat()
    }
}
