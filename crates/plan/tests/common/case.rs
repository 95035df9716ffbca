//! A stack, a state and what AWS has, from TOML.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_core::plan::PlanMode;
use infra_core::stack::Output;
use infra_core::state::RecordStatus;
use infra_core::{
    Attributes, AwsIdentity, Catalogue, DataLoss, Diagnostic, Health, HeldData, Lifecycle, Observation,
    PhysicalId, Plan, Resource, ResourceAddress, ResourceRecord, Secret, Span, Stack, StackId, StackTag,
    State, Strength, Value,
};
use infra_plan::{HeldNames, PlanInput, PlanOptions, check, plan};

use super::expression::template;
use super::key;
use super::types::{Types, catalogue};

pub struct Case {
    pub types: Types,
    pub stack: Option<Stack>,
    pub state: State,
    pub observations: BTreeMap<ResourceAddress, Observation>,
    pub deposed_observations: BTreeMap<(ResourceAddress, PhysicalId), Observation>,
    pub held_data: BTreeMap<(ResourceAddress, PhysicalId), HeldData>,
    pub held_names: HeldNames,
    pub prepared: BTreeMap<ResourceAddress, Attributes>,
    pub lookups: BTreeMap<ResourceAddress, Attributes>,
    pub identity: Option<AwsIdentity>,
    pub options: PlanOptions,
}

impl Case {
    /// A case without anything.
    pub fn empty() -> Self {
        Self::read("")
    }

    pub fn read(text: &str) -> Self {
        let case: toml::Table = toml::from_str(text).expect("the case is TOML");
        let types = catalogue();
        let mode = match case.get("mode").and_then(toml::Value::as_str) {
            Some("destroy") => PlanMode::Destroy,
            _ => PlanMode::Apply,
        };
        let mut options = PlanOptions::new(mode);
        options.targets = addresses(case.get("targets"));
        options.replace = addresses(case.get("replace"));
        options.force_update = addresses(case.get("force_update"));
        options.allow_data_loss = addresses(case.get("allow_data_loss"));
        options.stack_allows_data_loss = case.get("stack_allows_data_loss").and_then(toml::Value::as_bool);
        if let Some(kept) = case.get("kept_by_the_file") {
            let kept = addresses(Some(kept)).into_iter();
            options.data_loss_in_file = kept
                .map(|address| (address, DataLoss::OfResource(false)))
                .collect();
        }
        let mut state = State::new(StackId::new("test", "test", "dev", "local").unwrap(), "lineage");
        state.serial = 7;
        state.outputs = case.get("state_outputs").map(attributes).unwrap_or_default();
        let mut observations = BTreeMap::new();
        for (address, table) in tables(&case, "state") {
            let record = record(&table);
            observations.insert(address.clone(), Observation::ready(record.observed.clone()));
            state.resources.insert(address, record);
        }
        for (address, table) in tables(&case, "observed") {
            let before = state.resources[&address].observed.clone();
            observations.insert(address, observation(before, &table));
        }
        let mut deposed_observations = BTreeMap::new();
        for (address, table) in tables(&case, "deposed") {
            let record = record(&table);
            if table.get("absent").is_some() {
                deposed_observations
                    .insert((address.clone(), record.physical_id.clone()), Observation::Absent);
            }
            state.deposed.entry(address).or_default().push(record);
        }
        let by_address = |name| {
            tables(&case, name)
                .into_iter()
                .map(|(address, table)| (address, attributes(&toml::Value::Table(table))))
                .collect()
        };
        let without_file = case.contains_key("without_file");
        Self {
            stack: (!without_file).then(|| stack(&case, &types)),
            state,
            observations,
            deposed_observations,
            held_data: held_data(&case),
            held_names: held_names(&case),
            prepared: by_address("prepared"),
            lookups: by_address("lookups"),
            identity: case.get("account").and_then(toml::Value::as_str).map(identity),
            options,
            types,
        }
    }

    /// Plans, and holds the plan against the rules.
    pub fn plan(&self) -> Result<Plan, Vec<Diagnostic>> {
        let plan = self.plan_unchecked()?;
        if let Err(broken) = self.check(&plan) {
            panic!(
                "the plan breaks rules: {broken:#?}\n{}",
                super::text::plan_text(&plan)
            );
        }
        Ok(plan)
    }

