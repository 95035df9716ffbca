//! Random stacks: a fixed number of places, each with a type, that refer to what stands before them in an
//! order that can change from one version of the stack to the next.

use infra_core::{ResourceAddress, Stack, Value};
use proptest::prelude::{Just, Strategy, any, prop};
use proptest::sample::Index;

use super::case::{Case, empty_stack, resource};
use super::expression::template;

/// One resource of a random stack.
#[derive(Debug, Clone)]
pub struct Slot {
    present: bool,
    /// For attributes that can and that cannot be changed, and for the name.
    values: [u8; 3],
    lifecycle: u8,
    /// What it refers to, by whatever is before it in the stack's order.
    references: Vec<Index>,
    /// Which of its attributes refers.
    ways: Vec<u8>,
    /// Under another address with the same name.
    moved: bool,
}

#[derive(Debug, Clone)]
pub struct Design {
    slots: Vec<Slot>,
    /// A permutation: what stands later may refer to what stands before.
    order: Vec<usize>,
}

/// How many resources a random stack has at most.
pub const SLOTS: usize = 12;

fn slot() -> impl Strategy<Value = Slot> {
    (
        prop::bool::weighted(0.85),
        [0..3_u8, 0..2_u8, 0..4_u8],
        0..16_u8,
        prop::collection::vec(any::<Index>(), 0..4),
        prop::collection::vec(0..4_u8, 4),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(present, values, lifecycle, references, ways, moved)| Slot {
            present,
            values,
            lifecycle,
            references,
            ways,
            moved,
        })
}

pub fn design() -> impl Strategy<Value = Design> {
    let order = Just((0..SLOTS).collect::<Vec<_>>()).prop_shuffle();
    (prop::collection::vec(slot(), SLOTS), order).prop_map(|(slots, order)| Design { slots, order })
}

/// The same stack with some slots exchanged for those of another: edits of a few resources are more telling
/// than a stack that is all new.
pub fn edit(before: &Design, after: &Design, mask: &[bool], reorder: bool) -> Design {
    let pick = |position: usize| match mask[position] {
        true => after.slots[position].clone(),
        false => before.slots[position].clone(),
    };
    Design {
        slots: (0..SLOTS).map(pick).collect(),
        order: if reorder {
            after.order.clone()
        } else {
            before.order.clone()
        },
    }
}

const TYPES: [&str; 7] = [
    "net.vpc",
    "app.group",
    "app.template",
    "net.subnet",
    "app.service",
    "app.rollout",
    "net.balancer",
];

fn address(position: usize, slot: &Slot) -> ResourceAddress {
    let kind = TYPES[position % TYPES.len()];
    let prefix = if slot.moved { 'y' } else { 'x' };
    format!("{kind}.{prefix}{position}").parse().unwrap()
}

impl Design {
    pub fn stack(&self, case: &Case, with_lifecycles: bool) -> Stack {
        let mut stack = empty_stack();
        for (place, &position) in self.order.iter().enumerate() {
            let slot = &self.slots[position];
            if !slot.present {
                continue;
            }
            let before: Vec<usize> = self.order[..place]
                .iter()
                .copied()
                .filter(|&other| self.slots[other].present)
                .collect();
            let text = self.text(position, slot, &before, with_lifecycles);
            let table: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let address = address(position, slot);
            let resource = resource(address.clone(), &table, &case.types);
            stack.resources.insert(address, resource);
        }
        let output = infra_core::stack::Output {
            value: template(Value::from("${net.vpc.x0.id}")),
            description: String::new(),
            sensitive: false,
            span: infra_core::Span { file: 0, range: 0..0 },
        };
        stack.outputs.insert("first".to_owned(), output);
        stack
    }

    /// What a rollout is of: a service that stands before it, or none of the stack.
    fn service(&self, before: &[usize]) -> String {
        let mut before = before.iter().map(|&other| address(other, &self.slots[other]));
        let service = before.find(|address| address.type_name().to_string() == "app.service");
        service.map_or_else(|| "none".to_owned(), |service| format!("${{{service}.arn}}"))
    }

