//! What is known about resource types without calling anybody: the pure half of a provider.

use std::collections::BTreeMap;

use crate::address::{ResourceAddress, TypeName};
use crate::path::AttributePath;
use crate::schema::TypeSchema;
use crate::value::{Attributes, Value};

/// A broken rule of AWS's, found without a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The attribute, or the empty path for the resource as a whole.
    pub path: AttributePath,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The problems found so far in one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Notes that the attribute at `path` breaks a rule.
    pub fn at(&mut self, path: impl Into<AttributePath>, message: impl Into<String>) {
        self.found.push(Problem {
            path: path.into(),
            message: message.into(),
            help: None,
        });
    }

    /// The same, with what to do about it.
    pub fn at_with_help(
        &mut self,
        path: impl Into<AttributePath>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.push(Problem {
            path: path.into(),
            message: message.into(),
            help: Some(help.into()),
        });
    }

    /// What was found, in order.
    pub fn into_vec(self) -> Vec<Problem> {
        self.found
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// The pure half of a resource type: its schema and AWS's rules that need no call.
pub trait TypeDefinition: Send + Sync {
    /// The type's attributes.
    fn schema(&self) -> &TypeSchema;

    /// Checks the rules for one resource. Attributes may be [`Value::Unknown`] or missing although required
    /// (that is reported elsewhere): check only what is there and known.
    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        let _ = (attributes, problems);
    }

    /// Checks one resource with the lookups that it refers to, by address without the `lookup.` in front: what is looked
    /// for, as far as it is known. An [`Value::Unknown`] with an origin tells which lookup is meant.
    fn validate_with_lookups(
        &self,
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        let _ = (attributes, lookups, problems);
    }

    /// Checks the rules between resources, such as overlapping subnets. Called once for each type with all
    /// resources of the stack; an [`Value::Unknown`] with an origin tells which resource is meant.
    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        let _ = stack;
        Vec::new()
    }

    /// Computed attributes that follow from the others without asking AWS (an image URI from repository and
    /// digest). Inputs may be unknown; what cannot be worked out is left out.
    fn derive(&self, attributes: &Attributes) -> Attributes {
        let _ = attributes;
        Attributes::new()
    }
}

/// All resource types of a build, by name.
pub trait Catalogue: Send + Sync {
    /// The type's definition; `None` when there is no such type.
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition>;

    /// The names of all types, in alphabetical order.
    fn names(&self) -> Vec<TypeName>;

    /// What a lookup of this name takes and tells: its attributes are the arguments, its computed ones what it
    /// tells besides. `None` when nothing of that name can be looked up.
    fn lookup(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        let _ = name;
        None
    }

    /// The names of all that can be looked up, in alphabetical order.
    fn lookup_names(&self) -> Vec<TypeName> {
        Vec::new()
    }

    /// What a type is called now that had this name in an earlier version, which states may still have.
    fn renamed(&self, former: &TypeName) -> Option<TypeName> {
        let _ = former;
        None
    }
}

/// The value of a known, set attribute; `None` when missing, null or unknown.
pub fn known<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a Value> {
    attributes
        .get(name)
        .filter(|value| !value.is_null() && !value.has_unknown())
}

/// The known text of an attribute.
pub fn known_str<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    known(attributes, name).and_then(Value::as_str)
}

/// The known whole number of an attribute.
pub fn known_integer(attributes: &Attributes, name: &str) -> Option<i64> {
    known(attributes, name).and_then(Value::as_integer)
}
