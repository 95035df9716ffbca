//! Checks what expressions name: variables, locals, resources and their attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use infra_core::{Diagnostic, ResourceAddress, Span, TypeName};

use super::context::Context;
use super::sections::Sections;
use crate::language::{Draft, DraftKind, Formula, Name, Need, ResourceUse, Selector};
use crate::report::Suggest;
use crate::source::Node;

/// Everything that has a name in the stack.
pub(crate) struct Names {
    variables: BTreeSet<String>,
    locals: BTreeSet<String>,
    blocks: BTreeMap<ResourceAddress, Named>,
    lookups: BTreeMap<ResourceAddress, Named>,
    /// Locals that depend on resources; known once locals are evaluated.
    pub(crate) late_locals: BTreeSet<String>,
    /// The environment variables that are read.
    pub(crate) environment: BTreeSet<String>,
}

struct Named {
    known_type: bool,
    for_each: bool,
}

/// What an expression may use where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed<'a> {
    /// Whether there is an `each`.
    pub(crate) each: bool,
    /// `None`: everything. Otherwise nothing that is known only from AWS, and what it is that cannot use it.
    pub(crate) only_static: Option<&'a str>,
}

impl<'a> Allowed<'a> {
    /// Everything but `each`.
    pub(crate) const ANY: Self = Self {
        each: false,
        only_static: None,
    };

    /// Nothing that only AWS knows.
    pub(crate) fn static_in(what: &'a str) -> Self {
        Self {
            each: false,
            only_static: Some(what),
        }
    }
}

