//! Compression of layers that gives the same bytes every time, with the digests before and after it.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder};

use crate::digest::{Digest, Hasher};

/// The level that gzip itself has as its default. Another level gives other digests.
pub(crate) const COMPRESSION_LEVEL: u32 = 6;

/// Compresses without anything that differs from run to run: no time, no name. Returns the digests of the
/// plain and of the compressed bytes.
pub(crate) fn compress(plain: impl Read, target: impl Write) -> std::io::Result<(Digest, Digest)> {
    let header = GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM);
    let mut encoder = header.write(Hashing::new(target), Compression::new(COMPRESSION_LEVEL));
    let mut source = Hashing::new(plain);
    std::io::copy(&mut source, &mut encoder)?;
    let mut target = encoder.finish()?;
    target.flush()?;
    Ok((source.finish().0, target.finish().0))
}

/// "Unknown" in the header's field for the operating system, per RFC 1952.
const UNKNOWN_SYSTEM: u8 = 255;

/// Hashes what is read or written through it.
pub(crate) struct Hashing<T> {
    inner: T,
    hasher: Hasher,
}

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            hasher: Hasher::default(),
        }
    }

    /// The digest of what has passed, and what it passed through.
    pub(crate) fn finish(self) -> (Digest, T) {
        (self.hasher.finish(), self.inner)
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
