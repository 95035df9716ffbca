//! Random stacks: small descriptions that shrink well, and the stacks that they stand for.

use std::collections::BTreeSet;
use std::fmt;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

/// Resources of a random stack at the most.
pub const SLOTS: usize = 12;

/// One resource of a random stack. What it refers to stands before it.
#[derive(Debug, Clone)]
pub struct Slot {
    present: bool,
    kind: u8,
    /// Decide the values of its attributes.
    values: [u8; 4],
    /// Decide what it refers to.
    picks: [u8; 3],
    lifecycle: u8,
}

/// A random stack.
#[derive(Debug, Clone)]
pub struct Design {
    slots: Vec<Slot>,
}

/// A stack as JSON, one line for each resource where it is printed.
#[derive(Clone)]
pub struct Written(pub Json);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "json!({{")?;
        for (address, resource) in self.0.as_object().into_iter().flatten() {
            writeln!(f, "    \"{address}\": {resource},")?;
        }
        write!(f, "}})")
    }
}

const KINDS: [&str; 11] = [
    "net.network",
    "net.part",
    "net.gateway",
    "net.balancer",
    "net.listener",
    "app.policy",
    "app.secret",
    "app.image",
    "app.definition",
    "app.service",
    "app.rollout",
];

/// Files on this machine that images are made from.
pub const FILES: [&str; 2] = ["one.tar", "two.tar"];

pub fn design() -> impl Strategy<Value = Design> {
    let slot = |position: usize| {
        (
            prop::bool::weighted(0.9),
            // The first ones are what the others need.
            if position < 3 {
                0..2_u8
            } else {
                0..KINDS.len() as u8
            },
            [0..3_u8, 0..3_u8, 0..3_u8, 0..3_u8],
            [any::<u8>(), any::<u8>(), any::<u8>()],
            0..12_u8,
        )
            .prop_map(|(present, kind, values, picks, lifecycle)| Slot {
                present,
                kind,
                values,
                picks,
                lifecycle,
            })
    };
    let slots: Vec<_> = (0..SLOTS).map(slot).collect();
    slots.prop_map(|slots| Design { slots })
}

/// Edits of a stack: which slots become what.
pub type Edit = (Design, Vec<bool>);

pub fn edit() -> impl Strategy<Value = Edit> {
    (design(), prop::collection::vec(prop::bool::weighted(0.4), SLOTS))
}

/// A stack and what becomes of it by one edit after the other.
pub fn editions(edits: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Written>> {
    (design(), prop::collection::vec(edit(), edits)).prop_map(|(first, edits)| {
        let mut stacks = vec![first];
        for (other, which) in edits {
            let next = edited(&stacks[stacks.len() - 1], &other, &which);
            stacks.push(next);
        }
        stacks.iter().map(|design| Written(design.json())).collect()
    })
}

/// The same stack with some slots as another has them.
pub fn edited(base: &Design, other: &Design, which: &[bool]) -> Design {
    let slots = base
        .slots
        .iter()
        .zip(&other.slots)
        .zip(which)
        .map(|((base, other), is_changed)| {
            if !is_changed {
                return base.clone();
            }
            // Mostly the same thing with other values.
            Slot {
                kind: base.kind,
                picks: if other.lifecycle % 2 == 0 {
                    base.picks
                } else {
                    other.picks
                },
                ..other.clone()
            }
        })
        .collect();
    Design { slots }
}

impl Design {
    /// The stack as JSON. Slots that have nothing to refer to are left out.
    pub fn json(&self) -> Json {
        let mut stack = Map::new();
        let mut names = BTreeSet::new();
        for (position, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.present) {
            let writer = Writer {
                stack: &stack,
                slot,
                position,
            };
            let Some(mut resource) = writer.resource() else {
                continue;
            };
            let address = format!("{}.n{position}", writer.kind());
            if let Some(name) = resource.get("name").cloned()
                && !names.insert((writer.kind(), name.to_string()))
            {
                resource["name"] = json!(format!("own-{position}"));
            }
            stack.insert(address, resource);
        }
        let addresses: Vec<String> = stack.keys().cloned().collect();
        for address in addresses
            .iter()
            .filter(|address| address.starts_with("net.gateway"))
        {
            stack.insert(
                format!("output.{}", address.replace('.', "-")),
                json!(format!("${{{address}.address}}")),
            );
        }
        Json::Object(stack)
    }
}

struct Writer<'a> {
    stack: &'a Map<String, Json>,
    slot: &'a Slot,
    position: usize,
}

