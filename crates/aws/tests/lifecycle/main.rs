//! Every resource type against emulators over HTTP, with the real SDK: created, read back, found again as
//! after a lost answer, changed, deleted twice.
//!
//! Each test runs on moto as others wrote it and on the project's own sandbox, such as `moto::ec2::vpc` and
//! `sandbox::ec2::vpc`; those that need what only the sandbox can are told so in their file's list. This program
//! starts both and ends them: the ordinary harness would leave them behind. There is no way past it: where an
//! emulator does not start, its tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod apigatewayv2;
mod applicationautoscaling;
mod by_hand;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod emulators;
mod harness;
mod iam;
mod logs;
mod route53;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use emulators::{Emulator, Emulators};
use harness::{Cloud, Test};

const SERVICES: [(&str, &[Test]); 9] = [
    ("apigatewayv2", apigatewayv2::TESTS),
    ("applicationautoscaling", applicationautoscaling::TESTS),
    ("ec2", ec2::TESTS),
    ("ecr", ecr::TESTS),
    ("ecs", ecs::TESTS),
    ("elbv2", elbv2::TESTS),
    ("iam", iam::TESTS),
    ("logs", logs::TESTS),
    ("route53", route53::TESTS),
];

fn main() -> ExitCode {
    let emulators = Arc::new(Emulators::default());
    let trials = SERVICES
        .iter()
        .flat_map(|(service, tests)| tests.iter().map(move |test| (service, test)))
        .flat_map(|(service, test)| test.emulators.iter().map(move |on| (service, test, *on)))
        .map(|(service, test, on)| trial(service, test, on, &emulators))
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(service: &str, test: &'static Test, on: Emulator, emulators: &Arc<Emulators>) -> Trial {
    let emulators = Arc::clone(emulators);
    Trial::test(format!("{}::{service}::{}", on.name(), test.name), move || {
        let endpoint = emulators.endpoint(on)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async { (test.run)(Cloud::connect(endpoint, on).await).await });
        Ok(())
    })
}
