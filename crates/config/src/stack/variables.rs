//! `[variable.*]`, `[values]`, `INFRA_VAR_*` and `--var`: declarations, and which value wins.

use std::collections::BTreeMap;

use infra_core::address::is_name;
use infra_core::{Diagnostic, Severity, Span, Value};
use regex_lite::Regex;

use super::context::Context;
use super::fields::{only_known, table, text, truth, wrong_kind};
use super::inputs::Inputs;
use super::names::Names;
use super::sections::Sections;
use super::variable_types::VariableType;
use crate::language::Draft;
use crate::report::{Suggest, listed};
use crate::source::{Node, NodeKind, Table};

pub(crate) use crate::language::ENVIRONMENT_PREFIX;

const KEYS: [&str; 6] = ["type", "default", "description", "one_of", "pattern", "sensitive"];

/// A declared variable with the value that it is to have.
pub(crate) struct Variable {
    pub(crate) kind: VariableType,
    one_of: Option<Vec<Value>>,
    pattern: Option<Regex>,
    pub(crate) sensitive: bool,
    /// Where it is declared.
    pub(crate) span: Span,
    /// Whether nothing gives it a value.
    pub(crate) missing: bool,
    /// The value to use; `None` when that is missing, or wrong and reported.
    pub(crate) value: Option<Given>,
}

/// A variable's value, before it is evaluated.
pub(crate) struct Given {
    /// The value.
    pub(crate) draft: Draft,
    /// Where it comes from if not from a file, in words.
    pub(crate) from: Option<String>,
}

/// Reads all declarations and chooses the values.
pub(crate) fn read(
    context: &mut Context<'_>,
    names: &mut Names,
    sections: &Sections<'_>,
    inputs: &Inputs<'_>,
) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    for (name, entry) in sections.variables {
        let Some(fields) = table(context, entry, &format!("`variable.{name}`")) else {
            continue;
        };
        let span = entry.declared_at().clone();
        if !is_name(name) {
            context.add(
                Diagnostic::error("bad-name", format!("`{name}` cannot be the name of a variable"))
                    .at(entry.key_span.clone(), "")
                    .help("a name starts with a letter or `_` and has letters, digits, `_` and `-`"),
            );
        }
        let what = format!("`variable.{name}`");
        only_known(context, names, fields, &what, &KEYS);
        text(context, fields, "description", &what);
        let mut variable = Variable {
            kind: kind(context, fields, &what),
            one_of: None,
            pattern: pattern(context, fields, &what),
            sensitive: truth(context, fields, "sensitive", &what).unwrap_or(false),
            span,
            missing: false,
            value: None,
        };
        variable.one_of = one_of(context, fields, &what, &variable.kind);
        variable.value = given(context, sections, inputs, name, fields, &mut variable);
        if let (Some(default), true) = (fields.get("default"), is_given(sections, inputs, name)) {
            // What is not used here may be used tomorrow.
            names.check_unused(context, &default.node);
        }
        variables.insert(name.clone(), variable);
    }
    unknown_values(context, names, sections, inputs);
    variables
}

fn kind(context: &mut Context<'_>, fields: &Table, what: &str) -> VariableType {
    match (text(context, fields, "type", what), fields.get("default")) {
        (Some((name, span)), _) => name.parse().unwrap_or_else(|()| {
            context.add(
                Diagnostic::error("bad-variable-type", format!("`{name}` is not a type"))
                    .at(span, "")
                    .help("types are `string`, `integer`, `number`, `bool`, `any`, `list(…)` and `map(…)`, such as `list(string)`"),
            );
            VariableType::Any
        }),
        (None, _) if fields.contains_key("type") => VariableType::Any,
        // Without a type the default tells.
        (None, Some(default)) => match &default.node.kind {
            NodeKind::String(_) => VariableType::String,
            NodeKind::Integer(_) => VariableType::Integer,
            NodeKind::Float(_) => VariableType::Number,
            NodeKind::Bool(_) => VariableType::Bool,
            NodeKind::List(_) => VariableType::List(Box::new(VariableType::Any)),
            NodeKind::Table(_) => VariableType::Map(Box::new(VariableType::Any)),
            NodeKind::Bad => VariableType::Any,
        },
        (None, None) => VariableType::String,
    }
}

