//! One stack's plan and run, with something of everything, for the tests and for the program that plays it.

#![expect(
    clippy::expect_used,
    reason = "the scenario is right or the tests have nothing to show"
)]

use infra_core::SourceFile;
use infra_core::SourceMap;

mod plan;
mod run;

pub use plan::{forecast, plan};
pub use run::events;

/// The clear text that must never be shown.
pub const SECRET: &str = "hunter2";

/// The stack file that the run's failure points into.
pub fn sources() -> SourceMap {
    let text = "[stack]\nname = \"app\"\n\n[ec2.route.private]\nroute_table_id = \"${ec2.route_table.private.id}\"\n\
                nat_gateway_id = \"${ec2.nat_gateway.main.id}\"\n\n[elbv2.target_group.app]\nport = 8080\n";
    SourceMap {
        files: vec![SourceFile {
            path: "stacks/dev.toml".into(),
            text: text.to_owned(),
        }],
    }
}
