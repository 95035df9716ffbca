//! What it costs to see that nothing differs: requests, rounds of them one after another, and time.

use anyhow::{Context, Result};
use infra_sandbox::Faults;

use super::STACK;
use super::process::{Run, measured, median};
use super::project::{Bench, Project};
use super::row::{Row, Unit};

const GROUP: &str = "diff";

/// What a request takes, in seconds, beside what the emulator itself needs.
const LATENCY_SECONDS: f64 = 0.050;
/// Another one: what the time grows by tells how many requests follow one another. The longer it is, the less counts
/// what else the machine did.
const LONGER_SECONDS: f64 = 0.550;

/// Subnets of the stacks that show whether requests grow with resources or with pages.
const SUBNETS: [usize; 3] = [5, 50, 250];

/// Measures.
///
/// # Errors
/// A run does not succeed.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let project = bench.project(0.002)?;
    let mut rows = of_the_reference_stack(bench, &project)?;
    let mut first = None;
    for subnets in SUBNETS {
        let requests = of_subnets(bench, &project, subnets)?;
        let row = Row::new(
            GROUP,
            format!("requests with {subnets} subnets"),
            requests,
            Unit::Count,
        );
        let yardstick = *first.get_or_insert(requests);
        rows.push(row.against(format!("with {} subnets", SUBNETS[0]), yardstick));
    }
    Ok(rows)
}

fn of_the_reference_stack(bench: &Bench, project: &Project) -> Result<Vec<Row>> {
    measured(bench.infra(project.path(), ["apply", STACK, "--sandbox", "-y"]))?;
    let diff = || measured(bench.infra(project.path(), ["diff", STACK, "--sandbox"]));
    diff()?;
    project.sandbox.reset_requests()?;
    diff()?;
    let requests = project.sandbox.requests()?.total as f64;
    let at = |seconds: f64| -> Result<Run> {
        let late = Faults {
            latency_ms: seconds * 1000.0,
            ..Faults::default()
        };
        project.sandbox.set_faults(&late)?;
        let runs = (0..bench.long_runs())
            .map(|_| diff())
            .collect::<Result<Vec<_>>>()?;
        Ok(median(&runs))
    };
    let (soon, late) = (at(LATENCY_SECONDS)?, at(LONGER_SECONDS)?);
    project.sandbox.clear_faults()?;
    // There are so many or one more: beyond a tenth it is what else the machine did.
    let rounds = (late.seconds() - soon.seconds()) / (LONGER_SECONDS - LATENCY_SECONDS);
    let rounds = (rounds * 10.0).round() / 10.0;
    Ok(vec![
        Row::new(GROUP, "requests, reference stack", requests, Unit::Count).at_most(40.0),
        Row::new(GROUP, "rounds, one after another", rounds, Unit::Ratio).at_most(3.0),
        Row::new(GROUP, "time with 50 ms a request", soon.seconds(), Unit::Seconds)
            .at_most(6.0 * LATENCY_SECONDS + 0.1),
    ])
}

/// The requests of a no-op diff of a network with so many subnets.
fn of_subnets(bench: &Bench, project: &Project, subnets: usize) -> Result<f64> {
    let file = format!("subnets-{subnets}.toml");
    std::fs::write(project.path().join(&file), network(subnets))?;
    let infra = |arguments: &[&str]| {
        let run = measured(bench.infra(project.path(), arguments));
        run.with_context(|| format!("{subnets} subnets"))
    };
    infra(&["apply", &file, "--sandbox", "-y"])?;
    project.sandbox.reset_requests()?;
    infra(&["diff", &file, "--sandbox"])?;
    Ok(project.sandbox.requests()?.total as f64)
}

fn network(subnets: usize) -> String {
    format!(
        "[stack]\nname = \"many\"\nenvironment = \"bench\"\nstage = \"s{subnets}\"\nregion = \"us-east-1\"\n\n\
         [ec2.vpc.main]\ncidr_block = \"10.0.0.0/16\"\n\n\
         [ec2.subnet.many]\nfor_each = '${{[for number in range(0, {subnets}) : \"${{number}}\"]}}'\n\
         vpc_id = \"${{ec2.vpc.main.id}}\"\n\
         cidr_block = '${{cidrsubnet(\"10.0.0.0/16\", 8, each.index)}}'\n"
    )
}