impl Writer<'_> {
    fn kind(&self) -> &'static str {
        KINDS[self.slot.kind as usize]
    }

    /// Something of a type that stands before, by a pick.
    fn find(&self, type_name: &str, pick: usize) -> Option<String> {
        let found: Vec<&String> = self
            .stack
            .keys()
            .filter(|address| address.starts_with(type_name))
            .collect();
        let pick = self.slot.picks[pick] as usize;
        (!found.is_empty()).then(|| found[pick % found.len()].clone())
    }

    fn attribute(&self, type_name: &str, attribute: &str, pick: usize) -> Option<String> {
        self.find(type_name, pick)
            .map(|address| format!("${{{address}.{attribute}}}"))
    }

    fn resource(&self) -> Option<Json> {
        let Slot { values, .. } = self.slot;
        let position = self.position;
        let mut resource = match self.kind() {
            "net.network" => json!({
                "range": format!("10.{}.0.0", values[0] % 2),
                "labels": { "a": values[1].to_string() },
                "dns": values[2] == 0,
            }),
            "net.part" => json!({
                "network_id": self.attribute("net.network", "id", 0)?,
                "range": format!("10.0.{}.0", values[0] % 2),
                "note": text(values[1]),
            }),
            "net.gateway" => json!({
                "part_id": self.attribute("net.part", "id", 0)?,
                "note": text(values[1]),
            }),
            "net.balancer" => json!({
                "name": format!("balancer-{}", values[0]),
                "internal": values[1] == 0,
                "part_ids": [self.attribute("net.part", "id", 0)?, self.attribute("net.part", "id", 1)?],
                "idle_seconds": if values[2] == 0 { Json::Null } else { json!(values[2]) },
            }),
            "net.listener" => json!({
                "balancer_arn": self.attribute("net.balancer", "arn", 0)?,
                "port": 1000 + position,
                "target": self.attribute("net.gateway", "address", 1).or_else(|| text(values[0])),
            }),
            "app.policy" => json!({
                "name": format!("policy-{}", values[0]),
                "attached": if values[1] == 0 { Json::Null } else { json!(["read", text(values[2])]) },
            }),
            "app.secret" => json!({
                "name": format!("secret-{}", values[0]),
                "value": format!("${{secret.value {}}}", values[1]),
                "hint": self.attribute("app.secret", "hint", 0).or_else(|| text(values[2])),
            }),
            "app.image" => json!({
                "repository": format!("image-{position}"),
                "source": FILES[values[0] as usize % FILES.len()],
            }),
            "app.definition" => json!({
                "family": format!("family-{}", values[0]),
                "image": self.attribute("app.image", "digest", 0),
                "policy_arn": self.attribute("app.policy", "arn", 1),
                "environment": {
                    "A": self.attribute("net.gateway", "address", 2).or_else(|| text(values[1])),
                    "B": self.attribute("app.secret", "version", 0),
                },
            }),
            "app.service" => json!({
                // A rollout is kept under the service's name, so the name may not move to another address.
                "name": format!("service-{position}-{}", values[0]),
                "definition": self.attribute("app.definition", "arn", 0)?,
                "balancer_arn": self.attribute("net.balancer", "arn", 1),
                "count": values[1],
                "scaling": if values[2] == 0 { Json::Null } else { json!(values[2]) },
                "gateway_id": self.attribute("net.gateway", "id", 2),
            }),
            _ => json!({
                "service": self.attribute("app.service", "arn", 0)?,
                "stage": format!("stage-{position}"),
                "definition": self.attribute("app.definition", "arn", 1)?,
            }),
        };
        let table = resource.as_object_mut()?;
        table.retain(|_, value| !value.is_null());
        if let Some(environment) = table.get_mut("environment").and_then(Json::as_object_mut) {
            environment.retain(|_, value| !value.is_null());
        }
        self.life(&mut resource);
        Some(resource)
    }

    fn life(&self, resource: &mut Json) {
        // What depends on something whose name can move to another address cannot be asked to come first.
        let has_own_id = matches!(self.kind(), "net.network" | "net.part" | "net.gateway");
        match self.slot.lifecycle {
            0 if has_own_id => resource["lifecycle"] = json!({ "create_before_destroy": true }),
            1 => resource["lifecycle"] = json!({ "create_before_destroy": false }),
            2 => {
                if let Some(needed) = self.find("", 2) {
                    resource["depends_on"] = json!([needed]);
                }
            }
            _ => {}
        }
    }
}

fn text(value: u8) -> Option<String> {
    (value > 0).then(|| format!("text {value}"))
}
