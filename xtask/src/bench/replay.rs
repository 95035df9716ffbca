//! A bare client: the requests of a recording once more, as they were, over connections that stay open.
//!
//! What the emulator makes has other names each time. So of each answer the words that later requests say again are
//! looked up in the new answer, at the same place, and a request is sent once all the words are known that it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use infra_sandbox::RecordedRequest;

/// Shorter words are no names that anybody makes up.
const SHORTEST_WORD: usize = 8;
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request with what ties it to others.
struct Prepared<'a> {
    request: &'a RecordedRequest,
    /// Words of earlier answers that it says.
    needs: BTreeSet<&'a [u8]>,
    /// Words of its answer that later requests say.
    makes: BTreeSet<&'a [u8]>,
    /// The last request before it that changed the same thing by its path, such as a hosted zone: AWS takes one at
    /// a time.
    follows: Option<usize>,
    /// Its place among all of them.
    position: usize,
}

/// The new words by the recorded ones.
type Words<'a> = BTreeMap<&'a [u8], Vec<u8>>;

/// What all connections know.
#[derive(Default)]
struct Told<'a> {
    words: Words<'a>,
    answered: BTreeSet<usize>,
    /// One of them has failed: the others need not go on.
    is_over: bool,
}

/// A replay under way.
struct Replay<'a> {
    left: Mutex<std::slice::Iter<'a, Prepared<'a>>>,
    told: Mutex<Told<'a>>,
    news: Condvar,
}

/// Sends the requests to `host` over as many connections; how long that took.
///
/// # Errors
/// The emulator does not answer, or answers otherwise than it did.
pub fn replay(host: &str, requests: &[RecordedRequest], connections: usize) -> Result<Duration> {
    let prepared = prepared(requests);
    let replay = Replay {
        left: Mutex::new(prepared.iter()),
        told: Mutex::default(),
        news: Condvar::new(),
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let one = || {
            let result = replay.requests(host);
            if result.is_err() {
                replay.tell(|told| told.is_over = true);
            }
            result
        };
        let clients: Vec<_> = (0..connections.min(requests.len()))
            .map(|_| scope.spawn(one))
            .collect();
        clients.into_iter().try_for_each(|client| match client.join() {
            Ok(result) => result,
            Err(_) => bail!("a client broke down"),
        })
    })?;
    Ok(start.elapsed())
}

impl<'a> Replay<'a> {
    /// Sends what is left, over one connection.
    fn requests(&self, host: &str) -> Result<()> {
        let mut client = None;
        loop {
            let next = self.left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((one, known)) = next.and_then(|one| Some((one, self.wait_for(one)?))) else {
                return Ok(());
            };
            let client = match &mut client {
                Some(client) => client,
                None => client.insert(Client::connect(host)?),
            };
            let answer = client.send(one.request, &known)?;
            let made = made(one, &answer)?;
            self.tell(|told| {
                told.words.extend(made);
                told.answered.insert(one.position);
            });
        }
    }

    fn tell(&self, what: impl FnOnce(&mut Told<'a>)) {
        what(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
        self.news.notify_all();
    }

    /// The new words that a request needs, once it may be sent; `None` when it never will be.
    fn wait_for(&self, one: &Prepared<'a>) -> Option<Words<'a>> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_missing = |told: &mut Told<'a>| {
            let is_told = one.needs.iter().all(|word| told.words.contains_key(word));
            let is_free = one.follows.is_none_or(|before| told.answered.contains(&before));
            !(told.is_over || is_told && is_free)
        };
        let told = self
            .news
            .wait_while(told, is_missing)
            .unwrap_or_else(PoisonError::into_inner);
        let known = one
            .needs
            .iter()
            .map(|word| Some((*word, told.words.get(word)?.clone())));
        known.collect::<Option<Words<'a>>>().filter(|_| !told.is_over)
    }
}

/// Sends one request as it is; the body of the answer.
///
/// # Errors
/// The emulator does not answer, or with another status.
pub fn send(host: &str, request: &RecordedRequest) -> Result<Vec<u8>> {
    Client::connect(host)?.send(request, &Words::new())
}

/// What of a new answer later requests say, by the recorded words.
fn made<'a>(one: &Prepared<'a>, answer: &[u8]) -> Result<Words<'a>> {
    let (before, now) = (words_of(&one.request.answer), words_of(answer));
    ensure!(
        one.makes.is_empty() || before.len() == now.len(),
        "the answer to `{}` has another form than it had:\n{}",
        one.request.target,
        String::from_utf8_lossy(answer)
    );
    let pairs = before.into_iter().zip(now);
    Ok(pairs
        .filter(|(before, _)| one.makes.contains(before))
        .map(|(before, now)| (before, now.to_vec()))
        .collect())
}

