//! What is known of a resource at the end of its step: for expressions, and for the record.

use std::borrow::Cow;

use infra_core::{Attributes, PhysicalId, TypeSchema};
use infra_plan::{attributes_after, attributes_seen, conceal};
use infra_provider::Provider;

use super::{Finished, StepRun};

impl StepRun {
    pub(super) fn finished(
        &self,
        provider: &dyn Provider,
        id: &PhysicalId,
        wanted: &Attributes,
        observed: &Attributes,
    ) -> Finished {
        Finished {
            changed: true,
            id: Some(id.clone()),
            attributes: Some(attributes_seen(
                provider,
                wanted,
                &self.concealed(provider.schema(), observed, wanted),
            )),
            ..Finished::default()
        }
    }

    /// The end of a step that nobody waits for: what shows only when it works is not known.
    pub(super) fn on_its_way(
        &self,
        schema: &TypeSchema,
        id: &PhysicalId,
        wanted: &Attributes,
        observed: Attributes,
    ) -> Finished {
        let known = attributes_known(schema, wanted, &self.concealed(schema, &observed, wanted));
        Finished {
            changed: true,
            id: Some(id.clone()),
            attributes: Some(schema.completed(&self.address, known)),
            ..Finished::default()
        }
    }

    /// What was observed as expressions may see it: what is secret is marked as such.
    pub(super) fn concealed<'o>(
        &self,
        schema: &TypeSchema,
        observed: &'o Attributes,
        wanted: &Attributes,
    ) -> Cow<'o, Attributes> {
        conceal(
            schema,
            observed,
            [wanted, wanted],
            self.shared.journal.sealing_key(),
        )
    }

    /// What was observed as the record keeps it: nothing secret in clear.
    pub(super) fn recorded(
        &self,
        schema: &TypeSchema,
        observed: &Attributes,
        wanted: &Attributes,
        applied: &Attributes,
    ) -> Attributes {
        sealed_observed(
            schema,
            observed,
            [wanted, applied],
            self.shared.journal.sealing_key(),
        )
    }
}

/// What was observed, concealed by what is secret in the models, and sealed.
pub(crate) fn sealed_observed(
    schema: &TypeSchema,
    observed: &Attributes,
    models: [&Attributes; 2],
    key: &infra_core::SealingKey,
) -> Attributes {
    conceal(schema, observed, models, key)
        .iter()
        .map(|(name, value)| (name.clone(), value.sealed(key)))
        .collect()
}

/// After an update whose answer tells nothing: what was observed before with what was wanted over it.
pub(super) fn attributes_known(schema: &TypeSchema, wanted: &Attributes, prior: &Attributes) -> Attributes {
    let mut known = attributes_after(schema, wanted, prior);
    known.retain(|_, value| !value.is_null());
    known
}
