//! From drafts to templates: what is known becomes a literal, the rest an expression that knows which attributes
//! of which resources it needs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use hcl_edit::expr::BinaryOperator;
use infra_core::schema::AttributeKind;
use infra_core::{
    AttributeSchema, EvaluationError, Expression, Reference, Scope, Span, Strength, Template, Value,
};

use super::context::{Context, failed};
use super::names::Names;
use crate::language::{
    Block, Draft, DraftKind, Each, Evaluator, Formula, Name, Need, Node, NodeKind, ResourceUse, Selector,
    World, no_key,
};

/// A formula together with all that it needs to be evaluated at any time.
struct Bound {
    formula: Arc<Formula>,
    world: Arc<World>,
    each: Option<Arc<Each>>,
    references: Vec<Reference>,
    sensitive: bool,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.formula.source).finish()
    }
}

impl Expression for Bound {
    fn source(&self) -> &str {
        &self.formula.source
    }

    fn references(&self) -> &[Reference] {
        &self.references
    }

    fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        match Evaluator::new(&self.world, Some(scope), self.each.as_deref()).formula(&self.formula) {
            Ok(value) if self.sensitive => Ok(Value::secret(value)),
            Ok(value) => Ok(value),
            Err(mut failure) => {
                if self.sensitive {
                    failure.detail = None;
                }
                Err(EvaluationError {
                    message: failure.text(),
                })
            }
        }
    }
}

/// A table of tags that is worked out, laid upon the stack's own tags.
#[derive(Debug)]
struct Tagged {
    defaults: BTreeMap<String, Value>,
    own: Arc<dyn Expression>,
}

impl Expression for Tagged {
    fn source(&self) -> &str {
        self.own.source()
    }

    fn references(&self) -> &[Reference] {
        self.own.references()
    }

    fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        Ok(match self.own.evaluate(scope)? {
            Value::Map(own) => {
                let mut tags = self.defaults.clone();
                tags.extend(own);
                Value::Map(tags)
            }
            Value::Null => Value::Map(self.defaults.clone()),
            other => other,
        })
    }
}

/// Lays a resource's own tags upon those of the stack.
pub(crate) fn with_default_tags(defaults: &BTreeMap<String, Value>, own: Option<Template>) -> Template {
    let literals = || {
        defaults
            .iter()
            .map(|(name, value)| (name.clone(), Template::Literal(value.clone())))
    };
    match own {
        None | Some(Template::Literal(Value::Null)) => Template::Map(literals().collect()),
        Some(Template::Map(own)) => {
            let mut tags: BTreeMap<String, Template> = literals().collect();
            tags.extend(own);
            Template::Map(tags)
        }
        Some(Template::Literal(Value::Map(own))) => {
            let mut tags = defaults.clone();
            tags.extend(own);
            Template::Literal(Value::Map(tags))
        }
        Some(Template::Expression(own)) => Template::Expression(Arc::new(Tagged {
            defaults: defaults.clone(),
            own,
        })),
        // Not a table: complained about elsewhere.
        Some(other) => other,
    }
}

/// A need of one resource for another, and where it is written.
pub(crate) struct Edge {
    pub(crate) to: Reference,
    pub(crate) strength: Strength,
    pub(crate) span: Span,
}

/// How the schema treats a value.
#[derive(Clone, Copy)]
pub(crate) struct Treatment<'a> {
    kind: Option<&'a AttributeKind>,
    sensitive: bool,
    ready: bool,
}

impl<'a> Treatment<'a> {
    /// As the schema of an attribute has it.
    pub(crate) fn of(schema: Option<&'a AttributeSchema>) -> Self {
        Self {
            kind: schema.map(|schema| &schema.kind),
            sensitive: schema.is_some_and(|schema| schema.sensitive),
            ready: schema.is_some_and(|schema| schema.needs_ready),
        }
    }

    /// No schema; sensitive or not.
    pub(crate) fn plain(sensitive: bool) -> Self {
        Self {
            kind: None,
            sensitive,
            ready: false,
        }
    }

    fn element(self) -> Self {
        match self.kind {
            // An element of a keyed list is a table; its own kind knows the table's keys.
            Some(AttributeKind::List(inner) | AttributeKind::Set(inner)) => Self {
                kind: Some(inner),
                ..self
            },
            _ => self,
        }
    }

    fn entry(self, name: &str) -> Self {
        let table = match self.kind {
            Some(AttributeKind::Object(table) | AttributeKind::KeyedList { element: table, .. }) => table,
            Some(AttributeKind::Map(inner)) => {
                return Self {
                    kind: Some(inner),
                    ..self
                };
            }
            _ => return Self { kind: None, ..self },
        };
        let inner = Self::of(table.get(name));
        Self {
            kind: inner.kind,
            sensitive: self.sensitive || inner.sensitive,
            ready: self.ready || inner.ready,
        }
    }
}

