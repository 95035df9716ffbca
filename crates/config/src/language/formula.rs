//! A parsed expression: its tree, and everything it names.

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::expr::{BinaryOperator, UnaryOperator};
use infra_core::{ResourceAddress, Span, Value};

use super::functions::Function;
use crate::source::Place;

/// A text with `${…}` in it, parsed, with what it uses.
#[derive(Debug)]
pub(crate) struct Formula {
    /// The text as the file means it (TOML's escapes undone).
    pub(crate) source: String,
    /// Where the text stands.
    pub(crate) place: Place,
    /// What to evaluate.
    pub(crate) root: Node,
    /// Whether a mistake in it has been reported: it cannot be evaluated, but what it names can be checked.
    pub(crate) broken: bool,
    /// What it names besides resources, in order.
    pub(crate) names: Vec<(Name, Range<usize>)>,
    /// The resources and lookups it names, in order; [`NodeKind::Resource`] points in here.
    pub(crate) resources: Vec<ResourceUse>,
}

impl Formula {
    /// The place in the file of a range of the text.
    pub(crate) fn span(&self, range: &Range<usize>) -> Span {
        self.place.at(range)
    }

    /// The place of everything that the formula spells.
    pub(crate) fn whole(&self) -> &Span {
        self.place.whole()
    }

    /// Whether it names `each.…`.
    pub(crate) fn uses_each(&self) -> bool {
        self.names.iter().any(|(name, _)| matches!(name, Name::Each(_)))
    }
}

/// Something named in an expression that is no resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// `var.<name>`
    Variable(String),
    /// `local.<name>`
    Local(String),
    /// `stack.<field>`
    Stack(String),
    /// `aws.<field>`
    Aws(String),
    /// `each.key`, `each.value`, `each.index`
    Each(String),
    /// `env.<name>`
    Environment(String),
    /// The `env` of `lookup(env, "<name>", …)`: a table of that one variable, empty when it is not set.
    EnvironmentTable(String),
}

/// A resource or lookup as an expression names it.
#[derive(Debug)]
pub(crate) struct ResourceUse {
    /// Whether it is `lookup.…`.
    pub(crate) lookup: bool,
    /// The block's address (without `lookup.` in front).
    pub(crate) block: ResourceAddress,
    /// Which instances.
    pub(crate) selector: Selector,
    /// Which attributes.
    pub(crate) need: Need,
    /// The address, with `lookup.` and without a key.
    pub(crate) range: Range<usize>,
    /// Service, type and name on their own.
    pub(crate) parts: [Range<usize>; 3],
}

/// Which instances of a block are meant.
#[derive(Debug)]
pub(crate) enum Selector {
    /// The block: the resource, or with `for_each` a table of all instances by key.
    Whole,
    /// `[*]`: a list of all instances in order of their keys.
    All,
    /// `["key"]`.
    Key(Box<Node>),
}

/// Which attributes of a resource an expression needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// The resource as a whole.
    Everything,
    /// `.attribute` right behind the address: the value is the attribute's.
    Attribute(String, Range<usize>),
    /// These attributes of each element of what the address gives.
    OfElements(BTreeMap<String, Range<usize>>),
}

/// A part of an expression.
#[derive(Debug)]
pub(crate) struct Node {
    /// The bytes of the formula's text.
    pub(crate) range: Range<usize>,
    /// What it is.
    pub(crate) kind: NodeKind,
}

impl Node {
    /// Calls `visit` with every part that this one is directly made of.
    pub(crate) fn for_each_part<'a>(&'a self, visit: &mut dyn FnMut(&'a Node)) {
        match &self.kind {
            NodeKind::Literal(_) | NodeKind::Name(_) | NodeKind::Resource(_) | NodeKind::Loop(_) => {}
            NodeKind::Text(parts) | NodeKind::List(parts) => parts.iter().for_each(visit),
            NodeKind::Object(entries) => {
                for (key, value) in entries {
                    visit(key);
                    visit(value);
                }
            }
            NodeKind::Attribute(base, _) | NodeKind::Unary(_, base) => visit(base),
            NodeKind::Index(base, key) => {
                visit(base);
                visit(key);
            }
            NodeKind::Splat(base, steps) => {
                visit(base);
                for step in steps {
                    if let Step::Index(key) = step {
                        visit(key);
                    }
                }
            }
            NodeKind::Call(call) => call.arguments.iter().for_each(visit),
            NodeKind::Conditional(parts) => parts.iter().for_each(visit),
            NodeKind::Binary(_, sides) => sides.iter().for_each(visit),
            NodeKind::For(parts) => {
                visit(&parts.collection);
                let bodies = [parts.key.as_ref(), Some(&parts.value), parts.condition.as_ref()];
                bodies.into_iter().flatten().for_each(visit);
            }
        }
    }
}

/// What a part of an expression is.
#[derive(Debug)]
pub(crate) enum NodeKind {
    Literal(Value),
    /// A text with interpolations.
    Text(Vec<Node>),
    List(Vec<Node>),
    Object(Vec<(Node, Node)>),
    /// Points into [`Formula::names`].
    Name(usize),
    /// Points into [`Formula::resources`].
    Resource(usize),
    /// A variable of an enclosing `for`.
    Loop(String),
    Attribute(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// The steps are applied to each element.
    Splat(Box<Node>, Vec<Step>),
    Call(Call),
    Conditional(Box<[Node; 3]>),
    Unary(UnaryOperator, Box<Node>),
    Binary(BinaryOperator, Box<[Node; 2]>),
    For(Box<For>),
}

/// A step behind a splat.
#[derive(Debug)]
pub(crate) enum Step {
    Attribute(String),
    Index(Node),
    Splat,
}

/// A function's call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Node>,
    /// `f(list...)`: the last argument is a list of arguments.
    pub(crate) expand: bool,
}

impl Call {
    /// Whether arguments behind the first that is set are not looked at.
    pub(crate) fn takes_first_only(&self) -> bool {
        self.function == Function::Coalesce && !self.expand
    }
}

/// `[for key, value in collection : result if condition]` and its form with braces.
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) key_name: Option<String>,
    pub(crate) value_name: String,
    pub(crate) collection: Node,
    /// With a key the result is a table.
    pub(crate) key: Option<Node>,
    pub(crate) value: Node,
    pub(crate) condition: Option<Node>,
    /// `...`: values of the same key are gathered in a list.
    pub(crate) grouping: bool,
}
