//! A wire between a client and a registry that counts what passes, and that can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Nothing is cut.
const NEVER: u64 = u64::MAX;

/// The running proxy; it ends with the runtime of the test.
pub struct Proxy {
    pub address: String,
    /// Bytes on their way to the registry, in all.
    pub passed: Arc<AtomicU64>,
    /// At how many bytes the connection is cut that carries them, once.
    cut_at: Arc<AtomicU64>,
}

impl Proxy {
    pub async fn start(registry_host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (passed, cut_at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(NEVER)));
        let (counted, cut, target) = (Arc::clone(&passed), Arc::clone(&cut_at), registry_host.to_owned());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let registry = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(join(client, registry, Arc::clone(&counted), Arc::clone(&cut)));
            }
        });
        Self {
            address,
            passed,
            cut_at,
        }
    }

    pub fn cut_at(&self, bytes: u64) {
        self.cut_at.store(bytes, Ordering::SeqCst);
    }

    pub fn was_cut(&self) -> bool {
        self.cut_at.load(Ordering::SeqCst) == NEVER
    }
}

async fn join(mut client: TcpStream, mut registry: TcpStream, passed: Arc<AtomicU64>, cut: Arc<AtomicU64>) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_registry, mut to_registry) = registry.split();
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let total = passed.fetch_add(length as u64, Ordering::SeqCst) + length as u64;
            if total >= cut.load(Ordering::SeqCst) {
                cut.store(NEVER, Ordering::SeqCst);
                return;
            }
            if to_registry.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    // Whichever way ends first ends the other.
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_registry, &mut to_client) => {}
    }
}
