//! Stacks by chance: small descriptions that can be cut down, and the stacks that they stand for.

use std::collections::BTreeSet;
use std::fmt;

use infra_testkit::Chance;
use serde_json::{Map, Value as Json, json};

/// Files on this machine that images are made from.
pub const FILES: [&str; 2] = ["one.tar", "two.tar"];

/// Blocks of a stack at the most.
const SLOTS: usize = 12;

const KINDS: [&str; 12] = [
    "net.network",
    "net.part",
    "net.gateway",
    "net.balancer",
    "net.listener",
    "net.record",
    "app.policy",
    "app.secret",
    "app.image",
    "app.definition",
    "app.service",
    "app.rollout",
];

/// One block of a stack. What it refers to stands before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Tells it from the others, wherever it stands.
    number: usize,
    present: bool,
    kind: &'static str,
    /// Decide the values of its attributes.
    values: [u8; 4],
    /// Decide what it refers to.
    picks: [u8; 3],
    /// Instances by `for_each`; 0: one, without a key.
    instances: u8,
    /// Counts how often it was given another name in the file.
    renamed: u8,
    life: Life,
}

/// What is said of a block beside its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Life {
    create_before_destroy: Option<bool>,
    prevent_destroy: bool,
    retain: bool,
    ignore_changes: bool,
    depends_on: bool,
}

/// A stack by chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    slots: Vec<Slot>,
}

/// A stack as JSON, one line for each resource where it is printed.
#[derive(Clone, PartialEq)]
pub struct Written(pub Json);

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "json!({{")?;
        for (address, resource) in self.0.as_object().into_iter().flatten() {
            writeln!(f, "    {}: {resource},", Json::from(address.as_str()))?;
        }
        write!(f, "}})")
    }
}

impl Slot {
    fn random(chance: &mut Chance, number: usize, spice: u8) -> Self {
        // The first ones are what the others need.
        let kinds = if number < 3 { &KINDS[..2] } else { &KINDS[..] };
        let mut small = || chance.below(3) as u8;
        let values = [small(), small(), small(), small()];
        let mut any = || chance.below(256) as u8;
        let picks = [any(), any(), any()];
        Self {
            number,
            present: chance.percent(88),
            kind: chance.pick(kinds),
            values,
            picks,
            instances: if chance.percent(12) {
                1 + chance.below(3) as u8
            } else {
                0
            },
            renamed: 0,
            life: Life::random(chance, spice),
        }
    }

    /// The same block after somebody worked on it.
    fn edited(&self, chance: &mut Chance, spice: u8) -> Self {
        let other = Self::random(chance, self.number, spice);
        let mut slot = self.clone();
        match chance.below(10) {
            0 => slot.present = !slot.present,
            1 => slot.renamed += 1,
            2 => slot.instances = other.instances,
            3 => slot.life = other.life,
            4 => slot.picks = other.picks,
            5 => slot.life.depends_on = !slot.life.depends_on,
            6 => {
                slot = Self {
                    kind: self.kind,
                    renamed: self.renamed,
                    ..other
                };
            }
            _ => slot.values = other.values,
        }
        slot
    }
}

impl Life {
    fn random(chance: &mut Chance, spice: u8) -> Self {
        Self {
            create_before_destroy: match chance.below(12) {
                0 => Some(true),
                1 => Some(false),
                _ => None,
            },
            prevent_destroy: chance.percent(spice),
            retain: chance.percent(spice),
            ignore_changes: chance.percent(8),
            depends_on: chance.percent(10),
        }
    }
}

impl Design {
    /// A stack by chance. `spice`: how many of a hundred blocks may not be destroyed, or are kept when they go.
    pub fn random(chance: &mut Chance, spice: u8) -> Self {
        let slots = 3 + chance.below(SLOTS as u64 - 2) as usize;
        Self {
            slots: (0..slots)
                .map(|number| Slot::random(chance, number, spice))
                .collect(),
        }
    }

