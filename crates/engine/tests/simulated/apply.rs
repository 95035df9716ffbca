//! Stacks come about, change and go.

use infra_core::plan::ReplaceOrder;
use infra_testkit::stack;
use serde_json::{Value as Json, json};

use crate::bench::{Bench, shown};
use crate::stacks::{edited, everything, everything_on};

#[tokio::test(start_paused = true)]
async fn an_applied_stack_is_there_and_needs_nothing_more() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    let ran = bench.settle_on(&stack).await;
    assert_eq!(ran.report.done.create, stack.resources.len());
    bench.destroy(Some(&stack)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stack_goes_without_its_file() {
    let bench = Bench::new();
    let stack = everything_on(&bench.cloud);
    bench.apply(&stack).await;
    let ran = bench.destroy(None).await;
    assert_eq!(ran.report.done.delete, stack.resources.len());
}

/// An edit of the stack of [`everything`] and what it comes to.
struct Edit {
    what: &'static str,
    /// By JSON pointer; null takes out.
    sets: &'static [(&'static str, &'static str)],
    /// A new content of the image's file.
    image: Option<&'static str>,
    planned: &'static [&'static str],
}

const EDITS: &[Edit] = &[
    Edit {
        what: "an attribute is set anew",
        sets: &[("/net.part.b/note", r#""other""#)],
        image: None,
        planned: &["Update net.part.b"],
    },
    Edit {
        what: "an attribute is taken out",
        sets: &[
            ("/net.part.b/note", "null"),
            ("/net.balancer.main/idle_seconds", "null"),
        ],
        image: None,
        planned: &["Update net.balancer.main", "Update net.part.b"],
    },
    Edit {
        what: "a key of a table is taken out",
        sets: &[("/net.network.main/labels", "{}")],
        image: None,
        planned: &["Update net.network.main"],
    },
    Edit {
        what: "a secret changes",
        sets: &[("/app.secret.main/value", r#""${secret.correct horse}""#)],
        image: None,
        planned: &["Update app.secret.main"],
    },
    Edit {
        what: "what the create call cannot set changes",
        sets: &[
            ("/app.policy.main/attached", r#"["write"]"#),
            ("/app.service.main/scaling", "null"),
        ],
        image: None,
        planned: &["Update app.policy.main", "Update app.service.main"],
    },
    Edit {
        what: "the image changes: the next definition is made before the last one goes",
        sets: &[],
        image: Some("second version"),
        planned: &[
            "Replace app.definition.main",
            "Update app.image.main",
            "Update app.rollout.main",
            "Update app.service.main",
        ],
    },
    Edit {
        what: "something that another needs is replaced",
        sets: &[("/net.part.a/range", r#""10.0.9.0/24""#)],
        image: None,
        planned: &[
            "Replace app.definition.main",
            "Update app.rollout.main",
            "Update app.service.main",
            "Update net.balancer.main",
            "Replace net.gateway.main",
            "Update net.listener.main",
            "Replace net.part.a",
        ],
    },
    Edit {
        what: "something is renamed",
        sets: &[
            ("/net.balancer.main/name", r#""back""#),
            ("/app.service.main/name", r#""site""#),
        ],
        image: None,
        planned: &[
            "Replace app.rollout.main",
            "Replace app.service.main",
            "Replace net.balancer.main",
            "Replace net.listener.main",
        ],
    },
    Edit {
        what: "something is replaced under its old name, and what is kept under it goes along",
        sets: &[("/net.balancer.main/name", r#""back""#)],
        image: None,
        planned: &[
            "Replace app.rollout.main",
            "Replace app.service.main",
            "Replace net.balancer.main",
            "Replace net.listener.main",
        ],
    },
    Edit {
        what: "everything is replaced",
        sets: &[("/net.network.main/range", r#""10.1.0.0/16""#)],
        image: None,
        planned: &[
            "Replace app.definition.main",
            "Update app.rollout.main",
            "Update app.service.main",
            "Update net.balancer.main",
            "Replace net.gateway.main",
            "Update net.listener.main",
            "Replace net.network.main",
            "Replace net.part.a",
            "Replace net.part.b",
        ],
    },
    Edit {
        what: "something is taken out, and what used it lets go of it first",
        sets: &[
            ("/net.part.b", "null"),
            ("/net.balancer.main/part_ids", r#"["${net.part.a.id}"]"#),
        ],
        image: None,
        planned: &["Update net.balancer.main", "Delete net.part.b"],
    },
    Edit {
        what: "something is given another address: the name has to be free first",
        sets: &[
            ("/app.secret.main", "null"),
            ("/output.hint", "null"),
            (
                "/app.secret.other",
                r#"{ "name": "password", "value": "${secret.hunter2}" }"#,
            ),
        ],
        image: None,
        planned: &["Delete app.secret.main", "Create app.secret.other"],
    },
];

#[tokio::test(start_paused = true)]
async fn edits_come_to_what_is_planned_and_to_nothing_more() {
    for edit in EDITS {
        let bench = Bench::new();
        bench.settle_on(&everything_on(&bench.cloud)).await;
        if let Some(content) = edit.image {
            bench.cloud.write_file("app.tar", content);
        }
        let sets: Vec<(&str, Json)> = edit
            .sets
            .iter()
            .map(|(pointer, value)| (*pointer, value.parse().unwrap()))
            .collect();
        let stack = stack(edited(everything(), &sets));
        let planned = shown(&bench.plan(&stack).await);
        assert_eq!(planned, edit.planned, "{}", edit.what);
        bench.settle_on(&stack).await;
        bench.destroy(None).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replacement_goes_in_the_order_that_is_asked_for() {
    for (made_first, order, most) in [
        (false, ReplaceOrder::DeleteThenCreate, 1),
        (true, ReplaceOrder::CreateThenDelete, 2),
    ] {
        let bench = Bench::new();
        let with_part = |part: &str| {
            stack(json!({
                "net.network.main": { "range": "10.0.0.0/16" },
                "net.part.a": { "network_id": "${net.network.main.id}" },
                "net.part.b": { "network_id": "${net.network.main.id}" },
                "net.gateway.main": {
                    "part_id": format!("${{net.part.{part}.id}}"),
                    "lifecycle": { "create_before_destroy": made_first },
                },
            }))
        };
        bench.settle_on(&with_part("a")).await;
        let first = bench.cloud.things_of("net.gateway.main");
        let cloud = bench.cloud.clone();
        let watch = tokio::spawn(async move {
            let mut counts = Vec::new();
            loop {
                counts.push(cloud.things_of("net.gateway.main").len());
                if counts.len() > 300 {
                    return counts;
                }
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        });
        let ran = bench.settle_on(&with_part("b")).await;
        let change = &ran.planned.plan.changes[0];
        assert_eq!(change.replace_order, Some(order));
        assert_ne!(bench.cloud.things_of("net.gateway.main")[0].id, first[0].id);
        let counts = watch.await.unwrap();
        assert_eq!(counts.iter().max(), Some(&most));
        assert_eq!(counts.contains(&0), !made_first);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_retained_is_forgotten_and_stays_in_the_cloud() {
    let bench = Bench::new();
    let both = json!({
        "app.policy.kept": { "name": "kept", "lifecycle": { "retain": true } },
        "app.policy.other": { "name": "other" },
    });
    bench.settle_on(&stack(both.clone())).await;
    let less = stack(edited(both, &[("/app.policy.kept", Json::Null)]));
    let ran = bench.apply(&less).await;
    assert_eq!(shown(&ran.planned), ["Forget app.policy.kept"]);
    assert_eq!((ran.changing_calls, ran.report.done.forget), (0, 1));
    assert_eq!(bench.cloud.things_of("app.policy.kept").len(), 1);
    assert!(
        !bench
            .state()
            .resources
            .contains_key(&"app.policy.kept".parse().unwrap())
    );
}

#[tokio::test(start_paused = true)]
async fn everything_fits_through_one_place_at_a_time() {
    for parallelism in [1, 3] {
        let mut bench = Bench::new();
        bench.parallelism = parallelism;
        bench.cloud.set_faults(infra_testkit::Faults {
            fastest: std::time::Duration::from_secs(1),
            slowest: std::time::Duration::from_secs(2),
            ..infra_testkit::Faults::default()
        });
        let stack = everything_on(&bench.cloud);
        bench.settle_on(&stack).await;
        assert_eq!(bench.cloud.most_under_way(), parallelism);
        bench.destroy(None).await;
        assert_eq!(bench.cloud.most_under_way(), parallelism);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_kept_when_it_goes_is_not_let_go_of_when_nothing_had_to_be_replaced() {
    let bench = Bench::new();
    let of = |secret: &str, lifecycle: Json| {
        stack(json!({
            format!("app.secret.{secret}"): { "name": "secret", "value": "${secret.value 1}" },
            "app.definition.main": {
                "family": "main",
                "environment": { "B": format!("${{app.secret.{secret}.version}}") },
                "lifecycle": lifecycle,
            },
        }))
    };
    bench.settle_on(&of("before", json!({}))).await;
    // The secret has another address in the file, so it is made anew, and only then is known that its version is
    // the same as before.
    let renamed = of("after", json!({ "retain": true }));
    let ran = bench.settle_on(&renamed).await;
    assert_eq!(
        shown(&ran.planned),
        [
            "Replace app.definition.main",
            "Create app.secret.after",
            "Delete app.secret.before"
        ]
    );
    bench.destroy(Some(&of("after", json!({})))).await;
}
