//! What a past run took, drawn and looked at in a browser; and what the next one is expected to take.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use infra_sandbox::Faults;
use serde_json::Value;

use crate::harness::{Browser, Project, Reference};

/// Widths of a desk and of half of one, in pixels.
const WIDTHS: [u32; 2] = [1300, 700];

#[test]
fn a_run_is_drawn_and_the_next_one_is_expected_to_take_as_long() {
    let reference = Reference::dev02();
    // Nothing was measured yet: what is usual on AWS is expected, which is minutes.
    let plan = reference.run("plan", &["--output=json"]).exits(0);
    let forecast = forecast(&plan.json_of("plan"));
    let steps = plan.json_of("plan")[0]["steps"].as_u64().unwrap();
    assert_eq!(
        (&forecast["measured_steps"], &forecast["typical_steps"]),
        (&0.into(), &steps.into())
    );
    assert!(forecast["duration_ms"].as_u64().unwrap() > 120_000, "{forecast}");

    // The rollout is told late, so that no other chain ends as late as its own.
    let late = Faults {
        latency_ms: 300.0,
        only: vec!["ecs.DescribeServices".into()],
        ..Faults::default()
    };
    reference.project.emulator().set_faults(&late).unwrap();
    let applied = reference.run("apply", &["-y", "--output=json"]).exits(0);
    reference.project.emulator().clear_faults().unwrap();
    let finished = &applied
        .json()
        .into_iter()
        .find(|line| line["event"] == "run_finished")
        .unwrap();
    let report = reference.run("report", &["--out", "apply.html"]).exits(0);
    report.says(["completed in", "Its critical path took", "Written to apply.html"]);

    // The figures of the record are those of the run itself.
    let figures = reference
        .run("report", &["--output=json"])
        .exits(0)
        .json_of("report")
        .remove(0);
    assert_eq!(figures["run"], finished["run"]);
    assert_eq!(figures["outcome"], "completed");
    let summary = &finished["summary"];
    for (name, expected) in [
        ("duration_ms", "duration_ms"),
        ("critical_path_ms", "critical_path_ms"),
    ] {
        let (found, expected) = (
            figures[name].as_u64().unwrap(),
            summary[expected].as_u64().unwrap(),
        );
        assert!(
            found.abs_diff(expected) <= expected / 10 + 100,
            "{name}: {found}, not {expected}"
        );
    }
    let calls: u64 = figures["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sum| sum["count"].as_u64().unwrap())
        .sum();
    let counted = summary["mutating_calls"].as_u64().unwrap() + summary["reading_calls"].as_u64().unwrap();
    assert_eq!(calls, counted);
    let addresses = |path: &Value, name: &str| -> Vec<String> {
        let mut names: Vec<String> = path
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part.get(name).unwrap_or(part).as_str().unwrap().to_owned())
            .collect();
        names.dedup();
        names
    };
    assert_eq!(
        addresses(&figures["critical_path"], "address").last(),
        addresses(&finished["critical_path"], "address").last()
    );
    let started = figures["steps"].as_array().unwrap().len();

    let page = reference.project.root().join("apply.html");
    for found in Browser::find().look(&page, &WIDTHS, include_str!("report.js")) {
        let path = figures["critical_path"].as_array().unwrap();
        let marked: std::collections::BTreeSet<_> =
            path.iter().map(|part| part["step"].as_u64().unwrap()).collect();
        for (name, expected) in [
            ("outcome", Value::from("✔ completed")),
            ("grid", "grid".into()),
            ("scripts", 0.into()),
            ("rows", started.into()),
            ("labels", started.into()),
            ("askew", 0.into()),
            ("overlapping", 0.into()),
            ("withoutBar", 0.into()),
            ("outside", 0.into()),
            ("cut", 0.into()),
            ("crossed", 0.into()),
            ("path", (2 * path.len() - 1).into()),
            ("pathVisible", true.into()),
            ("pathOutside", 0.into()),
            ("marked", marked.len().into()),
            ("links", 0.into()),
            ("wider", 0.into()),
        ] {
            assert_eq!(found[name], expected, "{name} in {found:#}");
        }
        // The critical path leads from the first bar to the last.
        let [path, bars] = ["pathWidth", "barsWidth"].map(|name| found[name].as_f64().unwrap());
        assert!(
            bars > 200.0 && (path - bars).abs() < bars / 50.0 + 6.0,
            "{found:#}"
        );
    }

    // What was measured is expected the next time, on whatever machine this is.
    reference.run("destroy", &["-y"]).exits(0);
    let plan = reference.run("plan", &["--output=json"]).exits(0);
    let again = self::forecast(&plan.json_of("plan"));
    assert_eq!(
        (&again["measured_steps"], &again["typical_steps"]),
        (&steps.into(), &0.into())
    );
    let (expected, took) = (
        again["duration_ms"].as_u64().unwrap(),
        summary["critical_path_ms"].as_u64().unwrap(),
    );
    assert!(
        expected.abs_diff(took) <= took / 5 + 100,
        "{expected} is expected after {took}"
    );
    let plan = reference.run("plan", &[]).exits(0).stdout;
    // Where the lines are broken goes by the names and times on the chain.
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in ["Takes about ", "Going by this stack's past runs."] {
        assert!(plan.contains(text), "{text} is not in {plan}");
    }
}