    /// The same stack after somebody worked on it.
    pub fn edited(&self, chance: &mut Chance, spice: u8) -> Self {
        let touched = chance.pick(&[10, 30, 60]);
        let mut slots: Vec<Slot> = self
            .slots
            .iter()
            .map(|slot| match chance.percent(touched) {
                true => slot.edited(chance, spice),
                false => slot.clone(),
            })
            .collect();
        if chance.percent(15) {
            // What referred to the other may be referred to by it from now on.
            let last = slots.len() as u64;
            slots.swap(chance.below(last) as usize, chance.below(last) as usize);
        }
        if slots.len() < SLOTS && chance.percent(25) {
            slots.push(Slot::random(chance, slots.len(), spice));
        }
        Self { slots }
    }

    /// Blocks, present or not.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Without a block.
    pub fn without(&self, number: usize) -> Self {
        self.with(number, |slot| slot.present = false)
    }

    /// With a block as plain as it can be.
    pub fn plain(&self, number: usize) -> Self {
        self.with(number, |slot| {
            slot.life = Life::default();
            slot.instances = 0;
        })
    }

    fn with(&self, number: usize, change: impl Fn(&mut Slot)) -> Self {
        let mut design = self.clone();
        design
            .slots
            .iter_mut()
            .filter(|slot| slot.number == number)
            .for_each(change);
        design
    }

    /// The stack as JSON. Blocks that have nothing to refer to are left out.
    pub fn written(&self) -> Written {
        let mut stack = Map::new();
        let mut names = BTreeSet::new();
        for slot in self.slots.iter().filter(|slot| slot.present) {
            for instance in 0..slot.instances.max(1) {
                let writer = Writer {
                    stack: &stack,
                    slot,
                    instance,
                };
                let Some(mut resource) = writer.resource() else {
                    continue;
                };
                for name in ["name", "allocation", "repository"] {
                    if let Some(value) = resource.get(name).cloned()
                        && !names.insert((slot.kind, value.to_string()))
                    {
                        resource[name] = json!(format!("own-{}-{instance}", slot.number));
                    }
                }
                stack.insert(writer.address(), resource);
            }
        }
        let addresses: Vec<String> = stack.keys().cloned().collect();
        for address in addresses
            .iter()
            .filter(|address| address.starts_with("net.gateway"))
        {
            let name: String = address.chars().filter(char::is_ascii_alphanumeric).collect();
            stack.insert(format!("output.{name}"), json!(format!("${{{address}.address}}")));
        }
        Written(Json::Object(stack))
    }
}

/// Writes one resource of a block.
struct Writer<'a> {
    stack: &'a Map<String, Json>,
    slot: &'a Slot,
    instance: u8,
}

