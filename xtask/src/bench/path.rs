//! The critical path of a run in theory: what its graph costs when every step starts the moment that it may, each
//! call takes what it takes, and everything works the moment that it can. How the run really went does not count.

use std::collections::BTreeMap;

use infra_core::graph::{self, Graph};
use infra_core::{StepId, Strength};
use infra_record::{Call, StepTrack, Timeline};

/// A call that began a moment before another one ended did not wait for it; clocks of the record are in whole
/// milliseconds.
const CLOCK_MS: u64 = 2;

/// What things cost, in seconds.
pub struct Costs<'a> {
    /// A call.
    pub call: &'a dyn Fn(&Call) -> f64,
    /// From a step's last call until what it made works.
    pub readiness: &'a dyn Fn(&StepTrack) -> f64,
}

/// The longest chain.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// How long it takes, in seconds.
    pub seconds: f64,
    /// Its resources, first to last.
    pub resources: Vec<String>,
}

/// How far a step is when, in seconds since it began.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moments {
    exists: f64,
    ready: f64,
}

/// The longest chain through the steps of a run.
pub fn critical_path(run: &Timeline, costs: &Costs<'_>) -> Path {
    let alone: Vec<Moments> = run
        .steps
        .iter()
        .zip(run.calls_by_step())
        .map(|(track, calls)| {
            let calls: Vec<&Call> = calls.into_iter().map(|place| &run.calls[place]).collect();
            alone(track, &calls, costs)
        })
        .collect();
    let places: BTreeMap<StepId, usize> = run.steps.iter().map(|track| track.step).zip(0..).collect();
    let edges = run.steps.iter().enumerate().flat_map(|(from, track)| {
        let needs = track.after.iter();
        needs.filter_map({
            let places = &places;
            move |edge| Some((from, *places.get(&edge.step)?, edge.strength))
        })
    });
    let starts = Graph::new(run.steps.len(), edges).longest(
        |_| 0.0,
        |start, edge| {
            start
                + match edge.weight {
                    Strength::Exists => alone[edge.to].exists,
                    Strength::Ready => alone[edge.to].ready,
                }
        },
    );
    let end = |place: usize| starts[place].length + alone[place].ready;
    let Some(last) = (0..starts.len()).max_by(|&one, &other| end(one).total_cmp(&end(other))) else {
        return Path::default();
    };
    let chain = graph::nodes_of(&starts, last);
    Path {
        seconds: end(last),
        resources: chain
            .into_iter()
            .map(|place| run.steps[place].address.to_string())
            .collect(),
    }
}

/// How long a step takes by itself.
fn alone(track: &StepTrack, calls: &[&Call], costs: &Costs<'_>) -> Moments {
    let changing: Vec<&Call> = calls
        .iter()
        .copied()
        .filter(|call| call.mutating && call.error.is_none())
        .collect();
    let total = |calls: Vec<&Call>| calls.into_iter().map(costs.call).sum::<f64>();
    let called = total(one_after_another(&changing));
    let until_id: Vec<&Call> = changing
        .iter()
        .copied()
        .filter(|call| {
            track
                .exists_ms
                .is_some_and(|at| call.start_ms + call.duration_ms <= at)
        })
        .collect();
    let ready = called + (costs.readiness)(track);
    Moments {
        exists: match track.exists_ms {
            Some(_) => total(one_after_another(&until_id)),
            None => ready,
        },
        ready,
    }
}

