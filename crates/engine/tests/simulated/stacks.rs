//! Stacks that many tests use.

use infra_core::Stack;
use infra_testkit::{Cloud, stack};
use serde_json::{Value as Json, json};

/// One of everything: what a web service on AWS is made of.
pub fn everything() -> Json {
    json!({
        "net.network.main": { "range": "10.0.0.0/16", "labels": { "team": "a" } },
        "net.part.a": { "network_id": "${net.network.main.id}", "range": "10.0.1.0/24" },
        "net.part.b": { "network_id": "${net.network.main.id}", "range": "10.0.2.0/24", "note": "second" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
        "net.balancer.main": {
            "name": "front",
            "part_ids": ["${net.part.a.id}", "${net.part.b.id}"],
            "idle_seconds": 30,
        },
        "net.listener.main": {
            "balancer_arn": "${net.balancer.main.arn}",
            "port": 443,
            "target": "${net.gateway.main.address}",
        },
        "app.policy.main": { "name": "reader", "attached": ["read", "list"] },
        "app.secret.main": { "name": "password", "value": "${secret.hunter2}", "hint": "${secret.an animal}" },
        "app.image.main": { "repository": "app", "source": "app.tar" },
        "app.definition.main": {
            "family": "web",
            "image": "${app.image.main.uri}@${app.image.main.digest}",
            "environment": { "GATEWAY": "${net.gateway.main.address}" },
            "policy_arn": "${app.policy.main.arn}",
        },
        "app.service.main": {
            "name": "web",
            "definition": "${app.definition.main.arn}",
            "balancer_arn": "${net.balancer.main.arn}",
            "count": 2,
            "scaling": 4,
            "gateway_id": "${net.gateway.main.id}",
            "depends_on": ["net.listener.main"],
        },
        "app.rollout.main": {
            "service": "${app.service.main.arn}",
            "stage": "live",
            "definition": "${app.definition.main.arn}",
        },
        "output.where": "${net.gateway.main.address}",
        "output.front": "${net.balancer.main.arn}",
        "output.hint": { "value": "${app.secret.main.hint}", "sensitive": true },
    })
}

/// Records of one zone by these names; the third one has the address and not the name, and others only its value.
pub fn records([one, two, three, four]: [&str; 4]) -> Json {
    let record = |name: &str, value: &str| json!({ "zone": "main", "name": name, "value": value });
    let mut all = json!({
        "net.network.main": { "range": "10.0.0.0/16", "labels": { "third": three } },
        "net.record.five": record("five", three),
        "net.record.six": record("six", three),
        "net.record.one": record(one, "of one"),
        "net.record.two": record(two, "of two"),
        "net.record.four": record(four, "${net.network.main.id}"),
    });
    // Of the same name, whatever its address.
    all[format!("net.record.at-{three}")] = record("moving", three);
    all
}

/// The same as a stack; the file that its image is made from is written.
pub fn everything_on(cloud: &Cloud) -> Stack {
    cloud.write_file("app.tar", "first version");
    stack(everything())
}

/// `base` with the values at these JSON pointers set (`/net.part.a/note`), or taken out where they are null.
pub fn edited(mut base: Json, edits: &[(&str, Json)]) -> Json {
    for (pointer, value) in edits {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let table = base
            .pointer_mut(parent)
            .and_then(Json::as_object_mut)
            .expect("a table");
        match value {
            Json::Null => table.remove(name),
            value => table.insert(name.to_owned(), value.clone()),
        };
    }
    base
}
