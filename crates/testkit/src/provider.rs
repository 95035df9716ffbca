//! The cloud's types behind the provider trait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use infra_core::types::{Catalogue, TypeDefinition};
use infra_core::{
    Attributes, Claim, ErrorClass, Health, PhysicalId, ProviderError, StackId, StackTag, TypeName,
    TypeSchema, Value,
};
use infra_provider::{
    Call, Created, Found, Managed, Obstacle, Provider, ProviderResult, Providers, Recognition, Spec,
    Standing, Survey, SurveyRequest, TAG_ADDRESS, TAG_STACK, UpdateRequest, Waits, stack_tag,
};

use crate::chance::Chance;
use crate::cloud::{Change, Cloud, Shared};
use crate::kind::{Computed, Identity, Kind};
use crate::world::{Listed, arn, revealed};

/// As many things one reading call can take.
const PAGE: usize = 100;

/// One made-up type of one cloud.
pub(crate) struct SimulatedType {
    kind: Arc<Kind>,
    shared: Arc<Shared>,
}

impl SimulatedType {
    pub fn new(kind: Arc<Kind>, shared: Arc<Shared>) -> Self {
        Self { kind, shared }
    }

    pub fn kind(&self) -> &Arc<Kind> {
        &self.kind
    }
}

impl TypeDefinition for SimulatedType {
    fn schema(&self) -> &TypeSchema {
        &self.kind.schema
    }

    /// The ARN of what has a name follows from the name.
    fn derive(&self, attributes: &Attributes) -> Attributes {
        let mut derived = Attributes::new();
        if let Identity::Name(name) = self.kind.identity
            && let Some(name) = attributes.get(name).and_then(Value::as_str)
        {
            let arn = arn(&self.kind, &PhysicalId::new(name));
            for (computed, how) in &self.kind.computed {
                if *how == Computed::Arn {
                    derived.insert((*computed).to_owned(), Value::from(arn.clone()));
                }
            }
        }
        derived
    }
}

#[async_trait]
impl Provider for SimulatedType {
    fn waits(&self) -> Waits {
        self.kind.waits
    }

    fn recognition(&self) -> Recognition {
        self.kind.recognition
    }

    /// A parent is named by its id or by its ARN.
    fn parent(&self, attributes: &Attributes) -> Option<(TypeName, PhysicalId)> {
        let (parent, Identity::Under(attribute, _)) = (self.kind.under?, self.kind.identity) else {
            return None;
        };
        let text = attributes.get(attribute)?.as_str()?;
        let named = text.strip_prefix(&format!("arn:{parent}:")).unwrap_or(text);
        let id = named.split('/').next().unwrap_or(named);
        Some((parent.parse().ok()?, PhysicalId::new(id)))
    }

    fn prepares(&self) -> bool {
        self.kind.prepares()
    }

    async fn prepare(&self, _: &Call, attributes: &Attributes) -> ProviderResult<Attributes> {
        let Some(source) = attributes.get("source").and_then(Value::as_str) else {
            return Ok(Attributes::new());
        };
        let content = self
            .shared
            .file(source)
            .ok_or_else(|| ProviderError::new(ErrorClass::Invalid, format!("there is no file {source}")))?;
        let digest = Chance::of(0, &[&content]).below(u64::MAX);
        Ok(Attributes::from([(
            "digest".to_owned(),
            Value::from(format!("sum:{digest:016x}")),
        )]))
    }

    async fn create(&self, call: &Call, wanted: &Spec) -> ProviderResult<Created<Attributes>> {
        let sent = revealed(wanted)?;
        let change = Change {
            kind: &self.kind,
            operation: "create",
            address: &call.address,
        };
        let (kind, own) = (Arc::clone(&self.kind), call.clone());
        let quoted = quoted(&sent);
        self.shared
            .change(change, move |world, when| world.create(&kind, &own, sent, when))
            .await
            .map_err(quoted)
    }

    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Attributes>>> {
        let mut found = BTreeMap::new();
        for page in ids.chunks(PAGE) {
            let look = self.shared.look(&self.kind, None, "read", |world, now| {
                world.read(&self.kind, page, now)
            });
            found.extend(look.await?);
        }
        Ok(found)
    }

    async fn update(&self, call: &Call, id: &PhysicalId, update: &UpdateRequest) -> ProviderResult<()> {
        let change = Change {
            kind: &self.kind,
            operation: "update",
            address: &call.address,
        };
        let (kind, id, update) = (Arc::clone(&self.kind), id.clone(), update.clone());
        let quoted = quoted(&revealed(&update.spec)?);
        self.shared
            .change(change, move |world, when| world.update(&kind, &id, &update, when))
            .await
            .map_err(quoted)
    }

