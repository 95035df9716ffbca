//! Image repositories.

use infra_core::{ErrorClass, PhysicalId};
use infra_provider::Call;
use serde_json::json;

use super::harness::{Cloud, attributes, tests};

tests! {
    repository,
    a_repository_with_images_is_deleted_only_when_asked_for,
    lifecycle_policy,
    what_a_lost_push_left_is_asked_of_ecr,
}

async fn repository(cloud: Cloud) {
    let wanted = json!({
        "repository_name": "lifecycle/app", "image_tag_mutability": "IMMUTABLE",
        "image_scanning_configuration": { "scan_on_push": false },
        "encryption_configuration": { "encryption_type": "AES256" },
        "force_delete": true, "tags": { "team": "a", "old": "b" },
    });
    // Not the other way round: the SDK leaves `false` out, which the emulator takes for no change.
    let edit = json!({
        "image_tag_mutability": "MUTABLE", "image_scanning_configuration": { "scan_on_push": true },
        "tags": { "team": "b" },
    });
    cloud
        .lives("ecr.repository", attributes(wanted), attributes(edit))
        .await;
}

async fn a_repository_with_images_is_deleted_only_when_asked_for(cloud: Cloud) {
    let wanted = attributes(json!({ "repository_name": "lifecycle/full" }));
    let (id, last) = cloud.create("ecr.repository", "full", &wanted).await;
    let provider = cloud.provider("ecr.repository");
    let missing = PhysicalId::new("lifecycle/missing");
    let both = [id.clone(), missing.clone()];
    let empty = provider.without_data(&both).await.unwrap();
    assert_eq!(empty, both.clone().into());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [],
    });
    let put = cloud.clients.ecr.put_image().repository_name(id.as_str());
    put.image_manifest(manifest.to_string())
        .image_tag("a")
        .send()
        .await
        .unwrap();

    let empty = provider.without_data(&both).await.unwrap();
    assert_eq!(empty, [missing].into());
    let call = cloud.call("ecr.repository", "again");
    let refused = provider.delete(&call, &id, &last).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Blocked);
    assert!(refused.hint.unwrap().contains("--allow-data-loss"));

    let taken = provider.create(&call, &wanted).await.unwrap_err();
    assert_eq!(taken.class, ErrorClass::AlreadyExists);
    assert!(
        taken
            .hint
            .unwrap()
            .contains("infra import stacks/lifecycle.toml ecr.repository.under_test lifecycle/full")
    );
    assert_eq!(provider.recover(&call, &wanted).await.unwrap(), None);

    let found = provider.read(&both).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&id]);

    let forced = Call {
        data_loss_allowed: true,
        ..call
    };
    provider.delete(&forced, &id, &last).await.unwrap();
    assert!(provider.read(&[id]).await.unwrap().is_empty());
}

async fn lifecycle_policy(cloud: Cloud) {
    let repository = attributes(json!({ "repository_name": "lifecycle/kept" }));
    let (id, last) = cloud.create("ecr.repository", "kept", &repository).await;
    let policy = |count: u32| {
        json!({ "rules": [{
            "rulePriority": 1, "description": "keep some", "action": { "type": "expire" },
            "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count },
        }] })
    };
    let wanted = json!({ "repository_name": "lifecycle/kept", "lifecycle_policy_text": policy(10) });
    let edit = json!({ "lifecycle_policy_text": policy(20).to_string() });
    cloud
        .lives(
            "ecr.lifecycle_policy",
            attributes(wanted.clone()),
            attributes(edit),
        )
        .await;

    // One that was there before is neither overwritten nor taken for ours.
    let (policy_id, policy_last) = cloud
        .create("ecr.lifecycle_policy", "first", &attributes(wanted))
        .await;
    let other = attributes(json!({
        "repository_name": "lifecycle/kept", "lifecycle_policy_text": policy(5),
    }));
    let provider = cloud.provider("ecr.lifecycle_policy");
    let call = cloud.call("ecr.lifecycle_policy", "second");
    let holders = provider.holders(&other).await.unwrap();
    assert_eq!(holders, std::slice::from_ref(&policy_id));
    assert_eq!(provider.recover(&call, &other).await.unwrap(), None);
    cloud
        .delete("ecr.lifecycle_policy", &policy_id, &policy_last)
        .await;
    cloud.delete("ecr.repository", &id, &last).await;
}

/// The registry itself cannot be reached from here.
async fn what_a_lost_push_left_is_asked_of_ecr(cloud: Cloud) {
    let repository = attributes(json!({ "repository_name": "lifecycle/pushed", "force_delete": true }));
    let (id, last) = cloud.create("ecr.repository", "pushed", &repository).await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [],
    });
    let put = cloud.clients.ecr.put_image().repository_name(id.as_str());
    let put = put.image_manifest(manifest.to_string()).image_tag("a");
    let image = put.send().await.unwrap().image.unwrap();
    let digest = image.image_id().unwrap().image_digest().unwrap().to_owned();
    let uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/lifecycle/pushed";
    let provider = cloud.provider("ecr.image");
    let call = cloud.call("ecr.image", "pushed");
    for (name, tag, digest, is_found) in [
        ("pushed", "a", digest.clone(), true),
        ("pushed", "b", digest.clone(), false),
        ("pushed", "a", format!("sha256:{}", "0".repeat(64)), false),
        ("missing", "a", digest.clone(), false),
    ] {
        let wanted = attributes(json!({
            "repository_uri": uri.replace("pushed", name), "image_tag": tag, "digest": digest,
        }));
        let found = provider.recover(&call, &wanted).await.unwrap();
        assert_eq!(found.is_some(), is_found, "{name}:{tag}@{digest}");
    }
    let forced = Call {
        data_loss_allowed: true,
        ..cloud.call("ecr.repository", "pushed")
    };
    let repositories = cloud.provider("ecr.repository");
    repositories.delete(&forced, &id, &last).await.unwrap();
}
