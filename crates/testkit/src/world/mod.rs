//! The one state of the cloud, and what calls do to it.

mod changes;
mod meddling;
mod reads;
mod sent;
mod thing;

use std::collections::BTreeMap;
use std::time::Duration;

use infra_core::{Attributes, PhysicalId, ResourceAddress, TypeName};
use tokio::time::Instant;

use self::thing::Thing;

pub(crate) use self::meddling::Meddling;
pub(crate) use self::sent::revealed;
pub use self::thing::Listed;
pub(crate) use self::thing::arn;

/// All there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    things: BTreeMap<(TypeName, PhysicalId), Thing>,
    /// What is gone, and until when reads still tell of it.
    ghosts: BTreeMap<(TypeName, PhysicalId), (Instant, Attributes)>,
    made: u64,
    /// What gone things referred to, and until when that counts as used.
    lingering: Vec<(Instant, PhysicalId, Vec<String>)>,
    /// Resources whose things will not work, and why.
    pub dooms: BTreeMap<ResourceAddress, String>,
}

/// The moment of a call's effect, and how late what follows from it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub now: Instant,
    pub stale: Duration,
    /// For how long what a deleted thing referred to still counts as used.
    pub lingers: Duration,
    /// How many times the usual time things take to work, to change and to go.
    pub slowness: f64,
}

impl World {
    /// Lets go of what is gone by now.
    pub fn pass(&mut self, now: Instant) {
        self.things
            .retain(|_, thing| thing.gone_at.is_none_or(|gone_at| gone_at > now));
        self.ghosts.retain(|_, (until, _)| *until > now);
        self.lingering.retain(|(until, ..)| *until > now);
    }

    /// All there is, what is going included.
    pub fn listing(&mut self, now: Instant) -> Vec<Listed> {
        self.pass(now);
        self.things.values().map(|thing| thing.listed(now)).collect()
    }
}
