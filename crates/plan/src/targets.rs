//! Which part of everything a plan is about.

use infra_core::plan::PlanMode;
use infra_core::unique::Holders;
use infra_core::{Action, Diagnostic, ResourceAddress, nearest};

use crate::decide::{Decision, Decisions};
use crate::follows::to_be_added;
use crate::graph::Graph;
use crate::input::{PlanInput, means};
use crate::unique::{keys_after, keys_of_thing};

/// What a plan is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selected {
    /// By node: whether the plan is about all that there is at the address.
    pub nodes: Vec<bool>,
    /// By thing, of the deposed ones: whether the plan is about it.
    pub things: Vec<bool>,
}

impl Selected {
    fn all(graph: &Graph<'_>, is: bool) -> Self {
        Self {
            nodes: vec![is; graph.nodes.len()],
            things: vec![is; graph.things.len()],
        }
    }

    fn count(&self) -> usize {
        let all = self.nodes.iter().chain(&self.things);
        all.filter(|&&is| is).count()
    }
}

/// What the plan is about by what was asked for. A target brings along what it needs and, where something is deleted, what
/// needs that.
pub(crate) fn select(input: &PlanInput<'_>, graph: &Graph<'_>) -> Selected {
    let targets = &input.options.targets;
    if targets.is_empty() {
        return Selected::all(graph, true);
    }
    let mut selection = Selection::new(input, graph, Selected::all(graph, false));
    for (number, node) in graph.nodes.iter().enumerate() {
        if targets.iter().any(|target| means(target, node.address)) {
            selection.add(number);
        }
    }
    selection.close();
    selection.selected
}

/// Adds what refers to something that the plan deletes or replaces, or that an earlier run left, since it has to let go
/// of it first, and what has the name that something is to get. Whether there was anything to add.
pub(crate) fn extend(
    input: &PlanInput<'_>,
    graph: &Graph<'_>,
    selected: &mut Selected,
    decisions: &Decisions,
) -> bool {
    if input.options.targets.is_empty() {
        return false;
    }
    let before = selected.count();
    let mut selection = Selection::new(input, graph, std::mem::take(selected));
    for (number, decision) in decisions.of.iter().enumerate() {
        let goes = matches!(
            decision,
            Some(decision) if matches!(decision.action, Action::Delete | Action::Replace)
        );
        if goes {
            selection.add_dependents(number);
        }
    }
    for (number, thing) in graph.things.iter().enumerate() {
        let is_deleted = thing.deposed && !graph.nodes[thing.node].forgets_deposed(thing);
        if is_deleted && selection.selected.things[number] {
            selection.add_dependents_of(number);
        }
    }
    selection.add_holders(decisions);
    if input.options.mode == PlanMode::Apply {
        let more: Vec<usize> = to_be_added(graph, &selection.selected, decisions).collect();
        more.into_iter().for_each(|number| selection.add(number));
    }
    selection.close();
    *selected = selection.selected;
    selected.count() > before
}

/// Addresses that the user named and that are nowhere. What a destroy has removed already still is in the file; without
/// one, when nothing is left of the stack, no permission is wrong: running again has to go on.
pub(crate) fn unknown_addresses(input: &PlanInput<'_>, graph: &Graph<'_>) -> Vec<Diagnostic> {
    let options = &input.options;
    let known: Vec<&ResourceAddress> = graph.nodes.iter().map(|node| node.address).collect();
    let mut permitted = known.clone();
    permitted.extend(options.data_loss_in_file.keys());
    let lists: [(&str, &[ResourceAddress], &[&ResourceAddress]); 4] = [
        ("target", &options.targets, &known),
        ("replace", &options.replace, &known),
        ("redeploy", &options.force_update, &known),
        (
            "allow data of {} to be lost",
            &options.allow_data_loss,
            &permitted,
        ),
    ];
    let mut errors = Vec::new();
    for (purpose, list, known) in lists {
        let is_permission = purpose.contains("{}");
        if is_permission && known.is_empty() {
            continue;
        }
        for asked in list {
            if !known.iter().any(|known| means(asked, known)) {
                let what = match is_permission {
                    true => purpose.replace("{}", &asked.to_string()),
                    false => format!("{purpose} {asked}"),
                };
                errors.push(unknown(&what, asked, known));
            }
        }
    }
    errors
}

fn unknown(what: &str, asked: &ResourceAddress, known: &[&ResourceAddress]) -> Diagnostic {
    let message = format!("cannot {what}: neither the file nor the state has it");
    let diagnostic = Diagnostic::error("unknown-address", message);
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    match nearest(&asked.to_string(), names.iter().map(String::as_str)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

struct Selection<'s, 'a> {
    input: &'s PlanInput<'a>,
    graph: &'s Graph<'a>,
    selected: Selected,
    /// By thing: the things whose records say that they need it.
    dependents: Vec<Vec<usize>>,
    open: Vec<usize>,
}

impl<'s, 'a> Selection<'s, 'a> {
    fn new(input: &'s PlanInput<'a>, graph: &'s Graph<'a>, selected: Selected) -> Self {
        let mut dependents = vec![Vec::new(); graph.things.len()];
        for (thing, needs) in graph.stored.iter().enumerate() {
            for &other in needs {
                dependents[other].push(thing);
            }
        }
        Self {
            input,
            graph,
            selected,
            dependents,
            open: Vec::new(),
        }
    }

    fn add(&mut self, number: usize) {
        if !self.selected.nodes[number] {
            self.selected.nodes[number] = true;
            let things = self.graph.things_of(number);
            let deposed = things.filter(|&thing| self.graph.things[thing].deposed);
            deposed.for_each(|thing| self.selected.things[thing] = true);
            self.open.push(number);
        }
    }

    fn add_dependents(&mut self, number: usize) {
        self.graph
            .things_of(number)
            .for_each(|thing| self.add_dependents_of(thing));
    }

    /// Of a deposed thing nothing else of its address comes along.
    fn add_dependents_of(&mut self, thing: usize) {
        let mut open = vec![thing];
        while let Some(thing) = open.pop() {
            for dependent in std::mem::take(&mut self.dependents[thing]) {
                if self.graph.things[dependent].deposed {
                    self.selected.things[dependent] = true;
                    open.push(dependent);
                } else {
                    self.add(self.graph.things[dependent].node);
                }
            }
        }
    }

    /// Adds what has a name now that something else is to be made with, or had it until it vanished: the state
    /// would have two addresses for one thing.
    fn add_holders(&mut self, decisions: &Decisions) {
        let graph = self.graph;
        let mut held = Holders::new();
        for thing in 0..graph.things.len() {
            if let Some(keys) = keys_of_thing(graph, thing) {
                held.add(keys, graph.things[thing].node);
            }
        }
        for (number, decision) in decisions.of.iter().enumerate() {
            let takes = |decision: &&Decision| {
                matches!(decision.action, Action::Create | Action::Replace | Action::Update)
            };
            let keys = decision
                .as_ref()
                .filter(takes)
                .and_then(|decision| keys_after(graph, number, decision));
            for (_, holder) in keys.iter().flat_map(|keys| held.clashing(keys)) {
                self.add(*holder);
            }
        }
    }

    fn close(&mut self) {
        while let Some(number) = self.open.pop() {
            let stays =
                self.input.options.mode == PlanMode::Apply && self.graph.nodes[number].resource.is_some();
            if stays {
                for &(other, _) in &self.graph.needs[number] {
                    self.add(other);
                }
            } else {
                self.add_dependents(number);
            }
        }
    }
}
