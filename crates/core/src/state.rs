//! What we did and left at AWS: records, intents, and the journal whose fold is the state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::{PhysicalId, ResourceAddress, TypeName};
use crate::error::ProviderError;
use crate::identity::{Connection, Location, StackId};
use crate::lifecycle::{Lifecycle, Timeouts};
use crate::run::{RunId, RunOutcome, RunSummary};
use crate::secret::{KeptKey, SealingKeyId};
use crate::value::{Attributes, Value};

/// The version of the stored forms in this module. A state of any other version is refused.
pub const STATE_FORMAT_VERSION: u32 = 2;

/// A random token, unique for each intent: sent as AWS's client token where there is one, and as the tag
/// `infra:token` where there are tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an intent means to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Remove it.
    Delete,
}

/// Written durably before a call that creates, changes or deletes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its identity, and what finds a lost create again.
    pub token: Token,
    /// The resource.
    pub address: ResourceAddress,
    /// What is meant to be done.
    pub operation: Operation,
    /// The account and region that is called; `None` for what is not at AWS.
    pub location: Option<Location>,
    /// The thing that is changed or deleted; `None` for a create.
    pub physical_id: Option<PhysicalId>,
    /// The resolved attributes as sent, secrets sealed; for a delete those last seen.
    pub attributes: Attributes,
    /// Names of the attributes that an update changes; empty otherwise.
    #[serde(default)]
    pub changed: Vec<String>,
    /// SHA-256 of `attributes` in hexadecimal: what was sent, for whoever reads the journal.
    pub spec_hash: String,
    /// Kept in the record that a create leaves.
    pub dependencies: Vec<ResourceAddress>,
    /// Kept in the record that a create leaves.
    pub lifecycle: Lifecycle,
    /// Kept in the record that a create leaves.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// The run that meant it.
    pub run: RunId,
    /// When, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
    /// What became known while the call was prepared, and by which what it left is found: the digest of an image that was
    /// built for it. Nothing of it counts as set by the file.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub learned: Attributes,
    /// For a create of a type that carries no tags: what had its natural key, or was equal to it, just before. Empty:
    /// the key was free, so that what has it after a lost answer is what the call made. `None`: nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there_before: Option<BTreeSet<PhysicalId>>,
    /// Since when, in milliseconds since 1970 (UTC), a create is given up that may still have been carried out: it
    /// was looked for and not found, but AWS can be later than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_doubt_since_unix_ms: Option<u64>,
}

/// How far a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordStatus {
    /// Made, but its waiter has not yet said that it works.
    Pending,
    /// It works.
    Ready,
}

