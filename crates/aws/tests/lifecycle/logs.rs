//! Log groups.

use infra_core::Value;
use serde_json::json;

use super::harness::{Cloud, attributes, tests};

tests! {
    log_group,
    an_arn_has_no_star_at_its_end,
}

async fn log_group(cloud: Cloud) {
    let wanted = json!({
        "log_group_name": "/lifecycle/logs.log_group", "retention_in_days": 30,
        "log_group_class": "STANDARD", "tags": { "team": "a", "old": "x" },
    });
    let edit = json!({ "retention_in_days": Value::Null, "tags": { "team": "b" } });
    cloud
        .lives("logs.log_group", attributes(wanted), attributes(edit))
        .await;
}

async fn an_arn_has_no_star_at_its_end(cloud: Cloud) {
    let wanted = attributes(json!({ "log_group_name": "/lifecycle/star" }));
    let (id, observed) = cloud.create("logs.log_group", "star", &wanted).await;
    let arn = observed["arn"].as_str().unwrap();
    assert!(arn.ends_with(":log-group:/lifecycle/star"), "{arn}");
    cloud.delete("logs.log_group", &id, &observed).await;
}