    /// The subnets that a balancer stands in, of those before it.
    fn subnets(&self, slot: &Slot, before: &[usize]) -> String {
        let before = before.iter().map(|&other| address(other, &self.slots[other]));
        let subnets = before.filter(|address| address.type_name().to_string() == "net.subnet");
        let named = subnets
            .take(usize::from(slot.values[0]))
            .map(|subnet| format!("'${{{subnet}.id}}'"));
        named.collect::<Vec<_>>().join(", ")
    }

    fn text(&self, position: usize, slot: &Slot, before: &[usize], with_lifecycles: bool) -> String {
        let [mutable, immutable, name] = slot.values;
        let name = format!("n{position}-{}", name / 3);
        // Where references may stand: in an attribute that can be changed, or in one that cannot.
        let (own, places): (String, [&str; 2]) = match position % TYPES.len() {
            0 => (
                format!("cidr = 'c{immutable}'\ntags = {{ a = 't{mutable}' "),
                ["}", "}"],
            ),
            1 => (
                format!("name = '{name}'\nport = {immutable}\ndelay = {mutable}\n"),
                ["vpc_id", "vpc_id"],
            ),
            2 => (format!("image = 'i{immutable}'\n"), ["group", "group"]),
            3 => (
                format!("cidr = 'c{immutable}'\nzone = 'z'\ntags = {{ a = 't{mutable}' "),
                ["}", "vpc_id"],
            ),
            6 => (
                format!("name = '{name}'\nsubnets = [{}]\n", self.subnets(slot, before)),
                ["depends_on", "depends_on"],
            ),
            5 => (
                format!("service = '{}'\n", self.service(before)),
                ["template", "template"],
            ),
            _ => (
                format!("name = '{name}'\ncount = {mutable}\ntoken = '${{secret.s{mutable}}}'\n"),
                ["groups", "group"],
            ),
        };
        let mut text = own;
        let mut in_tags = String::new();
        let mut groups = Vec::new();
        let mut rest = String::new();
        let mut used = Vec::new();
        for (number, (index, way)) in slot.references.iter().zip(&slot.ways).enumerate() {
            if before.is_empty() {
                break;
            }
            let other = before[index.index(before.len())];
            let target = address(other, &self.slots[other]);
            let attribute = match (target.type_name().to_string().as_str(), way) {
                ("net.vpc" | "net.subnet", 3) => "cidr",
                ("net.vpc" | "net.subnet", _) => "id",
                ("app.template", 3) => "image",
                ("app.group" | "app.service", 3) => "name",
                ("app.rollout", _) => "state",
                ("app.service", 2) => "revision",
                _ => "arn",
            };
            let reference = format!("'${{{target}.{attribute}}}'");
            match places[usize::from(way % 2 == 1)] {
                "}" => in_tags.push_str(&format!(", r{number} = {reference}")),
                "groups" => groups.push(reference),
                "depends_on" => rest.push_str(&format!("depends_on = ['{target}']\n")),
                place if !used.contains(&place) => {
                    used.push(place);
                    rest.push_str(&format!("{place} = {reference}\n"));
                }
                _ => rest.push_str(&format!("depends_on = ['{target}']\n")),
            }
            if rest.matches("depends_on").count() > 1 {
                let last = rest.rfind("depends_on").unwrap();
                rest.truncate(last);
            }
        }
        if matches!(position % TYPES.len(), 0 | 3) {
            text.push_str(&in_tags);
            text.push_str("}\n");
        }
        if position % TYPES.len() == 3 && !used.contains(&"vpc_id") {
            text.push_str("vpc_id = 'none'\n");
        }
        if !groups.is_empty() {
            text.push_str(&format!("groups = [{}]\n", groups.join(", ")));
        }
        text.push_str(&rest);
        let lifecycle = match slot.lifecycle {
            0 => "create_before_destroy = true",
            1 => "create_before_destroy = false",
            2 => "retain = true",
            3 => "prevent_destroy = true",
            4 if position % TYPES.len() == 4 => "ignore_changes = ['count']",
            _ => return text,
        };
        if with_lifecycles {
            text.push_str(&format!("lifecycle = {{ {lifecycle} }}\n"));
        }
        text
    }
}
