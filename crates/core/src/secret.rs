//! Values that may not be shown or stored in clear.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::value::Value;

/// A sensitive value: in clear while a run needs it, or the keyed hash that stands for it in state,
/// plans, logs and events. `Debug` never shows the clear value, and serialising one in clear fails.
#[derive(Clone, PartialEq)]
pub enum Secret {
    /// The value itself, in memory only.
    Clear(Box<Value>),
    /// `hmac-sha256:<hex>` of the value's canonical JSON under the stack's [`SealingKey`].
    Sealed(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Secret(clear, not shown)",
            Self::Sealed(_) => "Secret(sealed)",
        })
    }
}

/// The key under which a stack's secrets are hashed. It stays with the state store and is never exported.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// A key from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for the store that keeps it.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The keyed hash of `value`, which must hold no unknown.
    pub fn hash(&self, value: &Value) -> String {
        // HMAC accepts a key of any length, so this cannot fail; an all-zero tag would still hide the value.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return "hmac-sha256:".into();
        };
        mac.update(value.revealed_canonical_text().as_bytes());
        format!("hmac-sha256:{}", hex::encode(mac.finalize().into_bytes()))
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
    fn a_secret_is_the_same_sealed_or_not_and_never_shown() {
        let key = SealingKey::new([7; 32]);
        let clear = Secret::Clear(Box::new(Value::from("hunter2")));
        let sealed = Secret::Sealed(key.seal(&clear));
        assert!(key.same(&clear, &sealed));
        assert!(!key.same(&clear, &Secret::Clear(Box::new(Value::from("hunter3")))));
        assert!(!format!("{clear:?}{sealed:?}{key:?}").contains("hunter2"));
    }
}
