//! What a push is told, what it tells on its way, and what it tells at its end.

use std::sync::Arc;

use crate::digest::Digest;

/// How an image is pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushOptions {
    /// How many blobs are on their way at a time. At least 1.
    pub parallel_blobs: usize,
    /// Another repository of the same registry that may hold some of the blobs: they are mounted from there
    /// instead of being sent. An image that comes from the same registry needs no such hint.
    pub mount_from: Option<String>,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            parallel_blobs: 4,
            mount_from: None,
        }
    }
}

/// Something that happened during a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushEvent {
    /// First of all: what the image consists of. Of that, some may be there already.
    Planned {
        /// The number of blobs.
        blobs: usize,
        /// Their size together.
        size_bytes: u64,
    },
    /// A blob was there already.
    BlobPresent {
        /// Which blob.
        digest: Digest,
        /// Its size.
        size_bytes: u64,
    },
    /// A blob begins to go up.
    BlobStarted {
        /// Which blob.
        digest: Digest,
        /// Its size.
        size_bytes: u64,
    },
    /// More of a blob went out. After a retry this may be less than before.
    BlobProgress {
        /// Which blob.
        digest: Digest,
        /// How much of it has gone out, counted from its beginning.
        sent_bytes: u64,
        /// Its size.
        size_bytes: u64,
    },
    /// A blob broke off, and is tried again after a wait.
    BlobRetried {
        /// Which blob.
        digest: Digest,
        /// Which attempt comes next, the first having been 1.
        attempt: u32,
        /// What went wrong, in one line.
        reason: String,
    },
    /// A blob is in the registry now.
    BlobDone {
        /// Which blob.
        digest: Digest,
        /// Its size.
        size_bytes: u64,
        /// It was taken over from another repository, and nothing was sent.
        mounted: bool,
    },
    /// A manifest was written.
    ManifestWritten {
        /// Which manifest.
        digest: Digest,
        /// Under which tag; `None` for its digest alone.
        tag: Option<String>,
    },
}

/// Gets the events of a push, from the task that pushes: it has to return soon.
pub type Progress = Arc<dyn Fn(PushEvent) + Send + Sync>;

/// For those who do not want to know.
pub fn no_progress() -> Progress {
    Arc::new(|_| {})
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushReport {
    /// The digest under which the image is there now.
    pub digest: Digest,
    /// Blobs that were sent.
    pub blobs_sent: usize,
    /// Blobs that were mounted from another repository.
    pub blobs_mounted: usize,
    /// Blobs that were there already.
    pub blobs_present: usize,
    /// Bytes of blobs that were handed to the network, also those sent twice.
    pub bytes_sent: u64,
    /// Requests to the registry, without those for tokens.
    pub requests: u64,
    /// Manifests that were not there before.
    pub manifests_sent: usize,
    /// Tags that name the image now and did not before.
    pub tags_written: Vec<String>,
    /// Tags that named it before.
    pub tags_unchanged: Vec<String>,
}
