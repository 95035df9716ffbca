//! The key that sensitive values are sealed with: where it comes from, and whether it is the one that a state needs.
//!
//! It is given in the environment, or kept in a file of this machine. It is never where the state is, since who has
//! both can try what a short secret was. Or a key of KMS keeps it: then the state holds it encrypted, and KMS alone can
//! tell it. The file is long because every way to a key, and every refusal of one, is here.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_core::{Commands, SealingKey, StackId, State};
use infra_state::{create_private_folder, write_private_once};

use crate::environment::{self, SEALING_KEY, SEALING_KEY_FILE};

/// The machine's own key, below the folder for data of the user.
const FILE: &str = "infra/sealing-key";

/// A key, and where it comes from.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// The key.
    pub key: SealingKey,
    source: Source,
    /// How commands on the stack that it is for are typed, where it is for one.
    commands: Option<Commands>,
}

#[derive(Debug, Clone)]
enum Source {
    /// A variable of the environment, or the file that it names.
    Given(String),
    /// The machine's file, and whether it was made just now.
    Kept { path: PathBuf, is_new: bool },
    /// A key of KMS.
    Kms(String),
    /// Made just now for this process alone, with the reason.
    Passing(String),
}

/// The names of the environment that say where a key is.
#[derive(Debug, Clone, Default)]
pub struct Given {
    key: Option<String>,
    file: Option<String>,
    data_home: Option<String>,
    home: Option<String>,
}

impl Given {
    /// As this process was started with them.
    pub fn of_environment() -> Self {
        Self {
            key: environment::set(SEALING_KEY),
            file: environment::set(SEALING_KEY_FILE),
            data_home: environment::variable("XDG_DATA_HOME"),
            home: environment::variable("HOME"),
        }
    }

    /// The files that hold a key, or will: the machine's, whether or not it is in use, and the one that is given.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.machines_file().into_iter().chain(
            self.file
                .iter()
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
        )
    }

    /// The machine's own file: <https://specifications.freedesktop.org/basedir-spec/latest/>.
    fn machines_file(&self) -> Option<PathBuf> {
        let absolute = |text: &String| Path::new(text).is_absolute().then(|| PathBuf::from(text));
        let data = self.data_home.as_ref().and_then(absolute);
        let home = || Some(self.home.as_ref().and_then(absolute)?.join(".local/share"));
        Some(data.or_else(home)?.join(FILE))
    }
}

impl Sealing {
    /// The key that is given, or the machine's, which is made where there is none yet. Where it cannot be written,
    /// [`Sealing::lost`] says so.
    ///
    /// # Errors
    /// What is given is no key, others can read the machine's, or it lies where the states are.
    pub fn find(given: &Given, state_dir: &Path) -> Result<Self> {
        match (&given.key, &given.file) {
            (Some(_), Some(_)) => {
                bail!("{SEALING_KEY} and {SEALING_KEY_FILE} are both set: give one of them")
            }
            (Some(text), None) if text.trim().is_empty() => bail!("{SEALING_KEY} {EMPTY}"),
            (None, Some(path)) if path.trim().is_empty() => bail!("{SEALING_KEY_FILE} {EMPTY}"),
            (Some(text), None) => {
                let key = key_in(text).with_context(|| format!("{SEALING_KEY} is no key"))?;
                Ok(Self::of(key, Source::Given(SEALING_KEY.to_owned())))
            }
            (None, Some(path)) => {
                let path = Path::new(path);
                refuse_beside_states(path, state_dir)?;
                let named = format!("{SEALING_KEY_FILE} ({})", path.display());
                let text = fs::read_to_string(path)
                    .with_context(|| format!("the file of {named} cannot be read"))?;
                if text.trim().is_empty() {
                    bail!("the file of {named} is empty: {MAKE_ONE}");
                }
                let key = key_in(&text).with_context(|| format!("the file of {named} holds no key"))?;
                Ok(Self::of(key, Source::Given(named)))
            }
            (None, None) => Self::of_machine(given.machines_file(), state_dir),
        }
    }

