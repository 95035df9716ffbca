//! What stands between the program and AWS: TLS with an authority of its own, and proxies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// TLS in front of an endpoint. It ends with this.
pub struct TlsFront {
    process: Child,
    port: u16,
    /// The certificate of its authority, which nobody else trusts.
    pub authority: PathBuf,
}

impl TlsFront {
    /// Starts it, with its files in a folder that there is.
    pub fn start(python: &Path, folder: &Path, endpoint: &str) -> Self {
        let upstream = endpoint.rsplit_once(':').unwrap().1;
        let mut process = Command::new(python)
            .args(["-c", include_str!("tls_front.py")])
            .arg(folder)
            .arg(upstream)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        Self {
            process,
            port: line.trim().parse().unwrap(),
            authority: folder.join("authority.pem"),
        }
    }

    /// Its address, by the name in its certificate.
    pub fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.port)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a [`Listener`] answers to a request, which is its head and its body.
type Answer = dyn Fn(&str) -> String + Send + Sync;

/// Notes what it is asked: as a proxy, which takes every tunnel to one place or refuses it, or as an endpoint.
pub struct Listener {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// A proxy whose tunnels all lead to this front, whatever they ask for.
    pub fn proxy_to(front: &TlsFront) -> Self {
        Self::start(Some(front.port), &|_| refusal())
    }

    /// A proxy or an endpoint that refuses.
    pub fn refusing() -> Self {
        Self::start(None, &|_| refusal())
    }

    /// An endpoint with answers.
    pub fn answering(answer: &'static Answer) -> Self {
        Self::start(None, answer)
    }

    fn start(tunnels: Option<u16>, answer: &'static Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::default();
        let note = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let note = Arc::clone(&note);
                // Whoever asks may go away in the middle of it.
                thread::spawn(move || drop(serve(client, tunnels, answer, &note)));
            }
        });
        Self { address, asked }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads and bodies of what it was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What tunnels were asked for, such as `sts.us-east-1.amazonaws.com:443`.
    pub fn tunnels(&self) -> Vec<String> {
        let asked = self.asked();
        let lines = asked.iter().filter_map(|request| request.lines().next());
        lines
            .filter_map(|line| line.strip_prefix("CONNECT ")?.split(' ').next())
            .map(str::to_owned)
            .collect()
    }
}

fn refusal() -> String {
    let body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>refused by the test</Message></Error></ErrorResponse>";
    answer("403 Forbidden", "text/xml", body)
}

/// An HTTP answer.
pub fn answer(status: &str, media_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn serve(
    mut client: TcpStream,
    tunnels: Option<u16>,
    answer: &Answer,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
        request.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.push_str(&String::from_utf8_lossy(&body));
    asked.lock().unwrap().push(request.clone());
    match tunnels {
        Some(port) if request.starts_with("CONNECT ") => {
            let mut server = TcpStream::connect(("127.0.0.1", port))?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            let mut there = server.try_clone()?;
            let forth = thread::spawn(move || {
                let _ = std::io::copy(&mut reader, &mut there);
                let _ = there.shutdown(Shutdown::Write);
            });
            std::io::copy(&mut server, &mut client)?;
            client.shutdown(Shutdown::Both)?;
            let _ = forth.join();
            Ok(())
        }
        _ => client.write_all(answer(&request).as_bytes()),
    }
}
