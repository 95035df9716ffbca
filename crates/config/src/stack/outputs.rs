//! `[output.*]`: what the stack gives out.

use std::collections::BTreeMap;

use infra_core::stack::Output;
use infra_core::{Diagnostic, Span, Template};

use super::bind::{Binder, Treatment};
use super::context::Context;
use super::fields::{only_known, table, text, truth};
use super::names::{Allowed, Names};
use super::sections::Sections;
use crate::language::Draft;

const KEYS: [&str; 3] = ["value", "description", "sensitive"];

/// An output, read but not bound.
pub(crate) struct Read {
    pub(crate) draft: Draft,
    description: String,
    pub(crate) sensitive: bool,
    span: Span,
}

/// Reads all outputs.
pub(crate) fn read(
    context: &mut Context<'_>,
    names: &mut Names,
    sections: &Sections<'_>,
) -> BTreeMap<String, Read> {
    let mut outputs = BTreeMap::new();
    for (name, entry) in sections.outputs {
        let what = format!("`output.{name}`");
        let Some(fields) = table(context, entry, &what) else {
            continue;
        };
        only_known(context, names, fields, &what, &KEYS);
        let description = text(context, fields, "description", &what)
            .map(|(text, _)| text)
            .unwrap_or_default();
        let sensitive = truth(context, fields, "sensitive", &what).unwrap_or(false);
        let span = entry.declared_at().clone();
        let Some(value) = fields.get("value") else {
            context.add(
                Diagnostic::error("missing-attribute", format!("{what} needs `value`"))
                    .at(span, "")
                    .help("write `value = \"${…}\"`"),
            );
            continue;
        };
        let mut draft = context.draft(&value.node);
        names.check(context, &mut draft, Allowed::ANY);
        outputs.insert(
            name.clone(),
            Read {
                draft,
                description,
                sensitive,
                span,
            },
        );
    }
    outputs
}

/// Binds an output to the finished world.
pub(crate) fn bind(context: &mut Context<'_>, binder: &Binder<'_>, read: &Read) -> Output {
    let treatment = Treatment::plain(read.sensitive);
    let value: Template = binder.template(context, &read.draft, None, treatment, &mut Vec::new());
    Output {
        value,
        description: read.description.clone(),
        sensitive: read.sensitive,
        span: read.span.clone(),
    }
}
