//! The values that belong to no resource: variables, `stack.*` and locals, each after those that it uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{Diagnostic, Graph, Span, Value};

use super::context::Context;
use super::names::{Allowed, Names, not_static};
use super::variables::Variable;
use crate::language::{Draft, Evaluator, Formula, Local, Name, World};

/// Locals that use locals that use locals: deeper than this is no stack that a person wrote.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Global {
    Stack(String),
    Variable(String),
    Local(String),
}

impl std::fmt::Display for Global {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stack(name) => write!(f, "stack.{name}"),
            Self::Variable(name) => write!(f, "var.{name}"),
            Self::Local(name) => write!(f, "local.{name}"),
        }
    }
}

/// Evaluates all of them into `world`.
pub(crate) fn evaluate(
    context: &mut Context<'_>,
    names: &mut Names,
    world: &mut World,
    settings: &BTreeMap<String, Draft>,
    variables: &BTreeMap<String, Variable>,
    locals: BTreeMap<String, Draft>,
) {
    let mut drafts: BTreeMap<Global, Draft> = BTreeMap::new();
    drafts.extend(
        settings
            .iter()
            .map(|(name, draft)| (Global::Stack(name.clone()), draft.clone())),
    );
    for (name, variable) in variables {
        match &variable.value {
            Some(given) => {
                drafts.insert(Global::Variable(name.clone()), given.draft.clone());
            }
            None => {
                world.variables.insert(name.clone(), Value::unknown());
            }
        }
    }
    drafts.extend(
        locals
            .into_iter()
            .map(|(name, draft)| (Global::Local(name), draft)),
    );
    for draft in drafts.values_mut() {
        names.check(context, draft, Allowed::ANY);
    }
    let drafts: BTreeMap<Global, Arc<Draft>> = drafts
        .into_iter()
        .map(|(name, draft)| (name, Arc::new(draft)))
        .collect();
    let mut globals = Globals {
        context,
        names,
        world,
        variables,
        uses: Uses::of(&drafts),
        drafts: drafts.into_iter().collect(),
    };
    globals.resolve();
}

/// Which globals name which, by their positions.
struct Uses {
    /// An edge knows where the one names the other first.
    graph: Graph<Span>,
    /// For each the circle that it is in.
    circles: Vec<Option<usize>>,
}

impl Uses {
    fn of(drafts: &BTreeMap<Global, Arc<Draft>>) -> Self {
        let positions: BTreeMap<&Global, usize> = drafts.keys().zip(0..).collect();
        let mut edges = BTreeMap::new();
        for (from, draft) in drafts.values().enumerate() {
            draft.for_each_formula(&mut |formula: &Arc<Formula>| {
                for (name, range) in &formula.names {
                    let used = used(name).and_then(|used| positions.get(&used).copied());
                    if let Some(to) = used {
                        edges.entry((from, to)).or_insert_with(|| formula.span(range));
                    }
                }
            });
        }
        let edges = edges.into_iter().map(|((from, to), span)| (from, to, span));
        let graph = Graph::new(drafts.len(), edges);
        let circles = graph.circles();
        Self { graph, circles }
    }

    /// The order in which those outside of all circles can be evaluated, each with how many there are below it.
    fn order(&self) -> Vec<(usize, usize)> {
        let needs = |from: usize| {
            let needed = self.graph.needs(from);
            needed.filter(move |to| self.circles[from].is_none() && self.circles[*to].is_none())
        };
        let needs: Vec<Vec<usize>> = (0..self.graph.len()).map(|from| needs(from).collect()).collect();
        let open = Graph::of(&needs);
        let depths = open.longest(|_| 0_usize, |depth, _| depth + 1);
        let order = open.possible_order().into_iter();
        order
            .filter(|node| self.circles[*node].is_none())
            .map(|node| (node, depths[node].length))
            .collect()
    }
}