impl Names {
    /// The names that the sections declare.
    pub(crate) fn new(sections: &Sections<'_>) -> Self {
        let named = |declared: &BTreeMap<ResourceAddress, super::sections::Declared<'_>>| {
            declared
                .iter()
                .map(|(address, declared)| {
                    let for_each = declared.table.contains_key("for_each");
                    (
                        address.clone(),
                        Named {
                            known_type: declared.known_type,
                            for_each,
                        },
                    )
                })
                .collect()
        };
        Self {
            variables: sections.variables.keys().cloned().collect(),
            locals: sections.locals.keys().cloned().collect(),
            blocks: named(&sections.resources),
            lookups: named(&sections.lookups),
            late_locals: BTreeSet::new(),
            environment: BTreeSet::new(),
        }
    }

    /// Whether a formula needs something that only AWS knows.
    pub(crate) fn is_late(&self, formula: &Formula) -> bool {
        !formula.resources.is_empty()
            || formula.names.iter().any(|(name, _)| match name {
                Name::Aws(field) => field != "region",
                Name::Local(local) => self.late_locals.contains(local),
                _ => false,
            })
    }

    /// Checks every expression in a draft. One that names what is not there becomes unknown, so that it is
    /// reported once.
    pub(crate) fn check(&mut self, context: &mut Context<'_>, draft: &mut Draft, allowed: Allowed<'_>) {
        match &mut draft.kind {
            DraftKind::Literal(_) => {}
            DraftKind::Formula(formula) => {
                let formula = formula.clone();
                if !self.formula(context, &formula, allowed) {
                    draft.kind = DraftKind::Literal(infra_core::Value::unknown());
                }
            }
            DraftKind::List(items) => items
                .iter_mut()
                .for_each(|item| self.check(context, item, allowed)),
            DraftKind::Map(entries) => entries
                .values_mut()
                .for_each(|entry| self.check(context, entry, allowed)),
        }
    }

    /// Checks the expressions of what is used for nothing, such as the value of a key that is misspelt: where it belongs, and so
    /// what it may use, nobody knows.
    pub(crate) fn check_unused(&mut self, context: &mut Context<'_>, node: &Node) {
        let mut draft = context.draft(node);
        let anything = Allowed {
            each: true,
            ..Allowed::ANY
        };
        self.check(context, &mut draft, anything);
    }

    fn formula(&mut self, context: &mut Context<'_>, formula: &Formula, allowed: Allowed<'_>) -> bool {
        let mut good = !formula.broken;
        for (name, range) in &formula.names {
            if let Some(diagnostic) = self.name(name, &formula.span(range), allowed) {
                good = false;
                context.add(diagnostic);
            }
        }
        for usage in &formula.resources {
            let found = match allowed.only_static {
                Some(what) => Some(not_static(what, &formula.span(&usage.range))),
                None => self.resource(context, formula, usage),
            };
            if let Some(diagnostic) = found {
                good = false;
                context.add(diagnostic);
            }
        }
        good
    }

    fn name(&mut self, name: &Name, span: &Span, allowed: Allowed<'_>) -> Option<Diagnostic> {
        let unknown = |what: &str, name: &str, known: &BTreeSet<String>| {
            Diagnostic::error("unknown-reference", format!("there is no {what} `{name}`"))
                .at(span.clone(), "")
                .suggest(name, known.iter().map(String::as_str))
        };
        match name {
            Name::Variable(name) if !self.variables.contains(name) => Some(
                unknown("variable", name, &self.variables)
                    .help(format!("variables are declared as `[variable.{name}]`")),
            ),
            Name::Local(name) if !self.locals.contains(name) => Some(unknown("local", name, &self.locals)),
            Name::Local(name) if self.late_locals.contains(name) => {
                allowed.only_static.map(|what| not_static(what, span))
            }
            Name::Aws(field) if field != "region" => allowed.only_static.map(|what| not_static(what, span)),
            Name::Each(_) if !allowed.each => Some(
                Diagnostic::error("unknown-reference", "there is no `each` here")
                    .at(span.clone(), "")
                    .help("`each` is known inside a resource with `for_each`, except in `for_each` itself"),
            ),
            Name::Environment(name) | Name::EnvironmentTable(name) => {
                self.environment.insert(name.clone());
                None
            }
            _ => None,
        }
    }

    fn resource(&self, context: &Context<'_>, formula: &Formula, usage: &ResourceUse) -> Option<Diagnostic> {
        let (declared, prefix) = if usage.lookup {
            (&self.lookups, "lookup.")
        } else {
            (&self.blocks, "")
        };
        let Some(named) = declared.get(&usage.block) else {
            return Some(self.unknown_resource(context, formula, usage, prefix));
        };
        if !named.known_type {
            return None;
        }
        let at = |range: &Range<usize>| formula.span(range);
        let block = &usage.block;
        match (&usage.selector, &usage.need) {
            (Selector::Key(_), _) if !named.for_each => {
                return Some(
                    Diagnostic::error(
                        "not-for-each",
                        format!("`{prefix}{block}` has no `for_each`, so there is no key to it"),
                    )
                    .at(at(&usage.range), "")
                    .help(format!("write `{prefix}{block}.<attribute>`")),
                );
            }
            (Selector::All, _) if usage.lookup => {
                return Some(
                    Diagnostic::error(
                        "not-for-each",
                        format!("`lookup.{block}` is one thing, not several"),
                    )
                    .at(at(&usage.range), ""),
                );
            }
            (Selector::Whole, Need::Attribute(attribute, _)) if named.for_each => {
                return Some(
                    Diagnostic::error("missing-key", format!("`{block}` has `for_each`: which of its instances is meant?"))
                        .at(at(&usage.range), "")
                        .help(format!("write `{block}[\"<key>\"].{attribute}` for one, `{block}[*].{attribute}` for a list of all")),
                );
            }
            _ => {}
        }
        let schema = context.definition(usage.lookup, block.type_name())?.schema();
        let unknown = |name: &str, range: &Range<usize>| {
            (!schema.has(name)).then(|| {
                Diagnostic::error(
                    "unknown-attribute",
                    format!("`{}` has no attribute `{name}`", block.type_name()),
                )
                .at(at(range), "")
                .suggest(name, schema.names())
            })
        };
        match &usage.need {
            Need::Everything => None,
            Need::Attribute(name, range) => unknown(name, range),
            // The elements of a single resource are its attributes, which have no names in common.
            Need::OfElements(_) if !named.for_each && matches!(usage.selector, Selector::Whole) => None,
            Need::OfElements(names) => names.iter().find_map(|(name, range)| unknown(name, range)),
        }
    }

    /// A use of what is not there; whether it is there as the other kind, resource or lookup, is told.
    fn unknown_resource(
        &self,
        context: &Context<'_>,
        formula: &Formula,
        usage: &ResourceUse,
        prefix: &str,
    ) -> Diagnostic {
        let diagnostic = self.not_there(context, formula, usage, prefix);
        let (other, hint) = if usage.lookup {
            (&self.blocks, "")
        } else {
            (&self.lookups, "lookup.")
        };
        if other.contains_key(&usage.block) {
            diagnostic.help(format!("there is `{hint}{}`", usage.block))
        } else {
            diagnostic
        }
    }

    fn not_there(
        &self,
        context: &Context<'_>,
        formula: &Formula,
        usage: &ResourceUse,
        prefix: &str,
    ) -> Diagnostic {
        let type_name = usage.block.type_name();
        let [service_at, kind_at, name_at] = &usage.parts;
        let services = context.services(usage.lookup);
        if !services.contains(&type_name.service()) {
            let roots = ["var", "local", "stack", "aws", "each", "env", "lookup"];
            return Diagnostic::error(
                "unknown-reference",
                format!("there is no service `{}`", type_name.service()),
            )
            .at(formula.span(service_at), "")
            .suggest(
                type_name.service(),
                roots.into_iter().filter(|_| prefix.is_empty()).chain(services),
            );
        }
        if context.definition(usage.lookup, type_name).is_none() {
            let kinds = context
                .types_of(usage.lookup)
                .iter()
                .filter(|name| name.service() == type_name.service())
                .map(TypeName::kind);
            return Diagnostic::error(
                "unknown-reference",
                format!(
                    "`{}` has no resource type `{}`",
                    type_name.service(),
                    type_name.kind()
                ),
            )
            .at(formula.span(kind_at), "")
            .suggest(type_name.kind(), kinds);
        }
        let declared = if usage.lookup { &self.lookups } else { &self.blocks };
        let first = ResourceAddress::new(type_name.clone(), "");
        let same_type = declared
            .range(first..)
            .map(|(address, _)| address)
            .take_while(|address| address.type_name() == type_name)
            .map(ResourceAddress::name);
        Diagnostic::error(
            "unknown-reference",
            format!("there is no `{prefix}{}`", usage.block),
        )
        .at(formula.span(name_at), "")
        .suggest(usage.block.name(), same_type)
    }

    /// The block of an address, and whether it has `for_each`; `None` when there is none.
    pub(crate) fn for_each_of(&self, block: &ResourceAddress) -> Option<bool> {
        self.blocks.get(block).map(|named| named.for_each)
    }

    /// The addresses of all resource blocks.
    pub(crate) fn block_addresses(&self) -> impl Iterator<Item = &ResourceAddress> {
        self.blocks.keys()
    }
}

/// A use of what only AWS knows, where nothing has been asked yet.
pub(crate) fn not_static(what: &str, span: &Span) -> Diagnostic {
    Diagnostic::error(
        "not-known-yet",
        format!("{what} cannot depend on resources, lookups or the account"),
    )
    .at(span.clone(), "known only from AWS")
    .help("it is needed before AWS is asked: use variables, `stack`, `env`, and locals made of these")
}
