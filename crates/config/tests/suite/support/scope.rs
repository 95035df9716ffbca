//! A scope such as a planner makes: resources evaluated in order of dependency, laid upon what AWS is said
//! to have.

use std::collections::BTreeMap;

use infra_core::{Attributes, AwsIdentity, Catalogue, ResourceAddress, Scope, Stack, TypeDefinition, Value};

/// All attributes as far as they are known.
#[derive(Default)]
pub struct TestScope {
    attributes: BTreeMap<ResourceAddress, Attributes>,
    identity: Option<AwsIdentity>,
}

impl Scope for TestScope {
    fn attributes(&self, address: &ResourceAddress) -> Option<&Attributes> {
        self.attributes.get(address)
    }

    fn identity(&self) -> Option<&AwsIdentity> {
        self.identity.as_ref()
    }
}

/// Attributes that AWS has, by address; whether the account is known.
pub type Observed = BTreeMap<ResourceAddress, Attributes>;

/// Evaluates the whole stack. What `observed` does not tell of the attributes that AWS sets is unknown.
pub fn scope_of(stack: &Stack, catalogue: &dyn Catalogue, observed: &Observed, account: bool) -> TestScope {
    let mut scope = TestScope {
        identity: account.then(|| AwsIdentity {
            account_id: "123456789012".into(),
            partition: "aws".into(),
            arn: "arn:aws:iam::123456789012:user/test".into(),
        }),
        ..TestScope::default()
    };
    for (address, lookup) in &stack.lookups {
        let mut seen = unknown(catalogue.lookup(address.type_name()));
        for (name, template) in &lookup.attributes {
            seen.insert(name.clone(), template.evaluate(&scope).unwrap());
        }
        seen.extend(observed.get(address).cloned().unwrap_or_default());
        scope.attributes.insert(address.clone(), seen);
    }
    while scope.attributes.len() < stack.resources.len() + stack.lookups.len() {
        let before = scope.attributes.len();
        for (address, resource) in &stack.resources {
            let ready = resource
                .dependencies
                .keys()
                .all(|needed| scope.attributes.contains_key(needed));
            if !ready || scope.attributes.contains_key(address) {
                continue;
            }
            let mut seen = unknown(catalogue.definition(address.type_name()));
            for (name, template) in &resource.attributes {
                seen.insert(name.clone(), template.evaluate(&scope).unwrap());
            }
            seen.extend(observed.get(address).cloned().unwrap_or_default());
            scope.attributes.insert(address.clone(), seen);
        }
        assert!(scope.attributes.len() > before, "dependencies form a cycle");
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
