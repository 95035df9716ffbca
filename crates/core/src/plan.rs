//! What is going to be done, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::address::{PhysicalId, ResourceAddress};
use crate::data_loss::DataAtStake;
use crate::identity::StackId;
use crate::path::AttributePath;
use crate::value::{Attributes, Value};

/// The version of a saved plan. Another version is refused.
pub const PLAN_FORMAT_VERSION: u32 = 2;

/// How much one resource needs of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Its id or ARN: the create call has answered.
    Exists,
    /// The resource working: its waiter is done. For a delete: it is gone.
    Ready,
}

/// What happens to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Made new.
    Create,
    /// Changed in place.
    Update,
    /// A new one takes the old one's place.
    Replace,
    /// Removed.
    Delete,
    /// The state lets go of it; AWS keeps it, or it is gone already.
    Forget,
    /// Looked at only.
    Read,
}

/// Why a change is planned, or why none is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// AWS has what the file wants.
    Unchanged,
    /// The file has it, the state does not.
    New,
    /// The state has it, AWS does not any more.
    Vanished,
    /// Attributes differ.
    Differs,
    /// These attributes differ and cannot be changed in place.
    Immutable {
        /// The attributes.
        attributes: Vec<AttributePath>,
    },
    /// It went to a failed state.
    Broken {
        /// AWS's word for it.
        status: String,
    },
    /// The file no longer has it.
    Undeclared,
    /// A replaced thing from an earlier run that is still to be deleted.
    Deposed,
    /// Something it refers to is replaced in a way that does not leave it in place.
    DependencyReplaced {
        /// What is replaced.
        address: ResourceAddress,
    },
    /// Another takes what it has and AWS keeps unique: it has to let go of that first.
    PlaceWanted {
        /// What takes its place.
        address: ResourceAddress,
    },
    /// An update of another begins what it stands for until that ends.
    Follows {
        /// What is updated.
        address: ResourceAddress,
    },
    /// It takes what another has and AWS keeps unique, and one call makes one and deletes the other.
    PlaceTaken {
        /// Whose place it takes.
        address: ResourceAddress,
    },
    /// The user asked for it (`--replace`, `redeploy`).
    Requested,
    /// The stack is destroyed.
    Destroy,
}

/// The order of the two halves of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaceOrder {
    /// The old one goes first.
    DeleteThenCreate,
    /// The new one is there first.
    CreateThenDelete,
}

/// One attribute that differs. Secrets are sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Where.
    pub path: AttributePath,
    /// What was there; `Null` for nothing.
    pub before: Value,
    /// What is or will be there; `Null` for nothing.
    pub after: Value,
    /// Whether this makes it a replacement.
    pub forces_replacement: bool,
}

/// Whose the thing of a resource is, by what its tags tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "is", content = "stack", rename_all = "snake_case")]
pub enum Ownership {
    /// This stack's.
    #[default]
    Ours,
    /// This stack's, and its tags are written again.
    Retag,
    /// Not surely this stack's: the tag is missing on what others can make anew under the same name.
    Unmarked,
    /// That of the stack that its tag names.
    OfStack(String),
}

impl Ownership {
    /// Whether it may not be touched.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Unmarked | Self::OfStack(_))
    }

    /// Whether it is [`Ownership::Ours`].
    pub fn is_ours(&self) -> bool {
        *self == Self::Ours
    }
}

/// Everything planned for one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: ResourceAddress,
    /// What happens.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The thing at AWS that is kept, changed, replaced or deleted.
    pub physical_id: Option<PhysicalId>,
    /// What the file wants against what AWS has.
    pub attributes: Vec<AttributeChange>,
    /// What AWS has against what we last left there.
    pub drift: Vec<AttributeChange>,
    /// For a replacement: which half first.
    pub replace_order: Option<ReplaceOrder>,
    /// For a deletion or replacement of what can hold data: what becomes of that.
    #[serde(default)]
    pub data: Option<DataAtStake>,
    /// Whose the thing is that is there.
    #[serde(default, skip_serializing_if = "Ownership::is_ours")]
    pub ownership: Ownership,
    /// The wanted attributes, canonical, secrets sealed; empty for a delete.
    pub wanted: Attributes,
}

/// The identity of a step in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

/// One executable operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOperation {
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Remove it.
    Delete,
    /// Let go of it in the state.
    Forget,
    /// It exists and is on its way: wait until it works.
    Wait,
    /// Note in the state, without a call, that AWS has what the file wants.
    Confirm,
    /// Write our tags again.
    Retag,
}

/// That one step waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepDependency {
    /// The step waited for.
    pub step: StepId,
    /// How far it must be.
    pub strength: Strength,
}

