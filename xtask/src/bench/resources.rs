//! A thousand real resources, against the same requests sent by a bare client.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use infra_sandbox::RecordedRequest;

use super::process::{Run, measured, median};
use super::project::Bench;
use super::replay::{replay, send};
use super::row::{Row, Unit};

const GROUP: &str = "resources";

/// Of each kind; with the network, the groups and the zone that they stand in there are a few more than a thousand.
const LOG_GROUPS: usize = 400;
const RULES: usize = 300;
const RECORDS: usize = 300;
/// AWS lets a security group have 60 rules in each direction.
const RULES_PER_GROUP: usize = 50;

/// Calls that infra has under way at once, so many connections the bare client has.
const PARALLELISM: usize = 64;
/// Of the bare client's time.
const GOAL: f64 = 1.1;

/// How many times as often as other long runs, one after the other: most of the time is the emulator's, which varies
/// from run to run by more than the two differ.
const ROUNDS: u32 = 3;

const FILE: &str = "many.toml";

/// Measures.
///
/// # Errors
/// A run does not succeed.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let project = bench.project(0.0)?;
    let host = || -> Result<String> {
        let endpoint = project.sandbox.reset()?.endpoint;
        let host = endpoint.strip_prefix("http://");
        host.map(str::to_owned).context("the endpoint is no HTTP")
    };
    let apply = |host: &str| {
        let zone = zone(host)?;
        std::fs::write(project.path().join(FILE), stack(&zone))?;
        measured(bench.infra(project.path(), ["apply", FILE, "--sandbox", "-y"]))
    };
    // The requests of a run like the measured ones: keeping them would cost those time. It is the emulator's first,
    // too, which nobody measures.
    let recorded = host()?;
    project.sandbox.start_recording()?;
    apply(&recorded)?;
    let requests = project.sandbox.stop_recording()?;
    ensure!(
        requests.len() > LOG_GROUPS,
        "only {} requests were recorded",
        requests.len()
    );
    let (mut ours, mut bare): (Vec<Run>, Vec<Run>) = Default::default();
    for _ in 0..ROUNDS * bench.long_runs() {
        ours.push(apply(&host()?)?);
        let time = replay(&host()?, &requests, PARALLELISM)?;
        bare.push(Run { time, memory: 0 });
    }
    let (ours, bare) = (median(&ours), median(&bare));
    let title = format!("{LOG_GROUPS} log groups, {RULES} rules and {RECORDS} records, fresh, no delays");
    Ok(vec![
        Row::new(GROUP, title, ours.seconds(), Unit::Seconds)
            .against(
                format!("a bare client, {} requests", requests.len()),
                bare.seconds(),
            )
            .at_most(GOAL),
        Row::new(GROUP, "memory", ours.memory as f64, Unit::Bytes),
    ])
}

/// A hosted zone, which no type of ours makes; its id.
fn zone(host: &str) -> Result<String> {
    let credentials = "Credential=123456789012/20260101/us-east-1/route53/aws4_request";
    let answer = send(
        host,
        &RecordedRequest {
            method: "POST".into(),
            target: "/2013-04-01/hostedzone".into(),
            headers: vec![
                (
                    "authorization".into(),
                    format!("AWS4-HMAC-SHA256 {credentials}, SignedHeaders=host, Signature=0"),
                ),
                ("content-type".into(), "text/xml".into()),
            ],
            body: "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>bench.example\
                   </Name><CallerReference>bench</CallerReference></CreateHostedZoneRequest>"
                .into(),
            status: 201,
            answer: Vec::new(),
        },
    )?;
    let answer = String::from_utf8_lossy(&answer);
    let id = answer
        .split_once("<Id>/hostedzone/")
        .and_then(|(_, rest)| rest.split_once("</Id>"));
    let (id, _) = id.with_context(|| format!("no hosted zone was made:\n{answer}"))?;
    Ok(id.to_owned())
}

fn stack(zone: &str) -> String {
    let groups = RULES.div_ceil(RULES_PER_GROUP);
    let mut text = format!(
        "[stack]\nname = \"many\"\nenvironment = \"bench\"\nstage = \"real\"\nregion = \"us-east-1\"\n\n\
         [ec2.vpc.main]\ncidr_block = \"10.0.0.0/16\"\n\n\
         [logs.log_group.many]\nfor_each = {}\nlog_group_name = \"/bench/${{each.value}}\"\n\n\
         [route53.record.many]\nfor_each = {}\nhosted_zone_id = \"{zone}\"\n\
         name = \"host-${{each.value}}.bench.example\"\ntype = \"TXT\"\nttl = 300\nresource_records = [\"\\\"${{each.value}}\\\"\"]\n",
        numbers(LOG_GROUPS),
        numbers(RECORDS)
    );
    for group in 0..groups {
        let rules = RULES_PER_GROUP.min(RULES - group * RULES_PER_GROUP);
        let _ = write!(
            text,
            "\n[ec2.security_group.g{group}]\ngroup_name = \"g{group}\"\ndescription = \"bench\"\n\
             vpc_id = \"${{ec2.vpc.main.id}}\"\ndefault_egress = true\n\n\
             [ec2.security_group_rule.g{group}]\nfor_each = {}\ntype = \"ingress\"\n\
             security_group_id = \"${{ec2.security_group.g{group}.id}}\"\nip_protocol = \"tcp\"\n\
             from_port = \"${{each.index + 1000}}\"\nto_port = \"${{each.index + 1000}}\"\ncidr_ipv4 = \"10.0.0.0/16\"\n",
            numbers(rules)
        );
    }
    text
}

/// So many texts, to be given to `for_each`.
fn numbers(count: usize) -> String {
    format!("'${{[for number in range(0, {count}) : \"${{number}}\"]}}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_has_a_thousand_resources_and_a_few() {
        let text = stack("Z1");
        let of = |kind: &str| text.matches(kind).count();
        assert_eq!(of("[ec2.security_group_rule.g"), 6);
        assert_eq!(LOG_GROUPS + RULES + RECORDS, 1000);
        assert_eq!(of("range(0, 50)"), 6);
        assert!(
            text.contains("'${[for number in range(0, 400) : \"${number}\"]}'"),
            "{text}"
        );
    }
}
