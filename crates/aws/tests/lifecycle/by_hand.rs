//! A provider that is called with attributes as a test writes them.

use std::ops::Deref;

use infra_core::{Attributes, PhysicalId};
use infra_provider::{Call, Created, Provider, ProviderResult, Spec, Update};

/// A provider, each call of which is a job of its own.
#[derive(Clone, Copy)]
pub struct ByHand<'a>(pub &'a dyn Provider);

impl ByHand<'_> {
    pub async fn create(&self, call: &Call, wanted: &Attributes) -> ProviderResult<Created<Attributes>> {
        self.0.create(call, &wanted.clone().into()).await
    }

    pub async fn update<S: Into<Spec> + Clone>(
        &self,
        call: &Call,
        id: &PhysicalId,
        update: Update<S>,
    ) -> ProviderResult<()> {
        let spec = update.spec.clone().into();
        self.0.update(call, id, &update.of(spec)).await
    }

    pub async fn recover(&self, call: &Call, meant: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        self.0.recover(call, &meant.clone().into()).await
    }

    pub async fn holders(&self, wanted: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        self.0.holders(&wanted.clone().into()).await
    }
}

impl<'a> Deref for ByHand<'a> {
    type Target = dyn Provider + 'a;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}
