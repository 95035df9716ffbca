//! Blobs: configurations and layers, opened as streams that check their own digest.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tempfile::TempDir;

use crate::digest::{Digest, Hasher};
use crate::error::{Error, ErrorClass};
use crate::manifest::Descriptor;
use crate::registry::Registry;

/// The bytes of a blob in pieces of at most 256 KiB.
///
/// The last piece comes only after the digest of the whole was found right, so a consumer that has all
/// the bytes has the right ones; otherwise the stream ends in an error of class [`ErrorClass::Invalid`].
pub type BlobStream = BoxStream<'static, Result<Bytes, Error>>;

/// How much of a file is in memory at a time, for each blob that is being read.
const CHUNK_BYTES: u64 = 128 * 1024;

/// A configuration or a layer: known by digest, size and media type, and opened when it is needed.
#[derive(Clone)]
pub struct Blob {
    descriptor: Descriptor,
    content: Content,
}

/// Where the bytes are.
#[derive(Clone)]
pub(crate) enum Content {
    Bytes(Bytes),
    File(FileSlice),
    Remote { registry: Registry, repository: String },
}

/// A part of a file: an entry of an archive, or the whole of a file.
#[derive(Clone)]
pub(crate) struct FileSlice {
    pub(crate) path: Arc<Path>,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// Keeps a temporary folder until nobody reads from it any more.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) keep: Option<Arc<TempDir>>,
}

impl Blob {
    pub(crate) fn new(descriptor: Descriptor, content: Content) -> Self {
        Self { descriptor, content }
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.descriptor.digest
    }

    /// The number of bytes.
    pub fn size(&self) -> u64 {
        self.descriptor.size
    }

    /// The media type that the manifest gives.
    pub fn media_type(&self) -> &str {
        &self.descriptor.media_type
    }

    /// Whether registries are not to hold it (a base layer that is fetched from its maker's address).
    pub fn is_foreign(&self) -> bool {
        self.descriptor.is_foreign()
    }

    pub(crate) fn remote(&self) -> Option<(&Registry, &str)> {
        match &self.content {
            Content::Remote { registry, repository } => Some((registry, repository)),
            Content::Bytes(_) | Content::File(_) => None,
        }
    }

    /// Opens the blob and skips its first `from` bytes.
    ///
    /// What is skipped is read all the same, since the digest is that of the whole.
    ///
    /// # Errors
    /// The file cannot be opened, or the registry does not give the blob. Errors while reading, and a
    /// digest that does not fit, come through the stream.
    pub async fn open(&self, from: u64) -> Result<BlobStream, Error> {
        let check = Check {
            expected: self.digest().clone(),
            remaining: self.size(),
            skip: from,
            hasher: Some(Hasher::default()),
        };
        match &self.content {
            Content::Bytes(bytes) => {
                let whole = stream::iter([Ok(bytes.clone())]).boxed();
                Ok(checked(whole, check))
            }
            Content::Remote { registry, repository } => {
                let answer = registry.blob_stream(repository, self.digest()).await?;
                Ok(checked(answer, check))
            }
            Content::File(slice) => {
                let slice = slice.clone();
                let reader = blocking(move || Reader::open(slice, check)).await?;
                Ok(stream::try_unfold(reader, |mut reader| {
                    // From the threads of the runtime, which are few: an allocator keeps memory for each thread that
                    // asked for some.
                    let buffer = reader.buffer();
                    blocking(move || Ok(reader.next(buffer)?.map(|piece| (piece, reader))))
                })
                .boxed())
            }
        }
    }

    /// The whole blob, for those that are small.
    pub(crate) async fn read(&self, limit_bytes: u64) -> Result<Bytes, Error> {
        if self.size() > limit_bytes {
            let problem = format!(
                "it has {} bytes, more than the {limit_bytes} allowed",
                self.size()
            );
            return Err(Error::invalid(format!("reading {}", self.digest()), problem));
        }
        let pieces: Vec<Bytes> = self.open(0).await?.try_collect().await?;
        Ok(pieces.concat().into())
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Blob({}, {} bytes, {})",
            self.digest(),
            self.size(),
            self.media_type()
        )
    }
}

/// Runs what blocks on a file off the threads that wait for the network.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            Err(Error::new(ErrorClass::Other, "reading files", "the work was stopped").caused_by(error))
        }
    }
}

/// Hashes the bytes that pass, and lets the last ones through only when the digest is right.
struct Check {
    expected: Digest,
    remaining: u64,
    skip: u64,
    /// Taken when the whole has been hashed and found right.
    hasher: Option<Hasher>,
}