impl Writer<'_> {
    fn address(&self) -> String {
        let Slot {
            kind,
            number,
            renamed,
            ..
        } = self.slot;
        let name = match renamed {
            0 => format!("{kind}.n{number}"),
            again => format!("{kind}.n{number}-{again}"),
        };
        match self.slot.instances {
            0 => name,
            _ => format!("{name}[\"k{}\"]", self.instance),
        }
    }

    /// Something of a type that stands before, by a pick.
    fn find(&self, type_name: &str, pick: usize) -> Option<String> {
        let found: Vec<&String> = self
            .stack
            .keys()
            .filter(|address| address.starts_with(type_name))
            .collect();
        let pick = self.slot.picks[pick] as usize + self.instance as usize;
        (!found.is_empty()).then(|| found[pick % found.len()].clone())
    }

    fn attribute(&self, type_name: &str, attribute: &str, pick: usize) -> Option<String> {
        self.find(type_name, pick)
            .map(|address| format!("${{{address}.{attribute}}}"))
    }

    /// A name that tells instances apart, and may be that of another block.
    fn name(&self, of: &str) -> String {
        let value = self.slot.values[0];
        match self.slot.instances {
            0 => format!("{of}-{value}"),
            _ => format!("{of}-{value}-{}-{}", self.slot.number, self.instance),
        }
    }

    fn resource(&self) -> Option<Json> {
        let values = self.slot.values;
        let mut resource = match self.slot.kind {
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
                "allocation": if values[2] == 0 { Json::Null } else { json!(self.name("allocation")) },
            }),
            "net.balancer" => json!({
                "name": self.name("balancer"),
                "internal": values[1] == 0,
                "part_ids": [self.attribute("net.part", "id", 0)?, self.attribute("net.part", "id", 1)?],
                "idle_seconds": if values[2] == 0 { Json::Null } else { json!(values[2]) },
            }),
            "net.listener" => json!({
                "balancer_arn": self.attribute("net.balancer", "arn", 0)?,
                "port": 1000 + 10 * self.slot.number + self.instance as usize,
                "target": self.attribute("net.gateway", "address", 1).or_else(|| text(values[0])),
            }),
            "net.record" => json!({
                "zone": "zone",
                "name": self.name("record"),
                "value": self.attribute("net.gateway", "address", 0).or_else(|| text(values[1])),
            }),
            "app.policy" => json!({
                "name": self.name("policy"),
                "attached": if values[1] == 0 { Json::Null } else { json!(["read", text(values[2])]) },
            }),
            "app.secret" => json!({
                "name": self.name("secret"),
                "value": format!("${{secret.value {}}}", values[1]),
                "hint": self.attribute("app.secret", "hint", 0).or_else(|| text(values[2])),
            }),
            "app.image" => json!({
                "repository": self.name("image"),
                "source": FILES[values[1] as usize % FILES.len()],
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
                "name": self.name("service"),
                "definition": self.attribute("app.definition", "arn", 0)?,
                "balancer_arn": self.attribute("net.balancer", "arn", 1),
                "count": values[1],
                "scaling": if values[2] == 0 { Json::Null } else { json!(values[2]) },
                "gateway_id": self.attribute("net.gateway", "id", 2),
            }),
            _ => json!({
                "service": self.attribute("app.service", "arn", 0)?,
                "stage": format!("stage-{}-{}", self.slot.number, self.instance),
                "definition": self.attribute("app.definition", "arn", 1)?,
            }),
        };
        let table = resource.as_object_mut()?;
        table.retain(|_, value| !value.is_null());
        if let Some(environment) = table.get_mut("environment").and_then(Json::as_object_mut) {
            environment.retain(|_, value| !value.is_null());
        }
        self.live(&mut resource);
        Some(resource)
    }

    fn live(&self, resource: &mut Json) {
        let Life {
            create_before_destroy,
            prevent_destroy,
            retain,
            ignore_changes,
            depends_on,
        } = self.slot.life;
        let mut lifecycle = Map::new();
        if let Some(first) = create_before_destroy {
            lifecycle.insert("create_before_destroy".to_owned(), json!(first));
        }
        if prevent_destroy {
            lifecycle.insert("prevent_destroy".to_owned(), json!(true));
        }
        // What is kept must neither hold a name that is needed again nor stand in the way of something else.
        if retain && matches!(self.slot.kind, "net.network" | "app.definition") {
            lifecycle.insert("retain".to_owned(), json!(true));
        }
        let mutable = ["note", "idle_seconds", "count", "attached", "hint"];
        if let Some(name) = mutable
            .into_iter()
            .find(|name| ignore_changes && resource.get(name).is_some())
        {
            lifecycle.insert("ignore_changes".to_owned(), json!([name]));
        }
        if !lifecycle.is_empty() {
            resource["lifecycle"] = Json::Object(lifecycle);
        }
        if let Some(needed) = self.find("", 2).filter(|_| depends_on) {
            resource["depends_on"] = json!([needed]);
        }
    }
}

fn text(value: u8) -> Option<String> {
    (value > 0).then(|| format!("text {value}"))
}