/// As many calls as there are that do not overlap: of those that went on together one counts.
pub fn one_after_another<'a>(calls: &[&'a Call]) -> Vec<&'a Call> {
    let mut by_end: Vec<&Call> = calls.to_vec();
    by_end.sort_by_key(|call| call.start_ms + call.duration_ms);
    let mut chain: Vec<&Call> = Vec::new();
    for call in by_end {
        let free = chain.last().map_or(0, |last| last.start_ms + last.duration_ms);
        if chain.is_empty() || call.start_ms + CLOCK_MS >= free {
            chain.push(call);
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network whose settings follow its create one after the other, a gateway that needs it set up and takes
    /// long, a balancer that needs its id and takes longer, two rules made at once, and a service behind gateway
    /// and rules.
    const RUN: &str = r#"
        0 run_started "run":"r","command":"apply","steps":5,"stack":"s/-/d/us-east-1","serial":1,"at_unix_ms":1
        0 step_started "step":0,"address":"a.network.n","operation":"create","queued_ms":0,"after":[]
        90 api_call "address":"a.network.n","service":"a","operation":"CreateNetwork","mutating":true,"duration_ms":80,"error":null
        95 step_exists "step":0,"address":"a.network.n","physical_id":"n"
        96 step_started "step":1,"address":"a.balancer.b","operation":"create","queued_ms":95,"after":[{"step":0,"strength":"exists"}]
        180 api_call "address":"a.network.n","service":"a","operation":"SetOne","mutating":true,"duration_ms":80,"error":null
        190 api_call "address":"a.balancer.b","service":"a","operation":"CreateBalancer","mutating":true,"duration_ms":80,"error":null
        190 step_exists "step":1,"address":"a.balancer.b","physical_id":"b"
        290 api_call "address":"a.network.n","service":"a","operation":"SetTwo","mutating":true,"duration_ms":80,"error":null
        290 step_finished "step":0,"address":"a.network.n","operation":"create","changed":true,"physical_id":"n","duration_ms":290
        290 step_started "step":2,"address":"a.gateway.g","operation":"create","queued_ms":290,"after":[{"step":0,"strength":"ready"}]
        380 api_call "address":"a.gateway.g","service":"a","operation":"CreateGateway","mutating":true,"duration_ms":80,"error":"TooEarly"
        480 api_call "address":"a.gateway.g","service":"a","operation":"CreateGateway","mutating":true,"duration_ms":80,"error":null
        480 step_exists "step":2,"address":"a.gateway.g","physical_id":"g"
        290 step_started "step":3,"address":"a.rule.r","operation":"update","queued_ms":290,"after":[{"step":0,"strength":"exists"}]
        380 api_call "address":"a.rule.r","service":"a","operation":"PutRule","mutating":true,"duration_ms":80,"error":null
        380 api_call "address":"a.rule.r","service":"a","operation":"PutRule","mutating":true,"duration_ms":79,"error":null
        400 step_finished "step":3,"address":"a.rule.r","operation":"update","changed":true,"physical_id":"r","duration_ms":110
        1900 step_finished "step":1,"address":"a.balancer.b","operation":"create","changed":true,"physical_id":"b","duration_ms":1800
        2000 step_finished "step":2,"address":"a.gateway.g","operation":"create","changed":true,"physical_id":"g","duration_ms":1700
        2010 step_started "step":4,"address":"a.service.s","operation":"create","queued_ms":2000,"after":[{"step":2,"strength":"ready"},{"step":3,"strength":"ready"},{"step":1,"strength":"exists"}]
        2090 api_call "address":"a.service.s","service":"a","operation":"GetService","mutating":false,"duration_ms":40,"error":null
        2190 api_call "address":"a.service.s","service":"a","operation":"CreateService","mutating":true,"duration_ms":80,"error":null
        2190 step_exists "step":4,"address":"a.service.s","physical_id":"s"
        2190 step_finished "step":4,"address":"a.service.s","operation":"create","changed":true,"physical_id":"s","duration_ms":180
    "#;

    fn run() -> Timeline {
        let lines = RUN.lines().filter_map(|line| {
            let (at_ms, rest) = line.trim().split_once(' ')?;
            let (event, rest) = rest.split_once(' ')?;
            Some(format!(
                "{{\"version\":1,\"type\":\"event\",\"at_ms\":{at_ms},\"sequence\":1,\"event\":\"{event}\",{rest}}}\n"
            ))
        });
        let records = infra_record::read(&lines.collect::<String>()).unwrap();
        assert_eq!(records[0].unreadable_lines, 0);
        Timeline::of(&records[0]).unwrap()
    }

    fn path(call: f64, gateway: f64, balancer: f64) -> Path {
        let readiness = |track: &StepTrack| match track.address.type_name().to_string().as_str() {
            "a.gateway" => gateway,
            "a.balancer" => balancer,
            _ => 0.0,
        };
        let costs = Costs {
            call: &|_| call,
            readiness: &readiness,
        };
        critical_path(&run(), &costs)
    }

    #[test]
    fn a_chain_is_made_of_what_each_edge_needs() {
        for (gateway, balancer, seconds, resources) in [
            // Three calls of the network, the gateway's second one, and the service's.
            (
                10.0,
                0.0,
                15.0,
                &["a.network.n", "a.gateway.g", "a.service.s"][..],
            ),
            // The service needs nothing but the balancer's id, which is the network's first call and its own.
            (10.0, 14.0, 16.0, &["a.network.n", "a.balancer.b"][..]),
            (
                10.0,
                12.0,
                15.0,
                &["a.network.n", "a.gateway.g", "a.service.s"][..],
            ),
        ] {
            let path = path(1.0, gateway, balancer);
            assert_eq!(path.resources, resources);
            assert!((path.seconds - seconds).abs() < 1e-9, "{path:?} is not {seconds}");
        }
    }

    #[test]
    fn of_calls_that_went_on_together_one_counts() {
        let run = run();
        let of = |address: &str| -> usize {
            let calls = run.calls.iter();
            let calls: Vec<&Call> = calls
                .filter(|call| call.address.as_ref().is_some_and(|of| of.to_string() == address))
                .collect();
            one_after_another(&calls).len()
        };
        assert_eq!((of("a.network.n"), of("a.rule.r"), of("a.service.s")), (3, 1, 2));
    }

    #[test]
    fn nothing_takes_no_time() {
        let mut run = run();
        run.steps.clear();
        let costs = Costs {
            call: &|_| 1.0,
            readiness: &|_| 1.0,
        };
        assert_eq!(critical_path(&run, &costs), Path::default());
    }
}
