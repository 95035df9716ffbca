//! Looking for what no state knows: a read of the account beyond the ids that are known.

use async_trait::async_trait;
use infra_core::{Attributes, Claim, PhysicalId, ResourceAddress, StackId, TypeName};

use crate::ProviderResult;

/// Something that the state knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Managed {
    /// Its address.
    pub address: ResourceAddress,
    /// AWS's id.
    pub id: PhysicalId,
    /// What was last observed of it.
    pub observed: Attributes,
}

/// What is to be looked for.
#[derive(Debug, Clone, Copy)]
pub struct SurveyRequest<'a> {
    /// Whose tags.
    pub stack: &'a StackId,
    /// `stack.name`: what names begin with that cannot be searched by tag.
    pub name: &'a str,
    /// All that the state knows, replaced things that are still to be deleted included.
    pub managed: &'a [Managed],
}

/// Something that stands at AWS and that the state does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is, in AWS's words, whether or not there is such a resource type.
    pub resource_type: TypeName,
    /// AWS's id, as a read of its type takes it.
    pub id: PhysicalId,
    /// Its tag `Name`, or else what AWS says of it.
    pub name: Option<String>,
    /// What its tags say about who made it.
    pub claim: Option<Claim>,
    /// The resource of the stack that it stands in or belongs to.
    pub near: Option<ResourceAddress>,
    /// When it was made, in milliseconds since 1970 (UTC), where AWS tells.
    pub created_unix_ms: Option<u64>,
}

/// Looks for what no state knows. Only reads.
#[async_trait]
pub trait Survey: Send + Sync {
    /// What carries the stack's tags, and what stands in the stack's networks, without what the state knows,
    /// what AWS itself brings along with a resource, and what is on its way out. A thing that is both is
    /// told once.
    ///
    /// # Errors
    /// The first call that fails.
    async fn survey(&self, request: &SurveyRequest<'_>) -> ProviderResult<Vec<Standing>>;

    /// What carries the stack's tags by AWS's index of them and is not `managed`, where a read of its type finds it: one
    /// request and what checks its answer. The index is late by minutes, so that what was made just now may be missing.
    ///
    /// # Errors
    /// The first call that fails.
    async fn tagged(&self, stack: &StackId, managed: &[Managed]) -> ProviderResult<Vec<Standing>>;
}
