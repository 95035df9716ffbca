//! One writer at a time: a lock that the kernel ends with its holder, and a note that says who holds it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use infra_core::StackId;

use crate::error::{Held, StateError};
use crate::files::private_options;
use crate::holder::{Holder, now_unix_ms};

/// The lock file's name in a stack's folder.
const LOCK_FILE: &str = "lock";
/// How often a holder shows that it is alive.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(10);
/// How long who is refused waits for the holder to write down who it is.
const TELLS_WITHIN: Duration = Duration::from_secs(2);
/// Between two tries of somebody who waits.
const TRY_EVERY: Duration = Duration::from_millis(25);

/// The right to work on a stack, until it is dropped or the process ends.
///
/// The right itself is the kernel's lock on the file `lock`: it ends with the process however that ends, so
/// the hold of a dead process of this machine is taken over at once. What is written in the file says who
/// holds it, for messages, and protects a folder that machines share over a network that does not share
/// locks: a note left by another machine is respected until [`unlock`] removes it.
#[derive(Debug)]
pub struct Lease {
    file: File,
    path: PathBuf,
    holder: Holder,
    took_over: Option<Holder>,
    life: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Lease {
    /// Takes the lease of the stack in `folder`, which must be there; tries for as long as `wait`.
    ///
    /// # Errors
    /// [`StateError::Held`] when somebody else has it; otherwise what the file system says.
    pub fn acquire(
        folder: &Path,
        stack: &StackId,
        holder: Holder,
        wait: Duration,
    ) -> Result<Self, StateError> {
        let path = folder.join(LOCK_FILE);
        let mut file = open_lock(&path)?;
        let until = Instant::now() + wait;
        while !try_lock(&file, &path)? {
            let now = Instant::now();
            // Who has just taken it has not written down who it is, or a dead one's note is still there.
            let is_told = read_holder(&mut file).is_some_and(|other| !other.seems_dead(&holder));
            if now >= until && (is_told || now >= until + TELLS_WITHIN) {
                return Err(held(stack, &mut file, &holder, false));
            }
            std::thread::sleep(TRY_EVERY);
        }
        let left_behind = read_holder(&mut file);
        if let Some(other) = &left_behind
            && !other.same_machine(&holder)
        {
            return Err(held(stack, &mut file, &holder, true));
        }
        write_holder(&mut file, &path, Some(&holder))?;
        let life = show_life(&file, &path)?;
        Ok(Self {
            file,
            path,
            holder,
            took_over: left_behind,
            life: Some(life),
        })
    }

    /// Who holds it: what was given to [`Lease::acquire`].
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// The dead process of this machine whose hold this one took over, if there was one.
    pub fn took_over(&self) -> Option<&Holder> {
        self.took_over.as_ref()
    }

    /// Whether the lease is still this process's: somebody may have broken it by [`unlock`], or removed the
    /// file.
    ///
    /// # Errors
    /// [`StateError::LeaseLost`], or what the file system says.
    pub fn still_held(&self) -> Result<(), StateError> {
        let lost = |by: String| {
            Err(StateError::LeaseLost {
                path: self.path.clone(),
                by,
            })
        };
        match File::open(&self.path) {
            Ok(mut file) => match read_holder(&mut file) {
                Some(holder) if holder == self.holder => Ok(()),
                Some(other) => lost(format!("{other} has it")),
                None => lost("somebody ended it".into()),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                lost("somebody removed the file".into())
            }
            Err(error) => Err(StateError::io("reading", &self.path, error)),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.life.take() {
            drop(stop);
            // It only touches a file's time.
            let _ = thread.join();
        }
        if self.still_held().is_ok() {
            // The kernel's lock ends with the file; a note that stays is taken over by the next process here.
            let _ = write_holder(&mut self.file, &self.path, None);
        }
    }
}

/// Ends a hold that another machine, or a dead process, left in `folder`; returns whose it was.
///
/// # Errors
/// [`StateError::Held`] when the holder is alive where its lock can be seen, above all on this machine;
/// [`StateError::Absent`] when there is no lock file; otherwise what the file system says.
pub fn unlock(folder: &Path, stack: &StackId) -> Result<Option<Holder>, StateError> {
    let path = folder.join(LOCK_FILE);
    if !path.exists() {
        return Err(StateError::Absent {
            stack: stack.to_string(),
            path: folder.to_owned(),
        });
    }
    let mut file = open_lock(&path)?;
    if !try_lock(&file, &path)? {
        return Err(held(stack, &mut file, &Holder::this_process("", None), false));
    }
    let holder = read_holder(&mut file);
    write_holder(&mut file, &path, None)?;
    Ok(holder)
}

fn open_lock(path: &Path) -> Result<File, StateError> {
    private_options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| StateError::io("opening the lock file", path, error))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, StateError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(StateError::io("locking", path, error)),
    }
}

/// The refusal, with what is known of the holder. `unlocked`: its lock is not to be seen here, only its note.
fn held(stack: &StackId, file: &mut File, me: &Holder, unlocked: bool) -> StateError {
    let holder = read_holder(file);
    let silent_seconds = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok())
        .map(|silence| silence.as_secs());
    StateError::Held(Box::new(Held {
        stack: stack.clone(),
        unlock: infra_core::command("state unlock", [stack.as_str()]),
        here: !unlocked && holder.as_ref().is_some_and(|holder| holder.same_machine(me)),
        holder,
        silent_seconds,
        at_unix_ms: now_unix_ms(),
    }))
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    // Half a note is the note of somebody who died while writing it, or is writing it now.
    serde_json::from_str(&text).ok()
}

fn write_holder(file: &mut File, path: &Path, holder: Option<&Holder>) -> Result<(), StateError> {
    let text = match holder {
        Some(holder) => serde_json::to_string_pretty(holder).map_err(|error| StateError::Unwritable {
            what: "the holder of the lease".into(),
            why: error.to_string(),
        })?,
        None => String::new(),
    };
    file.set_len(0)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .and_then(|_| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_data())
        .map_err(|error| StateError::io("writing", path, error))
}

/// A thread that sets the file's time every now and then, until the sender is dropped.
fn show_life(file: &File, path: &Path) -> Result<(Sender<()>, JoinHandle<()>), StateError> {
    let file = file
        .try_clone()
        .map_err(|error| StateError::io("opening", path, error))?;
    let (stop, stopped) = channel();
    let thread = std::thread::Builder::new()
        .name("lease".into())
        .spawn(move || {
            while stopped.recv_timeout(SIGN_OF_LIFE_EVERY) == Err(RecvTimeoutError::Timeout) {
                // A sign of life that fails makes only the words of a refusal gloomier.
                let _ = file.set_modified(SystemTime::now());
            }
        })
        .map_err(|error| StateError::io("starting the thread of", path, error))?;
    Ok((stop, thread))
}