/// Binds drafts to the world.
pub(crate) struct Binder<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) names: &'a Names,
    /// What locals refer to, each worked out once.
    locals: RefCell<BTreeMap<String, Rc<Vec<Reference>>>>,
}

impl<'a> Binder<'a> {
    /// A binder over a finished world.
    pub(crate) fn new(world: &'a Arc<World>, names: &'a Names) -> Self {
        Self {
            world,
            names,
            locals: RefCell::default(),
        }
    }

    /// The template of a draft; edges are added for what it refers to.
    pub(crate) fn template(
        &self,
        context: &mut Context<'_>,
        draft: &Draft,
        each: Option<&Arc<Each>>,
        treatment: Treatment<'_>,
        edges: &mut Vec<Edge>,
    ) -> Template {
        let seal = |value: Value| {
            if treatment.sensitive {
                Value::secret(value)
            } else {
                value
            }
        };
        match &draft.kind {
            DraftKind::Literal(value) => {
                if treatment.sensitive
                    && let Some(text) = value.as_str()
                {
                    context.report.hide(text);
                }
                Template::Literal(seal(value.clone()))
            }
            DraftKind::List(items) => Template::List(
                items
                    .iter()
                    .map(|item| self.template(context, item, each, treatment.element(), edges))
                    .collect(),
            ),
            DraftKind::Map(entries) => Template::Map(
                entries
                    .iter()
                    .map(|(name, entry)| {
                        (
                            name.clone(),
                            self.template(context, entry, each, treatment.entry(name), edges),
                        )
                    })
                    .collect(),
            ),
            DraftKind::Formula(formula) => {
                let each = each.filter(|_| formula.uses_each());
                if !self.names.is_late(formula) {
                    let evaluator = Evaluator::new(self.world, None, each.map(Arc::as_ref));
                    return Template::Literal(seal(context.evaluate(&evaluator, draft)));
                }
                let mut found = Found::default();
                let collector = Collector {
                    binder: self,
                    formula,
                    each: each.map(Arc::as_ref),
                };
                collector.node(&formula.root, &mut found);
                for (wrong, span) in found.wrong {
                    context.add(failed(crate::language::Failure {
                        message: wrong.message,
                        detail: wrong.detail,
                        help: wrong.help,
                        span,
                    }));
                }
                let strength = if treatment.ready {
                    Strength::Ready
                } else {
                    Strength::Exists
                };
                edges.extend(found.references.iter().map(|(to, span)| Edge {
                    to: to.clone(),
                    strength,
                    span: span.clone(),
                }));
                Template::Expression(Arc::new(Bound {
                    formula: formula.clone(),
                    world: self.world.clone(),
                    each: each.cloned(),
                    references: found
                        .references
                        .into_iter()
                        .map(|(reference, _)| reference)
                        .collect(),
                    sensitive: treatment.sensitive,
                }))
            }
        }
    }

    /// What a local refers to, through other locals as well.
    fn local(&self, name: &str) -> Rc<Vec<Reference>> {
        if let Some(known) = self.locals.borrow().get(name) {
            return known.clone();
        }
        let mut found = Found::default();
        if let Some(local) = self.world.locals.get(name) {
            local.draft.for_each_formula(&mut |formula| {
                Collector {
                    binder: self,
                    formula,
                    each: None,
                }
                .node(&formula.root, &mut found);
            });
        }
        let references: Rc<Vec<Reference>> = Rc::new(
            found
                .references
                .into_iter()
                .map(|(reference, _)| reference)
                .collect(),
        );
        self.locals
            .borrow_mut()
            .insert(name.to_owned(), references.clone());
        references
    }
}

/// References in order, each once, and keys that are not there.
#[derive(Default)]
struct Found {
    references: Vec<(Reference, Span)>,
    seen: BTreeSet<Reference>,
    wrong: Vec<(crate::language::Wrong, Span)>,
}

impl Found {
    fn add(&mut self, reference: Reference, span: &Span) {
        if self.seen.insert(reference.clone()) {
            self.references.push((reference, span.clone()));
        }
    }
}

/// Finds what one formula refers to, leaving out branches that are known not to be taken.
struct Collector<'a> {
    binder: &'a Binder<'a>,
    formula: &'a Formula,
    each: Option<&'a Each>,
}