/// What the state knows of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceRecord {
    /// AWS's id.
    pub physical_id: PhysicalId,
    /// The account and region that it is in; `None` for what is not at AWS.
    pub location: Option<Location>,
    /// Attributes as the file last set them and AWS took them, canonical, secrets sealed.
    pub applied: Attributes,
    /// Everything AWS last told of it, computed attributes included, secrets sealed.
    pub observed: Attributes,
    /// What it needs: deletes run in the reverse order of these.
    pub dependencies: Vec<ResourceAddress>,
    /// As the file last had it, so that destroy works without the file.
    pub lifecycle: Lifecycle,
    /// As the file last had it.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How far it is.
    pub status: RecordStatus,
    /// A person took it over or gave it another address, so that our tags are missing there or stale: the next apply
    /// writes them. Until then their absence says nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retag: bool,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum JournalEntry {
    /// A run begins.
    RunStarted {
        /// The run.
        run: RunId,
        /// The command in words, such as `apply`.
        command: String,
        /// When, in milliseconds since 1970 (UTC).
        at_unix_ms: u64,
    },
    /// From here on the stack is reached so.
    Connected {
        /// The account, the region and the role.
        connection: Connection,
    },
    /// From here on sensitive values are sealed with this key.
    SealedWith {
        /// Which key.
        key: SealingKeyId,
        /// The key as KMS keeps it, if that does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<KeptKey>,
    },
    /// The values that were sealed with another key are sealed with this one from here on.
    Resealed {
        /// Which key.
        key: SealingKeyId,
        /// The key as KMS keeps it, if that does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<KeptKey>,
        /// What takes the place of each seal.
        seals: BTreeMap<String, String>,
    },
    /// A call is about to be made.
    Intended(Box<Intent>),
    /// Something that the call of `token` will be known by. Until this is durable, the call is not made.
    Learned {
        /// The intent.
        token: Token,
        /// What is known now.
        attributes: Attributes,
    },
    /// The create of `token` made this. A record that held the address becomes deposed, unless it is of the
    /// same thing: then it was made again, as an image is that is pushed a second time.
    Created {
        /// The intent that this closes.
        token: Token,
        /// What there is now.
        record: Box<ResourceRecord>,
    },
    /// The update of `token` left this.
    Updated {
        /// The intent that this closes.
        token: Token,
        /// What there is now.
        record: Box<ResourceRecord>,
    },
    /// The delete of `token` is over: the thing is gone.
    Deleted {
        /// The intent that this closes.
        token: Token,
    },
    /// The intent had no effect.
    NoEffect {
        /// The intent that this closes.
        token: Token,
        /// Why, when a call failed.
        error: Option<ProviderError>,
        /// When that was found, in milliseconds since 1970 (UTC), where a create may have had an effect that AWS does
        /// not show yet: its intent is kept, in doubt, and looked for again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_doubt_at_unix_ms: Option<u64>,
    },
    /// No call was made, but what we know of the resource changed (it became ready, it was read again, it
    /// was imported).
    Confirmed {
        /// The resource.
        address: ResourceAddress,
        /// What is known now.
        record: Box<ResourceRecord>,
    },
    /// The state lets go of it; AWS keeps it, or it is gone already.
    Forgotten {
        /// The resource.
        address: ResourceAddress,
        /// Which of the address's things: the current one or a deposed one.
        physical_id: PhysicalId,
    },
    /// A person gave what is at one address another one.
    Moved {
        /// The address that it had, which nothing has from now on.
        from: ResourceAddress,
        /// The address that it has from now on, which nothing had.
        to: ResourceAddress,
    },
    /// The outputs after a run, secrets sealed.
    Outputs {
        /// By name.
        values: Attributes,
    },
    /// A run is over.
    RunEnded {
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: RunOutcome,
        /// Its counts.
        summary: RunSummary,
        /// When, in milliseconds since 1970 (UTC).
        at_unix_ms: u64,
    },
}

/// The state of one stack: the fold of its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`STATE_FORMAT_VERSION`] of whoever wrote it.
    pub format_version: u32,
    /// The stack.
    pub stack: StackId,
    /// Random, given when the state is made: tells two states of one name apart.
    pub lineage: String,
    /// The number of the last journal entry; 0 for an empty state.
    pub serial: u64,
    /// How the stack was last reached; `None` while nothing of it was ever at AWS.
    pub connection: Option<Connection>,
    /// The key that its sensitive values are sealed with; `None` while none was known.
    pub sealed_with: Option<SealingKeyId>,
    /// That key as KMS keeps it; `None` where it is kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_key: Option<KeptKey>,
    /// What there is, by address.
    pub resources: BTreeMap<ResourceAddress, ResourceRecord>,
    /// Replaced things that are still to be deleted, by the address that they had.
    #[serde(default)]
    pub deposed: BTreeMap<ResourceAddress, Vec<ResourceRecord>>,
    /// Calls whose outcome is not known, and creates that are in doubt.
    #[serde(default)]
    pub intents: BTreeMap<Token, Intent>,
    /// Outputs of the last run, secrets sealed.
    #[serde(default)]
    pub outputs: Attributes,
    /// Whether this came from a backup, so that there may be things of the stack that it does not know: what is
    /// declared and not known is looked for before it is made. It stays so, since what is found depends on
    /// what the files declare.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rebuilt: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

