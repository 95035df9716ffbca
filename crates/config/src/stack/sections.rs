//! The sections of a stack file, and the addresses that it declares.

use std::collections::BTreeMap;

use infra_core::address::is_name;
use infra_core::{Diagnostic, ResourceAddress, Span, TypeName, nearest};

use super::context::Context;
use super::fields::{self, NO_ENTRIES};
use crate::report::{Suggest, listed};
use crate::source::{Entry, Node, NodeKind, Table};

const SECTIONS: [&str; 8] = [
    "include", "stack", "state", "values", "variable", "local", "lookup", "output",
];

/// The merged table, taken apart.
pub(crate) struct Sections<'a> {
    pub(crate) stack: Option<&'a Entry>,
    pub(crate) state: &'a Table,
    pub(crate) values: &'a Table,
    pub(crate) variables: &'a Table,
    pub(crate) locals: &'a Table,
    pub(crate) outputs: &'a Table,
    pub(crate) resources: BTreeMap<ResourceAddress, Declared<'a>>,
    pub(crate) lookups: BTreeMap<ResourceAddress, Declared<'a>>,
    /// What belongs nowhere, which is reported.
    pub(crate) nowhere: Vec<&'a Node>,
}

/// A resource or lookup as declared.
pub(crate) struct Declared<'a> {
    /// Its keys.
    pub(crate) table: &'a Table,
    /// Where it is declared.
    pub(crate) span: Span,
    /// Whether the catalogue has its type; if not, that is reported.
    pub(crate) known_type: bool,
}

impl<'a> Sections<'a> {
    /// Takes the table apart and reports what belongs nowhere.
    pub(crate) fn new(context: &mut Context<'_>, root: &'a Table) -> Self {
        let mut sections = Sections {
            stack: root.get("stack"),
            state: section(context, root, "state"),
            values: section(context, root, "values"),
            variables: section(context, root, "variable"),
            locals: section(context, root, "local"),
            outputs: section(context, root, "output"),
            resources: BTreeMap::new(),
            lookups: BTreeMap::new(),
            nowhere: Vec::new(),
        };
        for (service, entry) in root.iter().filter(|(name, _)| !SECTIONS.contains(&name.as_str())) {
            let found = &mut sections.resources;
            declared(context, service, entry, false, found, &mut sections.nowhere);
        }
        for (service, entry) in section(context, root, "lookup") {
            let found = &mut sections.lookups;
            declared(context, service, entry, true, found, &mut sections.nowhere);
        }
        for (address, lookup) in &sections.lookups {
            if let Some(resource) = sections.resources.get(address) {
                context.add(
                    Diagnostic::error(
                        "duplicate-address",
                        format!("`{address}` is both a resource and a lookup"),
                    )
                    .at(lookup.span.clone(), "")
                    .see(resource.span.clone(), "the resource")
                    .help("give one of the two another name"),
                );
            }
        }
        sections
    }
}

fn section<'a>(context: &mut Context<'_>, root: &'a Table, name: &str) -> &'a Table {
    root.get(name)
        .and_then(|entry| fields::table(context, entry, &format!("the section `{name}`")))
        .unwrap_or(&NO_ENTRIES)
}

