//! Evaluation: from a formula and a scope to a value.
//!
//! Unknown flows to what depends on it and no further; a conditional looks only at the branch it takes.
//!
//! Sensitive is a part of a value, not the whole: what only hands parts on (attributes, elements, `merge`, `for`)
//! leaves each as it is. A part of an expression that looks into something sensitive is sensitive as a whole, and
//! its messages say nothing of values.

mod calls;
mod collections;
mod resources;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use hcl_edit::expr::BinaryOperator;
use infra_core::secret::Secret;
use infra_core::{Scope, Value};

use self::collections::{attribute_of, element_of};
pub(crate) use self::resources::no_key;
use super::draft::{Draft, DraftKind};
use super::failure::{Failure, Wrong, failure};
use super::formula::{Formula, Name, Node, NodeKind};
use super::operators;
use super::world::{Each, World};

/// A variable of a `for`, and those around it.
struct Frame<'a> {
    name: &'a str,
    value: Value,
    outer: Option<&'a Frame<'a>>,
}

/// A formula being evaluated.
#[derive(Clone, Copy)]
struct At<'a> {
    formula: &'a Formula,
    frame: Option<&'a Frame<'a>>,
}

/// Evaluates formulas in one scope.
pub(crate) struct Evaluator<'a> {
    world: &'a World,
    /// `None`: every attribute of a resource, and the account, is unknown.
    scope: Option<&'a Scope>,
    each: Option<&'a Each>,
    /// Whether the part that is being evaluated looked into something sensitive.
    secret: Cell<bool>,
    /// Locals that depend on resources, each evaluated once.
    locals: RefCell<BTreeMap<String, Value>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator; without a scope everything that comes from AWS is unknown.
    pub(crate) fn new(world: &'a World, scope: Option<&'a Scope>, each: Option<&'a Each>) -> Self {
        Self {
            world,
            scope,
            each,
            secret: Cell::new(false),
            locals: RefCell::default(),
        }
    }

    /// The value of a formula.
    pub(crate) fn formula(&self, formula: &Formula) -> Result<Value, Failure> {
        self.guarded(|| match self.exact_reference(formula)? {
            Some(value) => Ok(value),
            None => self.node(At { formula, frame: None }, &formula.root),
        })
    }

    /// The value of a part of a formula on its own.
    pub(crate) fn part(&self, formula: &Formula, node: &Node) -> Result<Value, Failure> {
        self.node(At { formula, frame: None }, node)
    }

    /// Makes the result sensitive, and a failure silent about values, when something sensitive was looked into.
    fn guarded(&self, evaluate: impl FnOnce() -> Result<Value, Failure>) -> Result<Value, Failure> {
        let outer = self.secret.replace(false);
        let result = evaluate();
        let secret = self.secret.replace(outer);
        match result {
            Ok(value) if secret => Ok(Value::secret(in_clear(value))),
            Err(failure) if secret => Err(Failure {
                detail: None,
                ..failure
            }),
            plain => plain,
        }
    }

    /// The value of a draft. Nulls inside tables are left out: they are the same as not set.
    pub(crate) fn draft(&self, draft: &Draft) -> Result<Value, Failure> {
        Ok(match &draft.kind {
            DraftKind::Literal(value) => value.clone(),
            DraftKind::Formula(formula) => self.formula(formula)?,
            DraftKind::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.draft(item))
                    .collect::<Result<_, _>>()?,
            ),
            DraftKind::Map(entries) => {
                let mut map = BTreeMap::new();
                for (name, entry) in entries {
                    match self.draft(entry)? {
                        Value::Null => {}
                        value => {
                            map.insert(name.clone(), value);
                        }
                    }
                }
                Value::Map(map)
            }
        })
    }

    fn node(&self, at: At<'_>, node: &Node) -> Result<Value, Failure> {
        self.guarded(|| self.unguarded(at, node))
    }

    /// A node's value opened where it is sensitive itself; its parts stay as they are.
    fn shape(&self, at: At<'_>, node: &Node) -> Result<Value, Failure> {
        let value = self.node(at, node)?;
        self.open_shape(value)
            .map_err(|wrong| failure(at.formula, node, wrong))
    }

    fn unguarded(&self, at: At<'_>, node: &Node) -> Result<Value, Failure> {
        let fail = |wrong: Wrong| failure(at.formula, node, wrong);
        match &node.kind {
            NodeKind::Literal(value) => Ok(value.clone()),
            NodeKind::Name(index) => match at.formula.names.get(*index) {
                Some((name, _)) => self.name(name).map_err(fail),
                None => Ok(Value::unknown()),
            },
            NodeKind::Resource(index) => match at.formula.resources.get(*index) {
                Some(usage) => self.resource(at, usage),
                None => Ok(Value::unknown()),
            },
            NodeKind::Loop(name) => Ok(loop_value(at.frame, name)),
            NodeKind::Text(parts) => self.text(at, parts),
            NodeKind::List(items) => Ok(Value::List(
                items
                    .iter()
                    .map(|item| self.node(at, item))
                    .collect::<Result<_, _>>()?,
            )),
            NodeKind::Object(entries) => self.object(at, entries),
            NodeKind::Attribute(base, name) => {
                let base = self.shape(at, base)?;
                attribute_of(&base, name).map_err(fail)
            }
            NodeKind::Index(base, key) => {
                let base = self.shape(at, base)?;
                let key = self.shape(at, key)?;
                element_of(&base, &key).map_err(fail)
            }
            NodeKind::Splat(base, steps) => {
                let base = self.shape(at, base)?;
                self.splat(at, node, base, steps)
            }
            NodeKind::Call(call) => self.call(at, node, call),
            NodeKind::Conditional(parts) => {
                let [condition, yes, no] = parts.as_ref();
                match self.truth(at, condition, "a condition")? {
                    Some(true) => self.node(at, yes),
                    Some(false) => self.node(at, no),
                    None => Ok(Value::unknown()),
                }
            }
            NodeKind::Unary(operator, inner) => {
                let value = self.shape(at, inner)?;
                operators::unary(*operator, &value).map_err(fail)
            }
            NodeKind::Binary(operator, sides) => {
                let [left, right] = sides.as_ref();
                match operator {
                    BinaryOperator::And | BinaryOperator::Or => {
                        let stop = *operator == BinaryOperator::Or;
                        let what = if stop { "a side of `||`" } else { "a side of `&&`" };
                        match self.truth(at, left, what)? {
                            Some(truth) if truth == stop => Ok(Value::Bool(stop)),
                            Some(_) => Ok(self
                                .truth(at, right, what)?
                                .map_or_else(Value::unknown, Value::Bool)),
                            None => Ok(Value::unknown()),
                        }
                    }
                    _ => {
                        let left = self.opened(at, left)?;
                        let right = self.opened(at, right)?;
                        operators::binary(*operator, &left, &right).map_err(fail)
                    }
                }
            }
            NodeKind::For(parts) => self.for_each(at, node, parts),
        }
    }

    /// A truth value; `None` when it is unknown.
    fn truth(&self, at: At<'_>, node: &Node, what: &str) -> Result<Option<bool>, Failure> {
        match self.shape(at, node)? {
            Value::Bool(truth) => Ok(Some(truth)),
            Value::Unknown(_) => Ok(None),
            other => Err(failure(
                at.formula,
                node,
                Wrong::new(format!("{what} is true or false, found {}", other.kind())),
            )),
        }
    }

    fn name(&self, name: &Name) -> Result<Value, Wrong> {
        match name {
            Name::Variable(name) => Ok(given_or_unknown(self.world.variables.get(name))),
            Name::Stack(field) => Ok(given_or_unknown(self.world.stack.get(field))),
            Name::Local(name) => match self.world.locals.get(name) {
                Some(local) => match &local.value {
                    Some(value) => Ok(value.clone()),
                    None => self.late_local(name, &local.draft),
                },
                None => Ok(Value::unknown()),
            },
            Name::Aws(field) => Ok(match (field.as_str(), self.scope.and_then(Scope::identity)) {
                ("region", _) => given_or_unknown(self.world.stack.get("region")),
                ("account_id", Some(identity)) => Value::from(identity.account_id.as_str()),
                ("partition", Some(identity)) => Value::from(identity.partition.as_str()),
                _ => Value::unknown(),
            }),
            Name::Each(field) => match self.each {
                Some(each) => match field.as_str() {
                    "key" => Ok(Value::from(each.key.as_str())),
                    "index" => Ok(Value::Integer(each.index)),
                    _ => Ok(each.value.clone()),
                },
                None => Ok(Value::unknown()),
            },
            Name::Environment(name) => match self.world.environment.get(name) {
                Some(text) => Ok(Value::from(text.as_str())),
                None => Err(
                    Wrong::new(format!("the environment variable `{name}` is not set"))
                        .help(format!("with `lookup(env, \"{name}\", \"\")` it may be missing")),
                ),
            },
            Name::EnvironmentTable(name) => Ok(Value::Map(
                self.world
                    .environment
                    .get_key_value(name)
                    .map(|(name, text)| (name.clone(), Value::from(text.as_str())))
                    .into_iter()
                    .collect(),
            )),
        }
    }

    fn late_local(&self, name: &str, draft: &Draft) -> Result<Value, Wrong> {
        let known = self.locals.borrow().get(name).cloned();
        Ok(match known {
            Some(value) => value,
            None => {
                let value = self.draft(draft).map_err(|failure| Wrong {
                    message: format!("`local.{name}` has no value: {}", failure.message),
                    detail: failure.detail,
                    help: failure.help,
                })?;
                self.locals.borrow_mut().insert(name.to_owned(), value.clone());
                value
            }
        })
    }

    /// A node's value with everything in it in clear.
    fn opened(&self, at: At<'_>, node: &Node) -> Result<Value, Failure> {
        let value = self.node(at, node)?;
        self.open(&value)
            .map_err(|wrong| failure(at.formula, node, wrong))
    }

    fn open_shape(&self, value: Value) -> Result<Value, Wrong> {
        match value {
            Value::Secret(_) => self.open(&value),
            other => Ok(other),
        }
    }

    /// The value with its secrets in clear; the part of the expression that does this is sensitive.
    fn open(&self, value: &Value) -> Result<Value, Wrong> {
        if !value.has_secret() {
            return Ok(value.clone());
        }
        self.secret.set(true);
        match value {
            Value::Secret(Secret::Clear(inner)) => self.open(inner),
            Value::Secret(Secret::Sealed(_)) => Err(Wrong::new(
                "a sensitive value that AWS made is known here only as its hash",
            )
            .help("it can be handed on as it is, but not be part of a larger expression")),
            Value::List(items) => Ok(Value::List(
                items
                    .iter()
                    .map(|item| self.open(item))
                    .collect::<Result<_, _>>()?,
            )),
            Value::Map(entries) => Ok(Value::Map(
                entries
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.open(value)?)))
                    .collect::<Result<_, Wrong>>()?,
            )),
            other => Ok(other.clone()),
        }
    }

    fn text(&self, at: At<'_>, parts: &[Node]) -> Result<Value, Failure> {
        let mut text = String::new();
        let mut unknown = false;
        for part in parts {
            match self.opened(at, part)? {
                Value::Unknown(_) => unknown = true,
                value => match operators::text_of(&value) {
                    Some(piece) => text.push_str(&piece),
                    None => {
                        let wrong = Wrong::new(format!("{} cannot stand in a text", value.kind()));
                        let help = match value {
                            Value::Null => "use `coalesce(…, \"\")` where there may be nothing",
                            _ => "use `jsonencode(…)` or `join(\", \", …)`",
                        };
                        return Err(failure(at.formula, part, wrong.help(help)));
                    }
                },
            }
        }
        Ok(if unknown {
            Value::unknown()
        } else {
            Value::String(text)
        })
    }
}

/// Without marks of what is sensitive inside: for what is sensitive as a whole. What is here only as its hash stays.
fn in_clear(value: Value) -> Value {
    match value {
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, in_clear_part(value)))
                .collect(),
        ),
        Value::List(items) => Value::List(items.into_iter().map(in_clear_part).collect()),
        other => other,
    }
}

fn in_clear_part(value: Value) -> Value {
    match value {
        Value::Secret(Secret::Clear(inner)) => in_clear(*inner),
        other => in_clear(other),
    }
}

fn given_or_unknown(value: Option<&Value>) -> Value {
    value.map_or_else(Value::unknown, Value::clone)
}

fn loop_value(mut frame: Option<&Frame<'_>>, name: &str) -> Value {
    while let Some(here) = frame {
        if here.name == name {
            return here.value.clone();
        }
        frame = here.outer;
    }
    Value::unknown()
}