    /// The same, but none is made: for a stack whose key KMS is to keep from now on.
    ///
    /// # Errors
    /// As for [`Sealing::find`].
    pub fn existing(given: &Given, state_dir: &Path) -> Result<Self> {
        let is_there = given.machines_file().is_some_and(|file| file.exists());
        if given.key.is_some() || given.file.is_some() || is_there {
            return Self::find(given, state_dir);
        }
        Self::new(Source::Passing("none was made for it".to_owned()))
    }

    fn of_machine(file: Option<PathBuf>, state_dir: &Path) -> Result<Self> {
        let Some(path) = file else {
            let why = "neither HOME nor XDG_DATA_HOME names a folder for it".to_owned();
            return Self::new(Source::Passing(why));
        };
        refuse_beside_states(&path, state_dir)?;
        let (text, is_new) = match read_or_make(&path) {
            Ok(found) => found,
            Err(error) => return Self::new(Source::Passing(format!("{error:#}"))),
        };
        refuse_readable_by_others(&path)?;
        let key =
            key_in(&text).with_context(|| format!("the file {} holds no sealing key", path.display()))?;
        Ok(Self::of(key, Source::Kept { path, is_new }))
    }

    fn new(source: Source) -> Result<Self> {
        let key = SealingKey::new(random()?).passing();
        Ok(Self::of(key, source))
    }

    fn of(key: SealingKey, source: Source) -> Self {
        let commands = None;
        Self {
            key,
            source,
            commands,
        }
    }

    /// A key for commands that seal and compare nothing.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn unused() -> Result<Self> {
        Self::new(Source::Passing("this command seals nothing".to_owned()))
    }

    /// Why the key is gone when this process ends; `None` when it is not.
    pub fn lost(&self) -> Option<&str> {
        match &self.source {
            Source::Passing(why) => Some(why),
            Source::Given(_) | Source::Kept { .. } | Source::Kms(_) => None,
        }
    }

    /// The same for a stack, whose commands are typed so.
    #[must_use]
    pub fn of_stack(self, commands: Commands) -> Self {
        Self {
            commands: Some(commands),
            ..self
        }
    }

    /// A key that a key of KMS keeps, for the stack that the other one is for.
    pub fn of_kms(key: SealingKey, kms_key: &str, other: &Self) -> Self {
        Self {
            commands: other.commands.clone(),
            key,
            source: Source::Kms(kms_key.to_owned()),
        }
    }

    /// The file that the key was written to just now.
    pub fn made(&self) -> Option<&Path> {
        match &self.source {
            Source::Kept { path, is_new: true } => Some(path),
            _ => None,
        }
    }

    /// Refuses a state whose sensitive values are sealed with another key: none of them could be compared.
    ///
    /// # Errors
    /// Which key it needs, which one is here, and how to give it.
    pub fn check(&self, state: &State) -> Result<()> {
        if !state.holds_sealed_values() || state.sealed_with.as_ref() == Some(&self.key.id()) {
            return Ok(());
        }
        let needed = match &state.sealed_with {
            Some(id) => format!("with the key {id}"),
            None => "with a key that it does not name".to_owned(),
        };
        bail!(
            "the state of {} holds sensitive values that are sealed {needed}, and {}: nothing was compared or changed. \
             {HOW_TO_GIVE}. If it is lost: {} need none",
            state.stack,
            self.named(),
            self.needing_none(&state.stack)
        );
    }

    /// What is told where a run goes on without the key that a state needs.
    pub fn unneeded(&self, state: &State) -> String {
        let by = state.sealed_with.as_ref();
        let by = by.map_or_else(String::new, |id| format!(" (with the key {id})"));
        format!(
            "note: the state of {} holds sensitive values that are sealed{by}, and {}: they are not needed here, and stay as \
             they are",
            state.stack,
            self.named()
        )
    }

    /// The same for a saved plan.
    ///
    /// # Errors
    /// As for [`Sealing::check`].
    pub fn check_plan(key: &SealingKey, sealed_with: Option<&infra_core::SealingKeyId>) -> Result<()> {
        match sealed_with {
            Some(id) if *id != key.id() => bail!(
                "the plan holds sensitive values that are sealed with the key {id}, and the key here is {}: nothing was \
                 changed. {HOW_TO_GIVE}",
                key.id()
            ),
            _ => Ok(()),
        }
    }

    /// Commands that do without the key.
    fn needing_none(&self, stack: &StackId) -> String {
        let of_stack = || Commands::new(stack.as_str(), "");
        let commands = self.commands.clone().unwrap_or_else(of_stack);
        let [destroy, list] = ["destroy", "state list"].map(|verb| commands.on(verb, []));
        format!(
            "`{destroy}`, `{list}` and `{}`",
            commands.on("state rm", ["ADDRESS"])
        )
    }

    fn named(&self) -> String {
        let id = self.key.id();
        match &self.source {
            Source::Given(by) => format!("the key of {by} is {id}"),
            Source::Kept { path, .. } => format!("the key of this machine is {id} ({})", path.display()),
            Source::Kms(kms_key) => format!("the key that {kms_key} keeps is {id}"),
            Source::Passing(why) => format!("this machine has no key ({why})"),
        }
    }
}

