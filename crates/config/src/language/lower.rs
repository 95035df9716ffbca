//! From the syntax crate's tree to ours: names sorted out, functions found, mistakes noted with their places.

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::{Element, Template};
use infra_core::address::is_name;
use infra_core::{Diagnostic, ResourceAddress, Span, TypeName, Value};

use super::formula::{Call, For, Formula, Name, Need, Node, NodeKind, ResourceUse, Selector, Step};
use super::functions::Function;
use crate::report::{Report, Suggest};
use crate::source::Place;

/// Roots that are not services.
const ROOTS: [&str; 7] = ["var", "local", "stack", "aws", "each", "env", "lookup"];
const STACK_FIELDS: [&str; 7] = [
    "name",
    "environment",
    "stage",
    "region",
    "assume_role",
    "allowed_account_ids",
    "tags",
];
const AWS_FIELDS: [&str; 3] = ["account_id", "region", "partition"];
const EACH_FIELDS: [&str; 3] = ["key", "value", "index"];

/// Parses a text that holds `${`. `None` when it cannot be used; the mistakes are reported.
pub(crate) fn parse(text: &str, place: Place, report: &mut Report) -> Option<Formula> {
    let template: Template = match text.parse() {
        Ok(template) => template,
        Err(error) => {
            report.add(syntax_error(&error, text, &place));
            return None;
        }
    };
    let mut lowering = Lowering {
        place: &place,
        report,
        failed: false,
        names: Vec::new(),
        resources: Vec::new(),
        loops: Vec::new(),
    };
    let root = match template.as_single_element() {
        Some(Element::Interpolation(only)) => lowering.expression(&only.expr, Need::Everything),
        _ => lowering.template(&template, 0..text.len()),
    };
    if lowering.failed {
        return None;
    }
    let (names, resources) = (lowering.names, lowering.resources);
    Some(Formula {
        source: text.to_owned(),
        place,
        root,
        names,
        resources,
    })
}

fn syntax_error(error: &hcl_edit::parser::Error, text: &str, place: &Place) -> Diagnostic {
    let mut at = error.location().offset().min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let width = text[at..].chars().next().map_or(0, char::len_utf8);
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    let diagnostic = Diagnostic::error(
        "expression-syntax",
        format!("this is not an expression: {message}"),
    )
    .at(place.at(&(at..at + width)), "");
    if text.contains("%{") {
        diagnostic.help("a literal `%{` beside `${…}` is written `%%{`")
    } else {
        diagnostic.help("a literal `${` is written `$${`")
    }
}

struct Lowering<'a> {
    place: &'a Place,
    report: &'a mut Report,
    failed: bool,
    names: Vec<(Name, Range<usize>)>,
    resources: Vec<ResourceUse>,
    loops: Vec<Loop>,
}

/// A variable of an enclosing `for`, and what is used of it.
struct Loop {
    name: String,
    attributes: BTreeMap<String, Range<usize>>,
    whole: bool,
}

