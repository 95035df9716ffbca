//! From drafts to templates: what is known becomes a literal, the rest an expression that knows which attributes
//! of which resources it needs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use infra_core::schema::AttributeKind;
use infra_core::{
    AttributeSchema, EvaluationError, Expression, Reference, Scope, Span, Strength, Template, Value,
};

use super::context::{Context, failed};
use super::names::Names;
use super::references::{Collector, Found};
use crate::language::{Draft, DraftKind, Each, Evaluator, Formula, World};

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

    fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
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

/// A need of one resource for another, and where it is written.
pub(crate) struct Edge {
    pub(crate) to: Reference,
    pub(crate) strength: Strength,
    pub(crate) span: Span,
    /// The text by which it is named, where that is no reference.
    pub(crate) literal: Option<String>,
}

/// How the schema treats a value.
#[derive(Clone, Copy)]
pub(crate) struct Treatment<'a> {
    pub(crate) kind: Option<&'a AttributeKind>,
    pub(crate) sensitive: bool,
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

    /// How an element of a list is treated.
    pub(crate) fn element(self) -> Self {
        match self.kind {
            // An element of a keyed list is a table; its own kind knows the table's keys.
            Some(AttributeKind::List(inner) | AttributeKind::Set(inner)) => Self {
                kind: Some(inner),
                ..self
            },
            _ => self,
        }
    }

    /// How an entry of a table is treated.
    pub(crate) fn entry(self, name: &str) -> Self {
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
                    literal: None,
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
    pub(super) fn local(&self, name: &str) -> Rc<Vec<Reference>> {
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
