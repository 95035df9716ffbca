//! One number for a whole state, kept up to date part by part.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The exclusive or of the SHA-256 of every part, with its key: the order of changes does not matter, and a
/// change costs no more than the part that it changes. It is against disks, not against people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sum([u8; 32]);

impl Sum {
    /// Adds a part, or takes away one that was added.
    pub fn toggle(&mut self, key: &[u8], value: &[u8]) {
        let mut hash = Sha256::new();
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
        hash.update(value);
        for (byte, other) in self.0.iter_mut().zip(hash.finalize()) {
            *byte ^= other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_have_the_same_sum_in_any_order() {
        let sum = |parts: &[(&str, &str)]| {
            let mut sum = Sum::default();
            for (key, value) in parts {
                sum.toggle(key.as_bytes(), value.as_bytes());
            }
            sum
        };
        let one = sum(&[("a", "1"), ("b", "2")]);
        assert_eq!(one, sum(&[("b", "2"), ("c", "3"), ("a", "1"), ("c", "3")]));
        for other in [
            &[("a", "1")][..],
            &[("a", "1"), ("b", "3")],
            &[("a1", ""), ("b", "2")],
        ] {
            assert_ne!(one, sum(other), "{other:?}");
        }
    }
}
