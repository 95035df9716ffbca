//! One blob on its way up: start, send, and go on after a break.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};

use super::auth::Scope;
use super::events::{Progress, PushEvent};
use super::transport::{Answer, Call, Transport};
use super::{blob_exists, location};
use crate::blob::Blob;
use crate::error::{Error, ErrorClass};

/// Up to this size a blob goes up in one PUT, which is a request less. A break costs little then.
const SMALL_BLOB_BYTES: u64 = 1024 * 1024;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What was needed for a blob to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    Mounted,
}

/// The upload of one blob.
pub(super) struct Upload<'a> {
    pub(super) transport: &'a Transport,
    pub(super) scope: &'a Scope,
    pub(super) repository: &'a str,
    pub(super) blob: &'a Blob,
    /// A repository of the same registry that may have the blob.
    pub(super) mount_from: Option<&'a str>,
    pub(super) progress: &'a Progress,
    /// Counts what was handed to the network, also what was sent twice.
    pub(super) bytes_sent: &'a Arc<AtomicU64>,
    pub(super) doing: String,
}

/// An upload that the registry has begun.
struct Session {
    /// Where the next request goes; it changes with each answer.
    location: Url,
    /// How much of the blob the registry has.
    offset: u64,
    /// Whether the registry may have other bytes than were sent, since sending has broken off.
    doubtful: bool,
}

/// Why an attempt ended without the blob being there.
enum Setback {
    /// Nothing of the kind helps.
    Final(Error),
    /// Passing trouble: ask how far the upload got, and go on.
    Broken(Error),
    /// The registry has forgotten or spoilt the upload: begin again.
    Restart(Error),
    /// The token was refused and there is a new one.
    Renewed(Error),
}