impl State {
    /// An empty state.
    pub fn new(stack: StackId, lineage: impl Into<String>) -> Self {
        Self {
            format_version: STATE_FORMAT_VERSION,
            stack,
            lineage: lineage.into(),
            serial: 0,
            connection: None,
            sealed_with: None,
            kept_key: None,
            resources: BTreeMap::new(),
            deposed: BTreeMap::new(),
            intents: BTreeMap::new(),
            outputs: Attributes::new(),
            rebuilt: false,
        }
    }

    /// Whether nothing is known at AWS and no call is open.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.deposed.is_empty() && self.open_intents().next().is_none()
    }

    /// The calls whose outcome is not known.
    pub fn open_intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents
            .values()
            .filter(|intent| intent.in_doubt_since_unix_ms.is_none())
    }

    /// Creates that were given up and may still show an effect.
    pub fn intents_in_doubt(&self) -> impl Iterator<Item = &Intent> {
        self.intents
            .values()
            .filter(|intent| intent.in_doubt_since_unix_ms.is_some())
    }

    /// The accounts that hold what the state knows, or that a call was made to whose outcome is open. Any other is
    /// none of its business. A state that is empty belongs to none.
    pub fn accounts(&self) -> BTreeSet<&str> {
        let records = self.resources.values().chain(self.deposed.values().flatten());
        records
            .map(|record| &record.location)
            .chain(self.intents.values().map(|intent| &intent.location))
            .flatten()
            .map(|location| location.account_id.as_str())
            .collect()
    }

    /// The addresses at which it has this very thing, of this type, in this account and region: as the current one
    /// (`false`), or as a replaced one that is still to be deleted (`true`).
    pub fn addresses_of<'a>(
        &'a self,
        type_name: &'a TypeName,
        location: Option<&'a Location>,
        id: &'a PhysicalId,
    ) -> impl Iterator<Item = (&'a ResourceAddress, bool)> {
        let is_it = move |address: &ResourceAddress, record: &ResourceRecord| {
            address.type_name() == type_name
                && record.location.as_ref() == location
                && record.physical_id == *id
        };
        let current = self.resources.iter();
        let current = current.filter(move |(address, record)| is_it(address, record));
        let deposed = self.deposed.iter();
        let deposed =
            deposed.filter(move |(address, records)| records.iter().any(|record| is_it(address, record)));
        let current = current.map(|(address, _)| (address, false));
        current.chain(deposed.map(|(address, _)| (address, true)))
    }

    /// All attributes that may hold sealed values.
    fn attributes_mut(&mut self) -> impl Iterator<Item = &mut Attributes> {
        let records = self
            .resources
            .values_mut()
            .chain(self.deposed.values_mut().flatten());
        records
            .flat_map(|record| [&mut record.applied, &mut record.observed])
            .chain(
                self.intents
                    .values_mut()
                    .flat_map(|intent| [&mut intent.attributes, &mut intent.learned]),
            )
            .chain([&mut self.outputs])
    }

    /// Calls `each` with every seal in it.
    pub fn for_each_seal(&mut self, mut each: impl FnMut(&mut String)) {
        let attributes = self
            .attributes_mut()
            .flat_map(|attributes| attributes.values_mut());
        attributes.for_each(|value| value.for_each_seal(&mut each));
    }

    /// Whether a sealed value is anywhere in it, so that the key matters.
    pub fn holds_sealed_values(&self) -> bool {
        let records = self.resources.values().chain(self.deposed.values().flatten());
        records
            .flat_map(|record| [&record.applied, &record.observed])
            .chain(self.intents.values().map(|intent| &intent.attributes))
            .chain([&self.outputs])
            .any(|attributes| attributes.values().any(Value::has_secret))
    }
}
