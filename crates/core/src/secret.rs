//! Values that may not be shown or stored in clear.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::value::Value;

/// A sensitive value: in clear while a run needs it, or the keyed hash that stands for it in state,
/// plans, logs and events. `Debug` never shows the clear value, and serialising one in clear fails.
#[derive(Clone, PartialEq)]
pub enum Secret {
    /// The value itself, in memory only.
    Clear(Box<Value>),
    /// `hmac-sha256:<hex>` of the value's canonical JSON under a [`SealingKey`].
    Sealed(String),
}

impl Secret {
    /// Whether it is sealed with a key that nobody has after this process.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Sealed(hash) if hash.starts_with(PASSING))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Secret(clear, not shown)",
            Self::Sealed(_) => "Secret(sealed)",
        })
    }
}

/// The key under which secrets are hashed. It is never where a state is, and never in an export: who has both can
/// try what a short secret was.
#[derive(Clone)]
pub struct SealingKey {
    bytes: [u8; 32],
    /// Whether nobody has it after this process, so that what it seals may be kept nowhere.
    passing: bool,
    /// The key as KMS keeps it, if that does.
    kept: Option<KeptKey>,
    successor: Option<Arc<Successor>>,
}

/// The key that is to take another's place. A seal tells nothing of its value, so what it will be under this key can be
/// known only while the value is there in clear: then it is noted.
struct Successor {
    key: SealingKey,
    /// By the seal under the other key.
    seals: Mutex<BTreeMap<String, String>>,
}

impl PartialEq for SealingKey {
    fn eq(&self, other: &Self) -> bool {
        (self.bytes, self.passing) == (other.bytes, other.passing)
    }
}

impl Eq for SealingKey {}

/// What a value begins with that a key of this process alone has sealed.
const PASSING: &str = "hmac-sha256:passing:";

/// Which key it was, as far as anybody may know: a keyed fingerprint, from which the key cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealingKeyId(pub String);

/// A key that a key of KMS keeps: only KMS gets it back from this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptKey {
    /// The key of KMS, by its ARN.
    pub kms_key: String,
    /// What KMS encrypted, in base64.
    pub encrypted: String,
    /// What the stack file called the key of KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<String>,
}

impl KeptKey {
    /// Whether a stack file that names `key` means the key of KMS that keeps this one.
    pub fn is_by(&self, key: &str) -> bool {
        self.kms_key == key || self.declared.as_deref().is_none_or(|declared| declared == key)
    }
}

