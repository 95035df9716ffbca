//! Local work before planning that makes computed attributes known, such as the digest of an image.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use infra_core::{
    Attributes, AwsIdentity, Commands, Diagnostic, ErrorClass, ProviderError, Resource, ResourceAddress,
    Scope, Stack, State, Token,
};
use infra_provider::{Call, Progress, Providers};

use crate::lookups::LookedUp;

/// What preparing made known, and what could not be looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Made {
    /// What became known.
    pub known: BTreeMap<ResourceAddress, Attributes>,
    /// What could not be looked at, each at its place in the file, where nothing is wrong. Of it is known what was the last
    /// time, if it was prepared from the same.
    pub unseen: Vec<Diagnostic>,
}

/// Prepares those resources whose type does local work and that are `chosen`, all at the same time.
///
/// # Errors
/// What is wrong in the file, each at its place.
pub(crate) async fn prepare(
    stack: &Stack,
    state: &State,
    providers: &dyn Providers,
    identity: Option<&AwsIdentity>,
    lookups: &LookedUp,
    (commands, progress): (&Commands, Arc<dyn Progress>),
    chosen: impl Fn(&ResourceAddress) -> bool,
) -> Result<Made, Vec<Diagnostic>> {
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
            return Ok(One::default());
        };
        let attributes = infra_plan::evaluate(resource, &scope)?;
        let before = state.resources.get(&resource.address);
        let before = before.and_then(|before| provider.prepared_before(&attributes, &before.applied));
        if let Some(before) = before.as_ref().filter(|before| before.is_fixed) {
            return Ok(One::known(before.attributes.clone()));
        }
        let call = Call {
            stack: stack.id.clone(),
            commands: commands.clone(),
            address: resource.address.clone(),
            token: Token(String::new()),
            data_loss_allowed: false,
            learning: None,
            not_made: BTreeSet::new(),
            progress: Arc::clone(&progress),
        };
        match provider.prepare(&call, &attributes).await {
            Ok(prepared) => Ok(One::known(prepared)),
            Err(error) if is_of_the_file(&error) => Err(vec![told(resource, "prepare", "", error)]),
            Err(error) => Ok(One {
                known: before.map(|before| before.attributes),
                unseen: Some(told(resource, "not-looked-at", " could not be looked at", error)),
            }),
        }
    }))
    .await;
    let mut made = Made::default();
    let mut problems = Vec::new();
    for (resource, result) in preparing.iter().zip(results) {
        match result {
            Ok(One { known, unseen }) => {
                let address = &resource.address;
                made.known.extend(known.map(|known| (address.clone(), known)));
                made.unseen.extend(unseen);
            }
            Err(diagnostics) => problems.extend(diagnostics),
        }
    }
    if problems.is_empty() {
        return Ok(made);
    }
    problems.extend(made.unseen);
    Err(problems)
}

/// What came of preparing one resource.
#[derive(Default)]
struct One {
    known: Option<Attributes>,
    unseen: Option<Diagnostic>,
}

impl One {
    fn known(attributes: Attributes) -> Self {
        Self {
            known: Some(attributes),
            unseen: None,
        }
    }
}

/// Whether the file says what is not so: of what it names there is none, or something else.
fn is_of_the_file(error: &ProviderError) -> bool {
    matches!(error.class, ErrorClass::Invalid | ErrorClass::NotFound)
}

fn told(resource: &Resource, code: &str, what: &str, error: ProviderError) -> Diagnostic {
    let message = format!("{}{what}: {error}", resource.address);
    let mut diagnostic = Diagnostic::error(code, message).at(resource.span.clone(), "");
    diagnostic.help.extend(error.hint);
    diagnostic
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
