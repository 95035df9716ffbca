//! `infra.data`: values that the state keeps, with nothing at AWS behind them.
//!
//! It needs no call. It groups what is worked out in one place and used in many, stands where edges meet, and
//! has what uses its id replaced when something else changes.

use std::time::Duration;

use infra_core::{Attributes, Catalogue, PhysicalId, TypeDefinition, TypeName};
use serde::Deserialize;

use crate::ProviderResult;
use crate::block::Block;
use crate::call::Call;
use crate::resource::{
    ErasedResource, Observation, Observations, Resource, ResourceDefinition, Rules, Service,
};
use crate::traits::{Created, Found, Provider, Providers};
use crate::wait::{Recognition, Waits};

/// Values that the state keeps, with nothing at AWS behind them.
///
/// It groups what is worked out in one place and used in many, and stands where edges meet. A stack of
/// nothing else needs no AWS account.
#[derive(Debug, Clone, Deserialize, Block)]
pub struct Data {
    /// Any value.
    #[attribute(write_only)]
    pub input: Option<serde_json::Value>,
    /// Any value. Another one gives the resource a new `id`, so that what is made of that is made anew.
    #[attribute(immutable, write_only)]
    pub triggers_replace: Option<serde_json::Value>,
    /// Random, and the same until it is replaced.
    #[attribute(computed)]
    pub id: Option<String>,
    /// The `input`.
    #[attribute(computed)]
    pub output: Option<serde_json::Value>,
}

/// The state, which is called by nobody.
pub struct Nowhere;

impl Service for Nowhere {
    type Clients = ();
}

impl Resource for Data {
    const NAME: &'static str = "infra.data";
    const IAM_ACTIONS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = r#"
[infra.data.names]
input = { api = "${lower(stack.name)}-api", owner = "platform" }
"#;
    const RULES: Rules<DataField> = Rules {
        recognition: Recognition::Shared,
        waits: Waits {
            typical_call: Duration::ZERO,
            ..Waits::NONE
        },
        ..Rules::NONE
    };
    type Service = Nowhere;

    fn derive(attributes: &Attributes) -> Attributes {
        let output = attributes.get("input").cloned().unwrap_or_default();
        Attributes::from([("output".to_owned(), output)])
    }

    async fn create((): &(), call: &Call, _: Self) -> ProviderResult<Created<PartialData>> {
        Ok(kept(&PhysicalId::new(call.token.to_string())).into())
    }

    /// Whatever the state knows is there: it is nowhere else.
    async fn read((): &(), ids: &[PhysicalId]) -> ProviderResult<Observations<Self>> {
        Ok(ids.iter().map(kept).collect())
    }

    async fn delete((): &(), _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }
}

fn kept(id: &PhysicalId) -> Observation<Data> {
    let observed = PartialData {
        id: id.as_str().into(),
        ..PartialData::default()
    };
    (id.clone(), Found::ready(observed))
}

/// The types that need no cloud: for a stack of nothing else.
pub struct BuiltIn(ErasedResource<Data>);

impl Default for BuiltIn {
    fn default() -> Self {
        Self(ErasedResource::new(()))
    }
}

impl BuiltIn {
    /// Whether a type is one of them.
    pub fn has(name: &TypeName) -> bool {
        name.to_string() == Data::NAME
    }
}

impl Catalogue for BuiltIn {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        static DEFINITION: ResourceDefinition<Data> = ResourceDefinition::new();
        Self::has(name).then_some(&DEFINITION)
    }

    fn names(&self) -> Vec<TypeName> {
        Data::NAME.parse().into_iter().collect()
    }
}

impl Providers for BuiltIn {
    fn provider(&self, name: &TypeName) -> Option<&dyn Provider> {
        Self::has(name).then_some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use infra_core::Value;

    use super::*;

    #[test]
    fn the_output_is_the_input() {
        let input = Value::from(serde_json::json!({ "names": ["a", "b"], "count": 2 }));
        let attributes = Attributes::from([("input".to_owned(), input.clone())]);
        assert_eq!(Data::derive(&attributes).get("output"), Some(&input));
        assert_eq!(Data::derive(&Attributes::new()).get("output"), Some(&Value::Null));
    }

    #[test]
    fn the_types_without_a_cloud_are_known_by_name() {
        let built_in = BuiltIn::default();
        for (name, is_one) in [("infra.data", true), ("ec2.vpc", false)] {
            let name: TypeName = name.parse().unwrap();
            assert_eq!(built_in.provider(&name).is_some(), is_one, "{name}");
            assert_eq!(built_in.definition(&name).is_some(), is_one, "{name}");
        }
        assert_eq!(built_in.names().len(), 1);
    }
}
