//! What stands at AWS and has no address in the state.

use serde::Serialize;

use crate::address::{PhysicalId, ResourceAddress, TypeName};

/// What the tags of a thing say about who made it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Claim {
    /// The stack, as the tag has it.
    pub stack: String,
    /// The address in that stack; as the tag has it where it names none that is known.
    pub address: Option<String>,
}

/// Why a thing is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnmanagedKind {
    /// It carries the tags of this stack, and no address of the state has it.
    Orphan,
    /// It stands in a network of this stack, and this stack did not make it.
    Foreign,
}

/// What whoever finds it can do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum NextStep {
    /// Take it over: the file declares the address, and nothing is there.
    Import {
        /// The address.
        address: ResourceAddress,
    },
    /// Declare a resource of its type, then take it over.
    DeclareAndImport,
    /// Remove it by hand: the address that it was made for has something else.
    Remove {
        /// The address.
        address: ResourceAddress,
    },
    /// Leave it to the stack that it belongs to.
    LeaveToStack {
        /// That stack.
        stack: String,
    },
    /// Whatever its owner does: there is no such resource type here.
    NoSuchType,
}

/// Something that stands at AWS and that the state does not know. No run ever touches it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unmanaged {
    /// Why it is told of.
    pub kind: UnmanagedKind,
    /// What it is, in AWS's words, whether or not there is such a resource type.
    pub resource_type: TypeName,
    /// AWS's id, as `infra import` takes it.
    pub id: PhysicalId,
    /// Its tag `Name`, or else what AWS says of it.
    pub name: Option<String>,
    /// The resource of this stack that it stands in or belongs to.
    pub near: Option<ResourceAddress>,
    /// When it was made, in milliseconds since 1970 (UTC), where AWS tells.
    pub created_unix_ms: Option<u64>,
    /// Who made it, where it carries tags of a stack.
    pub claim: Option<Claim>,
    /// What to do about it.
    pub next: NextStep,
}
