//! How long planning takes: `cargo run --release -p infra-plan --example measure [resources…]`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measuring program")]

use std::io::Write;
use std::time::Instant;

use common::case::{Case, empty_stack, resource};
use common::cloud::Cloud;
use infra_core::Stack;
use infra_core::plan::PlanMode;

#[path = "../tests/common/mod.rs"]
mod common;

/// A stack as large as asked for: groups of ten with a network, subnets, groups, templates and services, each
/// referring to others of its own group and of the one before.
fn stack(case: &Case, count: usize, change: impl Fn(usize) -> bool) -> Stack {
    let mut stack = empty_stack();
    for number in 0..count {
        let (set, before) = (number / 10, (number / 10).saturating_sub(1));
        let version = if change(number) { 2 } else { 1 };
        let (address, text) = match number % 10 {
            0 => (
                format!("net.vpc.n{set}"),
                format!("cidr = '10.0.0.0/16'\ntags = {{ version = '{version}' }}"),
            ),
            1..=4 => (
                format!("net.subnet.n{number}"),
                format!(
                    "vpc_id = '${{net.vpc.n{set}.id}}'\ncidr = '10.0.{number}.0/24'\ntags = {{ version = '{version}', beside = '${{net.vpc.n{before}.id}}' }}"
                ),
            ),
            5 | 6 => (
                format!("app.group.n{number}"),
                format!("name = 'group-{number}'\nport = {version}\nvpc_id = '${{net.vpc.n{set}.id}}'"),
            ),
            7 => (
                format!("app.template.n{set}"),
                format!(
                    "containers = [{{ name = 'app', image = 'app:{version}', environment = {{ NET = '${{net.vpc.n{set}.id}}' }} }}]"
                ),
            ),
            _ => {
                let first = set * 10;
                let (one, two, group) = (first + 1, first + 2, first + 5);
                (
                    format!("app.service.n{number}"),
                    format!(
                        "name = 'service-{number}'\ncount = {version}\ntemplate = '${{app.template.n{set}.arn}}'\ngroups = ['${{net.subnet.n{one}.id}}', '${{net.subnet.n{two}.id}}']\nnote = 'to ${{app.group.n{group}.arn}}'\ntoken = '${{secret.x{version}}}'"
                    ),
                )
            }
        };
        let complete = number % 10 < 8 || count > (number / 10) * 10 + 7;
        if complete {
            let address: infra_core::ResourceAddress = address.parse().unwrap();
            let table = toml::from_str(&text).unwrap();
            stack
                .resources
                .insert(address.clone(), resource(address, &table, &case.types));
        }
    }
    stack
}

fn main() {
    let mut counts: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok())
        .collect();
    if counts.is_empty() {
        counts = vec![5_000, 50_000];
    }
    let mut out = std::io::stdout();
    for count in counts {
        let mut case = Case::empty();
        let mut cloud = Cloud::default();
        case.stack = Some(stack(&case, count, |_| false));
        let mut measure = |case: &Case, what: &str| {
            let start = Instant::now();
            let plan = case.plan_unchecked().expect("a plan");
            let planned = start.elapsed();
            let start = Instant::now();
            case.check(&plan).expect("a sound plan");
            let checked = start.elapsed();
            let (steps, milliseconds) = (plan.steps.len(), planned.as_millis());
            let check = checked.as_millis();
            writeln!(out, "{count:>6} resources, {what:<22} {steps:>6} steps: plan {milliseconds:>5} ms, check {check:>5} ms")
                .unwrap();
            plan
        };
        let plan = measure(&case, "all new");
        cloud.run_in_order(&mut case, &plan);
        cloud.observe(&mut case);
        measure(&case, "nothing differs");
        case.stack = Some(stack(&case, count, |number| number % 100 < 3));
        measure(&case, "a few changed");
        case.stack = Some(stack(&case, count, |_| true));
        measure(&case, "everything changed");
        case.stack = Some(stack(&case, count / 2, |_| false));
        measure(&case, "half of it gone");
        case.options.mode = PlanMode::Destroy;
        measure(&case, "destroy");
    }
}