fn pattern(context: &mut Context<'_>, fields: &Table, what: &str) -> Option<Regex> {
    let (pattern, span) = text(context, fields, "pattern", what)?;
    // The whole value has to match.
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) => Some(regex),
        Err(error) => {
            context.add(
                Diagnostic::error(
                    "bad-pattern",
                    format!("this is not a regular expression: {error}"),
                )
                .at(span, ""),
            );
            None
        }
    }
}

fn one_of(context: &mut Context<'_>, fields: &Table, what: &str, kind: &VariableType) -> Option<Vec<Value>> {
    let node = &fields.get("one_of")?.node;
    let NodeKind::List(items) = &node.kind else {
        context.add(wrong_kind(node, &format!("`one_of` of {what}"), "a list"));
        return None;
    };
    // A list's or table's elements are what is chosen from.
    let element = match kind {
        VariableType::List(element) | VariableType::Map(element) => element,
        kind => kind,
    };
    let mut choices = Vec::new();
    for item in items {
        match item.plain() {
            Some(value) if element.takes(&value) => choices.push(value),
            Some(_) => {
                let expected = format!("of type `{element}`");
                context.add(wrong_kind(item, &format!("a choice of {what}"), &expected));
            }
            None => {}
        }
    }
    (choices.len() == items.len()).then_some(choices)
}

/// Whether something gives a variable a value, so that its default is not used.
fn is_given(sections: &Sections<'_>, inputs: &Inputs<'_>, name: &str) -> bool {
    let environment = format!("{ENVIRONMENT_PREFIX}{name}");
    inputs.variables.contains_key(name)
        || inputs.environment.contains_key(&environment)
        || sections.values.contains_key(name)
}

fn given(
    context: &mut Context<'_>,
    sections: &Sections<'_>,
    inputs: &Inputs<'_>,
    name: &str,
    fields: &Table,
    variable: &mut Variable,
) -> Option<Given> {
    let environment = format!("{ENVIRONMENT_PREFIX}{name}");
    let text = match (inputs.variables.get(name), inputs.environment.get(&environment)) {
        (Some(text), _) => Some((text, format!("`--var {name}=…`"))),
        (None, Some(text)) => Some((text, format!("`{environment}`"))),
        (None, None) => None,
    };
    if let Some((text, from)) = text {
        if variable.sensitive {
            context.report.hide(text);
        }
        return match variable.kind.parse_value(text) {
            Ok(value) => Some(Given {
                draft: Draft::literal(value, variable.span.clone()),
                from: Some(from),
            }),
            Err(reason) => {
                context.add(
                    Diagnostic::error(
                        "wrong-type",
                        format!("the value of `var.{name}` given by {from} has the wrong type"),
                    )
                    .at(variable.span.clone(), "declared here")
                    .help(reason),
                );
                None
            }
        };
    }
    let node: Option<&Node> = sections
        .values
        .get(name)
        .or_else(|| fields.get("default"))
        .map(|entry| &entry.node);
    let Some(node) = node else {
        variable.missing = true;
        return None;
    };
    if variable.sensitive {
        hide(context, node);
    }
    Some(Given {
        draft: context.draft(node),
        from: None,
    })
}

/// Reports the variables without a value that are needed.
pub(crate) fn complain_of_missing(
    context: &mut Context<'_>,
    variables: &BTreeMap<String, Variable>,
    is_needed: impl Fn(&str) -> bool,
) {
    for (name, variable) in variables {
        if variable.missing && is_needed(name) {
            context.add(
                Diagnostic::error("missing-value", format!("the variable `{name}` has no value"))
                    .at(variable.span.clone(), "")
                    .help(format!(
                        "set it in `[values]`, with `{ENVIRONMENT_PREFIX}{name}`, or with `--var {name}=…`"
                    )),
            );
        }
    }
}

/// Keeps the texts of a sensitive value out of what is shown.
fn hide(context: &mut Context<'_>, node: &Node) {
    match &node.kind {
        NodeKind::String(text) if !text.contains("${") => context.report.hide(text),
        NodeKind::List(items) => items.iter().for_each(|item| hide(context, item)),
        NodeKind::Table(entries) => entries.values().for_each(|entry| hide(context, &entry.node)),
        _ => {}
    }
}

