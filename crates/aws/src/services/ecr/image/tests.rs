//! Ids, and what an image may come from.

use super::*;
use serde_json::json;

use crate::services::testing::{refused, refused_texts};

#[test]
fn an_id_comes_apart_again() {
    let id = PhysicalId::new("127.0.0.1:5000/team/app:v1@sha256:00");
    assert_eq!(
        parts(&id).unwrap(),
        ("127.0.0.1:5000/team/app", "v1", "sha256:00")
    );
    assert!(parts(&PhysicalId::new("app")).is_err());
}

#[test]
fn an_image_comes_from_exactly_one_place() {
    let source = |source: serde_json::Value| refused::<Image>(json!({ "source": source }));
    assert!(source(json!({ "archive": "x" })).is_empty());
    assert_eq!(
        source(json!({ "archive": "x", "layout": "x" })),
        ["source: an image comes from one place, found 2"]
    );
    assert_eq!(source(json!({})).len(), 1);
}

#[test]
fn tags_and_digests_are_checked() {
    assert!(refused_texts::<Image>(&[("image_tag", "v1.2-rc_3")]).is_empty());
    assert_eq!(refused_texts::<Image>(&[("image_tag", "-v1")]).len(), 1);
    assert_eq!(refused_texts::<Image>(&[("digest", "sha256:12")]).len(), 1);
    assert_eq!(refused_texts::<Image>(&[("platform", "amd64")]).len(), 1);
}

#[test]
fn what_a_build_may_have_is_checked() {
    let with = |source: &str, more: &str| {
        let source: serde_json::Value = serde_json::from_str(source).unwrap();
        refused::<Image>(json!({ "source": source, "fingerprint": more }))
    };
    let build = r#"{"build": {"context": "app", "platform": "linux/arm64"}}"#;
    assert!(with(build, "1").is_empty());
    assert_eq!(
        with(r#"{"archive": "app.tar"}"#, "1"),
        ["fingerprint: only a build has a fingerprint"]
    );
    let found = with(&build.replace("linux/arm64", "arm64"), "1");
    assert!(found[0].starts_with("source.build.platform: "), "{found:?}");
}

#[test]
fn the_uri_follows_from_repository_and_digest() {
    let attributes = Attributes::from([
        ("repository_uri".to_owned(), Value::from("host/app")),
        ("digest".to_owned(), Value::from("sha256:00")),
    ]);
    assert_eq!(
        Image::derive(&attributes)["uri"],
        Value::from("host/app@sha256:00")
    );
}
