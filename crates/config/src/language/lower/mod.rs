//! From the syntax crate's tree to ours: names sorted out, functions found, mistakes noted with their places.

mod paths;

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ForExpr, FuncCall, ObjectKey};
use hcl_edit::template::{Element, Template};
use infra_core::{Diagnostic, Value};

use super::formula::{Call, For, Formula, Name, Need, Node, NodeKind, ResourceUse};
use super::functions::Function;
use crate::report::{Report, Suggest};
use crate::source::Place;

/// Parses a text that holds `${`, and reports its mistakes. `None` when its syntax is wrong.
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
    let (names, resources, broken) = (lowering.names, lowering.resources, lowering.failed);
    Some(Formula {
        source: text.to_owned(),
        place,
        root,
        names,
        resources,
        broken,
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
        let mut arguments: Vec<Node> = Vec::with_capacity(call.args.len());
        for (position, argument) in call.args.iter().enumerate() {
            let one_variable =
                position == 0 && function == Some(Function::Lookup) && self.is_environment(argument);
            let table = if one_variable {
                let range = argument.span().unwrap_or_else(|| range.clone());
                self.environment_table(range, call.args.iter().nth(1))
            } else {
                None
            };
            arguments.push(match table {
                Some(table) => table,
                None => self.expression(argument, argument_need.clone()),
            });
        }
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
