//! Sensitive values that stand in clear in the files that a stack was read from, and so would in a saved plan, which holds
//! those files.
//!
//! What a variable's default is, what `[values]` gives it, and what stands in a sensitive attribute of a resource or in a
//! sensitive output, is looked at in every file by itself, whether it is used or not: whatever stands there is sensitive,
//! however short it is. Elsewhere a sensitive value is known by its text alone.

mod texts;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use hcl_edit::expr::BinaryOperator;
use infra_core::types::Catalogue;
use infra_core::{Attributes, SourceMap, Stack, Template, TypeName, Value};

use super::bind::Treatment;
use super::environment::holds_sensitive;
use super::used::UsedInputs;
use crate::language::{Draft, DraftKind, Function, Name, Node as Part, NodeKind as PartKind};
use crate::report::Report;
use crate::source::{NodeKind, Table, beside, parse};

/// What is sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitive {
    /// A variable.
    Variable(String),
    /// An attribute of a resource, as `rds.db_instance.main.password`.
    Attribute(String),
    /// An output.
    Output(String),
}

/// Something sensitive that stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InClear {
    /// What it is a value of.
    pub of: Sensitive,
    /// Where its value, or a part of it, stands: `path:line:column`.
    pub place: String,
}

/// Where in the files of `used` the values of the stack's sensitive variables, attributes and outputs stand, in order and
/// each place once.
pub fn in_clear(stack: &Stack, used: &UsedInputs, catalogue: &dyn Catalogue) -> Vec<InClear> {
    let sources = &*stack.sources;
    let tables: Vec<Table> = (0..sources.files.len())
        .map(|file| parse(sources, file, &mut Report::default()).0)
        .collect();
    let search = Search {
        sources,
        tables,
        used,
    };
    let mut found: Vec<InClear> = Vec::new();
    for name in search.sensitive(&stack.variables) {
        let mut places = search.given(&name);
        if let Some(value) = stack.variables.get(&name) {
            search.texts(value, &mut places);
        }
        add(&mut found, &Sensitive::Variable(name), places);
    }
    for (of, places) in search.attributes(catalogue) {
        add(&mut found, &of, places);
    }
    for name in search.sensitive_outputs(stack) {
        let places = search.output(&name);
        add(&mut found, &Sensitive::Output(name), places);
    }
    // What the values are worked out of may stand elsewhere.
    for resource in stack.resources.values() {
        for (name, template) in &resource.attributes {
            let mut places = Vec::new();
            search.secrets(template, &mut places);
            let of = Sensitive::Attribute(format!("{}.{name}", resource.address.block()));
            add(&mut found, &of, places);
        }
    }
    for (name, output) in &stack.outputs {
        let mut places = Vec::new();
        search.secrets(&output.value, &mut places);
        add(&mut found, &Sensitive::Output(name.clone()), places);
    }
    found
}

/// Adds places that nothing was told of yet; one that is of two variables is told of both.
fn add(found: &mut Vec<InClear>, of: &Sensitive, places: Vec<String>) {
    for place in places {
        let is_told = found.iter().any(|one| {
            let of_two = matches!((of, &one.of), (Sensitive::Variable(_), Sensitive::Variable(_)));
            one.place == place && (!of_two || one.of == *of)
        });
        if !is_told {
            found.push(InClear {
                of: of.clone(),
                place,
            });
        }
    }
}

/// Where something sensitive is given.
#[derive(Clone, Copy)]
struct Given<'a> {
    /// The file.
    from: &'a Path,
    /// Whether a text around what is secret by itself is none: not so of a variable, which is secret as a whole.
    may_frame: bool,
    /// What the expression at hand names.
    names: &'a [(Name, Range<usize>)],
}

impl<'a> Given<'a> {
    fn new(from: &'a Path, may_frame: bool) -> Self {
        Self {
            from,
            may_frame,
            names: &[],
        }
    }
}

struct Search<'a> {
    sources: &'a SourceMap,
    /// What each of the sources declares by itself.
    tables: Vec<Table>,
    used: &'a UsedInputs,
}

