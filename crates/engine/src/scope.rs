//! What expressions see while a run goes on: the attributes of every resource as far as they are known.

use std::collections::BTreeMap;

use infra_core::{Attributes, AwsIdentity, Reference, ResourceAddress, Scope, TypeSchema, Unknown, Value};

/// The attributes by address; what a resource will have and has not yet is unknown.
#[derive(Debug, Default)]
pub(crate) struct RunScope {
    attributes: BTreeMap<ResourceAddress, Attributes>,
    identity: Option<AwsIdentity>,
}

impl RunScope {
    pub fn new(identity: Option<AwsIdentity>) -> Self {
        Self {
            attributes: BTreeMap::new(),
            identity,
        }
    }

    /// What is known of a resource; nothing of it stays from before.
    pub fn set(&mut self, address: ResourceAddress, attributes: Attributes) {
        self.attributes.insert(address, attributes);
    }

    /// What was looked up is known from the beginning.
    pub fn know_lookups(&mut self, lookups: &BTreeMap<ResourceAddress, Attributes>) {
        for (address, attributes) in lookups {
            self.set(address.clone(), attributes.clone());
        }
    }

    /// Nothing but the names is known of a resource that is still to be made.
    pub fn set_unknown(&mut self, address: &ResourceAddress, schema: &TypeSchema) {
        self.set(address.clone(), completed(address, schema, Attributes::new()));
    }
}

/// Attributes with every name of the type that is missing as unknown, with its origin.
pub(crate) fn completed(
    address: &ResourceAddress,
    schema: &TypeSchema,
    mut attributes: Attributes,
) -> Attributes {
    for name in schema.names() {
        attributes.entry(name.to_owned()).or_insert_with(|| {
            let origin = Reference {
                address: address.clone(),
                attribute: Some(name.to_owned()),
            };
            Value::Unknown(Unknown {
                origin: Some(Box::new(origin)),
            })
        });
    }
    attributes
}

impl Scope for RunScope {
    fn attributes(&self, address: &ResourceAddress) -> Option<&Attributes> {
        self.attributes.get(address)
    }

    fn identity(&self) -> Option<&AwsIdentity> {
        self.identity.as_ref()
    }
}