fn random() -> Result<[u8; SealingKey::MIN_BYTES]> {
    let mut bytes = [0; SealingKey::MIN_BYTES];
    getrandom::fill(&mut bytes).context("a sealing key cannot be made")?;
    Ok(bytes)
}

/// What the machine's file holds, and whether it was made for that. Where two processes make it at the same time, both
/// have the one that was first.
fn read_or_make(path: &Path) -> Result<(String, bool)> {
    let mut made = None;
    let reading = || fs::read_to_string(path);
    let text = match reading() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_private_folder(path.parent().unwrap_or(Path::new(".")))?;
            let text = made.insert(format!("{}\n", STANDARD.encode(random()?)));
            write_private_once(path, text.as_bytes())?;
            reading()
        }
        read => read,
    };
    let text = text.with_context(|| format!("{} cannot be read", path.display()))?;
    let is_new = made.is_some_and(|made| made == text);
    Ok((text, is_new))
}

const MAKE_ONE: &str = "make one with `head -c 32 /dev/urandom | base64`";

const EMPTY: &str = "is set and empty. Give the key, or unset the variable for the key of this machine; in CI a variable is \
                     empty where it was never filled in";

const HOW_TO_GIVE: &str = "Give that key as INFRA_SEALING_KEY (32 bytes or more in base64), or as a file that \
                           INFRA_SEALING_KEY_FILE names; the machine that last applied the stack has it there, or in \
                           ~/.local/share/infra/sealing-key";

fn key_in(text: &str) -> Result<SealingKey> {
    // What it holds must be said nowhere, not even in part.
    let Ok(bytes) = STANDARD.decode(text.split_whitespace().collect::<String>()) else {
        bail!("it is not base64: {MAKE_ONE}");
    };
    SealingKey::from_given(&bytes).with_context(|| {
        format!(
            "it has {} bytes and needs {} or more: {MAKE_ONE}",
            bytes.len(),
            SealingKey::MIN_BYTES
        )
    })
}

