//! What a resource is to be, decoded once for all calls of a job.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use infra_core::Attributes;
use serde::de::DeserializeOwned;

use crate::ProviderResult;
use crate::codec::decode;
use crate::deserialize::partial;

/// The attributes of a resource that are wanted, and what its type makes of them.
///
/// Whoever works the attributes out makes one, and all calls about them are given that one or a clone of it: the type
/// decodes them when the first of these needs it, and never again.
#[derive(Clone)]
pub struct Spec(Arc<Inner>);

struct Inner {
    attributes: Attributes,
    /// As the type's struct, all of it known.
    whole: OnceLock<Decoded>,
    /// As its partial twin.
    known: OnceLock<Decoded>,
}

type Decoded = Arc<dyn Any + Send + Sync>;

impl Spec {
    /// The attributes, taken out.
    pub fn into_attributes(self) -> Attributes {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.attributes,
            Err(shared) => shared.attributes.clone(),
        }
    }

    /// As a type's struct.
    ///
    /// # Errors
    /// See [`decode`].
    pub(crate) fn whole<T>(&self) -> ProviderResult<Arc<T>>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        once(&self.0.whole, || decode(&self.0.attributes))
    }

    /// As the partial twin of a type's struct.
    pub(crate) fn known<P>(&self) -> Arc<P>
    where
        P: DeserializeOwned + Default + Send + Sync + 'static,
    {
        let decoded: Result<_, std::convert::Infallible> =
            once(&self.0.known, || Ok(partial(&self.0.attributes)));
        let Ok(decoded) = decoded;
        decoded
    }
}

/// What is there already, or else what `make` makes, which is kept. A spec is of one type, so that it is always one form
/// that is asked for.
fn once<T: Send + Sync + 'static, E>(
    kept: &OnceLock<Decoded>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<Arc<T>, E> {
    if let Some(Ok(decoded)) = kept.get().map(|decoded| Arc::clone(decoded).downcast()) {
        return Ok(decoded);
    }
    let decoded = Arc::new(make()?);
    let _ = kept.set(Arc::clone(&decoded) as Decoded);
    Ok(decoded)
}

impl From<Attributes> for Spec {
    fn from(attributes: Attributes) -> Self {
        Self(Arc::new(Inner {
            attributes,
            whole: OnceLock::new(),
            known: OnceLock::new(),
        }))
    }
}

impl Deref for Spec {
    type Target = Attributes;

    fn deref(&self) -> &Attributes {
        &self.0.attributes
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.attributes.fmt(f)
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        self.0.attributes == other.0.attributes
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Value;

    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    struct Thing {
        name: String,
    }

    #[test]
    fn what_one_clone_has_decoded_all_have() {
        let spec = Spec::from(Attributes::from([("name".to_owned(), Value::from("a"))]));
        let clone = spec.clone();
        let whole = spec.whole::<Thing>().unwrap();
        assert_eq!(whole.name, "a");
        assert!(Arc::ptr_eq(&whole, &clone.whole().unwrap()));
        let known = clone.known::<Thing>();
        assert!(Arc::ptr_eq(&known, &spec.known()));
    }

    #[test]
    fn what_does_not_fit_is_told_each_time() {
        let spec = Spec::from(Attributes::new());
        for _ in 0..2 {
            assert!(
                spec.whole::<Thing>()
                    .unwrap_err()
                    .message
                    .contains("does not fit")
            );
        }
    }
}
