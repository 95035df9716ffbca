//! Evaluation: from a formula and a scope to a value.
//!
//! Unknown flows to what depends on it and no further; a conditional looks only at the branch it takes. As soon
//! as something sensitive is read the result is sensitive as a whole, and messages say nothing of values.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use hcl_edit::expr::BinaryOperator;
use infra_core::secret::Secret;
use infra_core::value::Unknown;
use infra_core::{Attributes, Reference, ResourceAddress, Scope, Span, Value};

use super::draft::{Draft, DraftKind};
use super::formula::{Call, For, Formula, Name, Need, Node, NodeKind, ResourceUse, Selector, Step};
use super::functions::{self, Function};
use super::operators;
use super::world::{Block, Each, World};
use crate::report::nearest;

/// Why an expression has no value.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What is wrong, without any value in it.
    pub(crate) message: String,
    /// The values that make it wrong; left out when anything sensitive was used.
    pub(crate) detail: Option<String>,
    /// What to do.
    pub(crate) help: Option<String>,
    /// Which part of the expression.
    pub(crate) span: Span,
}

impl Failure {
    /// The whole message.
    pub(crate) fn text(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.message),
            None => self.message.clone(),
        }
    }
}

/// What went wrong, before its place is known.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) help: Option<String>,
}

impl Wrong {
    /// Something that holds no value.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: None,
            help: None,
        }
    }

    /// Adds what names values.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

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
    scope: Option<&'a dyn Scope>,
    each: Option<&'a Each>,
    secret: Cell<bool>,
    /// Locals that depend on resources, each evaluated once.
    locals: RefCell<BTreeMap<String, Value>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator; without a scope everything that comes from AWS is unknown.
    pub(crate) fn new(world: &'a World, scope: Option<&'a dyn Scope>, each: Option<&'a Each>) -> Self {
        Self {
            world,
            scope,
            each,
            secret: Cell::new(false),
            locals: RefCell::default(),
        }
    }

    /// The value of a formula; sensitive as a whole when anything that it used is.
    pub(crate) fn formula(&self, formula: &Formula) -> Result<Value, Failure> {
        // Exactly one attribute is handed on as it is: unknown with its origin, or sealed.
        if let NodeKind::Resource(index) = formula.root.kind
            && let Some(usage) = formula.resources.get(index)
            && let Need::Attribute(attribute, _) = &usage.need
            && let Some(address) = self.address(At { formula, frame: None }, usage)?
        {
            return Ok(match self.attributes(&address) {
                Known(attributes) => with_origin(attributes.get(attribute), &address, attribute),
                Absent => Value::Null,
                Later => origin(&address, attribute),
            });
        }
        let outer = self.secret.replace(false);
        let result = self.node(At { formula, frame: None }, &formula.root);
        let secret = self.secret.replace(outer);
        match result {
            Ok(value) if secret => Ok(Value::secret(value)),
            Ok(value) => Ok(value),
            Err(failure) if secret => Err(Failure {
                detail: None,
                ..failure
            }),
            Err(failure) => Err(failure),
        }
    }

    /// The value of a node on its own, of which the formula is the whole.
    pub(crate) fn part(&self, formula: &Formula, node: &Node) -> Result<Value, Failure> {
        self.node(At { formula, frame: None }, node)
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
                let base = self.node(at, base)?;
                attribute_of(&base, name).map_err(fail)
            }
            NodeKind::Index(base, key) => {
                let base = self.node(at, base)?;
                let key = self.node(at, key)?;
                element_of(&base, &key).map_err(fail)
            }
            NodeKind::Splat(base, steps) => {
                let base = self.node(at, base)?;
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
                let value = self.node(at, inner)?;
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
                        let left = self.node(at, left)?;
                        let right = self.node(at, right)?;
                        operators::binary(*operator, &left, &right).map_err(fail)
                    }
                }
            }
            NodeKind::For(parts) => self.for_each(at, node, parts),
        }
    }

    /// A truth value; `None` when it is unknown.
    fn truth(&self, at: At<'_>, node: &Node, what: &str) -> Result<Option<bool>, Failure> {
        match self.node(at, node)? {
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
            Name::Variable(name) => self.open_or_unknown(self.world.variables.get(name)),
            Name::Stack(field) => self.open_or_unknown(self.world.stack.get(field)),
            Name::Local(name) => match self.world.locals.get(name) {
                Some(local) => match &local.value {
                    Some(value) => self.open(value),
                    None => self.late_local(name, &local.draft),
                },
                None => Ok(Value::unknown()),
            },
            Name::Aws(field) => Ok(match (field.as_str(), self.scope.and_then(Scope::identity)) {
                ("region", _) => return self.open_or_unknown(self.world.stack.get("region")),
                ("account_id", Some(identity)) => Value::from(identity.account_id.as_str()),
                ("partition", Some(identity)) => Value::from(identity.partition.as_str()),
                _ => Value::unknown(),
            }),
            Name::Each(field) => match self.each {
                Some(each) => match field.as_str() {
                    "key" => Ok(Value::from(each.key.as_str())),
                    "index" => Ok(Value::Integer(each.index)),
                    _ => self.open(&each.value),
                },
                None => Ok(Value::unknown()),
            },
            Name::Environment(Some(name)) => match self.world.environment.get(name) {
                Some(text) => Ok(Value::from(text.as_str())),
                None => Err(
                    Wrong::new(format!("the environment variable `{name}` is not set"))
                        .help(format!("with `lookup(env, \"{name}\", \"\")` it may be missing")),
                ),
            },
            Name::Environment(None) => Ok(Value::Map(
                self.world
                    .environment
                    .iter()
                    .map(|(name, text)| (name.clone(), Value::from(text.as_str())))
                    .collect(),
            )),
        }
    }

    fn late_local(&self, name: &str, draft: &Draft) -> Result<Value, Wrong> {
        let known = self.locals.borrow().get(name).cloned();
        let value = match known {
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
        };
        self.open(&value)
    }

    fn open_or_unknown(&self, value: Option<&Value>) -> Result<Value, Wrong> {
        value.map_or_else(|| Ok(Value::unknown()), |value| self.open(value))
    }

    /// The value with its secrets in clear; from here on the result is sensitive.
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

    /// The one resource that a use means; `None` when it means several, or cannot be told.
    fn address(&self, at: At<'_>, usage: &ResourceUse) -> Result<Option<ResourceAddress>, Failure> {
        if usage.lookup {
            let usable =
                matches!(usage.selector, Selector::Whole) && self.world.lookups.contains(&usage.block);
            return Ok(usable.then(|| usage.block.clone()));
        }
        match (self.world.blocks.get(&usage.block), &usage.selector) {
            (Some(Block::One { .. }), Selector::Whole) => Ok(Some(usage.block.clone())),
            (Some(Block::Many(instances)), Selector::Key(key)) => match self.node(at, key)? {
                Value::Unknown(_) => Ok(None),
                value => {
                    let name = operators::text_of(&value).unwrap_or_default();
                    match instances.get(&name) {
                        Some(instance) => Ok(Some(instance.address.clone())),
                        None => Err(failure(at.formula, key, no_key(usage, &name, instances.keys()))),
                    }
                }
            },
            _ => Ok(None),
        }
    }

    fn resource(&self, at: At<'_>, usage: &ResourceUse) -> Result<Value, Failure> {
        let instance = |address: &ResourceAddress, need: &Need| {
            self.instance(address, need).map_err(|wrong| Failure {
                message: wrong.message,
                detail: wrong.detail,
                help: wrong.help,
                span: at.formula.span(&usage.range),
            })
        };
        if let Some(address) = self.address(at, usage)? {
            let need = match &usage.need {
                // The elements of one resource are its attributes.
                Need::OfElements(_) => &Need::Everything,
                need => need,
            };
            return Ok(instance(&address, need)?.unwrap_or(Value::Null));
        }
        match (self.world.blocks.get(&usage.block), &usage.selector) {
            (Some(Block::One { .. }), Selector::All) if !usage.lookup => Ok(Value::List(
                instance(&usage.block, &usage.need)?.into_iter().collect(),
            )),
            (Some(Block::Many(instances)), Selector::All | Selector::Whole) if !usage.lookup => {
                let mut found = Vec::with_capacity(instances.len());
                for (key, one) in instances.iter().filter(|(_, one)| one.present) {
                    if let Some(value) = instance(&one.address, &usage.need)? {
                        found.push((key, value));
                    }
                }
                Ok(match usage.selector {
                    Selector::All => Value::List(found.into_iter().map(|(_, value)| value).collect()),
                    _ => Value::Map(
                        found
                            .into_iter()
                            .map(|(key, value)| (key.clone(), value))
                            .collect(),
                    ),
                })
            }
            _ => Ok(Value::unknown()),
        }
    }

    /// What is needed of one resource; `None` when it is not part of the stack.
    fn instance(&self, address: &ResourceAddress, need: &Need) -> Result<Option<Value>, Wrong> {
        let attributes = match self.attributes(address) {
            Known(attributes) => Some(attributes),
            Absent => return Ok(None),
            Later => None,
        };
        let get = |name: &str| match attributes {
            Some(attributes) => self.open(&with_origin(attributes.get(name), address, name)),
            None => Ok(origin(address, name)),
        };
        Ok(Some(match need {
            Need::Attribute(name, _) => get(name)?,
            Need::OfElements(names) => Value::Map(
                names
                    .keys()
                    .map(|name| Ok((name.clone(), get(name)?)))
                    .collect::<Result<_, Wrong>>()?,
            ),
            Need::Everything => match attributes {
                Some(attributes) => Value::Map(
                    attributes
                        .keys()
                        .map(|name| Ok((name.clone(), get(name)?)))
                        .collect::<Result<_, Wrong>>()?,
                ),
                None => Value::unknown(),
            },
        }))
    }

    fn attributes(&self, address: &ResourceAddress) -> Lookedup<'a> {
        match self.scope {
            Some(scope) => scope.attributes(address).map_or(Absent, Known),
            None if self.is_absent(address) => Absent,
            None => Later,
        }
    }

    fn is_absent(&self, address: &ResourceAddress) -> bool {
        match (self.world.blocks.get(&address.block()), address.key()) {
            (Some(Block::One { present }), None) => !present,
            (Some(Block::Many(instances)), Some(key)) => instances.get(key).is_some_and(|one| !one.present),
            _ => false,
        }
    }

    fn text(&self, at: At<'_>, parts: &[Node]) -> Result<Value, Failure> {
        let mut text = String::new();
        let mut unknown = false;
        for part in parts {
            match self.node(at, part)? {
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

    fn object(&self, at: At<'_>, entries: &[(Node, Node)]) -> Result<Value, Failure> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let value = self.node(at, value)?;
            match self.node(at, key)? {
                Value::Unknown(_) => return Ok(Value::unknown()),
                name => match operators::text_of(&name) {
                    Some(name) => map.insert(name, value),
                    None => {
                        let wrong = Wrong::new(format!("a key is a text, found {}", name.kind()));
                        return Err(failure(at.formula, key, wrong));
                    }
                },
            };
        }
        Ok(Value::Map(map))
    }

    fn splat(&self, at: At<'_>, node: &Node, base: Value, steps: &[Step]) -> Result<Value, Failure> {
        let items = match base {
            Value::Unknown(_) => return Ok(Value::unknown()),
            Value::Null => Vec::new(),
            Value::List(items) => items,
            single => vec![single],
        };
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            results.push(self.walk(at, node, item, steps)?);
        }
        Ok(Value::List(results))
    }

    fn walk(&self, at: At<'_>, node: &Node, mut value: Value, steps: &[Step]) -> Result<Value, Failure> {
        let fail = |wrong: Wrong| failure(at.formula, node, wrong);
        for (position, step) in steps.iter().enumerate() {
            value = match step {
                Step::Attribute(name) => attribute_of(&value, name).map_err(fail)?,
                Step::Index(key) => element_of(&value, &self.node(at, key)?).map_err(fail)?,
                Step::Splat => return self.splat(at, node, value, &steps[position + 1..]),
            };
        }
        Ok(value)
    }

    fn call(&self, at: At<'_>, node: &Node, call: &Call) -> Result<Value, Failure> {
        let fail = |wrong: Wrong| {
            let message = format!("`{}`: {}", call.function.name(), wrong.message);
            failure(at.formula, node, Wrong { message, ..wrong })
        };
        if call.function == Function::Coalesce && !call.expand {
            for argument in &call.arguments {
                match self.node(at, argument)? {
                    Value::Null => {}
                    Value::String(text) if text.is_empty() => {}
                    value => return Ok(value),
                }
            }
            return Ok(Value::Null);
        }
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.node(at, argument)?);
        }
        if call.expand {
            match arguments.pop() {
                Some(Value::List(items)) => arguments.extend(items),
                Some(Value::Unknown(_)) => return Ok(Value::unknown()),
                other => {
                    let found = other.map_or("nothing", |value| value.kind());
                    return Err(fail(Wrong::new(format!(
                        "`...` stands behind a list, found {found}"
                    ))));
                }
            }
            let (least, most) = call.function.arity();
            if arguments.len() < least || arguments.len() > most {
                let wrong = Wrong::new(format!("does not take {} arguments", arguments.len()));
                return Err(fail(
                    wrong.help(format!("it is used as `{}`", call.function.usage())),
                ));
            }
        }
        if call.function == Function::File {
            return self.file(at.formula, arguments.first()).map_err(fail);
        }
        functions::call(call.function, arguments).map_err(fail)
    }

    fn file(&self, formula: &Formula, path: Option<&Value>) -> Result<Value, Wrong> {
        match path {
            Some(Value::Unknown(_)) => Err(Wrong::new("the path must be known when the stack file is read")
                .help("use variables and plain texts in it, no attributes that AWS sets")),
            Some(Value::String(path)) => {
                let from = self
                    .world
                    .paths
                    .get(formula.whole().file)
                    .cloned()
                    .unwrap_or_default();
                let full = crate::source::beside(&from, path);
                match self.world.files.read(&full) {
                    Ok(text) => Ok(Value::from(&*text)),
                    Err(reason) => Err(Wrong::new("the file cannot be read")
                        .because(format!("`{}`: {reason}", full.display()))
                        .help("a path is meant from the folder of the file that it is written in")),
                }
            }
            other => Err(Wrong::new(format!(
                "the path is a text, found {}",
                other.map_or("nothing", Value::kind)
            ))),
        }
    }

    fn for_each(&self, at: At<'_>, node: &Node, parts: &For) -> Result<Value, Failure> {
        let fail = |node: &Node, wrong: Wrong| failure(at.formula, node, wrong);
        let entries: Vec<(Value, Value)> = match self.node(at, &parts.collection)? {
            Value::Unknown(_) => return Ok(Value::unknown()),
            Value::List(items) => (0_i64..).map(Value::Integer).zip(items).collect(),
            Value::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| (Value::String(key), value))
                .collect(),
            other => {
                let wrong = Wrong::new(format!(
                    "`for` goes over a list or a table, found {}",
                    other.kind()
                ));
                return Err(fail(&parts.collection, wrong));
            }
        };
        let mut list = Vec::new();
        let mut map: BTreeMap<String, Value> = BTreeMap::new();
        for (key, value) in entries {
            let key_frame = Frame {
                name: parts.key_name.as_deref().unwrap_or(""),
                value: key,
                outer: at.frame,
            };
            let frame = Frame {
                name: &parts.value_name,
                value,
                outer: Some(&key_frame),
            };
            let inner = At {
                formula: at.formula,
                frame: Some(&frame),
            };
            if let Some(condition) = &parts.condition {
                match self.truth(inner, condition, "the condition behind `if`")? {
                    Some(true) => {}
                    Some(false) => continue,
                    None => return Ok(Value::unknown()),
                }
            }
            let result = self.node(inner, &parts.value)?;
            let Some(key) = &parts.key else {
                list.push(result);
                continue;
            };
            let name = match self.node(inner, key)? {
                Value::Unknown(_) => return Ok(Value::unknown()),
                name => match operators::text_of(&name) {
                    Some(name) => name,
                    None => {
                        return Err(fail(
                            key,
                            Wrong::new(format!("a key is a text, found {}", name.kind())),
                        ));
                    }
                },
            };
            if parts.grouping {
                match map.entry(name).or_insert_with(|| Value::List(Vec::new())) {
                    Value::List(group) => group.push(result),
                    other => *other = result,
                }
            } else if map.contains_key(&name) {
                let wrong = Wrong::new("two elements have the same key").because(format!("`{name}`"));
                return Err(fail(
                    node,
                    wrong.help("write `...` behind the value to gather them in lists"),
                ));
            } else {
                map.insert(name, result);
            }
        }
        Ok(if parts.key.is_some() {
            Value::Map(map)
        } else {
            Value::List(list)
        })
    }
}