/// Values for variables that nobody declared.
fn unknown_values(
    context: &mut Context<'_>,
    names: &mut Names,
    sections: &Sections<'_>,
    inputs: &Inputs<'_>,
) {
    let known = || sections.variables.keys().map(String::as_str);
    for (name, entry) in sections.values {
        if !sections.variables.contains_key(name) {
            context.add(
                Diagnostic::error("unknown-variable", format!("there is no variable `{name}`"))
                    .at(entry.key_span.clone(), "")
                    .suggest(name, known()),
            );
            names.check_unused(context, &entry.node);
        }
    }
    for name in inputs
        .variables
        .keys()
        .filter(|name| !sections.variables.contains_key(*name))
    {
        context.add(
            Diagnostic::error(
                "unknown-variable",
                format!("`--var {name}=…`: there is no variable `{name}`"),
            )
            .suggest(name, known()),
        );
    }
    for variable in inputs.environment.keys() {
        if let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX)
            && !sections.variables.contains_key(name)
        {
            let diagnostic = Diagnostic::error(
                "unknown-variable",
                format!("`{variable}` is set, but there is no variable `{name}`"),
            )
            .suggest(name, known());
            context.add(Diagnostic {
                severity: Severity::Warning,
                ..diagnostic
            });
        }
    }
}

impl Variable {
    /// Checks an evaluated value; `None` when it is wrong, which is reported.
    pub(crate) fn checked(&self, context: &mut Context<'_>, name: &str, value: Value) -> Option<Value> {
        let given = self.value.as_ref()?;
        let from = given
            .from
            .as_ref()
            .map_or_else(String::new, |from| format!(" given by {from}"));
        // The line of a sensitive value is not shown: the declaration stands for it.
        let span = if self.sensitive {
            &self.span
        } else {
            given.draft.place()
        };
        if value.is_null() || !self.kind.takes(&value) {
            let diagnostic = Diagnostic::error(
                "wrong-type",
                format!(
                    "the value of `var.{name}`{from} is {}, expected `{}`",
                    value.kind(),
                    self.kind
                ),
            )
            .at(span.clone(), format!("expected `{}`", self.kind));
            let mut diagnostic = match (&self.kind, &value) {
                (VariableType::String, Value::Integer(_) | Value::Float(_) | Value::Bool(_)) => {
                    diagnostic.help("quote it")
                }
                (VariableType::Integer | VariableType::Number | VariableType::Bool, Value::String(_)) => {
                    diagnostic.help("write it without quotes")
                }
                _ => diagnostic,
            };
            if *span != self.span {
                diagnostic = diagnostic.see(self.span.clone(), "declared here");
            }
            context.add(diagnostic);
            return None;
        }
        let elements: Vec<&Value> = match &value {
            Value::List(items) => items.iter().collect(),
            Value::Map(entries) => entries.values().collect(),
            single => vec![single],
        };
        let mut good = true;
        for element in elements
            .into_iter()
            .filter(|element| !element.has_unknown() && !element.has_secret())
        {
            let shown = if self.sensitive {
                "it".to_owned()
            } else {
                shown(element)
            };
            let refuse = |context: &mut Context<'_>, why: String, help: String| {
                let message = format!("the value of `var.{name}`{from} is not allowed: {why}");
                let mut diagnostic = Diagnostic::error("bad-variable-value", message).at(span.clone(), "");
                if *span != self.span {
                    diagnostic = diagnostic.see(self.span.clone(), "declared here");
                }
                context.add(diagnostic.help(help));
            };
            if let Some(choices) = &self.one_of
                && !choices.iter().any(|choice| choice.same(element))
            {
                good = false;
                let choices: Vec<String> = choices.iter().map(plain).collect();
                let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
                refuse(
                    context,
                    format!("{shown} is none of the choices"),
                    format!("choose one of {}", listed(&choices)),
                );
            }
            if let (Some(pattern), Some(text)) = (&self.pattern, element.as_str())
                && !pattern.is_match(text)
            {
                good = false;
                let written = pattern
                    .as_str()
                    .strip_prefix("^(?:")
                    .and_then(|rest| rest.strip_suffix(")$"));
                let help = format!("the whole value has to match `{}`", written.unwrap_or_default());
                refuse(context, format!("{shown} does not match the pattern"), help);
            }
        }
        if !good {
            return None;
        }
        Some(if self.sensitive {
            Value::secret(value)
        } else {
            value
        })
    }
}

/// A value in backticks.
fn shown(value: &Value) -> String {
    format!("`{}`", plain(value))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.reveal().map(|json| json.to_string()).unwrap_or_default(),
    }
}
