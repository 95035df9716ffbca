//! Looking up what exists and is not ours: once in a run, before anything is planned.

use std::collections::BTreeMap;

use futures::future::join_all;
use infra_core::stack::Lookup;
use infra_core::{
    Attributes, AwsIdentity, Diagnostic, PhysicalId, ProviderError, ResourceAddress, Scope, Stack,
    TypeSchema, Value, listed,
};
use infra_provider::Providers;

/// What the lookups of a stack found, under the addresses that references to them use.
pub type LookedUp = BTreeMap<ResourceAddress, Attributes>;

/// As many ids as a message about too many names.
const NAMED: usize = 5;

/// Lookups without an answer.
#[derive(Debug, Clone)]
pub struct Unanswered {
    /// Each at its place in the file.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether AWS could not be asked; otherwise it has nothing, or several things, that would fit.
    pub failed: bool,
}

/// Answers all lookups, at the same time. Each has to find exactly one thing.
///
/// # Errors
/// See [`Unanswered`].
pub async fn look_up(
    stack: &Stack,
    providers: &dyn Providers,
    identity: Option<&AwsIdentity>,
) -> Result<LookedUp, Unanswered> {
    let scope = Scope::new(identity.cloned());
    let answers = stack
        .lookups
        .iter()
        .map(async |(address, lookup)| one(address, lookup, providers, &scope).await);
    let mut found = LookedUp::new();
    let mut unanswered = Unanswered {
        diagnostics: Vec::new(),
        failed: false,
    };
    for ((address, lookup), answer) in stack.lookups.iter().zip(join_all(answers).await) {
        let problem = match answer {
            Ok(attributes) => {
                found.insert(address.clone(), attributes);
                continue;
            }
            Err(problem) => problem,
        };
        let (message, help) = match problem {
            Problem::Wrong(message, help) => (message, Some(help)),
            Problem::Failed(error) => {
                unanswered.failed = true;
                (format!("could not be looked up: {error}"), error.hint)
            }
        };
        let message = format!("`lookup.{address}` {message}");
        let mut diagnostic = Diagnostic::error("lookup", message).at(lookup.span.clone(), "");
        diagnostic.help.extend(help);
        unanswered.diagnostics.push(diagnostic);
    }
    if unanswered.diagnostics.is_empty() {
        Ok(found)
    } else {
        Err(unanswered)
    }
}

/// Why a lookup has no answer.
enum Problem {
    /// What is wrong, and what to do.
    Wrong(String, String),
    Failed(ProviderError),
}

fn wrong(message: impl Into<String>, help: &str) -> Problem {
    Problem::Wrong(message.into(), help.to_owned())
}

async fn one(
    address: &ResourceAddress,
    lookup: &Lookup,
    providers: &dyn Providers,
    scope: &Scope,
) -> Result<Attributes, Problem> {
    let Some(provider) = providers.lookup_provider(address.type_name()) else {
        return Err(wrong("cannot be looked up", "`infra schema` lists what can be"));
    };
    let mut arguments = Attributes::new();
    for (name, template) in &lookup.attributes {
        let value = template.evaluate(scope).map_err(|error| {
            wrong(
                format!("has no `{name}`: {}", error.message),
                "look at the expression",
            )
        })?;
        if !value.is_null() {
            arguments.insert(name.clone(), value);
        }
    }
    if arguments.is_empty() {
        let help = "all its arguments are null: one has to have a value";
        return Err(wrong("does not say what to look for", help));
    }
    let mut found = provider.find(&arguments).await.map_err(Problem::Failed)?;
    let Some((last, observed)) = found.pop() else {
        let help = "look at what it is looked for by, the region and the account";
        return Err(wrong("found nothing", help));
    };
    if !found.is_empty() {
        let ids: Vec<PhysicalId> = found.into_iter().map(|(id, _)| id).chain([last]).collect();
        let several = format!("found {} things, but has to find one: {}", ids.len(), named(ids));
        return Err(wrong(several, "look for it by more of its attributes"));
    }
    Ok(complete(observed, &arguments, provider.schema()))
}

/// Every name has a value: an argument that AWS does not tell back is known as it was given (but for a secret, which
/// stays where it is), and what AWS does not tell is not set.
fn complete(mut observed: Attributes, arguments: &Attributes, schema: &TypeSchema) -> Attributes {
    for name in schema.names() {
        let given = arguments.get(name).filter(|value| !value.has_secret());
        observed
            .entry(name.to_owned())
            .or_insert_with(|| given.cloned().unwrap_or(Value::Null));
    }
    observed
}

fn named(mut ids: Vec<PhysicalId>) -> String {
    ids.sort();
    listed(&ids, NAMED)
}
