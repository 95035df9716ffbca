//! The values that belong to no resource: variables, `stack.*` and locals, each after those that it uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_core::{Diagnostic, Span, Value};

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

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Evaluated, or found wrong.
    Done,
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
        drafts: &drafts,
        states: BTreeMap::new(),
        open: Vec::new(),
    };
    for global in drafts.keys() {
        globals.resolve(global, None);
    }
}

struct Globals<'a, 'c> {
    context: &'a mut Context<'c>,
    names: &'a mut Names,
    world: &'a mut World,
    variables: &'a BTreeMap<String, Variable>,
    drafts: &'a BTreeMap<Global, Arc<Draft>>,
    states: BTreeMap<Global, State>,
    /// What is being resolved, from the outside in, and where the one before names it.
    open: Vec<(Global, Option<Span>)>,
}

impl Globals<'_, '_> {
    fn resolve(&mut self, global: &Global, named_at: Option<Span>) {
        match self.states.get(global) {
            Some(State::Done) => return,
            Some(State::Open) => return self.complain_of_cycle(global, named_at),
            None => {}
        }
        let Some(draft) = self.drafts.get(global).cloned() else {
            return;
        };
        if self.open.len() >= MAX_DEPTH {
            let message = format!("values use each other more than {MAX_DEPTH} deep");
            self.context
                .add(Diagnostic::error("too-deep", message).at(draft.span.clone(), ""));
            return self.set(global, &draft, Some(Value::unknown()));
        }
        self.states.insert(global.clone(), State::Open);
        self.open.push((global.clone(), named_at));
        let mut late = None;
        draft.for_each_formula(&mut |formula: &Arc<Formula>| {
            for (name, range) in &formula.names {
                if let Some(used) = used(name) {
                    self.resolve(&used, Some(formula.span(range)));
                }
            }
            if late.is_none() && self.names.is_late(formula) {
                late = Some(formula.clone());
            }
        });
        self.open.pop();
        // A cycle through this one has been reported and has set it.
        if self.states.get(global) == Some(&State::Done) {
            return;
        }
        let value = match (late, global) {
            (None, _) => {
                let evaluator = Evaluator::new(self.world, None, None);
                Some(self.context.evaluate(&evaluator, &draft))
            }
            (Some(_), Global::Local(_)) => None,
            (Some(formula), _) => {
                self.context
                    .add(not_static(&format!("`{global}`"), formula.whole()));
                Some(Value::unknown())
            }
        };
        self.set(global, &draft, value);
    }

    fn set(&mut self, global: &Global, draft: &Draft, value: Option<Value>) {
        self.states.insert(global.clone(), State::Done);
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
                self.world.locals.insert(
                    name.clone(),
                    Local {
                        draft: draft.clone(),
                        value,
                    },
                );
            }
        }
    }

    fn complain_of_cycle(&mut self, global: &Global, named_at: Option<Span>) {
        let start = self.open.iter().position(|(open, _)| open == global).unwrap_or(0);
        let ring = self.open[start..].to_vec();
        let path: Vec<String> = ring
            .iter()
            .map(|(global, _)| global.to_string())
            .chain([global.to_string()])
            .collect();
        let mut diagnostic =
            Diagnostic::error("cycle", format!("values use each other: {}", path.join(" -> ")));
        if let Some(span) = named_at {
            diagnostic = diagnostic.at(span, format!("`{global}` again"));
        }
        for (global, span) in &ring[1..] {
            if let Some(span) = span {
                diagnostic = diagnostic.see(span.clone(), format!("`{global}` used here"));
            }
        }
        self.context.add(diagnostic);
        for (global, _) in ring {
            if let Some(draft) = self.drafts.get(&global).cloned() {
                self.set(&global, &draft, Some(Value::unknown()));
            }
        }
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
