//! What every call of a provider is told about the step that it serves.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use infra_core::event::EventKind;
use infra_core::{Attributes, Commands, PhysicalId, ResourceAddress, StackId, Token};

pub use infra_core::TAG_STACK;

use crate::ProviderResult;
use crate::tags::{address_tag, stack_tag};

/// The tag that names the address of a resource.
pub const TAG_ADDRESS: &str = "infra:address";
/// The tag that carries the token of the intent that made a resource.
pub const TAG_TOKEN: &str = "infra:token";

/// Where progress goes. It may be dropped, so nothing may depend on it.
pub trait Progress: Send + Sync {
    /// Tells what is going on.
    fn report(&self, progress: EventKind);
}

/// Progress that goes nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: EventKind) {}
}

tokio::task_local! {
    static CURRENT: ResourceAddress;
}

/// The resource whose step the current task serves; `None` in reads that serve many.
pub fn current_address() -> Option<ResourceAddress> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `future` as part of a resource's step: [`current_address`] names the resource meanwhile.
pub async fn serving<F: Future>(address: ResourceAddress, future: F) -> F::Output {
    CURRENT.scope(address, future).await
}

/// The step that a call serves.
#[derive(Clone)]
pub struct Call {
    /// The stack.
    pub stack: StackId,
    /// How commands on the stack are typed.
    pub commands: Commands,
    /// The resource.
    pub address: ResourceAddress,
    /// The intent's token: AWS's client token where an API takes one. For calls that change nothing it is
    /// that of the intent being settled, or empty: then whatever the stack made for the address is looked for.
    pub token: Token,
    /// For a delete: whether the user allows the data that is there to be lost. Without that nothing is forced.
    pub data_loss_allowed: bool,
    /// What is certainly not what the call makes or made: it was there before, or another address has it.
    pub not_made: BTreeSet<PhysicalId>,
    /// Where progress goes.
    pub progress: Arc<dyn Progress>,
    /// Where goes what a create will be known by; `None` where nothing is created.
    pub learning: Option<Arc<dyn Learning>>,
}

/// Takes what a create will be known by, and was not known when it began.
pub trait Learning: Send + Sync {
    /// Writes it down for whoever has to find out what the call left. It is durable when this returns.
    ///
    /// # Errors
    /// It cannot be written: then nothing may be made.
    fn learn(&self, attributes: Attributes) -> Pin<Box<dyn Future<Output = ProviderResult<()>> + Send + '_>>;
}

impl Call {
    /// The command that takes over what there is under `id`, for a message.
    pub fn import_command(&self, id: &str) -> String {
        self.commands.on("import", [&*self.address.to_string(), id])
    }

    /// The tags that a create call sets so that a lost answer can be found again.
    pub fn tags(&self) -> [(&'static str, String); 3] {
        [
            (TAG_STACK, stack_tag(&self.stack)),
            (TAG_ADDRESS, address_tag(&self.address)),
            (TAG_TOKEN, self.token.to_string()),
        ]
    }

    /// The tags by which something is known to have been made by this call: all of [`Call::tags`]. With an empty
    /// token, by any call that the stack made for this address.
    pub fn marks(&self) -> impl Iterator<Item = (&'static str, String)> {
        let any = self.token.0.is_empty();
        self.tags()
            .into_iter()
            .filter(move |(key, _)| !(any && *key == TAG_TOKEN))
    }

    /// Whether a tag is one of ours or one of AWS's, and so none of the user's.
    pub fn is_reserved_tag(key: &str) -> bool {
        key.starts_with("aws:") || [TAG_STACK, TAG_ADDRESS, TAG_TOKEN].contains(&key)
    }

    /// Runs `future` as part of this step: [`current_address`] names its resource meanwhile.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        serving(self.address.clone(), future).await
    }

    /// Writes down what this create will be known by, before it makes anything: `recover` gets it with the attributes.
    ///
    /// # Errors
    /// It cannot be written: then nothing may be made.
    pub async fn learn(&self, attributes: Attributes) -> ProviderResult<()> {
        match &self.learning {
            Some(learning) => learning.learn(attributes).await,
            None => Ok(()),
        }
    }

    /// Tells a sentence to whoever watches.
    pub fn note(&self, text: impl Into<String>) {
        self.progress.report(EventKind::Note {
            address: self.address.clone(),
            text: text.into(),
        });
    }

    /// Tells how far a transfer is.
    pub fn bytes(&self, done: u64, total: u64) {
        self.progress.report(EventKind::Bytes {
            address: self.address.clone(),
            done,
            total,
        });
    }
}