/// Collects `[service.type.name]` tables.
fn declared<'a>(
    context: &mut Context<'_>,
    service: &str,
    entry: &'a Entry,
    of_lookups: bool,
    found: &mut BTreeMap<ResourceAddress, Declared<'a>>,
    nowhere: &mut Vec<&'a Node>,
) {
    let prefix = if of_lookups { "lookup." } else { "" };
    let has_service = |types: &[TypeName]| types.iter().any(|name| name.service() == service);
    // A lookup of a service that has resources only is a type that cannot be looked up.
    let known_service =
        has_service(context.types_of(of_lookups)) || (of_lookups && has_service(&context.types));
    let NodeKind::Table(kinds) = &entry.node.kind else {
        nowhere.push(&entry.node);
        if known_service {
            context.add(incomplete(entry, prefix, service, "<type>"));
        } else if !matches!(entry.node.kind, NodeKind::Bad) {
            context.add(outside(entry, prefix, service));
        }
        return;
    };
    if !known_service {
        let services = context.services(of_lookups);
        let sections = SECTIONS.into_iter().filter(|_| !of_lookups);
        let diagnostic = Diagnostic::error("unknown-service", format!("there is no service `{service}`"))
            .at(entry.key_span.clone(), "")
            .suggest(service, sections.chain(services));
        context.add(diagnostic);
    }
    for (kind, entry) in kinds {
        let type_name = TypeName::new(service, kind.as_str());
        let known_type = known_service && context.definition(of_lookups, &type_name).is_some();
        let NodeKind::Table(names) = &entry.node.kind else {
            nowhere.push(&entry.node);
            if known_service {
                context.add(incomplete(
                    entry,
                    prefix,
                    service,
                    if known_type { kind } else { "<type>" },
                ));
            }
            continue;
        };
        if known_service && !known_type {
            let diagnostic = unknown_type(context, &type_name, of_lookups).at(entry.key_span.clone(), "");
            context.add(diagnostic);
        }
        let mut complained = !known_type;
        for (name, entry) in names {
            let address = ResourceAddress::new(type_name.clone(), name.as_str());
            if entry.node.table().is_none() || !is_name(name) {
                nowhere.push(&entry.node);
            }
            match &entry.node.kind {
                NodeKind::Table(table) if is_name(name) => {
                    let span = entry.declared_at().clone();
                    found.insert(
                        address,
                        Declared {
                            table,
                            span,
                            known_type,
                        },
                    );
                }
                NodeKind::Table(_) => context.add(
                    Diagnostic::error("bad-name", format!("`{name}` cannot be the name of a resource"))
                        .at(entry.key_span.clone(), "")
                        .help("a name starts with a letter or `_` and has letters, digits, `_` and `-`"),
                ),
                NodeKind::List(items) if items.iter().any(|item| item.table().is_some()) => context.add(
                    Diagnostic::error(
                        "bad-address",
                        format!("`{prefix}{address}` is declared as a list of tables"),
                    )
                    .at(entry.key_span.clone(), "")
                    .help(format!(
                        "write `[{prefix}{address}]`; for several of a kind use `for_each`"
                    )),
                ),
                NodeKind::Bad => {}
                _ if complained => {}
                _ => {
                    complained = true;
                    context.add(incomplete(entry, prefix, service, kind));
                }
            }
        }
    }
}

/// A type that the catalogue does not have, or not for lookups.
pub(super) fn unknown_type(context: &Context<'_>, name: &TypeName, of_lookups: bool) -> Diagnostic {
    let (service, kind) = (name.service(), name.kind());
    if of_lookups && context.catalogue.definition(name).is_some() {
        let known: Vec<String> = context.lookups.iter().map(ToString::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return Diagnostic::error("unknown-type", format!("`{name}` cannot be looked up"))
            .help(format!("these can be: {}", listed(&known)));
    }
    let kinds = context.types_of(of_lookups).iter();
    let kinds: Vec<&str> = kinds
        .filter(|name| name.service() == service)
        .map(TypeName::kind)
        .collect();
    let message = if of_lookups {
        format!("`{service}` has nothing to look up that is called `{kind}`")
    } else {
        format!("`{service}` has no resource type `{kind}`")
    };
    Diagnostic::error("unknown-type", message).suggest(kind, kinds)
}

/// A key that stands where a resource's name is expected.
fn incomplete(entry: &Entry, prefix: &str, service: &str, kind: &str) -> Diagnostic {
    Diagnostic::error("bad-address", "a resource has a service, a type and a name")
        .at(entry.key_span.clone(), "")
        .help(format!("write `[{prefix}{service}.{kind}.<name>]` above it"))
}

/// A setting that stands in no section.
fn outside(entry: &Entry, prefix: &str, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-key", format!("there is no setting `{prefix}{name}`"))
        .at(entry.key_span.clone(), "");
    let known = super::settings::KEYS;
    match known
        .into_iter()
        .find(|key| *key == name)
        .or_else(|| nearest(name, known))
    {
        Some(near) if prefix.is_empty() => {
            diagnostic.help(format!("did you mean `{near}`, in the section `[stack]`?"))
        }
        _ => {
            diagnostic.help("every setting stands in a section, such as `[stack]`, `[values]` or a resource")
        }
    }
}
