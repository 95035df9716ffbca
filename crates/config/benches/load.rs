//! How long a large stack takes to load: `cargo bench -p infra-config`.
//!
//! Prints one line for each size. The time has to grow with the size and not faster.
#![expect(clippy::print_stdout, reason = "the figures are what the benchmark is for")]

#[path = "../tests/suite/support/catalogue.rs"]
mod catalogue;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use infra_config::{Inputs, MemoryFiles, load};

/// A stack of `count` resources: networks of one VPC, twenty subnets and a service each, written out, and a
/// tenth of the subnets by `for_each`.
fn stack(count: usize) -> String {
    let mut text = String::from(
        "[stack]\nname = \"app\"\nstage = \"dev\"\nregion = \"us-east-1\"\ntags = { project = \"app\" }\n\
         [variable.zones]\ntype = \"list(string)\"\ndefault = [\"a\", \"b\"]\n\
         [local]\nprefix = \"${stack.name}-${stack.stage}\"\n",
    );
    for network in 0..count / 22 {
        let _ = writeln!(
            text,
            "[ec2.vpc.v{network}]\ncidr_block = \"10.0.0.0/16\"\ntags = {{ Name = \"${{local.prefix}}-{network}\" }}"
        );
        for subnet in 0..18 {
            let _ = writeln!(
                text,
                "[ec2.subnet.s{network}x{subnet}]\nvpc_id = \"${{ec2.vpc.v{network}.id}}\"\n\
                 cidr_block = \"${{cidrsubnet(ec2.vpc.v{network}.cidr_block, 8, {subnet})}}\"\n\
                 availability_zone = \"us-east-1a\"\ntags = {{ Name = \"${{local.prefix}}-{subnet}\" }}"
            );
        }
        let _ = writeln!(
            text,
            "[ec2.subnet.z{network}]\nfor_each = \"${{var.zones}}\"\nvpc_id = \"${{ec2.vpc.v{network}.id}}\"\n\
             cidr_block = \"${{cidrsubnet(ec2.vpc.v{network}.cidr_block, 8, each.index + 100)}}\"\n\
             [ecs.service.s{network}]\nname = \"${{local.prefix}}-{network}\"\ntask_definition = \"x\"\n\
             subnets = \"${{ec2.subnet.z{network}[*].id}}\""
        );
    }
    text
}

fn main() {
    // Run as a test, it only has to work.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let counts: &[usize] = if is_measured {
        &[500, 5_000, 50_000]
    } else {
        &[500]
    };
    for &count in counts {
        let files = MemoryFiles::new(BTreeMap::from([("stack.toml".into(), stack(count))]));
        let files: Arc<MemoryFiles> = Arc::new(files);
        let none = BTreeMap::new();
        let mut best = f64::MAX;
        let mut resources = 0;
        for _ in 0..5 {
            let inputs = Inputs {
                files: files.clone(),
                variables: &none,
                environment: &none,
            };
            let start = Instant::now();
            let loaded = load(Path::new("stack.toml"), &inputs, &catalogue::catalogue());
            best = best.min(start.elapsed().as_secs_f64());
            resources = loaded.stack.map_or(0, |stack| stack.resources.len());
        }
        println!("{resources} resources: {:.1} ms", best * 1000.0);
    }
}
