//! Which attributes go together, and how an endpoint is told.

use super::observed::{dns_entries, health};
use super::*;
use serde_json::json;

use crate::services::testing::{refused, refused_texts, refused_together, stack};

#[test]
fn each_type_takes_its_own_attributes() {
    let s3 = ("service_name", "com.amazonaws.us-east-1.s3");
    let ecr = ("service_name", "com.amazonaws.us-east-1.ecr.api");
    let interface = ("vpc_endpoint_type", "Interface");
    for (attributes, said) in [
        (vec![s3, ("route_table_ids", "rtb-1")], ""),
        (vec![ecr, interface, ("subnet_ids", "subnet-1")], ""),
        (
            vec![ecr],
            "vpc_endpoint_type: com.amazonaws.us-east-1.ecr.api has no gateway endpoints, \
                 only S3 and DynamoDB do",
        ),
        (
            vec![s3, ("subnet_ids", "subnet-1")],
            "subnet_ids: an endpoint of type Gateway does not take this",
        ),
        (
            vec![s3, interface, ("route_table_ids", "rtb-1")],
            "route_table_ids: an endpoint of type Interface does not take this",
        ),
    ] {
        assert_eq!(refused_texts::<VpcEndpoint>(&attributes).join("; "), said);
    }
    let none = json!({ "vpc_id": "vpc-1", "service_name": s3.1, "subnet_ids": [], "security_group_ids": [] });
    assert_eq!(refused::<VpcEndpoint>(none), Vec::<String>::new());
}

#[test]
fn private_names_need_the_vpcs_dns() {
    let endpoint = |vpc| [("vpc_id", vpc), ("private_dns_enabled", "true")];
    let stack = stack(&[
        ("ec2.vpc.plain", &[]),
        ("ec2.vpc.named", &[("enable_dns_hostnames", "true")]),
        ("ec2.vpc_endpoint.a", &endpoint("${ec2.vpc.plain.id}")),
        ("ec2.vpc_endpoint.b", &endpoint("${ec2.vpc.named.id}")),
    ]);
    assert_eq!(
        refused_together::<VpcEndpoint>(&stack),
        ["ec2.vpc_endpoint.a: private DNS names need `enable_dns_hostnames` in ec2.vpc.plain"]
    );
}

#[test]
fn states_are_understood_in_either_spelling() {
    let error = sdk::LastError::builder().code("Limit").message("no more").build();
    for (state, expected) in [
        ("available", Health::Ready),
        ("Available", Health::Ready),
        ("Pending", Health::Pending("pending".into())),
        ("deleting", Health::Deleting("deleting".into())),
        ("Failed", Health::Failed("failed: Limit: no more".into())),
    ] {
        let endpoint = sdk::VpcEndpoint::builder()
            .state(state.into())
            .last_error(error.clone())
            .build();
        assert_eq!(health(&endpoint), expected, "{state}");
    }
}

#[test]
fn the_name_of_the_region_comes_first() {
    let entries: Vec<_> = [
        "ecr.us-east-1.amazonaws.com",
        "vpce-1-a-us-east-1b.ecr.us-east-1.vpce.amazonaws.com",
        "vpce-1-a.ecr.us-east-1.vpce.amazonaws.com",
        "vpce-1-a-us-east-1a.ecr.us-east-1.vpce.amazonaws.com",
    ]
    .iter()
    .map(|name| sdk::DnsEntry::builder().dns_name(*name).build())
    .collect();
    let names: Vec<String> = dns_entries(&entries)
        .into_iter()
        .filter_map(|entry| entry.dns_name.known().cloned())
        .collect();
    assert_eq!(
        names,
        [
            "vpce-1-a.ecr.us-east-1.vpce.amazonaws.com",
            "vpce-1-a-us-east-1a.ecr.us-east-1.vpce.amazonaws.com",
            "vpce-1-a-us-east-1b.ecr.us-east-1.vpce.amazonaws.com",
            "ecr.us-east-1.amazonaws.com",
        ]
    );
}

#[test]
fn only_differences_are_added_and_removed() {
    let update = |field: Field| Update {
        spec: VpcEndpoint::deserialize(serde_json::json!({ "vpc_id": "vpc-1", "service_name": "s3" }))
            .unwrap(),
        prior: Attributes::from([("subnet_ids".into(), Value::from(vec!["a", "b"]))]),
        changed: BTreeSet::from([field.name().to_owned()]),
        within: BTreeSet::new(),
        forced: false,
    };
    let wanted = BTreeSet::from(["b".to_owned(), "c".to_owned()]);
    let subnets = update(Field::SubnetIds);
    assert_eq!(
        difference(&subnets, Field::SubnetIds, Some(&wanted)),
        (Some(vec!["c".into()]), Some(vec!["a".into()]))
    );
    assert_eq!(
        difference(&subnets, Field::SubnetIds, None),
        (None, Some(vec!["a".into(), "b".into()]))
    );
    assert_eq!(
        difference(&update(Field::RouteTableIds), Field::SubnetIds, Some(&wanted)),
        (None, None)
    );
}
