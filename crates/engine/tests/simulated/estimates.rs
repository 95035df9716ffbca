//! How long a run is expected to take, against how long it takes.

use std::time::Duration;

use infra_core::plan::Forecast;
use infra_core::{StepOperation, TypeName};
use infra_record::{Durations, Record, Sample, Timeline};
use infra_testkit::stack;
use serde_json::json;

use crate::bench::{Bench, destroy};
use crate::stacks::everything_on;

fn names(forecast: &Forecast) -> Vec<String> {
    forecast
        .critical_path
        .iter()
        .map(|step| step.address.to_string())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_never_measured_is_expected_to_take_what_is_usual_for_its_type() {
    let mut bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let name = |text: &str| text.parse::<TypeName>().unwrap();
    bench.past = Durations::new([], [(name("app.service"), name("net.balancer"))]);
    let (session, _receiver) = bench.session();
    let planned = bench.plan(&stack).await;
    let forecast = session.forecast(&planned.plan);
    assert_eq!((forecast.measured_steps, forecast.typical_steps), (0, 12));
    let ran = bench.apply(&stack).await;
    let path: Vec<String> = ran.report.critical_path.iter().map(ToString::to_string).collect();
    assert_eq!(names(&forecast), path);
    let (expected, took) = (forecast.duration_ms, ran.report.duration.as_millis() as u64);
    assert!(
        took.abs_diff(expected) < took / 10,
        "{expected} is not about {took}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_run_takes_as_long_as_its_forecast_says() {
    let mut bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let untouched = bench.fork();
    let record = |events| Record {
        events,
        unreadable_lines: 0,
    };
    let first = bench.apply(&stack).await;
    let up = Timeline::of(&record(first.events)).unwrap();
    let path: Vec<String> = first
        .report
        .critical_path
        .iter()
        .map(ToString::to_string)
        .collect();
    bench.past = Durations::of_runs(&[up]);

    // In an account without anything it is made again as it was, with what stood aside among it.
    let again = Bench {
        past: bench.past.clone(),
        ..untouched
    };
    let (session, _receiver) = again.session();
    let forecast = session.forecast(&again.plan(&stack).await.plan);
    let took = again.apply(&stack).await.report.duration.as_millis() as u64;
    assert_eq!(names(&forecast), path);
    assert_eq!(forecast.typical_steps, 0);
    assert!(
        took.abs_diff(forecast.duration_ms) <= took / 100,
        "{forecast:?} is not {took}"
    );

    // A destroy was never measured: the delays of the types are expected.
    let (session, _receiver) = bench.session();
    let down = session.plan(destroy(None)).await.unwrap();
    let forecast = session.forecast(&down.plan);
    assert_eq!(forecast.measured_steps, 0);
    drop(session);
    let took = bench.destroy(None).await.report.duration.as_millis() as u64;
    assert!(
        took.abs_diff(forecast.duration_ms) < took / 4,
        "{forecast:?} is not about {took}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_measured_is_expected_again() {
    let mut bench = Bench::new();
    let stack = stack(json!({
        "net.network.main": { "range": "10.0.0.0/16" },
        "net.part.a": { "network_id": "${net.network.main.id}" },
        "net.gateway.main": { "part_id": "${net.part.a.id}" },
        "net.balancer.main": { "name": "front", "part_ids": ["${net.part.a.id}"] },
        "net.listener.main": { "balancer_arn": "${net.balancer.main.arn}", "port": 80 },
    }));
    let sample = |address: &str, call, rest, waited| Sample {
        address: address.parse().unwrap(),
        operation: StepOperation::Create,
        call: Duration::from_millis(call),
        rest: Duration::from_millis(rest),
        waited,
    };
    let name = |text: &str| text.parse::<TypeName>().unwrap();
    let samples = [
        sample("net.network.main", 20, 5, false),
        sample("net.part.other", 30, 0, false),
        sample("net.gateway.main", 40, 900, true),
        sample("net.balancer.main", 50, 700, true),
        sample("net.listener.main", 60, 0, false),
    ];
    let plan = bench.plan(&stack).await.plan;
    for (held, wait, path, duration_ms) in [
        // An id is enough for the listener, so the gateway is last.
        (
            vec![],
            true,
            &["net.network.main", "net.part.a", "net.gateway.main"][..],
            990,
        ),
        // It was refused before the balancer worked; nobody waits for the gateway.
        (
            vec![(name("net.listener"), name("net.balancer"))],
            false,
            &[
                "net.network.main",
                "net.part.a",
                "net.balancer.main",
                "net.listener.main",
            ][..],
            860,
        ),
        (
            vec![],
            false,
            &["net.network.main", "net.part.a", "net.balancer.main"][..],
            800,
        ),
    ] {
        bench.past = Durations::new(samples.clone(), held);
        bench.wait = wait;
        let (session, _receiver) = bench.session();
        let forecast = session.forecast(&plan);
        assert_eq!(
            (names(&forecast).as_slice(), forecast.duration_ms),
            (
                path.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .as_slice(),
                duration_ms
            )
        );
        assert_eq!((forecast.measured_steps, forecast.typical_steps), (5, 0));
    }
}
