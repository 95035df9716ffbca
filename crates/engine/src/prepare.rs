//! Local work before planning that makes computed attributes known, such as the digest of an image.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use infra_core::{Attributes, AwsIdentity, Diagnostic, Resource, ResourceAddress, Scope, Stack, Token};
use infra_provider::{Call, Progress, Providers};

use crate::lookups::LookedUp;

/// Prepares every resource whose type does local work, all at the same time.
///
/// # Errors
/// What cannot be prepared, each at its place in the file.
pub async fn prepare(
    stack: &Stack,
    providers: &dyn Providers,
    identity: Option<&AwsIdentity>,
    lookups: &LookedUp,
    progress: Arc<dyn Progress>,
) -> Result<BTreeMap<ResourceAddress, Attributes>, Vec<Diagnostic>> {
    prepare_some(stack, providers, identity, lookups, progress, |_| true).await
}

/// The same for those resources that are `chosen`.
pub(crate) async fn prepare_some(
    stack: &Stack,
    providers: &dyn Providers,
    identity: Option<&AwsIdentity>,
    lookups: &LookedUp,
    progress: Arc<dyn Progress>,
    chosen: impl Fn(&ResourceAddress) -> bool,
) -> Result<BTreeMap<ResourceAddress, Attributes>, Vec<Diagnostic>> {
    let preparing: Vec<&Resource> = stack
        .resources
        .values()
        .filter(|resource| chosen(&resource.address))
        .filter(|resource| {
            providers
                .provider(resource.address.type_name())
                .is_some_and(|provider| provider.prepares())
        })
        .collect();
    let mut scope = nothing_known(stack, providers, &preparing, identity);
    scope.extend(lookups.clone());
    let results = join_all(preparing.iter().map(async |resource| {
        let Some(provider) = providers.provider(resource.address.type_name()) else {
            return Ok(None);
        };
        let attributes = infra_plan::evaluate(resource, &scope)?;
        let call = Call {
            stack: stack.id.clone(),
            named: stack.named(),
            address: resource.address.clone(),
            token: Token(String::new()),
            data_loss_allowed: false,
            learning: None,
            not_made: BTreeSet::new(),
            progress: Arc::clone(&progress),
        };
        match provider.prepare(&call, &attributes).await {
            Ok(prepared) => Ok(Some((resource.address.clone(), prepared))),
            Err(error) => {
                let mut diagnostic = Diagnostic::error("prepare", format!("{}: {error}", resource.address))
                    .at(resource.span.clone(), "");
                diagnostic.help.extend(error.hint);
                Err(vec![diagnostic])
            }
        }
    }))
    .await;
    let mut prepared = BTreeMap::new();
    let mut problems = Vec::new();
    for result in results {
        match result {
            Ok(found) => prepared.extend(found),
            Err(diagnostics) => problems.extend(diagnostics),
        }
    }
    if problems.is_empty() {
        Ok(prepared)
    } else {
        Err(problems)
    }
}

/// A scope in which everything that the prepared resources refer to is there, and nothing of it known.
fn nothing_known(
    stack: &Stack,
    providers: &dyn Providers,
    preparing: &[&Resource],
    identity: Option<&AwsIdentity>,
) -> Scope {
    let mut scope = Scope::new(identity.cloned());
    let mut used = BTreeSet::new();
    for resource in preparing {
        for template in resource.attributes.values() {
            template.for_each_reference(&mut |reference| {
                used.insert(&reference.address);
            });
        }
    }
    for address in used {
        if let (true, Some(definition)) = (
            stack.resources.contains_key(address),
            providers.definition(address.type_name()),
        ) {
            scope.set_unknown(address, definition.schema());
        }
    }
    scope
}
