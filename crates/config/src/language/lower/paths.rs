//! Names and what stands behind them: `var.x`, `ec2.vpc.main.id`, `list[*].name`.

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use infra_core::address::is_name;
use infra_core::{ResourceAddress, TypeName, Value, nearest};

use super::{Lowering, null};
use crate::language::ENVIRONMENT_PREFIX;
use crate::language::formula::{Name, Need, Node, NodeKind, ResourceUse, Selector, Step};
use crate::report::Suggest;

/// What is written instead of `env` as a whole.
const ENVIRONMENT_HELP: &str = "name the variable: `env.NAME`, or `lookup(env, \"NAME\", \"\")` with the name in quotes where it may be missing; no other variable is read";

/// Steps into a value, each a level of the tree that is walked recursively.
const MAX_STEPS: usize = 64;

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

impl Lowering<'_> {
    pub(super) fn traversal(&mut self, traversal: &Traversal, range: Range<usize>, need: Need) -> Node {
        if traversal.operators.len() > MAX_STEPS {
            let help = format!("at most {MAX_STEPS} steps are taken into a value");
            return self.bad(range, "this goes too deep", help);
        }
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
    pub(super) fn path(
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
            ("env", None) => {
                return self.bad(range, "`env` cannot be used as a whole", ENVIRONMENT_HELP);
            }
            (root, None) if ROOTS.contains(&root) => {
                let help = format!("write `{root}.<name>`");
                return self.bad(range, format!("`{root}` cannot be used as a whole"), help);
            }
            (_, None) => None,
            ("var", Some((name, at))) => Some((Name::Variable(name.to_owned()), at)),
            ("local", Some((name, at))) => Some((Name::Local(name.to_owned()), at)),
            ("env", Some((name, at))) => self
                .environment_name(name, &at)
                .map(|name| (Name::Environment(name), at)),
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
                self.names.push((name, whole.clone()));
                let base = Node {
                    range: whole,
                    kind: NodeKind::Name(self.names.len() - 1),
                };
                self.steps(base, &operators[1..])
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

    /// The name of an environment variable, unless it is one that stands for a variable of the stack: that may be
    /// sensitive, and is read as `var.<name>`.
    fn environment_name(&mut self, name: &str, at: &Range<usize>) -> Option<String> {
        let Some(variable) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            return Some(name.to_owned());
        };
        let help = format!("write `var.{variable}`");
        let message = format!("`{name}` gives a variable its value and is not read as `env`");
        self.bad(at.clone(), message, help);
        None
    }

    /// Whether an expression is `env`, and not a loop's variable of that name.
    pub(super) fn is_environment(&self, expression: &Expression) -> bool {
        match expression {
            Expression::Variable(name) => {
                name.value().as_str() == "env" && !self.loops.iter().any(|scope| scope.name == "env")
            }
            Expression::Parenthesis(inner) => self.is_environment(inner.inner()),
            _ => false,
        }
    }

    /// `env` in `lookup(env, "<name>", …)`: only that variable is read. `None` when the name is no plain text.
    pub(super) fn environment_table(
        &mut self,
        range: Range<usize>,
        key: Option<&Expression>,
    ) -> Option<Node> {
        let Some(Expression::String(name)) = key else {
            return None;
        };
        let at = name.span().unwrap_or_else(|| range.clone());
        let Some(name) = self.environment_name(name.value().as_str(), &at) else {
            return Some(null(range));
        };
        self.names.push((Name::EnvironmentTable(name), range.clone()));
        Some(Node {
            range,
            kind: NodeKind::Name(self.names.len() - 1),
        })
    }

    pub(super) fn known_field(
        &mut self,
        root: &str,
        name: &str,
        at: &Range<usize>,
        fields: &[&str],
    ) -> Option<String> {
        if fields.contains(&name) {
            return Some(name.to_owned());
        }
        let diagnostic = self
            .fail(at.clone(), format!("`{root}` has no `{name}`"))
            .suggest(name, fields.iter().copied());
        self.report.add(diagnostic);
        None
    }

    pub(super) fn resource(
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
    pub(super) fn address(
        &mut self,
        lookup: bool,
        range: Range<usize>,
        start: usize,
        parts: Vec<(String, Range<usize>)>,
        operators: &[&TraversalOperator],
        used: usize,
        need: Need,
    ) -> Node {
        let first = parts.first().map(|(name, _)| name.clone());
        let Ok([service, kind, name]) = <[(String, Range<usize>); 3]>::try_from(parts) else {
            let shape = if lookup {
                "lookup.<service>.<type>.<name>.<attribute>"
            } else {
                "<service>.<type>.<name>.<attribute>"
            };
            let help = match first.as_deref().and_then(|first| nearest(first, ROOTS)) {
                Some(near) if !lookup => format!("did you mean `{near}`?"),
                _ => format!(
                    "write `var.<name>`, `local.<name>`, `stack.<field>`, `aws.<field>`, `each.<field>`, `env.<name>` or `{shape}`; a text stands in quotes"
                ),
            };
            return self.bad(range, "this names nothing", help);
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
    pub(super) fn steps(&mut self, base: Node, operators: &[&TraversalOperator]) -> Node {
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

    pub(super) fn splat_steps(&mut self, operators: &[&TraversalOperator]) -> Vec<Step> {
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