/// One operation on one thing, and what comes before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its place in [`Plan::steps`].
    pub id: StepId,
    /// The resource.
    pub address: ResourceAddress,
    /// What is done.
    pub operation: StepOperation,
    /// The thing at AWS; `None` for a create.
    pub physical_id: Option<PhysicalId>,
    /// For an update: also when nothing differs (a redeployment).
    #[serde(default)]
    pub forced: bool,
    /// What must come before, ordered.
    pub after: Vec<StepDependency>,
    /// The first of the deletes and creates that one call makes, this one among them: it is carried out whole or not at
    /// all. What must come before any of them comes before each. `None`: it has a call of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<StepId>,
}

/// What becomes of an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputChange {
    /// What the state has.
    pub before: Value,
    /// What it will be; may be unknown.
    pub after: Value,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Bring AWS to what the file says.
    Apply,
    /// Remove everything.
    Destroy,
}

/// What is going to be done: complete, so that carrying it out leaves no choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT_VERSION`].
    pub format_version: u32,
    /// The stack.
    pub stack: StackId,
    /// Of the state that it was made from.
    pub lineage: String,
    /// Of the state that it was made from.
    pub serial: u64,
    /// What it is for.
    pub mode: PlanMode,
    /// One for each resource, deposed things included, in order of address; no-ops too.
    pub changes: Vec<Change>,
    /// The operations; a step stands after all that it waits for.
    pub steps: Vec<Step>,
    /// Outputs that change.
    pub outputs: BTreeMap<String, OutputChange>,
}

/// How many resources meet each action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActionCounts {
    /// Made new.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Replaced.
    pub replace: usize,
    /// Removed.
    pub delete: usize,
    /// Let go of.
    pub forget: usize,
    /// Left as they are.
    pub no_op: usize,
    /// Of these, those whose tags are written again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retag: usize,
    /// Not touched, whatever would be done to it, since it is not surely this stack's: the plan is not carried out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl ActionCounts {
    /// Whether anything but no-ops was counted.
    pub fn any(&self) -> bool {
        self.create + self.update + self.replace + self.delete + self.forget + self.refused > 0
    }
}

/// How long carrying out a plan will probably take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Forecast {
    /// The longest chain of steps, in milliseconds.
    pub duration_ms: u64,
    /// That chain, first to last.
    pub critical_path: Vec<ForecastStep>,
    /// Steps whose duration was measured in past runs of the stack.
    pub measured_steps: usize,
    /// Steps whose duration is what is usual for their type.
    pub typical_steps: usize,
}

/// One step of the longest chain that is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastStep {
    /// The resource.
    pub address: ResourceAddress,
    /// What is done.
    pub operation: StepOperation,
    /// When it can start, in milliseconds from the run's start.
    pub start_ms: u64,
    /// When the next one of the chain can; the last one's end.
    pub end_ms: u64,
    /// How much of it the next one needs.
    pub until: Strength,
}

impl Change {
    /// Whether data is lost by it that nothing makes again.
    pub fn loses_data(&self) -> bool {
        !self.ownership.is_refused() && self.data.as_ref().is_some_and(DataAtStake::is_lost)
    }
}

impl Plan {
    /// Whether anything is to be called or forgotten (a `Confirm` changes nothing that a user sees).
    pub fn has_changes(&self) -> bool {
        self.counts().any()
    }

    /// What exists, stays as it is, and does not work yet: it is waited for.
    pub fn pending(&self) -> impl Iterator<Item = &Change> {
        let waits = self
            .steps
            .iter()
            .filter(|step| step.operation == StepOperation::Wait);
        let waited_for: BTreeSet<&ResourceAddress> = waits.map(|step| &step.address).collect();
        self.changes.iter().filter(move |change| {
            matches!(change.action, Action::NoOp | Action::Read) && waited_for.contains(&change.address)
        })
    }

    /// Whether AWS differs from what we left there.
    pub fn has_drift(&self) -> bool {
        self.changes.iter().any(|change| {
            !change.drift.is_empty() || change.reason == Reason::Vanished || change.ownership.is_refused()
        })
    }

    /// Resources by action.
    pub fn counts(&self) -> ActionCounts {
        let mut counts = ActionCounts::default();
        for change in &self.changes {
            match change.action {
                _ if change.ownership.is_refused() => counts.refused += 1,
                Action::NoOp | Action::Read => {
                    counts.no_op += 1;
                    counts.retag += usize::from(change.ownership == Ownership::Retag);
                }
                Action::Create => counts.create += 1,
                Action::Update => counts.update += 1,
                Action::Replace => counts.replace += 1,
                Action::Delete => counts.delete += 1,
                Action::Forget => counts.forget += 1,
            }
        }
        counts
    }
}