struct Globals<'a, 'c> {
    context: &'a mut Context<'c>,
    names: &'a mut Names,
    world: &'a mut World,
    variables: &'a BTreeMap<String, Variable>,
    drafts: Vec<(Global, Arc<Draft>)>,
    uses: Uses,
}

impl Globals<'_, '_> {
    fn resolve(&mut self) {
        for way in self.uses.graph.ways_around() {
            self.complain_of_circle(&way);
        }
        for node in 0..self.drafts.len() {
            if self.uses.circles[node].is_some() {
                self.set(node, Some(Value::unknown()));
            }
        }
        for (node, depth) in self.uses.order() {
            if depth < MAX_DEPTH {
                self.evaluate(node);
                continue;
            }
            // Said once of a chain: where it becomes too long.
            if depth == MAX_DEPTH {
                let message = format!("values use each other more than {MAX_DEPTH} deep");
                let span = self.drafts[node].1.span.clone();
                self.context
                    .add(Diagnostic::error("too-deep", message).at(span, ""));
            }
            self.set(node, Some(Value::unknown()));
        }
    }

    fn evaluate(&mut self, node: usize) {
        let (global, draft) = &self.drafts[node];
        let mut late = None;
        draft.for_each_formula(&mut |formula: &Arc<Formula>| {
            if late.is_none() && self.names.is_late(formula) {
                late = Some(formula.clone());
            }
        });
        let value = match (late, global) {
            (None, _) => {
                let evaluator = Evaluator::new(self.world, None, None);
                Some(self.context.evaluate(&evaluator, draft))
            }
            (Some(_), Global::Local(_)) => None,
            (Some(formula), _) => {
                self.context
                    .add(not_static(&format!("`{global}`"), formula.whole()));
                Some(Value::unknown())
            }
        };
        self.set(node, value);
    }

    fn set(&mut self, node: usize, value: Option<Value>) {
        let (global, draft) = &self.drafts[node];
        match global {
            Global::Stack(name) => {
                self.world
                    .stack
                    .insert(name.clone(), value.unwrap_or_else(Value::unknown));
            }
            Global::Variable(name) => {
                let value = value.unwrap_or_else(Value::unknown);
                let checked = match self.variables.get(name) {
                    Some(variable) if !matches!(value, Value::Unknown(_)) => {
                        variable.checked(self.context, name, value)
                    }
                    _ => None,
                };
                self.world
                    .variables
                    .insert(name.clone(), checked.unwrap_or_else(Value::unknown));
            }
            Global::Local(name) => {
                if value.is_none() {
                    self.names.late_locals.insert(name.clone());
                }
                let draft = Draft::clone(draft);
                self.world.locals.insert(name.clone(), Local { draft, value });
            }
        }
    }

    /// Tells of values that need each other: each of them the next, and the last the first.
    fn complain_of_circle(&mut self, way: &[usize]) {
        let Some(&first) = way.first() else { return };
        let name = |node: usize| &self.drafts[node].0;
        let path: Vec<String> = way
            .iter()
            .chain([&first])
            .map(|&node| name(node).to_string())
            .collect();
        let message = format!("values use each other: {}", path.join(" -> "));
        let mut diagnostic = Diagnostic::error("cycle", message);
        let around = way.iter().zip(way[1..].iter().chain([&first]));
        for (&from, &to) in around {
            let Some(span) = self.uses.graph.weight(from, to) else {
                continue;
            };
            diagnostic = match to == first {
                true => diagnostic.at(span.clone(), format!("`{}` again", name(to))),
                false => diagnostic.see(span.clone(), format!("`{}` used here", name(to))),
            };
        }
        self.context.add(diagnostic);
    }
}

/// The global that a name stands for.
fn used(name: &Name) -> Option<Global> {
    match name {
        Name::Variable(name) => Some(Global::Variable(name.clone())),
        Name::Local(name) => Some(Global::Local(name.clone())),
        Name::Stack(name) => Some(Global::Stack(name.clone())),
        Name::Aws(field) if field == "region" => Some(Global::Stack(field.clone())),
        _ => None,
    }
}
