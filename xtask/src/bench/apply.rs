//! A fresh apply of the reference stack against what its graph costs in theory, and against the same stack walked
//! the classic way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use infra_record::{Call, StepTrack, Timeline};
use infra_sandbox::Faults;

use super::STACK;
use super::path::{Costs, critical_path, one_after_another};
use super::process::{Run, measured, median, medians};
use super::project::Bench;
use super::record::last_record;
use super::row::{Row, Unit};

const GROUP: &str = "apply";

/// What a request takes beside what the emulator itself needs, in seconds.
const LATENCY_SECONDS: f64 = 0.050;
/// On AWS's typical durations.
const TIME_SCALE: f64 = 0.02;
/// At most so much of the critical path.
const GOAL: f64 = 1.05;

/// What a type's readiness is made of in the emulator, by the names of its durations.
const READINESS: &[(&str, &[&str])] = &[
    (
        "apigatewayv2.domain_name",
        &["apigatewayv2.domain_name.available"],
    ),
    ("apigatewayv2.vpc_link", &["apigatewayv2.vpc_link.available"]),
    ("ec2.nat_gateway", &["ec2.nat_gateway.available"]),
    ("ec2.vpc_endpoint", &["ec2.vpc_endpoint.available"]),
    (
        "ecs.deployment",
        &[
            "ecs.task.running",
            "elbv2.target.healthy",
            "ecs.deployment.steady",
        ],
    ),
    ("elbv2.load_balancer", &["elbv2.load_balancer.active"]),
    ("route53.record", &["route53.change.insync"]),
];
/// Its time is that of a transfer, which no table tells: it counts as it was measured.
const MEASURED: &str = "ecr.image";

/// Measures.
///
/// # Errors
/// A run does not succeed.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let project = bench.project(TIME_SCALE)?;
    project.sandbox.set_faults(&Faults {
        latency_ms: LATENCY_SECONDS * 1000.0,
        ..Faults::default()
    })?;
    let start = medians(bench.runs, || bench.infra(project.path(), ["--version"]))?;
    let (mut fresh, mut classic): (Vec<Run>, Vec<Run>) = Default::default();
    let mut runs = Vec::new();
    for _ in 0..bench.long_runs() {
        let walk = |more: &[&str]| -> Result<(Run, Timeline)> {
            let arguments = ["apply", STACK, "--sandbox", "-y"].iter().chain(more);
            let run = measured(bench.infra(project.path(), arguments))?;
            let timeline = last_record(&project)?;
            measured(bench.infra(project.path(), ["destroy", STACK, "--sandbox", "-y"]))?;
            Ok((run, timeline))
        };
        let (run, timeline) = walk(&[])?;
        fresh.push(run);
        runs.push((run.seconds(), timeline));
        classic.push(walk(&["--every-edge-ready", "--parallelism", "10"])?.0);
    }
    let durations = project.sandbox.durations()?;
    let (fresh, classic) = (median(&fresh), median(&classic));
    // The record of the run in the middle; its graph is that of all of them.
    let by_distance = |run: &&(f64, Timeline)| Duration::from_secs_f64((run.0 - fresh.seconds()).abs());
    let (_, record) = runs.iter().min_by_key(by_distance).context("nothing was run")?;
    let theory = in_theory(record, start.seconds(), &durations, |_| LATENCY_SECONDS)?;
    let here = in_theory(record, start.seconds(), &durations, |call| {
        Duration::from_millis(call.duration_ms).as_secs_f64()
    })?;
    println!("apply: critical path {} = {}", theory.shown, theory.resources);
    let seconds = |name: &str, run: Run| Row::new(GROUP, name, run.seconds(), Unit::Seconds);
    Ok(vec![
        seconds("reference stack, fresh, 50 ms a call, AWS's times over 50", fresh)
            .against(format!("critical path: {}", theory.shown), theory.seconds)
            .at_most(GOAL),
        seconds("the same against calls as slow as the emulator's", fresh)
            .against(format!("critical path: {}", here.shown), here.seconds),
        seconds(
            "the same the classic way: every edge ready, 10 at a time",
            classic,
        )
        .against("by strength of edges", fresh.seconds()),
    ])
}

/// A run as it would be in theory.
struct Theory {
    seconds: f64,
    /// What it is made of.
    shown: String,
    resources: String,
}

/// What a run costs in theory: the binary's start, the rounds of calls before the first step, and the longest
/// chain of steps. An answer takes the whole latency after what it tells, so that a wait's last look, a latency
/// after the thing works, is as long after the create's answer as the thing took to work: it is in there.
fn in_theory(
    run: &Timeline,
    start_seconds: f64,
    durations: &BTreeMap<String, Duration>,
    call: impl Fn(&Call) -> f64,
) -> Result<Theory> {
    for (type_name, names) in READINESS {
        if let Some(name) = names.iter().find(|name| !durations.contains_key(**name)) {
            bail!("the emulator has no duration {name}, which {type_name} goes by");
        }
    }
    let readiness = |track: &StepTrack| works_after(track, durations).as_secs_f64();
    let path = critical_path(
        run,
        &Costs {
            call: &call,
            readiness: &readiness,
        },
    );
    let before: Vec<&Call> = run.calls_before.iter().collect();
    let before = one_after_another(&before);
    let head: f64 = before.iter().copied().map(&call).sum();
    Ok(Theory {
        seconds: start_seconds + head + path.seconds,
        shown: format!(
            "start {:.0} ms + calls before {:.0} ms (rounds: {}) + steps {:.0} ms",
            start_seconds * 1000.0,
            head * 1000.0,
            before.len(),
            path.seconds * 1000.0
        ),
        resources: path.resources.join(" → "),
    })
}

/// How long a thing takes in the emulator from the answer of its last call until it works.
fn works_after(track: &StepTrack, durations: &BTreeMap<String, Duration>) -> Duration {
    let type_name = track.address.type_name().to_string();
    if type_name == MEASURED {
        return Duration::from_millis(track.end_ms - track.started_ms);
    }
    let names = READINESS.iter().find(|(of, _)| *of == type_name);
    let names = names.map_or(&[][..], |(_, names)| names);
    names.iter().filter_map(|name| durations.get(*name)).sum()
}
