//! What expressions see: the attributes of everything that they can name, as far as those are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::ResourceAddress;
use crate::reference::Reference;
use crate::schema::TypeSchema;
use crate::value::{Attributes, Unknown, Value};

/// Who we are at AWS: the root `aws` of expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsIdentity {
    /// The twelve-digit account id.
    pub account_id: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// ARN of the caller.
    pub arn: String,
}

/// The attributes of resources and lookups, those known only later as [`Value::Unknown`], and the caller's account.
///
/// One is made for each look at a stack: when its file is checked, when it is planned, while it is applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    attributes: BTreeMap<ResourceAddress, Attributes>,
    identity: Option<AwsIdentity>,
}

impl Scope {
    /// Nothing but who asks; `None` before anybody asked AWS, which makes `aws.account_id` and `aws.partition` unknown.
    pub fn new(identity: Option<AwsIdentity>) -> Self {
        Self {
            attributes: BTreeMap::new(),
            identity,
        }
    }

    /// The attributes of a resource or lookup; `None` when nothing of that address is part of the stack (its `when` is
    /// false).
    pub fn attributes(&self, address: &ResourceAddress) -> Option<&Attributes> {
        self.attributes.get(address)
    }

    /// The caller's account.
    pub fn identity(&self) -> Option<&AwsIdentity> {
        self.identity.as_ref()
    }

    /// What is known of a resource from now on; nothing of it stays from before.
    pub fn set(&mut self, address: ResourceAddress, attributes: Attributes) {
        self.attributes.insert(address, attributes);
    }

    /// Nothing but the names is known of a resource that is still to be made.
    pub fn set_unknown(&mut self, address: &ResourceAddress, schema: &TypeSchema) {
        self.set(address.clone(), schema.completed(address, Attributes::new()));
    }
}

impl Extend<(ResourceAddress, Attributes)> for Scope {
    fn extend<T: IntoIterator<Item = (ResourceAddress, Attributes)>>(&mut self, known: T) {
        self.attributes.extend(known);
    }
}

impl FromIterator<(ResourceAddress, Attributes)> for Scope {
    fn from_iter<T: IntoIterator<Item = (ResourceAddress, Attributes)>>(known: T) -> Self {
        Self {
            attributes: known.into_iter().collect(),
            identity: None,
        }
    }
}

impl TypeSchema {
    /// Attributes with every name of the type that is missing as unknown, with its origin.
    #[must_use]
    pub fn completed(&self, address: &ResourceAddress, mut attributes: Attributes) -> Attributes {
        for name in self.names() {
            attributes
                .entry(name.to_owned())
                .or_insert_with(|| Value::known_later(address, name));
        }
        attributes
    }
}

impl Value {
    /// A value that is known only after `address` has been applied: then it is its attribute of this name.
    pub fn known_later(address: &ResourceAddress, name: &str) -> Self {
        Self::Unknown(Unknown {
            origin: Some(Box::new(Reference {
                address: address.clone(),
                attribute: Some(name.to_owned()),
            })),
        })
    }
}
