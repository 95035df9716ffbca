//! Everything that a plan is about, numbered in order of address, with what needs what.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use infra_core::plan::PlanMode;
use infra_core::{
    Attributes, Catalogue, Diagnostic, Health, Lifecycle, Observation, PhysicalId, Reference, Resource,
    ResourceAddress, ResourceRecord, StackId, StackTag, Strength, TypeDefinition,
};

use crate::input::{PlanInput, health_of_record};
use crate::ownership::Marks;
use crate::stored::stored;

/// One address: in the file, in the state, or both.
pub(crate) struct Node<'a> {
    pub address: &'a ResourceAddress,
    pub resource: Option<&'a Resource>,
    pub record: Option<&'a ResourceRecord>,
    pub found: Found<'a>,
    pub definition: Option<&'a dyn TypeDefinition>,
    /// Position in [`Graph::things`] of what the record stands for.
    pub thing: Option<usize>,
}

/// What AWS has at an address.
pub(crate) enum Found<'a> {
    /// The state has nothing there, so nobody looked.
    Nothing,
    /// What the state has is gone.
    Absent,
    /// It is there.
    Present {
        attributes: &'a Attributes,
        health: Cow<'a, Health>,
        stack_tag: Option<&'a StackTag>,
    },
}

/// One thing at AWS that the state knows of: an address has a current one, deposed ones, or both.
pub(crate) struct Thing<'a> {
    pub node: usize,
    pub record: &'a ResourceRecord,
    pub deposed: bool,
    pub absent: bool,
}

/// What expressions refer to of one resource.
#[derive(Clone, Default)]
pub(crate) struct Referenced<'a> {
    attributes: BTreeSet<&'a str>,
    /// Somebody refers to all of it.
    whole: bool,
}

impl<'a> Referenced<'a> {
    fn add(&mut self, reference: &'a Reference) {
        match &reference.attribute {
            Some(name) => {
                self.attributes.insert(name);
            }
            None => self.whole = true,
        }
    }

    /// Whether anything refers to it.
    pub fn any(&self) -> bool {
        self.whole || !self.attributes.is_empty()
    }

    /// Whether anything refers to this attribute of it.
    pub fn has(&self, name: &str) -> bool {
        self.whole || self.attributes.contains(name)
    }
}

pub(crate) struct Graph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub index: BTreeMap<&'a ResourceAddress, usize>,
    /// By node: what the file says that it needs.
    pub needs: Vec<Vec<(usize, Strength)>>,
    /// All nodes, each after what it needs.
    pub order: Vec<usize>,
    /// By node: what expressions refer to.
    pub referenced: Vec<Referenced<'a>>,
    /// What the state knows of, by node, the current thing of an address before its deposed ones.
    pub things: Vec<Thing<'a>>,
    /// By thing: the things that it needs as the state has it; without cycles.
    pub stored: Vec<Vec<usize>>,
    /// What it is put together for.
    pub mode: PlanMode,
}

impl<'a> Node<'a> {
    /// As the file has it, else as the state does.
    pub fn lifecycle(&self) -> Option<&'a Lifecycle> {
        self.resource
            .map(|resource| &resource.lifecycle)
            .or_else(|| self.record.map(|record| &record.lifecycle))
    }

    /// Whether a deposed thing of this address is let go of rather than deleted. What is said of the address
    /// now counts more than what was said when the thing was made.
    pub fn forgets_deposed(&self, thing: &Thing<'_>) -> bool {
        let lifecycle = self.lifecycle().unwrap_or(&thing.record.lifecycle);
        thing.absent || lifecycle.retain
    }

    /// What is known of whose its own thing is; `None` where there is none.
    pub fn marks<'s>(&'s self, stack: &'s StackId) -> Option<Marks<'s>> {
        match (&self.found, self.record) {
            (
                Found::Present {
                    health, stack_tag, ..
                },
                Some(record),
            ) => Some(Marks::new(stack, self.definition, record, *stack_tag, health)),
            _ => None,
        }
    }

    pub fn physical_id(&self) -> Option<&'a PhysicalId> {
        self.record.map(|record| &record.physical_id)
    }
}