impl Check {
    /// Takes the next bytes of the blob; returns those that the consumer has not skipped.
    fn pass(&mut self, piece: Bytes) -> Result<Bytes, Error> {
        let length = piece.len() as u64;
        if length > self.remaining {
            return Err(self.wrong("it is longer than its manifest says"));
        }
        self.remaining -= length;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        self.end_if_whole()?;
        let skipped = self.skip.min(length);
        self.skip -= skipped;
        Ok(piece.slice(usize::try_from(skipped).unwrap_or(piece.len())..))
    }

    fn end_if_whole(&mut self) -> Result<(), Error> {
        if self.remaining > 0 {
            return Ok(());
        }
        match self.hasher.take().map(Hasher::finish) {
            Some(actual) if actual != self.expected => {
                Err(self.wrong(format!("its bytes have the digest {actual}")))
            }
            _ => Ok(()),
        }
    }

    /// Called when there are no more bytes.
    fn end(&mut self) -> Result<(), Error> {
        if self.remaining > 0 {
            return Err(self.wrong(format!("{} bytes are missing at its end", self.remaining)));
        }
        self.end_if_whole()
    }

    fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::invalid(format!("reading blob {}", self.expected), problem)
            .with_hint("the image is damaged: make or fetch it again")
    }
}

fn checked(pieces: BlobStream, check: Check) -> BlobStream {
    stream::try_unfold((pieces, check), |(mut pieces, mut check)| async move {
        while let Some(piece) = pieces.next().await {
            let piece = check.pass(piece?)?;
            if !piece.is_empty() {
                return Ok(Some((piece, (pieces, check))));
            }
        }
        check.end()?;
        Ok(None)
    })
    .boxed()
}

/// Reads a slice of a file; everything in it blocks.
struct Reader {
    file: std::fs::File,
    slice: FileSlice,
    left: u64,
    check: Check,
}

impl Reader {
    fn open(slice: FileSlice, check: Check) -> Result<Self, Error> {
        let open = || {
            let mut file = std::fs::File::open(&slice.path)?;
            file.seek(SeekFrom::Start(slice.offset))?;
            Ok(file)
        };
        let file = open().map_err(|error| Error::file("opening a blob", &slice.path, error))?;
        let left = slice.length;
        Ok(Self {
            file,
            slice,
            left,
            check,
        })
    }

    /// Room for the next bytes, all at once: a buffer that grows takes twice the memory.
    fn buffer(&self) -> Vec<u8> {
        Vec::with_capacity(usize::try_from(self.left.min(CHUNK_BYTES)).unwrap_or_default())
    }

    /// The next bytes that the consumer has not skipped.
    fn next(&mut self, mut buffer: Vec<u8>) -> Result<Option<Bytes>, Error> {
        while self.left > 0 {
            let wanted = self.left.min(CHUNK_BYTES);
            let read = (&mut self.file)
                .take(wanted)
                .read_to_end(&mut buffer)
                .map_err(|error| Error::file("reading a blob", &self.slice.path, error))?;
            if read == 0 {
                break;
            }
            self.left -= read as u64;
            let piece = self.check.pass(buffer.into())?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            buffer = self.buffer();
        }
        self.check.end()?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::media_type::OCI_LAYER_GZIP;

    fn blob(claimed: &[u8], actual: &[u8]) -> Blob {
        Blob::new(
            Descriptor::of(OCI_LAYER_GZIP, claimed),
            Content::Bytes(Bytes::copy_from_slice(actual)),
        )
    }

    #[tokio::test]
    async fn reads_from_anywhere() {
        for (from, expected) in [(0, "hello"), (2, "llo"), (5, "")] {
            let pieces: Vec<Bytes> = blob(b"hello", b"hello")
                .open(from)
                .await
                .unwrap()
                .try_collect()
                .await
                .unwrap();
            assert_eq!(pieces.concat(), expected.as_bytes());
        }
        assert_eq!(blob(b"", b"").read(0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn damaged_bytes_are_never_all_given() {
        for (actual, problem) in [
            ("hellO", "its bytes have the digest sha256:"),
            ("hell", "1 bytes are missing at its end"),
            ("hello!", "it is longer than its manifest says"),
        ] {
            let pieces: Vec<Result<Bytes, Error>> = blob(b"hello", actual.as_bytes())
                .open(0)
                .await
                .unwrap()
                .collect()
                .await;
            let given: usize = pieces.iter().flatten().map(Bytes::len).sum();
            let error = pieces.into_iter().find_map(Result::err).unwrap();
            assert!(given < 5, "{given} bytes were given");
            assert_eq!(error.class(), ErrorClass::Invalid);
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
}