impl Lowering<'_> {
    fn fail(&mut self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        self.failed = true;
        Diagnostic::error("bad-expression", message).at(self.place.at(&range), "")
    }

    /// Reports and goes on with something harmless.
    fn bad(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Node {
        let diagnostic = self.fail(range.clone(), message).help(help);
        self.report.add(diagnostic);
        null(range)
    }

    fn expression(&mut self, expression: &Expression, need: Need) -> Node {
        let range = expression.span().unwrap_or(0..0);
        let kind = match expression {
            Expression::Null(_) => NodeKind::Literal(Value::Null),
            Expression::Bool(truth) => NodeKind::Literal(Value::Bool(*truth.value())),
            Expression::Number(number) => NodeKind::Literal(number_value(number.value())),
            Expression::String(text) => NodeKind::Literal(Value::from(text.value().as_str())),
            Expression::Array(items) => NodeKind::List(
                items
                    .iter()
                    .map(|item| self.expression(item, Need::Everything))
                    .collect(),
            ),
            Expression::Object(object) => NodeKind::Object(
                object
                    .iter()
                    .map(|(key, value)| {
                        let key = match key {
                            ObjectKey::Ident(name) => Node {
                                range: name.span().unwrap_or_else(|| range.clone()),
                                kind: NodeKind::Literal(Value::from(name.as_str())),
                            },
                            ObjectKey::Expression(key) => self.expression(key, Need::Everything),
                        };
                        (key, self.expression(value.expr(), Need::Everything))
                    })
                    .collect(),
            ),
            Expression::StringTemplate(template) => return self.template(template, range),
            Expression::HeredocTemplate(_) => {
                return self.bad(
                    range,
                    "heredocs are not part of the language here",
                    "use a TOML text of several lines",
                );
            }
            Expression::Parenthesis(inner) => return self.expression(inner.inner(), need),
            Expression::Variable(name) => return self.path(name.value().as_str(), range, &[], need),
            Expression::Traversal(traversal) => return self.traversal(traversal, range, need),
            Expression::FuncCall(call) => return self.call(call, range, need),
            Expression::Conditional(conditional) => NodeKind::Conditional(Box::new([
                self.expression(&conditional.cond_expr, Need::Everything),
                self.expression(&conditional.true_expr, need.clone()),
                self.expression(&conditional.false_expr, need),
            ])),
            Expression::UnaryOp(operation) => NodeKind::Unary(
                *operation.operator.value(),
                Box::new(self.expression(&operation.expr, Need::Everything)),
            ),
            Expression::BinaryOp(operation) => NodeKind::Binary(
                *operation.operator.value(),
                Box::new([
                    self.expression(&operation.lhs_expr, Need::Everything),
                    self.expression(&operation.rhs_expr, Need::Everything),
                ]),
            ),
            Expression::ForExpr(expression) => self.for_expression(expression),
        };
        Node { range, kind }
    }

    fn template(&mut self, template: &Template, range: Range<usize>) -> Node {
        let mut parts: Vec<Node> = Vec::new();
        let mut strip_next = false;
        for element in template.iter() {
            match element {
                Element::Literal(text) => {
                    let text = if strip_next {
                        text.trim_start()
                    } else {
                        text.as_str()
                    };
                    strip_next = false;
                    let kind = NodeKind::Literal(Value::from(text));
                    parts.push(Node {
                        range: element.span().unwrap_or(0..0),
                        kind,
                    });
                }
                Element::Interpolation(interpolation) => {
                    if interpolation.strip.strip_start()
                        && let Some(Node {
                            kind: NodeKind::Literal(Value::String(text)),
                            ..
                        }) = parts.last_mut()
                    {
                        text.truncate(text.trim_end().len());
                    }
                    strip_next = interpolation.strip.strip_end();
                    let part = self.expression(&interpolation.expr, Need::Everything);
                    parts.push(part);
                }
                Element::Directive(_) => {
                    let range = element.span().unwrap_or_else(|| range.clone());
                    let part = self.bad(
                        range,
                        "`%{…}` directives are not part of the language here",
                        "use a conditional `${a ? b : c}` or `join` with `[for …]`; a literal `%{` is written `%%{`",
                    );
                    parts.push(part);
                }
            }
        }
        let kind = match parts.as_slice() {
            [] => NodeKind::Literal(Value::from("")),
            [
                Node {
                    kind: NodeKind::Literal(text @ Value::String(_)),
                    ..
                },
            ] => NodeKind::Literal(text.clone()),
            _ => NodeKind::Text(parts),
        };
        Node { range, kind }
    }

    fn traversal(&mut self, traversal: &Traversal, range: Range<usize>, need: Need) -> Node {
        let operators: Vec<&TraversalOperator> =
            traversal.operators.iter().map(|step| step.value()).collect();
        if let Expression::Variable(name) = &traversal.expr {
            return self.path(name.value().as_str(), range, &operators, need);
        }
        let base_need = match operators.as_slice() {
            [first, second, ..] if is_element_step(first) => match named(second) {
                Some((name, at)) => Need::OfElements(BTreeMap::from([(name.to_owned(), at)])),
                None => Need::Everything,
            },
            _ => Need::Everything,
        };
        let base = self.expression(&traversal.expr, base_need);
        self.steps(base, &operators)
    }

    /// A name and what stands behind it.
    fn path(
        &mut self,
        root: &str,
        range: Range<usize>,
        operators: &[&TraversalOperator],
        need: Need,
    ) -> Node {
        let root_range = range.start..range.start + root.len();
        if let Some(position) = self.loops.iter().rposition(|scope| scope.name == root) {
            let scope = &mut self.loops[position];
            match operators.first().and_then(|first| named(first)) {
                Some((attribute, at)) => {
                    scope.attributes.entry(attribute.to_owned()).or_insert(at);
                }
                None => scope.whole = true,
            }
            let base = Node {
                range: root_range,
                kind: NodeKind::Loop(root.to_owned()),
            };
            return self.steps(base, operators);
        }
        let field = operators.first().and_then(|first| named(first));
        let name = match (root, field) {
            ("lookup", _) => return self.resource(true, range, root_range, operators, need),
            ("env", None) if operators.is_empty() => Some((Name::Environment(None), range.clone())),
            (root, None) if ROOTS.contains(&root) => {
                let help = format!("write `{root}.<name>`");
                return self.bad(range, format!("`{root}` cannot be used as a whole"), help);
            }
            (_, None) => None,
            ("var", Some((name, at))) => Some((Name::Variable(name.to_owned()), at)),
            ("local", Some((name, at))) => Some((Name::Local(name.to_owned()), at)),
            ("env", Some((name, at))) => Some((Name::Environment(Some(name.to_owned())), at)),
            ("stack", Some((name, at))) => self
                .known_field("stack", name, &at, &STACK_FIELDS)
                .map(|name| (Name::Stack(name), at)),
            ("aws", Some((name, at))) => self
                .known_field("aws", name, &at, &AWS_FIELDS)
                .map(|name| (Name::Aws(name), at)),
            ("each", Some((name, at))) => self
                .known_field("each", name, &at, &EACH_FIELDS)
                .map(|name| (Name::Each(name), at)),
            _ => None,
        };
        match name {
            Some((name, at)) => {
                let whole = root_range.start..at.end;
                let used = usize::from(!matches!(name, Name::Environment(None)));
                self.names.push((name, whole.clone()));
                let base = Node {
                    range: whole,
                    kind: NodeKind::Name(self.names.len() - 1),
                };
                self.steps(base, &operators[used..])
            }
            None if ROOTS.contains(&root) => null(range),
            None => {
                let mut parts = vec![(root.to_owned(), root_range.clone())];
                parts.extend(
                    operators
                        .iter()
                        .map_while(|step| attribute(step))
                        .take(2)
                        .map(|(name, at)| (name.to_owned(), at)),
                );
                self.address(false, range, root_range.start, parts, operators, 2, need)
            }
        }
    }

    fn known_field(&mut self, root: &str, name: &str, at: &Range<usize>, fields: &[&str]) -> Option<String> {
        if fields.contains(&name) {
            return Some(name.to_owned());
        }
        let diagnostic = self
            .fail(at.clone(), format!("`{root}` has no `{name}`"))
            .suggest(name, fields.iter().copied());
        self.report.add(diagnostic);
        None
    }

    fn resource(
        &mut self,
        lookup: bool,
        range: Range<usize>,
        root: Range<usize>,
        operators: &[&TraversalOperator],
        need: Need,
    ) -> Node {
        let parts: Vec<(String, Range<usize>)> = operators
            .iter()
            .map_while(|step| attribute(step))
            .take(3)
            .map(|(name, at)| (name.to_owned(), at))
            .collect();
        self.address(lookup, range, root.start, parts, operators, 3, need)
    }

    /// `service.type.name` at `parts`, of which `used` stand in `operators`.
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller for each of the two forms of an address"
    )]
    fn address(
        &mut self,
        lookup: bool,
        range: Range<usize>,
        start: usize,
        parts: Vec<(String, Range<usize>)>,
        operators: &[&TraversalOperator],
        used: usize,
        need: Need,
    ) -> Node {
        let Ok([service, kind, name]) = <[(String, Range<usize>); 3]>::try_from(parts) else {
            let shape = if lookup {
                "lookup.<service>.<type>.<name>.<attribute>"
            } else {
                "<service>.<type>.<name>.<attribute>"
            };
            return self.bad(
                range,
                "this names nothing",
                format!(
                    "write `var.<name>`, `local.<name>`, `stack.<field>`, `aws.<field>`, `each.<field>`, `env.<name>` or `{shape}`; a text stands in quotes"
                ),
            );
        };
        if !is_name(&name.0) {
            return self.bad(
                name.1,
                format!("`{}` is not the name of a resource", name.0),
                "names have letters, digits, `_` and `-`",
            );
        }
        let mut rest = operators.get(used..).unwrap_or_default();
        let selector = match rest.first() {
            Some(TraversalOperator::Index(key)) => {
                rest = &rest[1..];
                Selector::Key(Box::new(self.expression(key, Need::Everything)))
            }
            Some(TraversalOperator::FullSplat(_) | TraversalOperator::AttrSplat(_)) => {
                rest = &rest[1..];
                Selector::All
            }
            _ => Selector::Whole,
        };
        let splat = matches!(selector, Selector::All);
        let need = match rest.first().and_then(|first| attribute(first)) {
            Some((name, at)) if splat => Need::OfElements(BTreeMap::from([(name.to_owned(), at)])),
            Some((name, at)) => {
                rest = &rest[1..];
                Need::Attribute(name.to_owned(), at)
            }
            None if !rest.is_empty() => Need::Everything,
            None => need,
        };
        let end = match &need {
            Need::Attribute(_, at) => at.end,
            _ => name.1.end,
        };
        self.resources.push(ResourceUse {
            lookup,
            block: ResourceAddress::new(TypeName::new(service.0, kind.0), name.0),
            selector,
            need,
            range: start..name.1.end,
            parts: [service.1, kind.1, name.1],
        });
        let base = Node {
            range: start..end,
            kind: NodeKind::Resource(self.resources.len() - 1),
        };
        if splat && !rest.is_empty() {
            let steps = self.splat_steps(rest);
            return Node {
                range,
                kind: NodeKind::Splat(Box::new(base), steps),
            };
        }
        self.steps(base, rest)
    }

    /// What stands behind a value: attributes, keys, splats.
    fn steps(&mut self, base: Node, operators: &[&TraversalOperator]) -> Node {
        let mut node = base;
        for (position, operator) in operators.iter().enumerate() {
            let end = operator.span().map_or(node.range.end, |range| range.end);
            let range = node.range.start..end.max(node.range.end);
            let kind = match operator {
                TraversalOperator::GetAttr(name) => {
                    NodeKind::Attribute(Box::new(node), name.as_str().to_owned())
                }
                TraversalOperator::Index(key) => {
                    let key = self.expression(key, Need::Everything);
                    NodeKind::Index(Box::new(node), Box::new(key))
                }
                TraversalOperator::LegacyIndex(index) => {
                    let key = Node {
                        range: range.clone(),
                        kind: NodeKind::Literal(index_value(*index.value())),
                    };
                    NodeKind::Index(Box::new(node), Box::new(key))
                }
                TraversalOperator::FullSplat(_) | TraversalOperator::AttrSplat(_) => {
                    let steps = self.splat_steps(&operators[position + 1..]);
                    return Node {
                        range,
                        kind: NodeKind::Splat(Box::new(node), steps),
                    };
                }
            };
            node = Node { range, kind };
        }
        node
    }

    fn splat_steps(&mut self, operators: &[&TraversalOperator]) -> Vec<Step> {
        operators
            .iter()
            .map(|operator| match operator {
                TraversalOperator::GetAttr(name) => Step::Attribute(name.as_str().to_owned()),
                TraversalOperator::Index(key) => Step::Index(self.expression(key, Need::Everything)),
                TraversalOperator::LegacyIndex(index) => Step::Index(Node {
                    range: index.span().unwrap_or(0..0),
                    kind: NodeKind::Literal(index_value(*index.value())),
                }),
                TraversalOperator::FullSplat(_) | TraversalOperator::AttrSplat(_) => Step::Splat,
            })
            .collect()
    }

    fn call(&mut self, call: &FuncCall, range: Range<usize>, need: Need) -> Node {
        let name = call.name.name.as_str();
        let at = call.name.name.span().unwrap_or_else(|| range.clone());
        let function = Function::named(name).filter(|_| !call.name.is_namespaced());
        let argument_need = match function {
            // These pass elements on, or look at no attribute at all.
            Some(Function::Values) => need,
            Some(Function::Keys | Function::Length) => Need::OfElements(BTreeMap::new()),
            _ => Need::Everything,
        };
        let arguments: Vec<Node> = call
            .args
            .iter()
            .map(|argument| self.expression(argument, argument_need.clone()))
            .collect();
        let Some(function) = function else {
            let diagnostic = self
                .fail(at, format!("there is no function `{name}`"))
                .suggest(name, Function::names());
            self.report.add(diagnostic);
            return null(range);
        };
        let expand = call.args.expand_final();
        let (least, most) = function.arity();
        let wrong = if expand {
            arguments.len() > most.max(1)
        } else {
            arguments.len() < least || arguments.len() > most
        };
        if wrong {
            return self.bad(
                range,
                format!(
                    "`{name}` does not take {} argument{}",
                    arguments.len(),
                    if arguments.len() == 1 { "" } else { "s" }
                ),
                format!("it is used as `{}`", function.usage()),
            );
        }
        Node {
            range,
            kind: NodeKind::Call(Call {
                function,
                arguments,
                expand,
            }),
        }
    }

    fn for_expression(&mut self, expression: &ForExpr) -> NodeKind {
        let key_name = expression
            .intro
            .key_var
            .as_ref()
            .map(|name| name.value().to_string());
        let value_name = expression.intro.value_var.value().to_string();
        let outer = self.loops.len();
        for name in key_name.iter().chain([&value_name]) {
            self.loops.push(Loop {
                name: name.clone(),
                attributes: BTreeMap::new(),
                whole: false,
            });
        }
        let key = expression
            .key_expr
            .as_ref()
            .map(|key| self.expression(key, Need::Everything));
        let value = self.expression(&expression.value_expr, Need::Everything);
        let condition = expression
            .cond
            .as_ref()
            .map(|condition| self.expression(&condition.expr, Need::Everything));
        let need = match self.loops.pop() {
            Some(Loop {
                whole: false,
                attributes,
                ..
            }) => Need::OfElements(attributes),
            _ => Need::Everything,
        };
        self.loops.truncate(outer);
        let collection = self.expression(&expression.intro.collection_expr, need);
        NodeKind::For(Box::new(For {
            key_name,
            value_name,
            collection,
            key,
            value,
            condition,
            grouping: expression.grouping,
        }))
    }
}