impl Search<'_> {
    /// The sensitive variables; where a value cannot be told, a file that calls it so is enough.
    fn sensitive(&self, variables: &Attributes) -> BTreeSet<String> {
        let is_told = |name: &str| {
            let value = variables.get(name);
            value.is_some_and(|value| !value.is_null() && !value.has_unknown())
        };
        let secret = variables.iter().filter(|(_, value)| value.has_secret());
        let mut names: BTreeSet<String> = secret.map(|(name, _)| name.clone()).collect();
        for (name, fields) in self.declared("variable") {
            if is_true(fields, "sensitive") && !is_told(name) {
                names.insert(name.to_owned());
            }
        }
        names
    }

    /// Where a variable's default, or a value for it, stands in any file.
    fn given(&self, name: &str) -> Vec<String> {
        let mut places = Vec::new();
        for (table, source) in self.tables.iter().zip(&self.sources.files) {
            let declared = table_at(table, "variable").and_then(|variables| table_at(variables, name));
            let default = declared.and_then(|fields| fields.get("default"));
            let value = table_at(table, "values").and_then(|values| values.get(name));
            for entry in default.into_iter().chain(value) {
                let draft = Draft::new(&entry.node, self.sources, &mut Report::default());
                let given = Given::new(&source.path, false);
                self.draft(&draft, given, &mut places);
            }
        }
        places
    }

    /// Where what sensitive attributes are given stands, by type and name of the resource.
    fn attributes(&self, catalogue: &dyn Catalogue) -> Vec<(Sensitive, Vec<String>)> {
        let mut found = Vec::new();
        for (table, source) in self.tables.iter().zip(&self.sources.files) {
            for (service, types) in tables_in(table) {
                for (type_name, resources) in tables_in(types) {
                    let type_name = TypeName::new(service, type_name);
                    let Some(definition) = catalogue.definition(&type_name) else {
                        continue;
                    };
                    let schemas = &definition.schema().attributes;
                    for (resource, attributes) in tables_in(resources) {
                        for (name, entry) in attributes {
                            let treatment = Treatment::of(schemas.get(name));
                            let draft = Draft::new(&entry.node, self.sources, &mut Report::default());
                            let mut places = Vec::new();
                            self.treated(&draft, treatment, &source.path, &mut places);
                            let of = format!("{type_name}.{resource}.{name}");
                            found.push((Sensitive::Attribute(of), places));
                        }
                    }
                }
            }
        }
        found
    }

    /// Looks at those parts of a draft that are sensitive by the schema.
    fn treated(&self, draft: &Draft, treatment: Treatment<'_>, from: &Path, places: &mut Vec<String>) {
        let given = Given::new(from, true);
        if treatment.sensitive {
            return self.draft(draft, given, places);
        }
        match &draft.kind {
            DraftKind::List(items) => {
                for item in items {
                    self.treated(item, treatment.element(), from, places);
                }
            }
            DraftKind::Map(entries) => {
                for (name, entry) in entries {
                    self.treated(entry, treatment.entry(name), from, places);
                }
            }
            DraftKind::Formula(_) if treatment.kind.is_some_and(holds_sensitive) => {
                self.draft(draft, given, places);
            }
            DraftKind::Literal(_) | DraftKind::Formula(_) => {}
        }
    }

    /// The sensitive outputs; a file that calls one so is enough.
    fn sensitive_outputs(&self, stack: &Stack) -> BTreeSet<String> {
        let outputs = stack.outputs.iter().filter(|(_, output)| output.sensitive);
        let mut names: BTreeSet<String> = outputs.map(|(name, _)| name.clone()).collect();
        for (name, fields) in self.declared("output") {
            if is_true(fields, "sensitive") {
                names.insert(name.to_owned());
            }
        }
        names
    }

    /// Where an output's value stands in any file.
    fn output(&self, name: &str) -> Vec<String> {
        let mut places = Vec::new();
        for (table, source) in self.tables.iter().zip(&self.sources.files) {
            let declared = table_at(table, "output").and_then(|outputs| table_at(outputs, name));
            if let Some(entry) = declared.and_then(|fields| fields.get("value")) {
                let draft = Draft::new(&entry.node, self.sources, &mut Report::default());
                let given = Given::new(&source.path, true);
                self.draft(&draft, given, &mut places);
            }
        }
        places
    }

    /// What the files declare of this kind, by name.
    fn declared<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = (&'s str, &'s Table)> {
        let tables = self.tables.iter().filter_map(move |table| table_at(table, kind));
        tables.flat_map(tables_in)
    }

    /// Where the texts of what is secret in a template stand.
    fn secrets(&self, template: &Template, places: &mut Vec<String>) {
        match template {
            Template::Literal(value) => self.secret(value, places),
            Template::List(items) => items.iter().for_each(|item| self.secrets(item, places)),
            Template::Map(entries) => entries.values().for_each(|entry| self.secrets(entry, places)),
            Template::Expression(_) => {}
        }
    }

    fn secret(&self, value: &Value, places: &mut Vec<String>) {
        match value {
            Value::Secret(_) => self.texts(value, places),
            Value::List(items) => items.iter().for_each(|item| self.secret(item, places)),
            Value::Map(entries) => entries.values().for_each(|entry| self.secret(entry, places)),
            _ => {}
        }
    }

    fn draft(&self, draft: &Draft, given: Given<'_>, places: &mut Vec<String>) {
        let stands = match &draft.kind {
            DraftKind::List(items) => return items.iter().for_each(|item| self.draft(item, given, places)),
            DraftKind::Map(entries) => {
                return entries
                    .values()
                    .for_each(|entry| self.draft(entry, given, places));
            }
            DraftKind::Literal(value) => is_something(value),
            DraftKind::Formula(formula) => {
                let names = &formula.names;
                self.part(&formula.root, Given { names, ..given })
            }
        };
        if stands {
            places.push(self.sources.place(&draft.span));
        }
    }

    /// Whether a part of an expression is the environment's, or a variable that a file calls sensitive.
    fn is_secret(&self, part: &Part, given: Given<'_>) -> bool {
        let PartKind::Name(position) = part.kind else {
            return false;
        };
        match given.names.get(position) {
            Some((Name::Environment(_) | Name::EnvironmentTable(_), _)) => true,
            Some((Name::Variable(wanted), _)) => self
                .declared("variable")
                .any(|(name, fields)| name == wanted && is_true(fields, "sensitive")),
            _ => false,
        }
    }

    /// Whether what a part of an expression gives is written in it. What it is looked up or chosen by is not given.
    fn part(&self, part: &Part, given: Given<'_>) -> bool {
        let has = |part: &Part| self.part(part, given);
        match &part.kind {
            PartKind::Literal(Value::String(text)) => text.contains(char::is_alphanumeric),
            PartKind::Literal(value) => is_something(value),
            // Beside what is secret by itself stands what only frames it: of an address, the host and the user.
            PartKind::Text(parts)
                if given.may_frame && parts.iter().any(|part| self.is_secret(part, given)) =>
            {
                let mut others = parts.iter();
                others.any(|part| !matches!(part.kind, PartKind::Literal(_)) && has(part))
            }
            PartKind::Text(parts) | PartKind::List(parts) => parts.iter().any(has),
            PartKind::Object(entries) => entries.iter().any(|(_, value)| has(value)),
            PartKind::Name(_) | PartKind::Resource(_) | PartKind::Loop(_) => false,
            PartKind::Attribute(base, _) | PartKind::Index(base, _) | PartKind::Splat(base, _) => has(base),
            PartKind::Unary(_, base) => has(base),
            PartKind::Binary(operator, sides) => is_arithmetic(*operator) && sides.iter().any(has),
            PartKind::Conditional(parts) => parts.iter().skip(1).any(has),
            PartKind::For(parts) => has(&parts.collection) || has(&parts.value),
            PartKind::Call(call) => {
                let mut arguments = call.arguments.iter();
                match call.function {
                    Function::File => arguments.any(|path| self.is_held(path, given.from)),
                    Function::Lookup => call.arguments.iter().step_by(2).any(has),
                    Function::Contains | Function::Keys | Function::Length => false,
                    Function::Format => {
                        let pattern = arguments
                            .next()
                            .is_some_and(|pattern| says_something(pattern, &has));
                        pattern || arguments.any(has)
                    }
                    _ => arguments.any(has),
                }
            }
        }
    }

    /// Whether the plan would hold the file of this path; of a path that is worked out it may.
    fn is_held(&self, path: &Part, from: &Path) -> bool {
        match &path.kind {
            PartKind::Literal(Value::String(path)) => self.used.files.contains_key(&beside(from, path)),
            _ => true,
        }
    }
}

