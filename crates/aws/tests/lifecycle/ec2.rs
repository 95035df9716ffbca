//! Networks.

use serde_json::json;

use super::harness::{Cloud, attributes};

#[tokio::test]
async fn vpc() {
    let Some(cloud) = Cloud::connect().await else {
        return;
    };
    let wanted = json!({
        "cidr_block": "10.90.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": true,
        "tags": { "Name": "main", "team": "a" },
    });
    let edit = json!({ "enable_dns_hostnames": false, "tags": { "Name": "other" } });
    cloud.lives("ec2.vpc", attributes(wanted), attributes(edit)).await;
}
