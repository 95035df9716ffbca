//! All steps from a path to a stack.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use infra_core::schema::AttributeKind;
use infra_core::stack::{Lookup, Output};
use infra_core::{
    AttributePath, Catalogue, Diagnostic, Reference, Resource, ResourceAddress, SourceMap, Stack, Strength,
    Template, Value,
};

use super::bind::{Binder, Edge, Treatment};
use super::blocks::{self, Block};
use super::context::Context;
use super::environment::{self, Declared};
use super::expand::{self, Unfolded};
use super::inputs::Inputs;
use super::local_paths::{self, Places};
use super::names::Names;
use super::sections::Sections;
use super::tags::with_default_tags;
use super::used::{UsedInputs, used};
use super::variables;
use super::{globals, keeping, lookups, order, outputs, parents, settings, validate};
use crate::language::{Draft, World};
use crate::report::Report;
use crate::source::{self, FileCache};

/// What came of reading a stack.
#[derive(Debug)]
pub struct Loaded {
    /// The stack; `None` when there is any error.
    pub stack: Option<Stack>,
    /// Errors and warnings, by file and position.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that spans point into.
    pub sources: Arc<SourceMap>,
    /// What is needed to read the very same stack again, for a saved plan.
    pub used: UsedInputs,
}

/// Reads the stack file at `path`.
///
/// Reports every mistake at once. Nobody is called; what only AWS knows is taken as unknown.
pub fn load(path: &Path, inputs: &Inputs<'_>, catalogue: &dyn Catalogue) -> Loaded {
    load_for(Purpose::Whole, path, inputs, catalogue)
}

/// The same for a destroy, which needs of the file only what the stack is and how AWS is reached: a variable that no
/// setting of `[stack]` is made of may have no value. What depends on it is unknown, and resources may be missing.
pub fn load_to_destroy(path: &Path, inputs: &Inputs<'_>, catalogue: &dyn Catalogue) -> Loaded {
    load_for(Purpose::Destroy, path, inputs, catalogue)
}

/// The same for whoever needs of the file no more than which stack it is: nothing that the file declares is worked out, what
/// is wrong with that is not told, and the stack has none of it.
pub fn load_identity(path: &Path, inputs: &Inputs<'_>, catalogue: &dyn Catalogue) -> Loaded {
    load_for(Purpose::Identity, path, inputs, catalogue)
}

/// What a stack is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Whole,
    Destroy,
    Identity,
}

fn load_for(purpose: Purpose, path: &Path, inputs: &Inputs<'_>, catalogue: &dyn Catalogue) -> Loaded {
    let mut report = Report::default();
    let files = FileCache::new(inputs.files.clone());
    let sources = source::read(path, &files, &mut report);
    let map = Arc::new(sources.map);
    if !sources.complete {
        // Half a stack would look full of mistakes that are none.
        return Loaded {
            stack: None,
            diagnostics: report.finish(&map),
            sources: map,
            used: UsedInputs {
                files: files.texts(),
                ..UsedInputs::default()
            },
        };
    }
    let mut context = Context {
        sources: &map,
        catalogue,
        types: catalogue.names(),
        lookups: catalogue.lookup_names(),
        report,
    };
    let world = World {
        variables: BTreeMap::new(),
        stack: BTreeMap::new(),
        locals: BTreeMap::new(),
        environment: inputs.environment.clone(),
        blocks: BTreeMap::new(),
        lookups: BTreeSet::new(),
        files,
        paths: map.files.iter().map(|file| file.path.clone()).collect(),
    };
    let (stack, used) = build(&mut context, &sources.table, inputs, world, purpose);
    let failed = context.report.errors() > 0;
    let diagnostics = context.report.finish(&map);
    let stack = stack.filter(|_| !failed).map(|stack| Stack {
        sources: map.clone(),
        ..stack
    });
    Loaded {
        stack,
        diagnostics,
        sources: map,
        used,
    }
}