fn table_at<'a>(table: &'a Table, name: &str) -> Option<&'a Table> {
    table.get(name)?.node.table()
}

/// The tables in a table, by name.
fn tables_in(table: &Table) -> impl Iterator<Item = (&str, &Table)> {
    let entries = table.iter();
    entries.filter_map(|(name, entry)| Some((name.as_str(), entry.node.table()?)))
}

fn is_true(fields: &Table, name: &str) -> bool {
    let field = fields.get(name);
    field.is_some_and(|entry| matches!(entry.node.kind, NodeKind::Bool(true)))
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => true,
        _ => false,
    }
}

fn is_arithmetic(operator: BinaryOperator) -> bool {
    use BinaryOperator::{Div, Minus, Mod, Mul, Plus};
    matches!(operator, Plus | Minus | Mul | Div | Mod)
}

/// Whether a pattern has more than places for values.
fn says_something(pattern: &Part, has: &impl Fn(&Part) -> bool) -> bool {
    match &pattern.kind {
        PartKind::Literal(Value::String(text)) => {
            let between = text.split('%').enumerate();
            between
                .map(|(position, text)| text.chars().skip(usize::from(position > 0)))
                .any(|mut text| text.any(char::is_alphanumeric))
        }
        _ => has(pattern),
    }
}