impl fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SealingKey {
    /// The fewest bytes of a key.
    pub const MIN_BYTES: usize = 32;

    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            passing: false,
            kept: None,
            successor: None,
        }
    }

    /// The same key, for this process alone: what it seals is told from what keys seal that are kept.
    #[must_use]
    pub fn passing(self) -> Self {
        Self {
            passing: true,
            ..self
        }
    }

    /// The same key, as KMS keeps it.
    #[must_use]
    pub fn kept_as(self, kept: KeptKey) -> Self {
        Self {
            kept: Some(kept),
            ..self
        }
    }

    /// The key as KMS keeps it, if that does.
    pub fn kept(&self) -> Option<&KeptKey> {
        self.kept.as_ref()
    }

    /// The same key, which notes of all that it seals what that will be under another one.
    #[must_use]
    pub fn followed_by(self, key: Self) -> Self {
        let seals = Mutex::default();
        Self {
            successor: Some(Arc::new(Successor { key, seals })),
            ..self
        }
    }

    /// The key that is to take the place of this one, and the seals under it by those under this one, as far as their values
    /// were seen in clear.
    pub fn successor(&self) -> Option<(&Self, BTreeMap<String, String>)> {
        let successor = self.successor.as_ref()?;
        let seals = successor.seals.lock().unwrap_or_else(PoisonError::into_inner);
        Some((&successor.key, seals.clone()))
    }

    /// Whether nobody has the key after this process.
    pub fn is_passing(&self) -> bool {
        self.passing
    }

    /// The key that somebody gives as bytes, of which there may be more; `None` for less than
    /// [`SealingKey::MIN_BYTES`].
    pub fn from_given(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < Self::MIN_BYTES {
            return None;
        }
        let whole = bytes.try_into().ok();
        Some(Self::new(whole.unwrap_or_else(|| Sha256::digest(bytes).into())))
    }

    /// The key's bytes, for the file that keeps it.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Which key it is.
    pub fn id(&self) -> SealingKeyId {
        // No value's canonical text begins so, which is JSON.
        let hash = self.hash_bytes(b"the id of this key");
        SealingKeyId(hash.chars().take(16).collect())
    }

    fn hash_bytes(&self, bytes: &[u8]) -> String {
        // HMAC accepts a key of any length, so this cannot fail; an empty tag would still hide the value.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.bytes) else {
            return String::new();
        };
        mac.update(bytes);
        hex::encode(mac.finalize().into_bytes())
    }

    /// The keyed hash of `value`, which must hold no unknown.
    pub fn hash(&self, value: &Value) -> String {
        let hash = self.hash_bytes(value.revealed_canonical_text().as_bytes());
        let seal = match self.passing {
            true => format!("{PASSING}{hash}"),
            false => format!("hmac-sha256:{hash}"),
        };
        if let Some(successor) = &self.successor {
            let next = successor.key.hash(value);
            let mut seals = successor.seals.lock().unwrap_or_else(PoisonError::into_inner);
            seals.insert(seal.clone(), next);
        }
        seal
    }

    /// Whether both stand for the same value, whichever of them is sealed.
    pub fn same(&self, left: &Secret, right: &Secret) -> bool {
        self.seal(left) == self.seal(right)
    }

    /// The sealed form of `secret`.
    pub fn seal(&self, secret: &Secret) -> String {
        match secret {
            Secret::Clear(value) => self.hash(value),
            Secret::Sealed(hash) => hash.clone(),
        }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_its_id_and_has_enough_bytes() {
        assert_eq!(SealingKey::from_given(&[7; 31]), None);
        let key = SealingKey::from_given(&[7; 32]).unwrap();
        assert_eq!(key, SealingKey::new([7; 32]));
        let longer = SealingKey::from_given(&[7; 48]).unwrap();
        assert_ne!(key.id(), longer.id());
        assert_eq!(key.id(), SealingKey::new([7; 32]).id());
        assert_eq!(key.id().0.len(), 16);
    }

    #[test]
    fn a_key_with_a_successor_notes_what_its_seals_become() {
        let next = SealingKey::new([8; 32]);
        let key = SealingKey::new([7; 32]).followed_by(next.clone());
        let [seen, unseen] = ["hunter2", "hunter3"].map(Value::from);
        let seal = key.clone().seal(&Secret::Clear(Box::new(seen.clone())));
        assert_eq!(seal, SealingKey::new([7; 32]).hash(&seen));
        let (successor, seals) = key.successor().unwrap();
        assert_eq!(successor, &next);
        assert_eq!(seals, BTreeMap::from([(seal, next.hash(&seen))]));
        assert!(!seals.contains_key(&SealingKey::new([7; 32]).hash(&unseen)));
    }

    #[test]
    fn what_a_passing_key_seals_is_told_from_what_is_kept() {
        let key = SealingKey::new([7; 32]);
        let passing = key.clone().passing();
        let value = Value::from("hunter2");
        let sealed = |key: &SealingKey| Secret::Sealed(key.hash(&value));
        assert!(!sealed(&key).is_passing() && sealed(&passing).is_passing());
        assert!(!key.same(&sealed(&key), &sealed(&passing)));
        assert!(!Secret::Clear(Box::new(value.clone())).is_passing());
    }

    #[test]
    fn a_secret_is_the_same_sealed_or_not_and_never_shown() {
        let key = SealingKey::new([7; 32]);
        let clear = Secret::Clear(Box::new(Value::from("hunter2")));
        let sealed = Secret::Sealed(key.seal(&clear));
        assert!(key.same(&clear, &sealed));
        assert!(!key.same(&clear, &Secret::Clear(Box::new(Value::from("hunter3")))));
        assert!(!format!("{clear:?}{sealed:?}{key:?}").contains("hunter2"));
    }
}