fn build(
    context: &mut Context<'_>,
    table: &source::Table,
    inputs: &Inputs<'_>,
    mut world: World,
    purpose: Purpose,
) -> (Option<Stack>, UsedInputs) {
    let sections = Sections::new(context, table);
    let mut names = Names::new(&sections);
    if purpose != Purpose::Identity {
        for node in &sections.nowhere {
            names.check_unused(context, node);
        }
    }
    let variables = variables::read(context, &mut names, &sections, inputs);
    let settings_drafts = settings::read(context, &mut names, &sections);
    let sealing_key = keeping::sealing_key(context, &mut names, &sections);
    let locals: BTreeMap<String, Draft> = sections
        .locals
        .iter()
        .map(|(name, entry)| (name.clone(), context.draft(&entry.node)))
        .collect();
    let of_settings = environment::of_settings(&settings_drafts, &locals, &variables);
    variables::complain_of_missing(context, &variables, |name| {
        purpose == Purpose::Whole || of_settings.contains(name)
    });
    globals::evaluate(
        context,
        &mut names,
        &mut world,
        &settings_drafts,
        &variables,
        locals,
    );
    let settings = settings::check(context, &world, &settings_drafts);
    if purpose == Purpose::Identity {
        let none = Declarations::default();
        let stack = settings.map(|settings| stack_of(settings, sealing_key, none, &world));
        return (stack, UsedInputs::default());
    }
    let stack_allows_data_loss = settings.as_ref().is_some_and(|settings| settings.allow_data_loss);
    let blocks = blocks::read(context, &mut names, &world, &sections, stack_allows_data_loss);
    let (unfolded, absent) = expand::expand(context, &mut world, &blocks);
    let lookups = lookups::read(context, &mut names, &mut world, &sections);
    let outputs = outputs::read(context, &mut names, &sections);

    let world = Arc::new(world);
    let binder = Binder::new(&world, &names);
    let tags = DefaultTags::new(&world, settings_drafts.get("tags"));
    let mut known = validate::Known::default();
    for (address, lookup) in &lookups {
        known.add_lookup(
            address.clone(),
            lookups::unanswered(context, address, &lookup.known),
        );
    }
    let mut resources = BTreeMap::new();
    let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(unfolded.len());
    for one in &unfolded {
        let (resource, needs) = bind(context, &binder, &blocks[one.block], one, &tags);
        resources.insert(one.address.clone(), resource);
        edges.push(needs);
    }
    let whereabouts = parents::Whereabouts {
        region: settings.as_ref().map_or("", |settings| &settings.region),
        accounts: settings
            .as_ref()
            .map_or(&[][..], |settings| &settings.allowed_account_ids),
    };
    let mut named = parents::edges(&resources, context.catalogue, &whereabouts);
    for (one, edges) in unfolded.iter().zip(&mut edges) {
        edges.extend(named.remove(&one.address).unwrap_or_default());
    }
    let needs = connect(&mut resources, &unfolded, &blocks, edges, &world);
    let addresses: Vec<&ResourceAddress> = unfolded.iter().map(|one| &one.address).collect();
    let order = order::order(context, &addresses, &needs);
    validate::walk(
        context, &mut known, &world, &blocks, &unfolded, &resources, &order,
    );
    let sensitive_environment = if names.environment.is_empty() {
        BTreeSet::new()
    } else {
        let declared = Declared {
            world: &world,
            settings: &settings_drafts,
            variables: &variables,
            lookups: &lookups,
            blocks: &blocks,
            outputs: &outputs,
        };
        environment::sensitive(
            &declared,
            order.iter().filter_map(|position| unfolded.get(*position)),
        )
    };
    let outputs: BTreeMap<_, _> = outputs
        .into_iter()
        .map(|(name, read)| {
            let output = outputs::bind(context, &binder, &read);
            validate::output(context, &known, &world, &output.value, &read.draft);
            (name, output)
        })
        .collect();
    let lookups = lookups::bind(context, &binder, lookups);
    world.files.close();
    let mut used = used(&world, &names, &variables, inputs);
    used.keep_out(sensitive_environment);
    let declared = Declarations {
        resources,
        absent,
        lookups,
        outputs,
    };
    let stack = settings.map(|settings| stack_of(settings, sealing_key, declared, &world));
    (stack, used)
}

/// What a stack file declares.
#[derive(Default)]
struct Declarations {
    resources: BTreeMap<ResourceAddress, Resource>,
    absent: BTreeSet<ResourceAddress>,
    lookups: BTreeMap<ResourceAddress, Lookup>,
    outputs: BTreeMap<String, Output>,
}

fn stack_of(
    settings: settings::Settings,
    sealing_key: Option<String>,
    declared: Declarations,
    world: &World,
) -> Stack {
    Stack {
        id: settings.id,
        name: settings.name,
        environment: settings.environment,
        stage: settings.stage,
        region: settings.region,
        assume_role: settings.assume_role,
        allowed_account_ids: settings.allowed_account_ids,
        allow_data_loss: Some(settings.allow_data_loss),
        sealing_key,
        resources: declared.resources,
        absent: declared.absent,
        lookups: declared.lookups,
        outputs: declared.outputs,
        variables: world.variables.clone(),
        sources: Arc::default(),
    }
}

/// `stack.tags`, and where each is written.
struct DefaultTags {
    tags: BTreeMap<String, Value>,
    spans: BTreeMap<String, infra_core::Span>,
}