/// What the scope says of a resource.
enum Lookedup<'a> {
    Known(&'a Attributes),
    /// Not part of the stack.
    Absent,
    /// Nobody asked yet.
    Later,
}
use Lookedup::{Absent, Known, Later};

fn failure(formula: &Formula, node: &Node, wrong: Wrong) -> Failure {
    Failure {
        message: wrong.message,
        detail: wrong.detail,
        help: wrong.help,
        span: formula.span(&node.range),
    }
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

/// An attribute's value; an unknown one that does not say where it comes from comes from here. What the scope
/// leaves out is not set.
fn with_origin(value: Option<&Value>, address: &ResourceAddress, attribute: &str) -> Value {
    match value {
        Some(Value::Unknown(Unknown { origin: None })) => origin(address, attribute),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn origin(address: &ResourceAddress, attribute: &str) -> Value {
    let reference = Reference {
        address: address.clone(),
        attribute: Some(attribute.to_owned()),
    };
    Value::Unknown(Unknown {
        origin: Some(Box::new(reference)),
    })
}

/// A key that a block with `for_each` does not have.
pub(crate) fn no_key<'a>(usage: &ResourceUse, key: &str, keys: impl Iterator<Item = &'a String>) -> Wrong {
    let keys: Vec<&str> = keys.map(String::as_str).collect();
    let wrong = Wrong::new(format!("`{}` has no such instance", usage.block)).because(format!("`{key}`"));
    match nearest(key, keys.iter().copied()) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None if keys.is_empty() => wrong.help("its `for_each` is empty"),
        None => wrong.help(format!(
            "its keys are {}",
            crate::report::listed(&keys[..keys.len().min(12)])
        )),
    }
}

/// `base.name`; nothing has no attributes, so that what is left out with `when` gives null all the way.
fn attribute_of(base: &Value, name: &str) -> Result<Value, Wrong> {
    match base {
        Value::Unknown(_) => Ok(Value::unknown()),
        Value::Null => Ok(Value::Null),
        Value::Map(entries) => match entries.get(name) {
            Some(value) => Ok(value.clone()),
            None => {
                let wrong = Wrong::new(format!("there is no `{name}` in this table"));
                Err(match nearest(name, entries.keys().map(String::as_str)) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong,
                })
            }
        },
        Value::List(_) => Err(Wrong::new(format!("a list has no `{name}`")).help(format!(
            "write `[*].{name}` for that of each element, or `[0].{name}` for that of the first"
        ))),
        other => Err(Wrong::new(format!("{} has no `{name}`", other.kind()))),
    }
}

