//! A stack as its files declare it, checked and with every `for_each` unfolded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::ResourceAddress;
use crate::diagnostic::{SourceMap, Span};
use crate::expression::Template;
use crate::graph::Graph;
use crate::identity::StackId;
use crate::lifecycle::{Lifecycle, Timeouts};
use crate::plan::Strength;
use crate::state::State;
use crate::value::Attributes;

/// One resource, an instance of its block in the file.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its identity.
    pub address: ResourceAddress,
    /// What the file sets.
    pub attributes: BTreeMap<String, Template>,
    /// What it needs before it, by references and `depends_on`, with the strongest need of each.
    pub dependencies: BTreeMap<ResourceAddress, Strength>,
    /// What the user asked of its life.
    pub lifecycle: Lifecycle,
    /// Other waiting times.
    pub timeouts: Timeouts,
    /// The block's place in the file.
    pub span: Span,
    /// Places of attributes by path text (`container_definitions[0].image`), as deep as the file spells them.
    pub attribute_spans: BTreeMap<String, Span>,
}

/// A value that the stack gives out.
#[derive(Debug, Clone)]
pub struct Output {
    /// The value.
    pub value: Template,
    /// What it is.
    pub description: String,
    /// Never shown.
    pub sensitive: bool,
    /// Its place in the file.
    pub span: Span,
}

/// A read of something that exists and is not ours.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// What to look for: literal values and expressions over variables only.
    pub attributes: BTreeMap<String, Template>,
    /// Its place in the file.
    pub span: Span,
}

/// A whole stack, ready to be planned.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The identity under which it is stored and tagged.
    pub id: StackId,
    /// `stack.name`.
    pub name: String,
    /// `stack.environment`.
    pub environment: String,
    /// `stack.stage`.
    pub stage: String,
    /// `stack.region`, such as `us-east-1`.
    pub region: String,
    /// The role to assume for every call, an ARN.
    pub assume_role: Option<String>,
    /// The only accounts that may be touched; empty: any.
    pub allowed_account_ids: Vec<String>,
    /// Whether the data of its resources may be lost with them, where they do not say so themselves; `None` without a
    /// file: what the state remembers counts.
    pub allow_data_loss: Option<bool>,
    /// The key of KMS that keeps the key of sensitive values, by ARN or alias; `None`: that is kept elsewhere.
    pub sealing_key: Option<String>,
    /// All resources by address.
    pub resources: BTreeMap<ResourceAddress, Resource>,
    /// Addresses of blocks whose `when` is false: references to them are null.
    pub absent: BTreeSet<ResourceAddress>,
    /// Reads of what is not ours, by address without the `lookup.` in front.
    pub lookups: BTreeMap<ResourceAddress, Lookup>,
    /// What the stack gives out.
    pub outputs: BTreeMap<String, Output>,
    /// The variables' values as used, for messages and saved plans; sensitive ones are secret.
    pub variables: Attributes,
    /// The texts that it was read from.
    pub sources: Arc<SourceMap>,
}

impl Stack {
    /// How a command names it: by its file, as that was given, or by its identity where there is none.
    pub fn named(&self) -> String {
        match self.sources.files.first() {
            Some(file) => file.path.display().to_string(),
            None => self.id.to_string(),
        }
    }

    /// What each resource needs of the others, and how much of it, by the resources' places in `resources`.
    pub fn graph(&self) -> Graph<Strength> {
        let places: BTreeMap<&ResourceAddress, usize> = self.resources.keys().zip(0..).collect();
        let edges = self.resources.values().zip(0..).flat_map(|(resource, from)| {
            let places = &places;
            let edge =
                move |(needed, strength): (_, &Strength)| Some((from, *places.get(needed)?, *strength));
            resource.dependencies.iter().filter_map(edge)
        });
        Graph::new(self.resources.len(), edges)
    }

    /// The resources in groups, each of which needs only those before it. Members of a circle, which the reader of the
    /// file refuses, are in none.
    pub fn layers(&self) -> Vec<Vec<&ResourceAddress>> {
        let addresses: Vec<&ResourceAddress> = self.resources.keys().collect();
        let named = |layer: Vec<usize>| layer.into_iter().map(|place| addresses[place]).collect();
        self.graph().layers().into_iter().map(named).collect()
    }

    /// A stack as its state alone knows it, without a file: nothing is declared, and it is reached as it was last.
    pub fn of_state(state: &State) -> Self {
        let [name, environment, stage, region] = state.stack.named_parts();
        let connection = state.connection.as_ref();
        Self {
            id: state.stack.clone(),
            name: name.to_owned(),
            environment: environment.to_owned(),
            stage: stage.to_owned(),
            region: connection
                .map_or(region, |connection| &connection.location.region)
                .to_owned(),
            assume_role: connection.and_then(|connection| connection.assume_role.clone()),
            allowed_account_ids: connection
                .map(|connection| connection.location.account_id.clone())
                .into_iter()
                .collect(),
            allow_data_loss: None,
            sealing_key: None,
            resources: BTreeMap::new(),
            absent: BTreeSet::new(),
            lookups: BTreeMap::new(),
            outputs: BTreeMap::new(),
            variables: Attributes::new(),
            sources: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Connection, Location};

    #[test]
    fn without_a_file_a_stack_is_reached_as_it_was_last() {
        let mut state = State::new("appname/-/dev02/us-east-1".parse().unwrap(), "lineage");
        let stack = Stack::of_state(&state);
        assert_eq!(
            (stack.environment.as_str(), stack.region.as_str()),
            ("", "us-east-1")
        );
        assert!(stack.allowed_account_ids.is_empty() && stack.assume_role.is_none());

        state.connection = Some(Connection {
            location: Location {
                account_id: "123456789012".into(),
                region: "eu-west-1".into(),
            },
            assume_role: Some("arn:aws:iam::123456789012:role/deploy".into()),
        });
        let stack = Stack::of_state(&state);
        assert_eq!(stack.id, state.stack);
        assert_eq!(stack.region, "eu-west-1");
        assert_eq!(stack.allowed_account_ids, ["123456789012"]);
        assert_eq!(
            stack.assume_role.as_deref(),
            Some("arn:aws:iam::123456789012:role/deploy")
        );
    }
}
