//! Roles and what they may do.

use infra_core::ErrorClass;
use infra_provider::Update;
use serde_json::{Value as Json, json};

use super::harness::{Cloud, attributes, tests};

tests! {
    policy,
    role,
    role_policy,
    role_policy_attachment,
}

fn trust(service: &str) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": { "Service": service },
        }],
    })
}

/// A role that tasks of ECS may take, and its ARN.
pub async fn task_role(cloud: &Cloud, name: &str) -> String {
    let wanted = attributes(json!({
        "role_name": name, "assume_role_policy_document": trust("ecs-tasks.amazonaws.com"),
    }));
    let (_, observed) = cloud.create("iam.role", name, &wanted).await;
    observed["arn"].as_str().unwrap().to_owned()
}

fn permissions(action: &str) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::example/*" },
    })
}

async fn role(cloud: Cloud) {
    let wanted = json!({
        "role_name": "lifecycle-role", "path": "/test/", "description": "of a test",
        "assume_role_policy_document": trust("ecs-tasks.amazonaws.com"), "max_session_duration": 7200,
        "permissions_boundary": "arn:aws:iam::aws:policy/ReadOnlyAccess", "tags": { "team": "a", "old": "b" },
    });
    let edit = json!({
        "description": "of the same test", "max_session_duration": 3600, "permissions_boundary": null,
        "assume_role_policy_document": trust("ec2.amazonaws.com").to_string(), "tags": { "team": "b" },
    });
    cloud
        .lives("iam.role", attributes(wanted), attributes(edit))
        .await;
}

async fn policy(cloud: Cloud) {
    let wanted = json!({
        "policy_name": "lifecycle-policy", "path": "/test/", "description": "of a test",
        "policy_document": permissions("s3:GetObject"), "tags": { "team": "a", "old": "b" },
    });
    let edit = json!({
        "policy_document": permissions("s3:PutObject").to_string(), "tags": { "team": "b" },
    });
    cloud
        .lives("iam.policy", attributes(wanted.clone()), attributes(edit))
        .await;

    // It changes more often than IAM keeps versions, and says what it is attached to.
    let first = attributes(wanted.clone());
    let (id, last) = cloud.create("iam.policy", "versions", &first).await;
    let (policies, call) = (cloud.provider("iam.policy"), cloud.call("iam.policy", "change"));
    for action in ["a", "b", "c", "d", "e", "f"] {
        let mut spec = first.clone();
        let document = permissions(&format!("s3:{action}"));
        spec.insert("policy_document".to_owned(), document.clone().into());
        let update = Update {
            spec,
            prior: last.clone(),
            changed: ["policy_document".to_owned()].into(),
            within: [].into(),
            forced: false,
        };
        policies.update(&call, &id, update).await.unwrap();
        let there = cloud.read("iam.policy", &id).await.unwrap();
        assert_eq!(there.observed["policy_document"], document.into());
    }
    let role = attributes(json!({
        "role_name": "lifecycle-policy", "assume_role_policy_document": trust("ecs-tasks.amazonaws.com"),
    }));
    let (role_id, role_last) = cloud.create("iam.role", "with-policy", &role).await;
    let attached = attributes(json!({ "role_name": "lifecycle-policy", "policy_arn": id.as_str() }));
    let (attached_id, attached_last) = cloud.create("iam.role_policy_attachment", "own", &attached).await;
    // Unchanged moto deletes what something has.
    if cloud.is_sandbox {
        let refused = policies.delete(&call, &id, &last).await.unwrap_err();
        assert_eq!(refused.class, ErrorClass::Blocked);
    }
    let [attachment] = &policies.in_the_way(&id, &last).await.unwrap()[..] else {
        panic!("one attachment is in the way");
    };
    assert_eq!(attachment.id, attached_id);
    cloud
        .delete("iam.role_policy_attachment", &attached_id, &attached_last)
        .await;
    cloud.delete("iam.policy", &id, &last).await;
    cloud.delete("iam.role", &role_id, &role_last).await;
}

async fn role_policy(cloud: Cloud) {
    let role = attributes(json!({
        "role_name": "lifecycle-inline", "assume_role_policy_document": trust("ecs-tasks.amazonaws.com"),
    }));
    let (role_id, role_last) = cloud.create("iam.role", "inline", &role).await;
    let wanted = json!({
        "role_name": "lifecycle-inline", "policy_name": "read", "policy_document": permissions("s3:GetObject"),
    });
    let edit = json!({ "policy_document": permissions("s3:PutObject").to_string() });
    cloud
        .lives("iam.role_policy", attributes(wanted.clone()), attributes(edit))
        .await;

    let (id, last) = cloud
        .create("iam.role_policy", "first", &attributes(wanted.clone()))
        .await;
    let provider = cloud.provider("iam.role_policy");
    let call = cloud.call("iam.role_policy", "second");
    let holders = provider.holders(&attributes(wanted)).await.unwrap();
    assert_eq!(holders, std::slice::from_ref(&id));
    let other = attributes(json!({
        "role_name": "lifecycle-inline", "policy_name": "read", "policy_document": permissions("s3:ListBucket"),
    }));
    assert_eq!(provider.recover(&call, &other).await.unwrap(), None);

    // The role says what is in the way of its delete.
    let refused = cloud
        .provider("iam.role")
        .delete(&call, &role_id, &role_last)
        .await
        .unwrap_err();
    assert_eq!(refused.class, ErrorClass::Blocked);
    let in_the_way = cloud.provider("iam.role").in_the_way(&role_id, &role_last).await;
    let [policy] = &in_the_way.unwrap()[..] else {
        panic!("one policy is in the way");
    };
    assert_eq!((policy.what.as_str(), &policy.id), ("policy read", &id));
    cloud.delete("iam.role_policy", &id, &last).await;
    cloud.delete("iam.role", &role_id, &role_last).await;
}

async fn role_policy_attachment(cloud: Cloud) {
    let role = attributes(json!({
        "role_name": "lifecycle-attached", "assume_role_policy_document": trust("ecs-tasks.amazonaws.com"),
    }));
    let (role_id, role_last) = cloud.create("iam.role", "attached", &role).await;
    let wanted = attributes(json!({
        "role_name": "lifecycle-attached",
        "policy_arn": "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
    }));
    cloud
        .lives(
            "iam.role_policy_attachment",
            wanted.clone(),
            attributes(json!({})),
        )
        .await;
    let (id, last) = cloud.create("iam.role_policy_attachment", "first", &wanted).await;
    let provider = cloud.provider("iam.role_policy_attachment");
    assert_eq!(
        provider.holders(&wanted).await.unwrap(),
        std::slice::from_ref(&id)
    );
    cloud.delete("iam.role_policy_attachment", &id, &last).await;
    assert_eq!(provider.holders(&wanted).await.unwrap(), []);
    cloud.delete("iam.role", &role_id, &role_last).await;
}