/// Ties each request to those whose answers it goes by.
fn prepared(requests: &[RecordedRequest]) -> Vec<Prepared<'_>> {
    // Who made a word: the first to answer it, unless a request said it before.
    let mut makers: BTreeMap<&[u8], Option<usize>> = BTreeMap::new();
    let mut prepared: Vec<Prepared<'_>> = Vec::new();
    let mut last_changes: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, request) in requests.iter().enumerate() {
        let said = words_of(request.target.as_bytes())
            .into_iter()
            .chain(words_of(&request.body));
        let mut needs = BTreeSet::new();
        for word in said {
            if let Some(maker) = *makers.entry(word).or_insert(None) {
                needs.insert(word);
                let maker: &mut Prepared<'_> = &mut prepared[maker];
                maker.makes.insert(word);
            }
        }
        for word in words_of(&request.answer) {
            makers.entry(word).or_insert(Some(position));
        }
        // Services that are asked at `/` say in the body what they change.
        let changes = request.method != "GET" && request.target != "/";
        prepared.push(Prepared {
            request,
            needs,
            makes: BTreeSet::new(),
            follows: changes
                .then(|| last_changes.insert(&request.target, position))
                .flatten(),
            position,
        });
    }
    prepared
}

/// The words of a text: letters, digits and hyphens, long enough to be names.
fn words_of(text: &[u8]) -> Vec<&[u8]> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    text.split(|byte| !is_of_word(byte))
        .filter(|word| word.len() >= SHORTEST_WORD)
        .collect()
}

/// A text with the new words in place of the recorded ones.
fn said_anew(text: &[u8], words: &Words<'_>) -> Vec<u8> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let mut said = Vec::with_capacity(text.len());
    for run in text.chunk_by(|one, other| is_of_word(one) == is_of_word(other)) {
        said.extend_from_slice(words.get(run).map_or(run, Vec::as_slice));
    }
    said
}

/// One connection.
struct Client {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("{host} does not answer"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// Sends a request; the body of the answer, whose status is what it was.
    fn send(&mut self, request: &RecordedRequest, words: &Words<'_>) -> Result<Vec<u8>> {
        let body = said_anew(&request.body, words);
        let target = String::from_utf8(said_anew(request.target.as_bytes(), words))?;
        let mut text = format!("{} {target} HTTP/1.1\r\nhost: {}\r\n", request.method, self.host);
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&body);
        self.stream.get_mut().write_all(&bytes)?;
        let (status, answer) =
            answer(&mut self.stream).with_context(|| format!("{} {target}", request.method))?;
        ensure!(
            status == request.status,
            "{} {target} was answered {} and now is {status}:\n{}",
            request.method,
            request.status,
            String::from_utf8_lossy(&answer)
        );
        Ok(answer)
    }
}

/// Reads an answer with a length: its status and body.
fn answer(stream: &mut impl BufRead) -> Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("this is no answer: {line:?}"))?;
    let mut length = None;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse()?);
        }
    }
    let length: usize = length.context("the answer tells no length")?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, body: &str, answer: &str) -> RecordedRequest {
        RecordedRequest {
            method: "POST".into(),
            target: target.into(),
            headers: Vec::new(),
            body: body.into(),
            status: 200,
            answer: answer.into(),
        }
    }

    #[test]
    fn a_request_waits_for_the_words_that_an_answer_made() {
        let requests = [
            request(
                "/",
                "Name=network-one",
                "<id>vpc-00000001</id><name>network-one</name>",
            ),
            request(
                "/",
                "VpcId=vpc-00000001&Name=group-one",
                "<id>sg-000000002</id><of>vpc-00000001</of>",
            ),
            request("/zone/vpc-00000001", "GroupId=sg-000000002&Name=network-one", ""),
        ];
        let prepared = prepared(&requests);
        let shown = |words: &BTreeSet<&[u8]>| -> Vec<String> {
            words
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect()
        };
        let found: Vec<_> = prepared
            .iter()
            .map(|one| (shown(&one.needs), shown(&one.makes)))
            .collect();
        let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                (of(&[]), of(&["vpc-00000001"])),
                (of(&["vpc-00000001"]), of(&["sg-000000002"])),
                (of(&["sg-000000002", "vpc-00000001"]), of(&[])),
            ]
        );
        assert!(prepared.iter().all(|one| one.follows.is_none()));
        let made = made(&prepared[1], b"<id>sg-fffffffff</id><of>vpc-eeeeeeee</of>").unwrap();
        assert_eq!(
            said_anew(b"GroupId=sg-000000002&Name=sg-0000000021", &made),
            b"GroupId=sg-fffffffff&Name=sg-0000000021"
        );
        assert!(super::made(&prepared[1], b"<error>not-a-group</error>").is_err());
    }

    #[test]
    fn what_changes_one_thing_goes_one_after_the_other() {
        let requests =
            ["/zone/a", "/", "/zone/b", "/zone/a", "/", "/zone/a"].map(|target| request(target, "", ""));
        let found: Vec<_> = prepared(&requests).iter().map(|one| one.follows).collect();
        assert_eq!(found, [None, None, None, Some(0), None, Some(3)]);
    }

    #[test]
    fn answers_are_read_one_after_the_other() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\nabcHTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n";
        let mut stream = &text[..];
        assert_eq!(answer(&mut stream).unwrap(), (200, b"abc".to_vec()));
        assert_eq!(answer(&mut stream).unwrap(), (404, Vec::new()));
        assert!(answer(&mut stream).is_err());
        assert!(answer(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..]).is_err());
    }
}
