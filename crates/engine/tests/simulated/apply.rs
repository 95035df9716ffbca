//! Stacks come about, change and go.

use infra_core::{Action, Value};
use infra_testkit::{stack, Cloud};
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
        sets: &[("/net.part.b/note", "null"), ("/net.balancer.main/idle_seconds", "null")],
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
        sets: &[("/app.policy.main/attached", r#"["write"]"#), ("/app.service.main/scaling", "null")],
        image: None,
        planned: &["Update app.policy.main", "Update app.service.main"],
    },
    Edit {
        what: "the image changes: the next definition is made before the last one goes",
        sets: &[],
        image: Some("second version"),
        planned: &["?"],
    },
    Edit {
        what: "something that another needs is replaced",
        sets: &[("/net.part.a/range", r#""10.0.9.0/24""#)],
        image: None,
        planned: &["?"],
    },
    Edit {
        what: "something is renamed",
        sets: &[("/net.balancer.main/name", r#""back""#), ("/app.service.main/name", r#""site""#)],
        image: None,
        planned: &["?"],
    },
    Edit {
        what: "everything is replaced",
        sets: &[("/net.network.main/range", r#""10.1.0.0/16""#)],
        image: None,
        planned: &["?"],
    },
    Edit {
        what: "something is taken out, and what used it lets go of it first",
        sets: &[("/net.part.b", "null"), ("/net.balancer.main/part_ids", r#"["${net.part.a.id}"]"#)],
        image: None,
        planned: &["Update net.balancer.main", "Delete net.part.b"],
    },
    Edit {
        what: "something retained is taken out",
        sets: &[("/app.rollout.main", "null")],
        image: None,
        planned: &["Delete app.rollout.main"],
    },
];

#[tokio::test(start_paused = true)]
async fn edits_come_to_what_is_planned_and_to_nothing_more() {
    for edit in EDITS {
        println!("{}", edit.what);
        let bench = Bench::new();
        bench.settle_on(&everything_on(&bench.cloud)).await;
        if let Some(content) = edit.image {
            bench.cloud.write_file("app.tar", content);
        }
        let sets: Vec<(&str, Json)> =
            edit.sets.iter().map(|(pointer, value)| (*pointer, value.parse().unwrap())).collect();
        let stack = stack(edited(everything(), &sets));
        let planned = shown(&bench.plan(&stack).await);
        println!("{planned:#?}");
        bench.settle_on(&stack).await;
        bench.destroy(None).await;
    }
}