/// `base[key]`.
fn element_of(base: &Value, key: &Value) -> Result<Value, Wrong> {
    match (base, key) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => Ok(Value::unknown()),
        (Value::Null, _) => Ok(Value::Null),
        (Value::List(items), key) => {
            let position = key
                .as_integer()
                .or_else(|| key.as_str().and_then(|text| text.parse().ok()))
                .ok_or_else(|| {
                    Wrong::new(format!(
                        "an element of a list is named by its position, found {}",
                        key.kind()
                    ))
                })?;
            usize::try_from(position)
                .ok()
                .and_then(|position| items.get(position))
                .cloned()
                .ok_or_else(|| {
                    Wrong::new(format!(
                        "the list has {} elements, and no element {position}",
                        items.len()
                    ))
                    .help("positions count from 0")
                })
        }
        (Value::Map(entries), key) => {
            let Some(name) = operators::text_of(key) else {
                return Err(Wrong::new(format!("a key is a text, found {}", key.kind())));
            };
            entries.get(&name).cloned().ok_or_else(|| {
                let wrong = Wrong::new("there is no such key in this table").because(format!("`{name}`"));
                match nearest(&name, entries.keys().map(String::as_str)) {
                    Some(near) => wrong.help(format!("did you mean `{near}`?")),
                    None => wrong.help("use `lookup(table, key, default)` where it may be missing"),
                }
            })
        }
        (other, _) => Err(Wrong::new(format!("{} has no elements", other.kind()))),
    }
}
