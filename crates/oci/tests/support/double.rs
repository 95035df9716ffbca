//! A registry within the process, which breaks connections, refuses tokens and answers 5xx when told to.
//!
//! It keeps to the distribution protocol where nothing else is asked for, and checks what it is sent: a
//! digest that does not fit, a range out of order, and a manifest without its blobs are refused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_RANGE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use infra_oci::Digest;
use tokio::net::TcpListener;

type Answer = Response<Full<Bytes>>;

/// Something that goes wrong, once, at the first request that it fits.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers with a status, and the registry's JSON for a code and a message.
    Refuse(u16, &'static str, &'static str),
    /// Takes so many bytes of the body, keeps them, and breaks the connection.
    BreakAfter(usize),
    /// Does what was asked, and breaks the connection instead of answering.
    LoseAnswer,
    /// Neither reads nor answers.
    Hang,
    /// Forgets all tokens that it gave out.
    ForgetTokens,
}

/// How the registry behaves throughout.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// `Location` without scheme and host.
    pub relative_locations: bool,
    /// Wants this user and password, as Basic authentication.
    pub basic: Option<(&'static str, &'static str)>,
    /// Wants tokens, which it gives to whoever brings the Basic credentials.
    pub bearer: bool,
    /// Gives tokens for this identity token alone, as a form, each time with a newer one of it.
    pub identity_token: Option<&'static str>,
    /// Sends its callers to this address for their tokens instead of to itself.
    pub token_service: Option<String>,
    /// Does not tell how far an upload got.
    pub no_status: bool,
    /// Tells that an upload got only so far, whatever it has.
    pub stale_status: Option<usize>,
    /// Tags cannot be moved.
    pub immutable: bool,
    /// There is no such repository, and none is made.
    pub no_repository: bool,
    /// Keeps only the length of blobs.
    pub forget_bytes: bool,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<(String, String), Vec<u8>>,
    manifests: BTreeMap<(String, String), (String, Bytes)>,
    uploads: BTreeMap<u64, Vec<u8>>,
    next_id: u64,
    faults: VecDeque<(&'static str, &'static str, Fault)>,
    tokens: Vec<String>,
    /// The identity token that is good by now.
    identity_token: Option<String>,
    log: Vec<String>,
    /// All there is of blobs whose bytes are forgotten.
    lengths: BTreeMap<String, u64>,
}

struct Shared {
    behaviour: Behaviour,
    address: String,
    state: Mutex<State>,
    received: Arc<AtomicU64>,
}

/// The running registry; it ends with the runtime of the test.
pub struct Double(Arc<Shared>);

/// The connection ends without an answer.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl Double {
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (state, received) = (Mutex::default(), Arc::default());
        let shared = Arc::new(Shared {
            behaviour,
            address,
            state,
            received,
        });
        let served = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(|request| handle(Arc::clone(&shared), request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    // Connections that break on purpose end in an error.
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self(shared)
    }

    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// At the next request of that method whose path contains that text.
    pub fn fault(&self, method: &'static str, path: &'static str, fault: Fault) {
        self.0
            .state
            .lock()
            .unwrap()
            .faults
            .push_back((method, path, fault));
    }

    pub fn faults_left(&self) -> usize {
        self.0.state.lock().unwrap().faults.len()
    }

    /// The requests since the last call, as "METHOD /path?query".
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.state.lock().unwrap().log)
    }

    pub fn blob(&self, repository: &str, digest: &Digest) -> Option<Vec<u8>> {
        let key = (repository.to_owned(), digest.to_string());
        self.0.state.lock().unwrap().blobs.get(&key).cloned()
    }

    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Bytes> {
        let key = (repository.to_owned(), reference.to_owned());
        self.0
            .state
            .lock()
            .unwrap()
            .manifests
            .get(&key)
            .map(|(_, bytes)| bytes.clone())
    }

    /// Puts something else in the place of a blob.
    pub fn spoil(&self, repository: &str, digest: &Digest, bytes: &[u8]) {
        let key = (repository.to_owned(), digest.to_string());
        self.0.state.lock().unwrap().blobs.insert(key, bytes.to_vec());
    }

    /// Counts the bytes of all bodies as they come in.
    pub fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.received)
    }
}

fn answer(status: u16) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let json = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
    let mut refusal = answer(status);
    if !code.is_empty() {
        *refusal.body_mut() = Full::from(json);
    }
    refusal
}

fn with(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_str(value).unwrap());
    answer
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, Broken> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let fault = {
        let mut state = shared.state.lock().unwrap();
        let shown = if query.is_empty() {
            path.clone()
        } else {
            format!("{path}?{query}")
        };
        state.log.push(format!("{method} {shown}"));
        let fits = |(wanted, part, _): &(&str, &str, Fault)| method == *wanted && path.contains(part);
        let found = state.faults.iter().position(fits);
        found
            .and_then(|at| state.faults.remove(at))
            .map(|(_, _, fault)| fault)
    };
    match fault {
        Some(Fault::Refuse(status, code, message)) => {
            // Read what is sent, so that the answer is not lost in a connection that is closed too early.
            count(&shared, request.into_body()).await;
            return Ok(refusal(status, code, message));
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::ForgetTokens) => shared.state.lock().unwrap().tokens.clear(),
        _ => {}
    }
    if path == "/token" && shared.behaviour.identity_token.is_some() {
        let (form, _) = body(&shared, request, None).await;
        return Ok(exchanged(&shared, &method, &String::from_utf8(form).unwrap()));
    }
    if path == "/token" {
        return Ok(token(&shared, &request, &query));
    }
    if let Some(refusal) = unauthorized(&shared, &request) {
        return Ok(refusal);
    }
    let content_range = request
        .headers()
        .get(CONTENT_RANGE)
        .map(|value| value.to_str().unwrap().to_owned());
    let media_type = request
        .headers()
        .get("content-type")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let limit = if let Some(Fault::BreakAfter(bytes)) = fault {
        Some(bytes)
    } else {
        None
    };
    let (body, broken) = body(&shared, request, limit).await;
    let range = Query::parse(&query);
    let done = route(
        &shared,
        &method,
        &path,
        &range,
        content_range.as_deref(),
        &media_type,
        body,
    );
    if broken || matches!(fault, Some(Fault::LoseAnswer)) {
        Err(Broken)
    } else {
        Ok(done)
    }
}