impl<'a> Graph<'a> {
    /// Numbers everything in `input`.
    ///
    /// # Errors
    /// Unknown types, and resources that need each other in a circle.
    pub fn new(input: &PlanInput<'a>) -> Result<Self, Vec<Diagnostic>> {
        let mut nodes = numbered(input);
        let index: BTreeMap<_, _> = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (node.address, number))
            .collect();
        let errors = unknown_types(&nodes, input.catalogue);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut referenced = vec![Referenced::default(); nodes.len()];
        let needs = needs(&nodes, &index, &mut referenced);
        for output in input.stack.iter().flat_map(|stack| stack.outputs.values()) {
            output.value.for_each_reference(&mut |reference| {
                if let Some(&number) = index.get(&reference.address) {
                    referenced[number].add(reference);
                }
            });
        }
        let edges = needs.iter().enumerate();
        let edges =
            edges.flat_map(|(from, needs)| needs.iter().map(move |&(to, strength)| (from, to, strength)));
        let declared = infra_core::Graph::new(needs.len(), edges);
        let Some(order) = declared.order() else {
            return Err(circles(&nodes, &declared));
        };
        let things = things(&mut nodes, input);
        let stored = stored(&nodes, &things, &needs, &index);
        Ok(Self {
            nodes,
            index,
            needs,
            order,
            referenced,
            things,
            stored,
            mode: input.options.mode,
        })
    }

    /// What the state knows of at an address: the current thing and the deposed ones.
    pub fn things_of(&self, node: usize) -> std::ops::Range<usize> {
        let before = |number: usize| self.things.partition_point(|thing| thing.node < number);
        before(node)..before(node + 1)
    }

    /// What AWS has of a thing now; of one that is gone, or deposed, what the state remembers of it.
    pub fn attributes_of(&self, thing: usize) -> &'a Attributes {
        attributes_of(&self.nodes, &self.things[thing])
    }

    /// Whether the file says that `node` needs `other`.
    pub fn needs(&self, node: usize, other: usize) -> bool {
        self.needs[node]
            .binary_search_by_key(&other, |&(number, _)| number)
            .is_ok()
    }
}

/// See [`Graph::attributes_of`].
pub(crate) fn attributes_of<'a>(nodes: &[Node<'a>], thing: &Thing<'a>) -> &'a Attributes {
    match &nodes[thing.node].found {
        Found::Present { attributes, .. } if !thing.deposed => attributes,
        _ => &thing.record.observed,
    }
}

fn numbered<'a>(input: &PlanInput<'a>) -> Vec<Node<'a>> {
    let declared = input.stack.map(|stack| &stack.resources);
    let mut addresses: BTreeSet<&'a ResourceAddress> = input.state.resources.keys().collect();
    addresses.extend(input.state.deposed.keys());
    addresses.extend(declared.into_iter().flat_map(BTreeMap::keys));
    addresses
        .into_iter()
        .map(|address| {
            let record = input.state.resources.get(address);
            let found = match (record, input.observations.get(address)) {
                (None, _) => Found::Nothing,
                (Some(_), Some(Observation::Absent)) => Found::Absent,
                (
                    Some(_),
                    Some(Observation::Present {
                        attributes,
                        health,
                        stack_tag,
                    }),
                ) => Found::Present {
                    attributes,
                    health: Cow::Borrowed(health),
                    stack_tag: Some(stack_tag),
                },
                (Some(record), None) => Found::Present {
                    attributes: &record.observed,
                    health: Cow::Owned(health_of_record(record)),
                    stack_tag: None,
                },
            };
            Node {
                address,
                resource: declared.and_then(|resources| resources.get(address)),
                record,
                found,
                definition: input.catalogue.definition(address.type_name()),
                thing: None,
            }
        })
        .collect()
}

