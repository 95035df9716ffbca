//! The keys of the one tree: a letter for the kind, a slash, and the name. Numbers are big-endian, so that
//! they sort by value.

use infra_core::{ResourceAddress, RunId, Token};

/// The format, the stack, the lineage and the serial.
pub(crate) const META: &[u8] = b"m/meta";
/// Which key secrets are sealed with.
pub(crate) const SEALED_WITH: &[u8] = b"m/sealed_with";
/// That key as KMS keeps it.
pub(crate) const KEPT_KEY: &[u8] = b"m/kept_key";
/// How the stack is reached.
pub(crate) const CONNECTION: &[u8] = b"m/connection";
/// The outputs.
pub(crate) const OUTPUTS: &[u8] = b"m/outputs";

/// All records.
pub(crate) const RECORDS: &[u8] = b"r/";
/// All deposed records.
pub(crate) const DEPOSED: &[u8] = b"d/";
/// All open intents.
pub(crate) const INTENTS: &[u8] = b"i/";
/// The journal.
pub(crate) const JOURNAL: &[u8] = b"j/";
/// The runs.
pub(crate) const RUNS: &[u8] = b"h/";

/// A record's key.
pub(crate) fn record(address: &ResourceAddress) -> Vec<u8> {
    [RECORDS, address.to_string().as_bytes()].concat()
}

/// The key of an address's deposed records.
pub(crate) fn deposed(address: &ResourceAddress) -> Vec<u8> {
    [DEPOSED, address.to_string().as_bytes()].concat()
}

/// An intent's key.
pub(crate) fn intent(token: &Token) -> Vec<u8> {
    [INTENTS, token.0.as_bytes()].concat()
}

/// A journal entry's key.
pub(crate) fn entry(serial: u64) -> Vec<u8> {
    [JOURNAL, &serial.to_be_bytes()].concat()
}

/// The serial in a journal entry's key.
pub(crate) fn serial(key: &[u8]) -> Option<u64> {
    key.strip_prefix(JOURNAL)?.try_into().ok().map(u64::from_be_bytes)
}

/// A run's key.
pub(crate) fn run(started_unix_ms: u64, run: &RunId) -> Vec<u8> {
    [RUNS, &started_unix_ms.to_be_bytes(), run.0.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_sort_by_value() {
        let numbers = [0, 1, 255, 256, 65_536, u64::MAX];
        assert!(numbers.map(entry).is_sorted());
        assert_eq!(numbers.map(|number| serial(&entry(number))), numbers.map(Some));
        assert_eq!(serial(b"j/short"), None);
    }
}