fn null(range: Range<usize>) -> Node {
    Node {
        range,
        kind: NodeKind::Literal(Value::Null),
    }
}

fn number_value(number: &hcl_edit::Number) -> Value {
    match number.as_i64() {
        Some(whole) => Value::Integer(whole),
        None => Value::Float(number.as_f64().unwrap_or(f64::MAX)),
    }
}

fn index_value(index: u64) -> Value {
    Value::Integer(i64::try_from(index).unwrap_or(i64::MAX))
}

/// `.name`.
fn attribute(operator: &TraversalOperator) -> Option<(&str, Range<usize>)> {
    match operator {
        TraversalOperator::GetAttr(name) => Some((name.as_str(), name.span().unwrap_or(0..0))),
        _ => None,
    }
}

/// `.name` or `["name"]`.
fn named(operator: &TraversalOperator) -> Option<(&str, Range<usize>)> {
    match operator {
        TraversalOperator::Index(Expression::String(name)) => {
            Some((name.value().as_str(), name.span().unwrap_or(0..0)))
        }
        other => attribute(other),
    }
}

/// Whether the step goes from a collection to an element of it.
fn is_element_step(operator: &TraversalOperator) -> bool {
    !matches!(operator, TraversalOperator::GetAttr(_))
}

/// The place of a part of a formula, for callers that hold both.
impl Formula {
    /// The place of everything that the formula spells.
    pub(crate) fn whole(&self) -> &Span {
        self.place.whole()
    }
}
