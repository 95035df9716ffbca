//! Every resource type against an emulator over HTTP, with the real SDK: created, read back, found again as
//! after a lost answer, changed, deleted twice.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and say when they skip"
)]

mod apigatewayv2;
mod autoscaling;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod harness;
mod iam;
mod logs;
mod route53;
