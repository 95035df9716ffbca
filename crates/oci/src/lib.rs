//! Container images: digests, layers, and the OCI distribution protocol. Knows no AWS.
