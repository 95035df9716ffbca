//! Blobs, uploads and manifests.

use http_body_util::Full;
use hyper::Method;
use hyper::body::Bytes;
use infra_oci::Digest;

use super::{Answer, Query, Shared, answer, refusal, with};

pub(super) fn route(
    shared: &Shared,
    method: &Method,
    path: &str,
    query: &Query,
    content_range: Option<&str>,
    media_type: &str,
    body: Vec<u8>,
) -> Answer {
    let path = path.strip_prefix("/v2/").unwrap();
    if let Some((repository, reference)) = path.split_once("/manifests/") {
        return manifests(shared, method, repository, reference, media_type, body);
    }
    if let Some((repository, id)) = path.split_once("/blobs/uploads/") {
        if shared.behaviour.no_repository {
            return refusal(404, "NAME_UNKNOWN", "no such repository");
        }
        return match id.parse() {
            Ok(id) => upload(shared, method, repository, id, query, content_range, &body),
            Err(_) => begin(shared, repository, query),
        };
    }
    let (repository, digest) = path.split_once("/blobs/").unwrap();
    let state = shared.state.lock().unwrap();
    match state.blobs.get(&(repository.to_owned(), digest.to_owned())) {
        None => refusal(404, "BLOB_UNKNOWN", "no such blob"),
        Some(bytes) => {
            let mut found = answer(200);
            if method == Method::GET {
                *found.body_mut() = Full::from(bytes.clone());
            }
            found
        }
    }
}

fn begin(shared: &Shared, repository: &str, query: &Query) -> Answer {
    let mut state = shared.state.lock().unwrap();
    if let (Some(digest), Some(from)) = (query.get("mount"), query.get("from"))
        && let Some(bytes) = state.blobs.get(&(from.to_owned(), digest.to_owned())).cloned()
    {
        state
            .blobs
            .insert((repository.to_owned(), digest.to_owned()), bytes);
        return answer(201);
    }
    state.next_id += 1;
    let id = state.next_id;
    state.uploads.insert(id, Vec::new());
    with(answer(202), "location", &location(shared, repository, id, 0))
}

/// The address carries the state of the upload, as it does in other registries: only the newest is right.
fn location(shared: &Shared, repository: &str, id: u64, length: usize) -> String {
    let host = if shared.behaviour.relative_locations {
        ""
    } else {
        &shared.address
    };
    format!("{host}/v2/{repository}/blobs/uploads/{id}?_state=at%2F{length}")
}

fn upload(
    shared: &Shared,
    method: &Method,
    repository: &str,
    id: u64,
    query: &Query,
    content_range: Option<&str>,
    body: &[u8],
) -> Answer {
    let mut state = shared.state.lock().unwrap();
    let lengths = state.lengths.clone();
    let Some(held) = state.uploads.get_mut(&id) else {
        return refusal(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
    };
    assert!(
        query.get("_state").is_some_and(|text| text.starts_with("at/")),
        "the query of the Location is lost"
    );
    if method == Method::GET {
        if shared.behaviour.no_status {
            return refusal(405, "UNSUPPORTED", "not here");
        }
        let length = shared.behaviour.stale_status.unwrap_or(held.len());
        let told = with(answer(204), "location", &location(shared, repository, id, length));
        return with(told, "range", &format!("0-{}", length.saturating_sub(1)));
    }
    let begins_at = content_range.map_or(0, |range| range.split_once('-').unwrap().0.parse().unwrap());
    if begins_at != held.len() && !body.is_empty() {
        return refusal(416, "RANGE_INVALID", "out of order");
    }
    held.extend_from_slice(body);
    if method == Method::PATCH {
        let taken = with(
            answer(202),
            "location",
            &location(shared, repository, id, held.len()),
        );
        return with(taken, "range", &format!("0-{}", held.len().saturating_sub(1)));
    }
    assert_eq!(method, Method::PUT);
    let bytes = std::mem::take(held);
    let digest = query.get("digest").unwrap().to_owned();
    let is_forgotten = shared.behaviour.forget_bytes && bytes.is_empty() && lengths.contains_key("big");
    state.uploads.remove(&id);
    if !is_forgotten && Digest::of(&bytes).as_str() != digest {
        return refusal(400, "DIGEST_INVALID", "the bytes have another digest");
    }
    state.blobs.insert((repository.to_owned(), digest), bytes);
    answer(201)
}

fn manifests(
    shared: &Shared,
    method: &Method,
    repository: &str,
    reference: &str,
    media_type: &str,
    body: Vec<u8>,
) -> Answer {
    let key = |reference: &str| (repository.to_owned(), reference.to_owned());
    let mut state = shared.state.lock().unwrap();
    if method != Method::PUT {
        let Some((media_type, bytes)) = state.manifests.get(&key(reference)).cloned() else {
            return refusal(404, "MANIFEST_UNKNOWN", "no such manifest");
        };
        let digest = Digest::of(&bytes);
        let mut found = with(answer(200), "content-type", &media_type);
        if method == Method::GET {
            *found.body_mut() = Full::from(bytes);
        }
        return with(found, "docker-content-digest", digest.as_str());
    }
    let digest = Digest::of(&body);
    if let Some((_, held)) = state.manifests.get(&key(reference))
        && shared.behaviour.immutable
        && *held != body
    {
        let message =
            "The image tag already exists and cannot be overwritten because the repository is immutable.";
        return refusal(400, "TAG_INVALID", message);
    }
    let manifest: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        manifest["mediaType"], media_type,
        "the type of a manifest is sent as it is written"
    );
    let list = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
    for part in list("layers").iter().chain(manifest.get("config")) {
        if !state.blobs.contains_key(&key(part["digest"].as_str().unwrap())) {
            return refusal(400, "MANIFEST_BLOB_UNKNOWN", "a blob is missing");
        }
    }
    for child in list("manifests") {
        if !state
            .manifests
            .contains_key(&key(child["digest"].as_str().unwrap()))
        {
            return refusal(400, "MANIFEST_BLOB_UNKNOWN", "a manifest is missing");
        }
    }
    let stored = (media_type.to_owned(), Bytes::from(body));
    state.manifests.insert(key(digest.as_str()), stored.clone());
    state.manifests.insert(key(reference), stored);
    with(answer(201), "docker-content-digest", digest.as_str())
}
