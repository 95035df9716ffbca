//! What a plan is made from.

use std::collections::BTreeMap;

use infra_core::plan::PlanMode;
use infra_core::state::RecordStatus;
use infra_core::{
    Attributes, AwsIdentity, Catalogue, DataLoss, Health, HeldData, Lifecycle, Observation, PhysicalId,
    ResourceAddress, ResourceRecord, SealingKey, Stack, StackTag, State, TypeName,
};

/// Everything that a plan depends on.
#[derive(Clone)]
pub struct PlanInput<'a> {
    /// What the files want; `None` to destroy from the state alone.
    pub stack: Option<&'a Stack>,
    /// What we last left at AWS.
    pub state: &'a State,
    /// What AWS has of the state's resources. An address without one is taken as the state has it
    /// ([`observation_of_record`]).
    pub observations: &'a BTreeMap<ResourceAddress, Observation>,
    /// What AWS has of the state's deposed things; one without an observation is taken to be there.
    pub deposed_observations: &'a BTreeMap<(ResourceAddress, PhysicalId), Observation>,
    /// Whether what is to be deleted or replaced holds data now. Without a word about a thing that can, it counts as
    /// holding some.
    pub held_data: &'a BTreeMap<(ResourceAddress, PhysicalId), HeldData>,
    /// What has the names that new things are to have, where those stay with what has them.
    pub held_names: &'a HeldNames,
    /// Computed attributes known by local preparation (an image's digest): they count as wanted and are
    /// compared with what AWS has.
    pub prepared: &'a BTreeMap<ResourceAddress, Attributes>,
    /// What the stack's lookups found, under the addresses that references to them use.
    pub lookups: &'a BTreeMap<ResourceAddress, Attributes>,
    /// The resource types.
    pub catalogue: &'a dyn Catalogue,
    /// The caller's account, if AWS was asked.
    pub identity: Option<&'a AwsIdentity>,
    /// The key under which the state's secrets are hashed.
    pub sealing_key: &'a SealingKey,
    /// What the user asked for.
    pub options: PlanOptions,
}

/// The content of what has a name at AWS, by the type of it, what holds it, and the name; see
/// [`NameStays`](infra_core::NameStays).
pub type HeldNames = BTreeMap<(TypeName, String, String), String>;

/// What the user asked of a plan. An address without a `for_each` key means all instances of its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOptions {
    /// Bring AWS to what the file says, or remove everything.
    pub mode: PlanMode,
    /// Only these and what they need (for a destroy: and what needs them); empty: everything.
    pub targets: Vec<ResourceAddress>,
    /// To be replaced even if nothing differs.
    pub replace: Vec<ResourceAddress>,
    /// To be updated even if nothing differs (a redeployment).
    pub force_update: Vec<ResourceAddress>,
    /// Whose data may be lost.
    pub allow_data_loss: Vec<ResourceAddress>,
    /// For a destroy: what `allow_data_loss` of `[stack]` says in the file; `None`: there is no file.
    pub stack_allows_data_loss: Option<bool>,
    /// For a destroy: what the file says of its resources' data, whether or not it was applied; empty: there is no file.
    pub data_loss_in_file: BTreeMap<ResourceAddress, DataLoss>,
}

impl PlanOptions {
    /// A plan of this mode for everything.
    pub fn new(mode: PlanMode) -> Self {
        Self {
            mode,
            targets: Vec::new(),
            replace: Vec::new(),
            force_update: Vec::new(),
            allow_data_loss: Vec::new(),
            stack_allows_data_loss: None,
            data_loss_in_file: BTreeMap::new(),
        }
    }
}

/// Whether `asked` means `address`: itself, or the block that it is an instance of.
pub(crate) fn means(asked: &ResourceAddress, address: &ResourceAddress) -> bool {
    asked == address
        || (asked.key().is_none()
            && asked.name() == address.name()
            && asked.type_name() == address.type_name())
}

/// Whether a resource says itself that its data is not to be lost: the file's word counts even before it is applied, and
/// more than any setting that is not about this very resource and its data.
pub(crate) fn keeps_data(options: &PlanOptions, address: &ResourceAddress, lifecycle: &Lifecycle) -> bool {
    let kept = DataLoss::OfResource(false);
    lifecycle.allow_data_loss == kept || options.data_loss_in_file.get(address) == Some(&kept)
}

/// What the state says about a resource, for a plan that does not ask AWS.
pub fn observation_of_record(record: &ResourceRecord) -> Observation {
    Observation::Present {
        attributes: record.observed.clone(),
        health: health_of_record(record),
        stack_tag: StackTag::Untold,
    }
}

/// The health that the state knows of.
pub(crate) fn health_of_record(record: &ResourceRecord) -> Health {
    match record.status {
        RecordStatus::Ready => Health::Ready,
        RecordStatus::Pending => Health::Pending("pending".to_owned()),
    }
}