fn forecast(plan: &[Value]) -> Value {
    let [plan] = plan else {
        panic!("no plan in {plan:?}")
    };
    plan["forecast"].clone()
}

const STACK: &str = r#"[stack]
name = "failing"
environment = "test"
stage = "one"
region = "us-east-1"

[iam.role.app]
role_name = "failing-app"

[iam.role.app.assume_role_policy_document]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]

[iam.role_policy_attachment.late]
role_name = "${iam.role.app.role_name}"
policy_arn = "arn:aws:iam::123456789012:policy/late<script>"

[logs.log_group.after]
log_group_name = "/failing/after"
depends_on = ["iam.role_policy_attachment.late"]
"#;

#[test]
fn a_run_that_failed_or_was_killed_is_drawn_as_far_as_it_went() {
    let project = Project::sandbox();
    let file = "stacks/failing.toml";
    project.write(file, STACK);
    project
        .stack("report", file, &[])
        .exits(1)
        .says(["no run was recorded yet", "apply it first"]);

    let failed = project.stack("apply", file, &["-y", "--output=json"]).exits(1);
    project.write("job.log", &format!("$ infra apply\n{}", failed.stdout));
    let page = |name: &str| fs::read_to_string(project.root().join(name)).unwrap();
    // From the state and from what a job kept the page is the same.
    project
        .stack("report", file, &["--out=state.html"])
        .exits(0)
        .says(["failed after"]);
    project
        .infra(["report", "--from", "job.log", "--out", "job.html"])
        .exits(0);
    let html = page("state.html");
    assert!(html == page("job.html"), "{html}\n{}", page("job.html"));
    for expected in [
        "✖ failed",
        "1 step failed",
        "NoSuchEntity",
        "See stacks/failing.toml:",
        "because iam.role_policy_attachment.late failed",
        "AttachRolePolicy",
    ] {
        assert!(html.contains(expected), "{expected:?} is not in {html}");
    }
    assert!(!html.contains("<script"), "{html}");

    // Killed after its first step has started.
    project.stack("destroy", file, &["-y"]).exits(0);
    let mut command = project.stack_command("apply", file, &["-y", "--output=json"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines
        .by_ref()
        .any(|line| line.unwrap().contains("\"step_started\""));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(started);
    let history = project.stack("state history", file, &["--output=json"]).exits(0);
    let runs = history.json_of("run");
    let [first, second, last] = runs.as_slice() else {
        panic!("{history}")
    };
    let run = last["run"].as_str().unwrap();
    let killed = project.stack("report", file, &[]).exits(0);
    killed.says(["is recorded up to", &format!("report-{}.html", &run[..8])]);
    assert!(page(&format!("report-{}.html", &run[..8])).contains("… not ended"));

    // Each run has its own, and is found by how its id begins.
    for (run, command, outcome) in [(first, "apply", "failed"), (second, "destroy", "completed")] {
        let id = run["run"].as_str().unwrap();
        let found = project
            .stack("report", file, &[&id[..13], "--output=json"])
            .exits(0)
            .json_of("report");
        assert_eq!(
            (&found[0]["run"], &found[0]["command"]),
            (&id.into(), &command.into())
        );
        assert_eq!(found[0]["outcome"], outcome);
    }
    project
        .stack("report", file, &["nonsense"])
        .exits(1)
        .says(["begins with nonsense", run]);
}