fn unknown_types(nodes: &[Node<'_>], catalogue: &dyn Catalogue) -> Vec<Diagnostic> {
    let unknown = |node: &&Node<'_>| node.definition.is_none();
    nodes
        .iter()
        .filter(unknown)
        .map(|node| {
            let type_name = node.address.type_name();
            let message = format!("{}: there is no resource type {type_name}", node.address);
            let diagnostic = Diagnostic::error("unknown-type", message);
            match (node.resource, catalogue.renamed(type_name)) {
                (Some(resource), _) => diagnostic.at(resource.span.clone(), ""),
                (None, Some(renamed)) => {
                    let address = node.address.of_type(renamed.clone());
                    diagnostic.help(format!(
                        "the state has it, and the type is called {renamed} now: `state mv` takes it to {address}"
                    ))
                }
                (None, None) => diagnostic.help(format!(
                    "the state has it: use a version that knows {type_name} (this one knows {} types)",
                    catalogue.names().len()
                )),
            }
        })
        .collect()
}

/// What the file says: `depends_on` and references, those that `dependencies` left out included.
fn needs<'a>(
    nodes: &[Node<'a>],
    index: &BTreeMap<&'a ResourceAddress, usize>,
    referenced: &mut [Referenced<'a>],
) -> Vec<Vec<(usize, Strength)>> {
    let mut all = Vec::with_capacity(nodes.len());
    for (number, node) in nodes.iter().enumerate() {
        let mut found: BTreeMap<usize, Strength> = BTreeMap::new();
        if let Some(resource) = node.resource {
            let declared = |address: &ResourceAddress| {
                let other = *index.get(address)?;
                (other != number && nodes[other].resource.is_some()).then_some(other)
            };
            for (address, &strength) in &resource.dependencies {
                if let Some(other) = declared(address) {
                    found.insert(other, strength);
                }
            }
            for template in resource.attributes.values() {
                template.for_each_reference(&mut |reference| {
                    if let Some(other) = declared(&reference.address) {
                        referenced[other].add(reference);
                        found.entry(other).or_insert(Strength::Exists);
                    }
                });
            }
        }
        all.push(found.into_iter().collect());
    }
    all
}

fn circles(nodes: &[Node<'_>], declared: &infra_core::Graph<Strength>) -> Vec<Diagnostic> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, circle) in declared.circles().into_iter().enumerate() {
        if let Some(circle) = circle {
            members.entry(circle).or_default().push(number);
        }
    }
    members
        .into_values()
        .map(|members| {
            let names: Vec<String> = members
                .iter()
                .map(|&number| nodes[number].address.to_string())
                .collect();
            let message = format!(
                "these resources need each other in a circle: {}",
                names.join(", ")
            );
            let mut diagnostic = Diagnostic::error("cycle", message)
                .help("take one of the references out, or set it in a resource of its own");
            for (position, resource) in members
                .iter()
                .filter_map(|&number| nodes[number].resource)
                .enumerate()
            {
                diagnostic = match position {
                    0 => diagnostic.at(resource.span.clone(), ""),
                    _ => diagnostic.see(resource.span.clone(), ""),
                };
            }
            diagnostic
        })
        .collect()
}

fn things<'a>(nodes: &mut [Node<'a>], input: &PlanInput<'a>) -> Vec<Thing<'a>> {
    let mut things = Vec::with_capacity(nodes.len());
    for (number, node) in nodes.iter_mut().enumerate() {
        if let Some(record) = node.record {
            node.thing = Some(things.len());
            things.push(Thing {
                node: number,
                record,
                deposed: false,
                absent: matches!(node.found, Found::Absent),
            });
        }
        for record in input.state.deposed.get(node.address).into_iter().flatten() {
            let key = (node.address.clone(), record.physical_id.clone());
            things.push(Thing {
                node: number,
                record,
                deposed: true,
                absent: input
                    .deposed_observations
                    .get(&key)
                    .is_some_and(Observation::is_absent),
            });
        }
    }
    things
}