impl DefaultTags {
    fn new(world: &World, draft: Option<&Draft>) -> Self {
        let tags = match world.stack.get("tags") {
            // Anything but texts has been complained about.
            Some(Value::Map(tags)) => tags
                .iter()
                .filter(|(_, tag)| matches!(tag, Value::String(_) | Value::Secret(_)))
                .map(|(name, tag)| (name.clone(), tag.clone()))
                .collect(),
            _ => BTreeMap::new(),
        };
        let mut spans = BTreeMap::new();
        if let Some(draft) = draft {
            blocks::note_places(draft, "tags".into(), &mut spans, &mut BTreeMap::new());
            // Those of a table that is worked out stand where that is written.
            for name in tags.keys() {
                let path = AttributePath::attribute("tags").name(name.as_str());
                spans
                    .entry(path.to_string())
                    .or_insert_with(|| draft.place().clone());
            }
        }
        Self { tags, spans }
    }
}

/// One resource with templates for all its attributes, and what it needs.
fn bind(
    context: &mut Context<'_>,
    binder: &Binder<'_>,
    block: &Block<'_>,
    one: &Unfolded,
    defaults: &DefaultTags,
) -> (Resource, Vec<Edge>) {
    let schema = block.definition.schema();
    let mut edges = Vec::new();
    let mut attributes = BTreeMap::new();
    for (name, draft) in &block.attributes {
        let treatment = Treatment::of(schema.attributes.get(name));
        let template = binder.template(context, draft, one.each.as_ref(), treatment, &mut edges);
        attributes.insert(name.clone(), template);
    }
    let mut attribute_spans = block.spans.clone();
    let taggable = schema
        .attributes
        .get("tags")
        .is_some_and(|tags| matches!(tags.kind, AttributeKind::Map(_)));
    if taggable && !defaults.tags.is_empty() {
        let own = attributes.remove("tags");
        attributes.insert("tags".to_owned(), with_default_tags(&defaults.tags, own));
        for (path, span) in &defaults.spans {
            attribute_spans
                .entry(path.clone())
                .or_insert_with(|| span.clone());
        }
    }
    for (name, template) in &mut attributes {
        if let Some(attribute) = schema.attributes.get(name) {
            let places = Places {
                sources: context.sources,
                spans: &attribute_spans,
                block: &block.span,
            };
            let taken = std::mem::replace(template, Template::Literal(Value::Null));
            *template = local_paths::resolve(
                taken,
                attribute,
                &AttributePath::attribute(name.as_str()),
                &places,
            );
        }
    }
    let resource = Resource {
        address: one.address.clone(),
        attributes,
        dependencies: BTreeMap::new(),
        lifecycle: block.lifecycle.clone(),
        timeouts: block.timeouts.clone(),
        span: block.span.clone(),
        attribute_spans,
    };
    (resource, edges)
}

/// Fills in the dependencies; gives them back by position as well, with their places.
fn connect(
    resources: &mut BTreeMap<ResourceAddress, Resource>,
    unfolded: &[Unfolded],
    blocks: &[Block<'_>],
    edges: Vec<Vec<Edge>>,
    world: &World,
) -> order::Needs {
    let positions: BTreeMap<&ResourceAddress, usize> = unfolded
        .iter()
        .enumerate()
        .map(|(position, one)| (&one.address, position))
        .collect();
    let mut needs: order::Needs = Vec::with_capacity(unfolded.len());
    for (one, mut edges) in unfolded.iter().zip(edges) {
        for (address, span) in &blocks[one.block].depends_on {
            let targets: Vec<ResourceAddress> = match (world.blocks.get(&address.block()), address.key()) {
                (Some(crate::language::Block::Many(instances)), None) => instances
                    .values()
                    .map(|instance| instance.address.clone())
                    .collect(),
                _ => vec![address.clone()],
            };
            edges.extend(targets.into_iter().map(|address| Edge {
                to: Reference {
                    address,
                    attribute: None,
                },
                strength: Strength::Ready,
                span: span.clone(),
                literal: None,
            }));
        }
        let mut list = Vec::new();
        let mut dependencies: BTreeMap<ResourceAddress, Strength> = BTreeMap::new();
        for edge in edges {
            // Lookups and what is absent are nothing to wait for.
            let Some(position) = positions.get(&edge.to.address) else {
                continue;
            };
            let strength = dependencies.entry(edge.to.address).or_insert(edge.strength);
            *strength = (*strength).max(edge.strength);
            list.push(order::Need {
                to: *position,
                span: edge.span,
                literal: edge.literal,
            });
        }
        if let Some(resource) = resources.get_mut(&one.address) {
            resource.dependencies = dependencies;
        }
        needs.push(list);
    }
    needs
}