    /// Plans.
    pub fn plan_unchecked(&self) -> Result<Plan, Vec<Diagnostic>> {
        self.with_input(plan)
    }

    /// Holds a plan against the rules.
    pub fn check(&self, plan: &Plan) -> Result<(), Vec<String>> {
        self.with_input(|input| check(plan, input))
    }

    fn with_input<T>(&self, run: impl FnOnce(&PlanInput<'_>) -> T) -> T {
        run(&PlanInput {
            stack: self.stack.as_ref(),
            state: &self.state,
            observations: &self.observations,
            deposed_observations: &self.deposed_observations,
            held_data: &self.held_data,
            held_names: &self.held_names,
            prepared: &self.prepared,
            lookups: &self.lookups,
            catalogue: &self.types,
            identity: self.identity.as_ref(),
            sealing_key: &key(),
            options: self.options.clone(),
        })
    }
}

fn identity(account: &str) -> AwsIdentity {
    AwsIdentity {
        account_id: account.to_owned(),
        partition: "aws".to_owned(),
        arn: format!("arn:aws:iam::{account}:user/test"),
    }
}

fn stack(case: &toml::Table, types: &Types) -> Stack {
    let mut stack = empty_stack();
    let allowed = case.get("stack_allows_data_loss").and_then(toml::Value::as_bool);
    stack.allow_data_loss = Some(allowed.unwrap_or(false));
    for (address, table) in tables(case, "resources") {
        let resource = resource(address.clone(), &table, types);
        stack.resources.insert(address, resource);
    }
    for (name, output) in case
        .get("outputs")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
    {
        let output = Output {
            value: template(value(&output["value"])),
            description: String::new(),
            sensitive: output.get("sensitive").is_some(),
            span: span(),
        };
        stack.outputs.insert(name.clone(), output);
    }
    stack
}

pub fn empty_stack() -> Stack {
    Stack {
        id: StackId::new("test", "test", "dev", "local").unwrap(),
        name: "test".to_owned(),
        environment: "test".to_owned(),
        stage: "dev".to_owned(),
        region: "local".to_owned(),
        assume_role: None,
        allowed_account_ids: Vec::new(),
        allow_data_loss: Some(false),
        sealing_key: None,
        resources: BTreeMap::new(),
        absent: BTreeSet::new(),
        lookups: BTreeMap::new(),
        outputs: BTreeMap::new(),
        variables: Attributes::new(),
        sources: Arc::default(),
    }
}

/// A resource whose dependencies follow from its references and `depends_on`.
pub fn resource(address: ResourceAddress, table: &toml::Table, types: &Types) -> Resource {
    let mut resource = Resource {
        attributes: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        lifecycle: table.get("lifecycle").map(lifecycle).unwrap_or_default(),
        timeouts: Default::default(),
        span: span(),
        attribute_spans: BTreeMap::new(),
        address,
    };
    for needed in addresses(table.get("depends_on")) {
        resource.dependencies.insert(needed, Strength::Ready);
    }
    let definition = types.definition(resource.address.type_name());
    for (name, content) in table {
        if matches!(name.as_str(), "lifecycle" | "depends_on") {
            continue;
        }
        let ready = definition.is_some_and(|definition| {
            let attribute = definition.schema().attributes.get(name);
            attribute.is_some_and(|attribute| attribute.needs_ready)
        });
        let strength = if ready { Strength::Ready } else { Strength::Exists };
        let template = template(value(content));
        template.for_each_reference(&mut |reference| {
            let known = resource
                .dependencies
                .entry(reference.address.clone())
                .or_insert(strength);
            *known = strength.max(*known);
        });
        resource.attributes.insert(name.clone(), template);
    }
    resource
}

/// What has names at AWS: `of`, `holder`, `name` and the `content`.
fn held_names(case: &toml::Table) -> HeldNames {
    let held = case.get("held_names").and_then(toml::Value::as_array);
    let held = held.into_iter().flatten().map(|held| {
        let told = |name: &str| text(&held[name]);
        let of = told("of").parse().expect("a type's name");
        ((of, told("holder"), told("name")), told("content"))
    });
    held.collect()
}

/// What AWS says of things by their ids: `nothing`, `something`, or why it cannot be told.
fn held_data(case: &toml::Table) -> BTreeMap<(ResourceAddress, PhysicalId), HeldData> {
    let mut held_data = BTreeMap::new();
    for (address, things) in tables(case, "held_data") {
        for (id, held) in things {
            let held = match text(&held).as_str() {
                "nothing" => HeldData::Nothing,
                "something" => HeldData::Something,
                reason => HeldData::Unclear(reason.to_owned()),
            };
            held_data.insert((address.clone(), PhysicalId::new(id)), held);
        }
    }
    held_data
}

fn lifecycle(table: &toml::Value) -> Lifecycle {
    let is = |name: &str| table.get(name).and_then(toml::Value::as_bool);
    let ignored = table.get("ignore_changes").and_then(toml::Value::as_array);
    Lifecycle {
        prevent_destroy: is("prevent_destroy").unwrap_or(false),
        create_before_destroy: is("create_before_destroy"),
        retain: is("retain").unwrap_or(false),
        allow_data_loss: match (is("allow_data_loss"), is("stack_allows_data_loss")) {
            (Some(own), _) => DataLoss::OfResource(own),
            (None, of_stack) => DataLoss::OfStack(of_stack.unwrap_or(false)),
        },
        ignore_changes: ignored
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
    }
}

fn record(table: &toml::Table) -> ResourceRecord {
    let applied = table.get("applied").map(attributes).unwrap_or_default();
    let mut observed = applied.clone();
    observed.extend(table.get("observed").map(attributes).unwrap_or_default());
    ResourceRecord {
        physical_id: PhysicalId::new(table["id"].as_str().expect("an id")),
        location: None,
        applied,
        observed,
        dependencies: addresses(table.get("depends")),
        lifecycle: table.get("lifecycle").map(lifecycle).unwrap_or_default(),
        timeouts: Default::default(),
        status: match table.get("status").and_then(toml::Value::as_str) {
            Some("pending") => RecordStatus::Pending,
            _ => RecordStatus::Ready,
        },
        retag: table.get("retag").and_then(toml::Value::as_bool) == Some(true),
    }
}

fn observation(mut attributes: Attributes, table: &toml::Table) -> Observation {
    let mut health = Health::Ready;
    let mut stack_tag = StackTag::Untold;
    for (name, content) in table {
        match name.as_str() {
            "absent" => return Observation::Absent,
            "pending" => health = Health::Pending(text(content)),
            "failed" => health = Health::Failed(text(content)),
            "tagged" => stack_tag = StackTag::Names(text(content)),
            "untagged" => stack_tag = StackTag::Missing,
            "deleting" => health = Health::Deleting(text(content)),
            "gone" => {
                for name in content.as_array().into_iter().flatten() {
                    attributes.remove(&text(name));
                }
            }
            _ => {
                attributes.insert(name.clone(), value(content));
            }
        }
    }
    Observation::Present {
        attributes,
        health,
        stack_tag,
    }
}

fn text(value: &toml::Value) -> String {
    value.as_str().unwrap_or("yes").to_owned()
}

fn span() -> Span {
    Span { file: 0, range: 0..0 }
}

fn tables(case: &toml::Table, name: &str) -> Vec<(ResourceAddress, toml::Table)> {
    let entries = case
        .get(name)
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten();
    entries
        .map(|(address, table)| {
            let address = address.parse().expect("an address");
            (address, table.as_table().expect("a table").clone())
        })
        .collect()
}

fn addresses(value: Option<&toml::Value>) -> Vec<ResourceAddress> {
    let items = value.and_then(toml::Value::as_array).into_iter().flatten();
    items
        .map(|item| item.as_str().expect("an address").parse().expect("an address"))
        .collect()
}

fn attributes(table: &toml::Value) -> Attributes {
    match value(table) {
        Value::Map(entries) => entries,
        other => panic!("not a table: {other:?}"),
    }
}

/// A value; the table `{ "$seal" = "text" }` is that text as a state has it when it is sensitive.
pub fn value(toml: &toml::Value) -> Value {
    match toml {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::Integer(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(truth) => Value::Bool(*truth),
        toml::Value::Array(items) => Value::List(items.iter().map(value).collect()),
        toml::Value::Table(entries) => match entries.get("$seal") {
            Some(clear) => Value::Secret(Secret::Sealed(key().hash(&value(clear)))),
            None => Value::Map(
                entries
                    .iter()
                    .map(|(name, content)| (name.clone(), value(content)))
                    .collect(),
            ),
        },
        toml::Value::Datetime(moment) => Value::from(moment.to_string()),
    }
}
