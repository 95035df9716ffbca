//! DNS records.

use infra_core::{ErrorClass, PhysicalId};
use serde_json::json;

use super::harness::{Cloud, attributes, pause, tests};

tests! {
    record,
}

async fn record(cloud: Cloud) {
    let client = &cloud.clients.route53;
    let zone = client
        .create_hosted_zone()
        .name("lifecycle.example.com")
        .caller_reference(std::process::id().to_string())
        .send()
        .await
        .unwrap()
        .hosted_zone
        .unwrap()
        .id;
    let zone = zone.rsplit('/').next().unwrap();

    let wanted = json!({
        "hosted_zone_id": zone, "name": "*.lifecycle.example.com", "type": "A", "ttl": 60,
        "resource_records": ["192.0.2.1", "192.0.2.2"],
    });
    let edit = json!({ "ttl": 300, "resource_records": ["192.0.2.3"] });
    cloud
        .lives("route53.record", attributes(wanted), attributes(edit))
        .await;

    let alias = json!({
        "hosted_zone_id": zone, "name": "api.lifecycle.example.com", "type": "A",
        "alias_target": {
            "dns_name": "d-1.execute-api.us-east-1.amazonaws.com", "hosted_zone_id": "Z1UJRXOUMOOFQ8",
            "evaluate_target_health": false,
        },
    });
    cloud
        .lives("route53.record", attributes(alias), attributes(json!({})))
        .await;

    let record = |color: &str, weight: u8| {
        attributes(json!({
            "hosted_zone_id": zone, "name": "www.lifecycle.example.com", "type": "CNAME", "ttl": 60,
            "resource_records": [format!("{color}.example.com")], "set_identifier": color, "weight": weight,
        }))
    };
    let (blue, blue_last) = cloud.create("route53.record", "blue", &record("blue", 10)).await;
    let (green, green_last) = cloud
        .create("route53.record", "green", &record("green", 20))
        .await;
    // Few are looked up one by one, for many the zone is listed: the same comes out.
    let provider = cloud.provider("route53.record");
    let wanted = [blue.clone(), green.clone()];
    let few = provider.read(&wanted).await.unwrap();
    assert_eq!(few.keys().collect::<Vec<_>>(), [&blue, &green]);
    let missing = ["a", "b", "c"].map(|name| PhysicalId::new(format!("{zone}/{name}.example.com/A")));
    let many = provider
        .read(&[&wanted[..], &missing[..]].concat())
        .await
        .unwrap();
    assert_eq!(few, many);
    if cloud.is_sandbox {
        let call = cloud.call("route53.record", "twice");
        let taken = provider.create(&call, &record("blue", 10)).await.unwrap_err();
        assert_eq!(taken.class, ErrorClass::AlreadyExists, "{taken}");
        // What goes stays where what was to come at its name, asked for at the same time, is refused.
        let mut region = record("red", 1);
        region.remove("weight");
        region.insert("region".to_owned(), "us-east-1".into());
        let (going, coming) = (
            cloud.call("route53.record", "going"),
            cloud.call("route53.record", "coming"),
        );
        // Both wait for the zone, and go in one batch then.
        let turn = cloud.clients.serial.turn(format!("route53 zone {zone}")).await;
        let free = async {
            for _ in 0..20 {
                pause().await;
            }
            drop(turn);
        };
        let (gone, come, ()) = futures::join!(
            provider.delete(&going, &blue, &blue_last),
            provider.create(&coming, &region),
            free,
        );
        let (gone, come) = (gone.unwrap_err(), come.unwrap_err());
        assert!(come.message.contains("non-latency"), "{come}");
        assert!(gone.message.contains("nothing is deleted at this name"), "{gone}");
        assert_eq!(provider.read(&wanted).await.unwrap().len(), 2);
    }
    let gone = PhysicalId::new("ZMISSING/a.example.com/A");
    assert!(provider.read(&[gone]).await.unwrap().is_empty());
    cloud.delete("route53.record", &blue, &blue_last).await;
    cloud.delete("route53.record", &green, &green_last).await;
    client.delete_hosted_zone().id(zone).send().await.unwrap();
}
