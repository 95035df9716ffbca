//! A scope such as a planner makes: resources evaluated in order of dependency, laid upon what AWS is said
//! to have.

use std::collections::{BTreeMap, BTreeSet};

use infra_core::{Attributes, AwsIdentity, Catalogue, ResourceAddress, Scope, Stack, TypeDefinition, Value};

/// Attributes that AWS has, by address; whether the account is known.
pub type Observed = BTreeMap<ResourceAddress, Attributes>;

/// Evaluates the whole stack. What `observed` does not tell of the attributes that AWS sets is unknown.
pub fn scope_of(stack: &Stack, catalogue: &dyn Catalogue, observed: &Observed, account: bool) -> Scope {
    let mut scope = Scope::new(account.then(|| AwsIdentity {
        account_id: "123456789012".into(),
        partition: "aws".into(),
        arn: "arn:aws:iam::123456789012:user/test".into(),
    }));
    let everything = stack.resources.len() + stack.lookups.len();
    let mut known = BTreeSet::new();
    for (address, lookup) in &stack.lookups {
        let mut seen = unknown(catalogue.lookup(address.type_name()));
        for (name, template) in &lookup.attributes {
            seen.insert(name.clone(), template.evaluate(&scope).unwrap());
        }
        seen.extend(observed.get(address).cloned().unwrap_or_default());
        scope.set(address.clone(), seen);
        known.insert(address);
    }
    while known.len() < everything {
        let before = known.len();
        for (address, resource) in &stack.resources {
            let ready = resource.dependencies.keys().all(|needed| known.contains(needed));
            if !ready || known.contains(address) {
                continue;
            }
            let mut seen = unknown(catalogue.definition(address.type_name()));
            for (name, template) in &resource.attributes {
                seen.insert(name.clone(), template.evaluate(&scope).unwrap());
            }
            seen.extend(observed.get(address).cloned().unwrap_or_default());
            scope.set(address.clone(), seen);
            known.insert(address);
        }
        assert!(known.len() > before, "dependencies form a cycle");
    }
    scope
}

fn unknown(definition: Option<&dyn TypeDefinition>) -> Attributes {
    let schema = definition.unwrap().schema();
    schema
        .computed
        .keys()
        .map(|name| (name.clone(), Value::unknown()))
        .collect()
}
