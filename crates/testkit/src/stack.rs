//! Stacks written down as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use infra_core::stack::{Lookup, Output};
use infra_core::{
    Attributes, Lifecycle, Resource, ResourceAddress, SourceFile, SourceMap, Span, Stack, StackId, Strength,
    Timeouts, Value,
};
use serde_json::Value as Json;

use crate::expression::template;
use crate::kinds::needs_ready;

/// Name, environment, stage and region of every stack made here.
pub const STACK_ID_PARTS: [&str; 4] = ["test", "test", "dev", "nowhere"];

/// The id of every stack made here.
pub fn stack_id() -> StackId {
    let [name, environment, stage, region] = STACK_ID_PARTS;
    StackId::new(name, environment, stage, region).expect("the parts are sound")
}

/// The stack in a table of resources by address (`"net.part.a": { "network_id": "${net.network.main.id}" }`)
/// and of outputs (`"output.where": "${net.gateway.main.address}"`, or a table with `value` and `sensitive`).
///
/// What begins with `lookup.` is one, and is referred to without that.
///
/// Texts may hold `${…}` as in [`template`]. `lifecycle`, `depends_on` and `timeouts` (in seconds) of a
/// resource mean what they mean in a stack file, the rest are its attributes.
pub fn stack(json: Json) -> Stack {
    let Json::Object(entries) = json else {
        panic!("a stack is a table, not {json}");
    };
    let mut sources = SourceMap::default();
    let mut text = String::new();
    let mut resources: BTreeMap<ResourceAddress, Resource> = BTreeMap::new();
    let mut outputs = BTreeMap::new();
    let mut lookups: BTreeMap<ResourceAddress, Lookup> = BTreeMap::new();
    for (name, content) in entries {
        let start = text.len();
        text.push_str(&format!("{name} = {content}\n"));
        let span = Span {
            file: 0,
            range: start..start + name.len(),
        };
        if let Some(name) = name.strip_prefix("output.") {
            outputs.insert(name.to_owned(), output(content, span));
        } else if let Some(name) = name.strip_prefix("lookup.") {
            lookups.insert(name.parse().expect("an address"), lookup(content, span));
        } else {
            let address: ResourceAddress = name.parse().expect("an address");
            resources.insert(address.clone(), resource(address, content, span));
        }
    }
    // A lookup is nothing to wait for.
    for resource in resources.values_mut() {
        resource
            .dependencies
            .retain(|needed, _| !lookups.contains_key(needed));
    }
    sources.add(SourceFile {
        path: "stack.json".into(),
        text,
    });
    let [name, environment, stage, region] = STACK_ID_PARTS.map(str::to_owned);
    Stack {
        id: stack_id(),
        environment,
        name,
        stage,
        region,
        assume_role: None,
        allowed_account_ids: Vec::new(),
        allow_data_loss: Some(false),
        sealing_key: None,
        resources,
        absent: BTreeSet::new(),
        lookups,
        outputs,
        variables: Attributes::new(),
        sources: Arc::new(sources),
    }
}

fn lookup(content: Json, span: Span) -> Lookup {
    let Json::Object(content) = content else {
        panic!("a lookup is a table, not {content}");
    };
    let attributes = content.into_iter();
    Lookup {
        attributes: attributes
            .map(|(name, value)| (name, template(Value::from(value))))
            .collect(),
        span,
    }
}

fn output(content: Json, span: Span) -> Output {
    let sensitive = content.get("sensitive").and_then(Json::as_bool).unwrap_or(false);
    let value = match content {
        Json::Object(mut table) => table.remove("value").expect("an output's value"),
        plain => plain,
    };
    Output {
        value: template(Value::from(value)),
        description: String::new(),
        sensitive,
        span,
    }
}

fn resource(address: ResourceAddress, content: Json, span: Span) -> Resource {
    let Json::Object(content) = content else {
        panic!("{address} is a table, not {content}");
    };
    let mut resource = Resource {
        attributes: BTreeMap::new(),
        dependencies: BTreeMap::new(),
        lifecycle: Lifecycle::default(),
        timeouts: Timeouts::default(),
        span,
        attribute_spans: BTreeMap::new(),
        address,
    };
    for (name, value) in content {
        match name.as_str() {
            "lifecycle" => resource.lifecycle = serde_json::from_value(value).expect("a lifecycle"),
            "timeouts" => resource.timeouts = timeouts(&value),
            "depends_on" => {
                let needed: Vec<ResourceAddress> = serde_json::from_value(value).expect("addresses");
                for needed in needed {
                    resource.dependencies.insert(needed, Strength::Ready);
                }
            }
            _ => attribute(&mut resource, name, Value::from(value)),
        }
    }
    resource
}

fn attribute(resource: &mut Resource, name: String, value: Value) {
    let strength = if needs_ready(resource.address.type_name(), &name) {
        Strength::Ready
    } else {
        Strength::Exists
    };
    let template = template(value);
    template.for_each_reference(&mut |reference| {
        let known = resource
            .dependencies
            .entry(reference.address.clone())
            .or_insert(strength);
        *known = strength.max(*known);
    });
    resource.attributes.insert(name, template);
}

fn timeouts(value: &Json) -> Timeouts {
    let seconds = |name: &str| value.get(name).and_then(Json::as_u64).map(Duration::from_secs);
    Timeouts {
        create: seconds("create"),
        update: seconds("update"),
        delete: seconds("delete"),
    }
}