async fn body(shared: &Shared, request: Request<Incoming>, limit: Option<usize>) -> (Vec<u8>, bool) {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // A client that goes away leaves what it has sent.
        let Ok(frame) = frame else { return (bytes, true) };
        if let Some(data) = frame.data_ref() {
            shared.received.fetch_add(data.len() as u64, Ordering::SeqCst);
            bytes.extend_from_slice(data);
        }
        if shared.behaviour.forget_bytes && bytes.len() > 1_000_000 {
            // Only the length of what is big will be kept: zeros, as in the layer of that test.
            assert!(bytes.iter().all(|byte| *byte == 0));
            let total = bytes.len() as u64;
            let rest = count(shared, body).await;
            shared
                .state
                .lock()
                .unwrap()
                .lengths
                .insert("big".to_owned(), total + rest);
            return (Vec::new(), false);
        }
        if limit.is_some_and(|limit| bytes.len() >= limit) {
            bytes.truncate(limit.unwrap_or_default());
            return (bytes, true);
        }
    }
    (bytes, false)
}

async fn count(shared: &Shared, mut body: Incoming) -> u64 {
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let length = frame.unwrap().data_ref().map_or(0, Bytes::len) as u64;
        shared.received.fetch_add(length, Ordering::SeqCst);
        total += length;
    }
    total
}

struct Query(BTreeMap<String, String>);

impl Query {
    fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
                .collect(),
        )
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn basic((username, password): (&str, &str)) -> String {
    // "infra:not-a-real-password", the only pair in these tests.
    assert_eq!((username, password), ("infra", "not-a-real-password"));
    "Basic aW5mcmE6bm90LWEtcmVhbC1wYXNzd29yZA==".to_owned()
}

fn token(shared: &Shared, request: &Request<Incoming>, query: &str) -> Answer {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap());
    if let Some(pair) = shared.behaviour.basic
        && given != Some(&basic(pair))
    {
        return refusal(401, "UNAUTHORIZED", "wrong password");
    }
    assert!(
        query.contains("service=double") && query.contains("scope=repository%3A"),
        "{query}"
    );
    let mut state = shared.state.lock().unwrap();
    state.next_id += 1;
    let token = format!("token-{}", state.next_id);
    state.tokens.push(token.clone());
    let mut answer = answer(200);
    *answer.body_mut() = Full::from(format!(r#"{{"token":"{token}","expires_in":300}}"#));
    answer
}

/// The token for an identity token. The one that was exchanged is worth nothing from then on.
fn exchanged(shared: &Shared, method: &Method, form: &str) -> Answer {
    let form = Query::parse(form);
    let mut state = shared.state.lock().unwrap();
    let first = shared.behaviour.identity_token.unwrap_or_default();
    let good = state.identity_token.as_deref().unwrap_or(first);
    if method != Method::POST || form.get("refresh_token") != Some(good) {
        return refusal(401, "UNAUTHORIZED", "no such identity token");
    }
    assert_eq!(form.get("grant_type"), Some("refresh_token"));
    assert_eq!(form.get("service"), Some("double"));
    assert!(form.get("scope").unwrap().starts_with("repository:team/app:"));
    state.next_id += 1;
    let (token, newer) = (
        format!("token-{}", state.next_id),
        format!("newer-{}", state.next_id),
    );
    state.tokens.push(token.clone());
    state.identity_token = Some(newer.clone());
    let mut answer = answer(200);
    *answer.body_mut() = Full::from(format!(
        r#"{{"access_token":"{token}","expires_in":300,"refresh_token":"{newer}"}}"#
    ));
    answer
}

fn unauthorized(shared: &Shared, request: &Request<Incoming>) -> Option<Answer> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .map_or("", |value| value.to_str().unwrap());
    if shared.behaviour.bearer {
        let state = shared.state.lock().unwrap();
        if given
            .strip_prefix("Bearer ")
            .is_some_and(|token| state.tokens.iter().any(|known| known == token))
        {
            return None;
        }
        let challenge = format!(
            r#"Bearer realm="{}/token",service="double",scope="repository:any:pull""#,
            shared.behaviour.token_service.as_ref().unwrap_or(&shared.address)
        );
        return Some(with(
            refusal(401, "UNAUTHORIZED", "token needed"),
            "www-authenticate",
            &challenge,
        ));
    }
    let pair = shared.behaviour.basic?;
    if given == basic(pair) {
        return None;
    }
    Some(with(
        refusal(401, "UNAUTHORIZED", "sign in"),
        "www-authenticate",
        r#"Basic realm="double""#,
    ))
}

fn route(
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