impl Upload<'_> {
    /// Brings the blob up, however often it breaks, up to the allowed number of attempts.
    pub(super) async fn run(&self) -> Result<Outcome, Error> {
        let mut session = None;
        let mut renewed = false;
        // Some registries tell an old place when they are asked for it (ECR's Range lags behind what it
        // has): when going on from there has failed, the blob is only ever sent from its beginning.
        let mut can_resume = true;
        let mut attempt = 1;
        loop {
            let setback = match self.attempt(&mut session).await {
                Ok(outcome) => return Ok(outcome),
                Err(setback) => setback,
            };
            let (error, keeps_session) = match setback {
                Setback::Final(error) => return Err(error),
                Setback::Renewed(error) if renewed => return Err(error),
                Setback::Renewed(_) => {
                    renewed = true;
                    self.find_place(&mut session).await;
                    continue;
                }
                Setback::Broken(error) => (error, true),
                Setback::Restart(error) => (error, false),
            };
            if attempt >= self.transport.settings.attempts {
                return Err(error);
            }
            (self.progress)(PushEvent::BlobRetried {
                digest: self.blob.digest().clone(),
                attempt: attempt + 1,
                reason: error.to_string(),
            });
            tokio::time::sleep(self.transport.settings.delay_after(attempt, &error)).await;
            attempt += 1;
            // The answer to the last request may be what was lost: then the blob is there.
            if session
                .as_ref()
                .is_some_and(|session: &Session| session.offset == self.blob.size())
                && blob_exists(self.transport, self.scope, self.repository, self.blob.digest()).await?
            {
                return Ok(Outcome::Sent);
            }
            can_resume &= keeps_session;
            if can_resume {
                self.find_place(&mut session).await;
            } else {
                session = None;
            }
        }
    }

    async fn attempt(&self, session: &mut Option<Session>) -> Result<Outcome, Setback> {
        let session = match session {
            Some(session) => session,
            None => match self.begin().await.map_err(Setback::Final)? {
                Some(begun) => session.insert(begun),
                None => return Ok(Outcome::Mounted),
            },
        };
        let size = self.blob.size();
        if session.offset == 0 && size <= SMALL_BLOB_BYTES {
            let call = self.call(Method::PUT, self.closing_url(session));
            session.offset = size;
            let answer = self.send_from(call, 0).await?;
            return self.closed(answer, session);
        }
        if session.offset < size {
            let mut call = self.call(Method::PATCH, session.location.clone());
            if session.offset > 0 {
                // Without a break the blob is one plain stream, which every registry takes.
                let range = format!("{}-{}", session.offset, size - 1);
                if let Ok(range) = HeaderValue::from_str(&range) {
                    call = call.header(CONTENT_RANGE, range);
                }
            }
            let url = call.url.clone();
            let response = self.send_from(call, session.offset).await?;
            let call = self.call(Method::PATCH, url);
            self.advance(session, &call, &response)?;
        }
        let call = self.call(Method::PUT, self.closing_url(session));
        let answer = self
            .transport
            .send_once(&call, None, Some(self.transport.settings.answer_timeout))
            .await;
        let response = self
            .judge(&call, answer.map_err(setback)?, session.doubtful)
            .await?;
        self.closed(response, session)
    }

    fn call(&self, method: Method, url: Url) -> Call<'_> {
        Call::new(method, url, self.scope, &self.doing).header(CONTENT_TYPE, OCTETS)
    }

    fn closing_url(&self, session: &Session) -> Url {
        let mut url = session.location.clone();
        url.query_pairs_mut()
            .append_pair("digest", self.blob.digest().as_str());
        url
    }

    /// A new upload; `None` if the registry has mounted the blob from elsewhere instead.
    async fn begin(&self) -> Result<Option<Session>, Error> {
        let mut url = self.transport.address.uploads(self.repository)?;
        if let Some(from) = self.mount_from {
            url.query_pairs_mut()
                .append_pair("mount", self.blob.digest().as_str())
                .append_pair("from", from);
        }
        let call = Call::new(Method::POST, url, self.scope, &self.doing);
        let response = self.transport.send(&call, None).await?;
        match response.status() {
            StatusCode::CREATED if self.mount_from.is_some() => Ok(None),
            StatusCode::ACCEPTED => match location(self.transport, &call, &response)? {
                Some(location) => Ok(Some(Session {
                    location,
                    offset: 0,
                    doubtful: false,
                })),
                None => Err(self.nonsense(&call, "an upload without a Location")),
            },
            status if status.is_success() => {
                Err(self.nonsense(&call, &format!("{status}, not 202 Accepted")))
            }
            _ => Err(self.transport.refusal(&call, response).await),
        }
    }

    /// Sends the blob from an offset to its end, as a stream.
    async fn send_from(&self, call: Call<'_>, offset: u64) -> Result<Response, Setback> {
        let size = self.blob.size();
        let call = call.header(CONTENT_LENGTH, HeaderValue::from(size - offset));
        let pieces = self.blob.open(offset).await.map_err(setback)?;
        let failure: Arc<Mutex<Option<Error>>> = Arc::default();
        let sent = Arc::new(AtomicU64::new(offset));
        let body = {
            let (failure, sent, total) = (
                Arc::clone(&failure),
                Arc::clone(&sent),
                Arc::clone(self.bytes_sent),
            );
            let (progress, digest) = (Arc::clone(self.progress), self.blob.digest().clone());
            Body::wrap_stream(pieces.map(move |piece| match piece {
                Ok(piece) => {
                    let length = piece.len() as u64;
                    total.fetch_add(length, Ordering::Relaxed);
                    let sent = sent.fetch_add(length, Ordering::Relaxed) + length;
                    progress(PushEvent::BlobProgress {
                        digest: digest.clone(),
                        sent_bytes: sent,
                        size_bytes: size,
                    });
                    Ok(piece)
                }
                Err(error) => {
                    let problem = std::io::Error::other(error.to_string());
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Err(problem)
                }
            }))
        };
        let answer = self.watched(&call, body, &sent).await;
        // When it was our end that failed, the lost connection is only a consequence.
        if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(setback(error));
        }
        let answer = answer.map_err(setback)?;
        self.judge(&call, answer, offset > 0).await
    }

    /// Sends a body of any length, and gives up when it stands still.
    async fn watched(&self, call: &Call<'_>, body: Body, sent: &AtomicU64) -> Result<Answer, Error> {
        let request = self.transport.send_once(call, Some(body), None);
        tokio::pin!(request);
        let settings = &self.transport.settings;
        loop {
            let before = sent.load(Ordering::Relaxed);
            // With everything sent, what is awaited is the answer.
            let all_sent = before == self.blob.size();
            let patience = if all_sent {
                settings.answer_timeout
            } else {
                settings.stall_timeout
            };
            tokio::select! {
                answer = &mut request => return answer,
                () = tokio::time::sleep(patience) => {
                    if sent.load(Ordering::Relaxed) == before {
                        let problem = format!("{} has stood still for {} s", call.shown(), patience.as_secs());
                        return Err(Error::transient(self.doing.as_str(), problem));
                    }
                }
            }
        }
    }

    /// Sorts an answer: the response if it is a success, else what the refusal means for the upload.
    async fn judge(&self, call: &Call<'_>, answer: Answer, doubtful: bool) -> Result<Response, Setback> {
        let status = answer.response.status();
        if status.is_success() {
            return Ok(answer.response);
        }
        let is_renewed = match status {
            StatusCode::UNAUTHORIZED => self.transport.renew(self.scope, &answer).await.map_err(setback)?,
            _ => false,
        };
        let error = self.transport.refusal(call, answer.response).await;
        if is_renewed {
            return Err(Setback::Renewed(error));
        }
        let is_lost = status == StatusCode::RANGE_NOT_SATISFIABLE
            || ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"]
                .iter()
                .any(|code| error.has_fault(code))
            // Pieces that do not make the whole: a break may have left something wrong between them.
            || (doubtful && (error.has_fault("DIGEST_INVALID") || error.has_fault("SIZE_INVALID")));
        if is_lost {
            return Err(Setback::Restart(error));
        }
        Err(setback(error))
    }

    /// The registry has taken the rest of the blob: where does the next request go?
    fn advance(&self, session: &mut Session, call: &Call<'_>, response: &Response) -> Result<(), Setback> {
        if let Some(next) = location(self.transport, call, response).map_err(Setback::Final)? {
            session.location = next;
        }
        // A registry that has less than it was given refuses the digest, and then the blob begins again.
        session.doubtful |= range_end(response).is_some_and(|end| end < self.blob.size());
        session.offset = self.blob.size();
        Ok(())
    }

    fn closed(&self, response: Response, session: &Session) -> Result<Outcome, Setback> {
        if matches!(
            response.status(),
            StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::OK
        ) {
            return Ok(Outcome::Sent);
        }
        let call = self.call(Method::PUT, session.location.clone());
        let problem = format!("{}, not 201 Created", response.status());
        Err(Setback::Final(self.nonsense(&call, &problem)))
    }

    /// Asks the registry how much it has of an upload that broke off. Where that cannot be found out, the
    /// upload is given up, and the next attempt begins another.
    async fn find_place(&self, session: &mut Option<Session>) {
        let Some(broken) = session.take() else { return };
        let call = Call::new(Method::GET, broken.location.clone(), self.scope, &self.doing);
        let Ok(response) = self.transport.send(&call, None).await else {
            return;
        };
        if !response.status().is_success() {
            return;
        }
        let Some(offset) = range_end(&response).filter(|end| *end <= self.blob.size()) else {
            return;
        };
        let next = location(self.transport, &call, &response).ok().flatten();
        *session = Some(Session {
            location: next.unwrap_or(broken.location),
            offset,
            doubtful: true,
        });
    }

    fn nonsense(&self, call: &Call<'_>, answer: &str) -> Error {
        let problem = format!("{} was answered with {answer}", call.shown());
        Error::new(ErrorClass::Other, self.doing.as_str(), problem)
            .with_hint("the registry does not keep to the OCI distribution protocol")
    }
}

fn setback(error: Error) -> Setback {
    if error.class() == ErrorClass::Transient {
        Setback::Broken(error)
    } else {
        Setback::Final(error)
    }
}

/// How many bytes a registry says it has: `Range: 0-<last>`. With one byte and with none it says the same,
/// `0-0`, so that tells nothing.
fn range_end(response: &Response) -> Option<u64> {
    let text = response.headers().get(RANGE)?.to_str().ok()?;
    let last: u64 = text
        .trim_start_matches("bytes=")
        .strip_prefix("0-")?
        .trim()
        .parse()
        .ok()?;
    (last > 0).then(|| last + 1)
}
