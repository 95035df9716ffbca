//! From typed to untyped and back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use infra_core::types::{Problem, Problems, TypeDefinition, known_str};
use infra_core::{
    Attributes, ErrorClass, PhysicalId, ProviderError, ResourceAddress, StackTag, TypeName, TypeSchema, Value,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProviderResult;
use crate::call::{Call, TAG_STACK};
use crate::definition::Definition;
use crate::obstacle::Obstacle;
use crate::traits::{Created, Found, PreparedBefore, Provider, ResourceType, Update, UpdateRequest};
use crate::wait::{Recognition, Waits};

/// A [`ResourceType`] as a [`Provider`].
pub struct Erased<T> {
    definition: Definition<T>,
    inner: T,
    /// Whose things are by their tags, as those were last read or written.
    told: Mutex<BTreeMap<PhysicalId, StackTag>>,
}

impl<T: ResourceType> Erased<T> {
    /// Wraps a type together with its clients.
    pub fn new(inner: T) -> Self {
        Self {
            definition: Definition::new(),
            inner,
            told: Mutex::default(),
        }
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<PhysicalId, StackTag>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ResourceType + Default> Default for Erased<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ResourceType> TypeDefinition for Erased<T> {
    fn schema(&self) -> &TypeSchema {
        self.definition.schema()
    }

    fn validate(&self, attributes: &Attributes, problems: &mut Problems) {
        self.definition.validate(attributes, problems);
    }

    fn validate_with_lookups(
        &self,
        attributes: &Attributes,
        lookups: &BTreeMap<ResourceAddress, Attributes>,
        problems: &mut Problems,
    ) {
        self.definition
            .validate_with_lookups(attributes, lookups, problems);
    }

    fn validate_together(
        &self,
        stack: &BTreeMap<ResourceAddress, Attributes>,
    ) -> Vec<(ResourceAddress, Problem)> {
        self.definition.validate_together(stack)
    }

    fn derive(&self, attributes: &Attributes) -> Attributes {
        self.definition.derive(attributes)
    }
}

#[async_trait]
impl<T: ResourceType> Provider for Erased<T> {
    fn waits(&self) -> &Waits {
        &T::TRAITS.waits
    }

    fn recognition(&self) -> Recognition {
        T::TRAITS.recognition
    }

    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, PhysicalId)> {
        let under = T::TRAITS.under?;
        let parts = under.id.iter().map(|name| known_str(attributes, name));
        let id = parts.collect::<Option<Vec<_>>>()?.join("/");
        Some((under.resource_type.parse().ok()?, PhysicalId::new(id)))
    }

    fn prepares(&self) -> bool {
        T::PREPARES
    }

    async fn prepare(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Attributes> {
        self.inner.prepare(call, attributes).await
    }

    fn prepared_before(&self, attributes: &Attributes, before: &Attributes) -> Option<PreparedBefore> {
        T::prepared_before(attributes, before)
    }

    async fn create(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Created<Attributes>> {
        encode_created(self.inner.create(call, decode(attributes)?).await?)
    }

    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: &[(Call, Attributes)],
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let creates = creates
            .iter()
            .map(|(call, attributes)| Ok((call.clone(), decode(attributes)?)))
            .collect::<ProviderResult<Vec<_>>>()?;
        let created = self.inner.in_one_call(deletes, creates).await?;
        created.into_iter().map(encode_created).collect()
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        self.read_again(ids, &[]).await
    }

    async fn read_again(
        &self,
        ids: &[PhysicalId],
        last: &[Option<&Attributes>],
    ) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.inner.read_again(ids, last).await?;
        let mut all = BTreeMap::new();
        for (id, found) in found {
            let (found, tag) = encode_found(found)?;
            self.told().insert(id.clone(), tag);
            all.insert(id, found);
        }
        Ok(all)
    }

    async fn stack_tags(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, StackTag>> {
        if T::TRAITS.recognition != Recognition::Tags {
            return Ok(BTreeMap::new());
        }
        let untold = || {
            let told = self.told();
            let untold = ids.iter().filter(|id| !told.contains_key(*id));
            untold.cloned().collect::<Vec<_>>()
        };
        self.read(&untold()).await?;
        let told = self.told();
        let told = ids
            .iter()
            .filter_map(|id| Some((id.clone(), told.get(id)?.clone())));
        Ok(told.collect())
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: UpdateRequest) -> ProviderResult<()> {
        let Update {
            spec,
            prior,
            changed,
            forced,
        } = update;
        let mut tagged = spec.clone();
        let written = take_stack_tag(&mut tagged);
        let update = Update {
            spec: decode(&spec)?,
            prior,
            changed,
            forced,
        };
        self.inner.update(call, id, update).await?;
        if let StackTag::Names(_) = written {
            self.told().insert(id.clone(), written);
        }
        Ok(())
    }

    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        self.inner.without_data(ids).await
    }

    async fn delete(&self, call: &Call, id: &PhysicalId, last: &Attributes) -> ProviderResult<()> {
        self.inner.delete(call, id, last).await
    }

    async fn in_the_way(&self, id: &PhysicalId, last: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        self.inner.in_the_way(id, last).await
    }

    async fn recover(&self, call: &Call, attributes: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        self.inner.recover(call, attributes).await
    }

    async fn holders(&self, attributes: &Attributes) -> ProviderResult<Vec<PhysicalId>> {
        self.inner.holders(attributes).await
    }

    async fn explain(&self, id: &PhysicalId) -> Option<String> {
        self.inner.explain(id).await
    }
}

/// Attributes as a type; nulls are the same as not set, secrets are passed on in clear.
///
/// # Errors
/// [`ErrorClass::Invalid`] naming the attribute that does not fit, without its value.
pub fn decode<S: DeserializeOwned>(attributes: &Attributes) -> ProviderResult<S> {
    let mut json = serde_json::Map::new();
    for (name, value) in attributes {
        if value.is_null() {
            continue;
        }
        let revealed = value.reveal().map_err(|error| {
            ProviderError::new(ErrorClass::Invalid, format!("attribute `{name}`: {error}"))
        })?;
        json.insert(name.clone(), revealed);
    }
    serde_path_to_error::deserialize(serde_json::Value::Object(json)).map_err(|error| {
        // serde's own message may quote the value, which may be secret.
        ProviderError::new(
            ErrorClass::Invalid,
            format!("attribute `{}` does not fit its type", error.path()),
        )
        .hint("`infra validate` says what the attribute takes")
    })
}

fn encode_created<O: Serialize>(created: Created<O>) -> ProviderResult<Created<Attributes>> {
    Ok(Created {
        id: created.id,
        found: encode_found(created.found)?.0,
    })
}

/// What was found, and whose it is by its tags.
fn encode_found<O: Serialize>(found: Found<O>) -> ProviderResult<(Found<Attributes>, StackTag)> {
    let mut observed = encode(&found.observed)?;
    let tag = take_stack_tag(&mut observed);
    let health = found.health;
    Ok((Found { observed, health }, tag))
}

/// Takes the tag that says whose something is out of the user's tags.
pub(crate) fn take_stack_tag(observed: &mut Attributes) -> StackTag {
    let Some(Value::Map(tags)) = observed.get_mut("tags") else {
        return StackTag::Untold;
    };
    match tags.remove(TAG_STACK) {
        Some(Value::String(stack)) => StackTag::Names(stack),
        _ => StackTag::Missing,
    }
}

/// What was observed as attributes; what is `None` is left out.
pub(crate) fn encode<O: Serialize>(observed: &O) -> ProviderResult<Attributes> {
    let wrong = |message: String| ProviderError::new(ErrorClass::Other, message);
    match serde_json::to_value(observed).map_err(|error| wrong(error.to_string()))? {
        serde_json::Value::Object(entries) => Ok(entries
            .into_iter()
            .map(|(name, json)| (name, without_nulls(Value::from(json))))
            .filter(|(_, value)| !value.is_null())
            .collect()),
        _ => Err(wrong("what a provider observes must be a table".into())),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(name, value)| (name, without_nulls(value)))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        ),
        Value::List(items) => Value::List(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        name: String,
        size: Option<i64>,
    }

    #[test]
    fn nulls_are_not_set_and_secrets_are_passed_on() {
        let attributes = Attributes::from([
            ("name".into(), Value::secret(Value::from("hunter2"))),
            ("size".into(), Value::Null),
        ]);
        let spec: Spec = decode(&attributes).unwrap();
        assert_eq!(
            spec,
            Spec {
                name: "hunter2".into(),
                size: None
            }
        );
        assert_eq!(encode(&spec).unwrap().keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn what_does_not_fit_is_named_without_its_value() {
        let attributes = Attributes::from([
            ("name".into(), Value::from("a")),
            ("size".into(), Value::secret(Value::from("hunter2"))),
        ]);
        let error = decode::<Spec>(&attributes).unwrap_err().to_string();
        assert!(error.contains("`size`") && !error.contains("hunter2"), "{error}");
        let unknown = Attributes::from([("name".into(), Value::unknown())]);
        assert!(
            decode::<Spec>(&unknown)
                .unwrap_err()
                .to_string()
                .contains("not known yet")
        );
    }
}