fn refuse_beside_states(path: &Path, state_dir: &Path) -> Result<()> {
    let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let (Ok(key), Ok(states)) = (whole(path), whole(state_dir)) else {
        return Ok(());
    };
    if key.starts_with(&states) {
        bail!(
            "the sealing key {} lies in the folder of the states, {}: who has both can find out what is sealed. Move one of \
             them, or give the key as {SEALING_KEY}",
            path.display(),
            state_dir.display()
        );
    }
    Ok(())
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map(|found| found.permissions().mode() & 0o077);
    if mode.is_ok_and(|others| others != 0) {
        bail!(
            "others than you can read the sealing key {0}: `chmod 600 {0}`, and take a new one if somebody has",
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use infra_core::{Secret, Value};

    use super::*;

    const KEY: &str = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";

    fn given(folder: &Path) -> Given {
        Given {
            home: Some(folder.display().to_string()),
            ..Given::default()
        }
    }

    #[test]
    fn the_machines_key_is_made_once_for_its_owner_and_outside_of_the_states() {
        let folder = tempfile::tempdir().unwrap();
        let states = folder.path().join("state");
        let given = given(folder.path());
        let path = folder.path().join(".local/share/infra/sealing-key");
        let made: Vec<Sealing> = std::thread::scope(|scope| {
            let racing = || scope.spawn(|| Sealing::find(&given, &states).unwrap());
            let racing: Vec<_> = (0..8).map(|_| racing()).collect();
            racing.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for sealing in &made {
            assert_eq!((&sealing.key, sealing.lost()), (&made[0].key, None));
        }
        let told: Vec<&Path> = made.iter().filter_map(Sealing::made).collect();
        assert_eq!(told, [path.as_path()], "it is made once");
        assert_eq!(Sealing::find(&given, &states).unwrap().made(), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let refused = Sealing::find(&given, &states).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
        let inside = Sealing::find(&given, folder.path()).unwrap_err().to_string();
        assert!(inside.contains("lies in the folder of the states"), "{inside}");
    }

    #[test]
    fn a_key_that_cannot_be_kept_is_told_to_be_lost() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for home in [None, Some(folder.path().join("file").display().to_string())] {
            let given = Given {
                home,
                ..Given::default()
            };
            let sealing = Sealing::find(&given, &folder.path().join("state")).unwrap();
            assert!(sealing.lost().is_some(), "{sealing:?}");
        }
    }

    #[test]
    fn what_is_given_is_taken_or_refused_without_being_told() {
        let folder = tempfile::tempdir().unwrap();
        let states = folder.path().join("state");
        let file = folder.path().join("key");
        fs::write(&file, format!("{KEY}\n")).unwrap();
        let with = |key: Option<&str>, file: Option<&Path>| {
            let given = Given {
                key: key.map(str::to_owned),
                file: file.map(|path| path.display().to_string()),
                ..given(folder.path())
            };
            Sealing::find(&given, &states).map_err(|error| format!("{error:#}"))
        };
        let by_variable = with(Some(KEY), None).unwrap();
        assert_eq!(by_variable.key, with(None, Some(&file)).unwrap().key);
        let [missing, empty] = ["missing", "empty"].map(|name| folder.path().join(name));
        fs::write(&empty, "\n").unwrap();
        let cases = [
            (Some("c2hvcnQtc2VjcmV0"), None, "it has 12 bytes and needs 32"),
            (
                Some("not base64!"),
                None,
                "INFRA_SEALING_KEY is no key: it is not base64",
            ),
            (None, Some(missing.as_path()), "cannot be read"),
            (Some(KEY), Some(file.as_path()), "both set"),
            (Some(""), None, "INFRA_SEALING_KEY is set and empty"),
            (Some(" \n"), None, "INFRA_SEALING_KEY is set and empty"),
            (
                None,
                Some(Path::new("")),
                "INFRA_SEALING_KEY_FILE is set and empty",
            ),
            (None, Some(empty.as_path()), "is empty: make one"),
            (None, Some(folder.path()), "cannot be read"),
        ];
        for (key, file, expected) in cases {
            let refused = with(key, file).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
            assert!(!refused.contains("c2hvcnQtc2VjcmV0") && !refused.contains("not base64!"));
        }
    }

    #[test]
    fn only_a_state_with_something_sealed_needs_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let states = folder.path().join("state");
        let sealing = Sealing::find(&given(folder.path()), &states).unwrap();
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        let other = SealingKey::new([9; 32]);
        state.sealed_with = Some(other.id());
        sealing.check(&state).unwrap();
        let sealed = Value::Secret(Secret::Sealed(other.hash(&Value::from("secret"))));
        state.outputs.insert("password".into(), sealed);
        let refused = sealing.check(&state).unwrap_err().to_string();
        for part in [other.id().0.as_str(), "the key of this machine is", SEALING_KEY] {
            assert!(refused.contains(part), "{refused}");
        }
        state.sealed_with = Some(sealing.key.id());
        sealing.check(&state).unwrap();
    }
}
