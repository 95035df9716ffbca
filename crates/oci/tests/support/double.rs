//! A registry within the process, which breaks connections, refuses tokens and answers 5xx when told to.
//!
//! It keeps to the distribution protocol where nothing else is asked for, and checks what it is sent: a
//! digest that does not fit, a range out of order, and a manifest without its blobs are refused.

mod content;
mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_RANGE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use infra_oci::Digest;
use tokio::net::TcpListener;

use self::content::route;
use self::tokens::{exchanged, token, unauthorized};

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