    async fn delete(&self, call: &Call, id: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        let change = Change {
            kind: &self.kind,
            operation: "delete",
            address: &call.address,
        };
        let (kind, id, allowed) = (Arc::clone(&self.kind), id.clone(), call.data_loss_allowed);
        self.shared
            .change(change, move |world, when| world.delete(&kind, &id, allowed, when))
            .await
    }

    async fn in_one_call(
        &self,
        deletes: &[(Call, PhysicalId)],
        creates: &[(Call, Spec)],
    ) -> ProviderResult<Vec<Created<Attributes>>> {
        let Some((first, _)) = creates.first() else {
            return Err(ProviderError::new(ErrorClass::Other, "nothing is to be made"));
        };
        let change = Change {
            kind: &self.kind,
            operation: "change",
            address: &first.address,
        };
        let sent = creates
            .iter()
            .map(|(call, attributes)| Ok((call.clone(), revealed(attributes)?)));
        let sent = sent.collect::<ProviderResult<Vec<_>>>()?;
        let ids = deletes.iter().map(|(_, id)| id.clone());
        let (kind, deletes): (_, Vec<PhysicalId>) = (Arc::clone(&self.kind), ids.collect());
        self.shared
            .change(change, move |world, when| {
                world.change_together(&kind, &deletes, sent, when)
            })
            .await
    }

    async fn without_data(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeSet<PhysicalId>> {
        let look = self.shared.look(&self.kind, None, "without_data", |world, now| {
            world.without_data(&self.kind, ids, now)
        });
        look.await
    }

    async fn in_the_way(&self, id: &PhysicalId, _: &Attributes) -> ProviderResult<Vec<Obstacle>> {
        let look = self.shared.look(&self.kind, None, "in_the_way", |world, now| {
            world.in_the_way(&self.kind, id, now)
        });
        look.await
    }

    async fn recover(&self, call: &Call, meant: &Spec) -> ProviderResult<Option<PhysicalId>> {
        self.shared
            .look(&self.kind, Some(&call.address), "recover", |world, now| {
                world.recover(&self.kind, call, meant, now)
            })
            .await
    }

    async fn holders(&self, wanted: &Spec) -> ProviderResult<Vec<PhysicalId>> {
        let sent = revealed(wanted)?;
        self.shared
            .look(&self.kind, None, "holders", |world, now| {
                world.holders(&self.kind, &sent, now)
            })
            .await
    }

    async fn stack_tags(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, StackTag>> {
        Ok(self.shared.told(|world| world.stack_tags(&self.kind, ids)))
    }

    async fn explain(&self, id: &PhysicalId) -> Option<String> {
        Some(format!("{id} has been looked at"))
    }
}

/// Quotes what was sent when it is invalid, as AWS does.
fn quoted(sent: &Attributes) -> impl Fn(ProviderError) -> ProviderError + use<> {
    let sent = format!("{sent:?}");
    move |mut error| {
        if error.class == ErrorClass::Invalid {
            error.message.push_str(&format!(": {sent}"));
        }
        error
    }
}

impl Catalogue for Cloud {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        self.types
            .get(name)
            .map(|simulated| simulated as &dyn TypeDefinition)
    }

    fn names(&self) -> Vec<TypeName> {
        self.types.keys().cloned().collect()
    }
}

impl Providers for Cloud {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        self.types.get(name).map(|simulated| simulated as &dyn Provider)
    }

    fn survey(&self) -> Option<&dyn Survey> {
        Some(self)
    }
}

/// Nothing stands in anything here: all that is found is found by tags.
#[async_trait]
impl Survey for Cloud {
    async fn survey(&self, request: &SurveyRequest<'_>) -> ProviderResult<Vec<Standing>> {
        self.tagged(request.stack, request.managed).await
    }

    async fn tagged(&self, stack: &StackId, managed: &[Managed]) -> ProviderResult<Vec<Standing>> {
        let is_known = |thing: &Listed| {
            let mut managed = managed.iter();
            managed.any(|known| *known.address.type_name() == thing.type_name && known.id == thing.id)
        };
        let things = self.listing().into_iter();
        let ours = things.filter(|thing| {
            thing.tags.get(TAG_STACK) == Some(&stack_tag(stack))
                && !matches!(thing.health, Health::Deleting(_))
        });
        Ok(ours
            .filter(|thing| !is_known(thing))
            .map(|thing| Standing {
                claim: Some(Claim {
                    stack: stack_tag(stack),
                    address: thing.tags.get(TAG_ADDRESS).cloned(),
                }),
                resource_type: thing.type_name,
                id: thing.id,
                name: None,
                near: None,
                created_unix_ms: None,
            })
            .collect())
    }
}