impl Collector<'_> {
    /// What is known of a part before AWS is asked.
    fn known(&self, node: &Node) -> Option<Value> {
        let value = Evaluator::new(self.binder.world, None, self.each)
            .part(self.formula, node)
            .ok()?;
        (!matches!(value, Value::Unknown(_))).then_some(value)
    }

    fn node(&self, node: &Node, found: &mut Found) {
        match &node.kind {
            NodeKind::Literal(_) | NodeKind::Loop(_) => {}
            NodeKind::Name(index) => {
                if let Some((Name::Local(name), range)) = self.formula.names.get(*index)
                    && self.binder.names.late_locals.contains(name)
                {
                    let span = self.formula.span(range);
                    for reference in self.binder.local(name).iter() {
                        found.add(reference.clone(), &span);
                    }
                }
            }
            NodeKind::Resource(index) => {
                if let Some(usage) = self.formula.resources.get(*index) {
                    self.resource(usage, found);
                }
            }
            NodeKind::Conditional(parts) => {
                let [condition, yes, no] = parts.as_ref();
                self.node(condition, found);
                match self.known(condition) {
                    Some(Value::Bool(true)) => self.node(yes, found),
                    Some(Value::Bool(false)) => self.node(no, found),
                    _ => {
                        self.node(yes, found);
                        self.node(no, found);
                    }
                }
            }
            NodeKind::Binary(operator, sides) => {
                let [left, right] = sides.as_ref();
                self.node(left, found);
                let stops = match operator {
                    BinaryOperator::And => Some(false),
                    BinaryOperator::Or => Some(true),
                    _ => None,
                };
                if stops.is_none() || self.known(left) != stops.map(Value::Bool) {
                    self.node(right, found);
                }
            }
            NodeKind::Call(call) => {
                for argument in &call.arguments {
                    self.node(argument, found);
                    if call.takes_first_only() {
                        let known = self.known(argument);
                        if known.is_some_and(|value| !value.is_null() && value.as_str() != Some("")) {
                            break;
                        }
                    }
                }
            }
            NodeKind::Text(parts) | NodeKind::List(parts) => {
                parts.iter().for_each(|part| self.node(part, found))
            }
            NodeKind::Object(entries) => {
                for (key, value) in entries {
                    self.node(key, found);
                    self.node(value, found);
                }
            }
            NodeKind::Attribute(base, _) | NodeKind::Unary(_, base) => self.node(base, found),
            NodeKind::Index(base, key) => {
                self.node(base, found);
                self.node(key, found);
            }
            NodeKind::Splat(base, steps) => {
                self.node(base, found);
                for step in steps {
                    if let crate::language::Step::Index(key) = step {
                        self.node(key, found);
                    }
                }
            }
            NodeKind::For(parts) => {
                self.node(&parts.collection, found);
                let bodies = [parts.key.as_ref(), Some(&parts.value), parts.condition.as_ref()];
                bodies
                    .into_iter()
                    .flatten()
                    .for_each(|body| self.node(body, found));
            }
        }
    }

    fn resource(&self, usage: &ResourceUse, found: &mut Found) {
        let span = self.formula.span(&usage.range);
        let mut add = |address: &infra_core::ResourceAddress, single: bool| match &usage.need {
            Need::Attribute(name, _) => {
                found.add(
                    Reference {
                        address: address.clone(),
                        attribute: Some(name.clone()),
                    },
                    &span,
                );
            }
            Need::OfElements(names) if !single => {
                for name in names.keys() {
                    found.add(
                        Reference {
                            address: address.clone(),
                            attribute: Some(name.clone()),
                        },
                        &span,
                    );
                }
            }
            _ => found.add(
                Reference {
                    address: address.clone(),
                    attribute: None,
                },
                &span,
            ),
        };
        if usage.lookup {
            return add(&usage.block, true);
        }
        match (self.binder.world.blocks.get(&usage.block), &usage.selector) {
            (Some(Block::One { present: true }), selector) => {
                add(&usage.block, matches!(selector, Selector::Whole));
            }
            (Some(Block::Many(instances)), Selector::Key(key)) => {
                if let Some(value) = self.known(key) {
                    let name = crate::language::text_of(&value).unwrap_or_default();
                    match instances.get(&name) {
                        Some(instance) if instance.present => add(&instance.address, true),
                        Some(_) => {}
                        None => {
                            let wrong = no_key(usage, &name, instances.keys());
                            found.wrong.push((wrong, self.formula.span(&key.range)));
                        }
                    }
                } else {
                    // Which one it is shows only later.
                    instances
                        .values()
                        .filter(|one| one.present)
                        .for_each(|one| add(&one.address, true));
                }
            }
            (Some(Block::Many(instances)), _) => {
                instances
                    .values()
                    .filter(|one| one.present)
                    .for_each(|one| add(&one.address, false));
            }
            _ => {}
        }
        if let Selector::Key(key) = &usage.selector {
            self.node(key, found);
        }
    }
}
