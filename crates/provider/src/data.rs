//! `infra.data`: values that the state keeps, with nothing at AWS behind them.
//!
//! It needs no call. It groups what is worked out in one place and used in many, stands where edges meet, and
//! has what uses its id replaced when something else changes.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_core::{Attributes, Catalogue, PhysicalId, TypeDefinition, TypeName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ProviderResult;
use crate::call::Call;
use crate::definition::Definition;
use crate::erased::Erased;
use crate::traits::{Created, Found, Provider, Providers, ResourceType, Update};
use crate::wait::{Recognition, Traits, Waits};

/// The type.
#[derive(Debug, Clone, Copy, Default)]
pub struct Data;

/// What the file may set.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Any value.
    pub input: Option<serde_json::Value>,
    /// Any value. Another one gives the resource a new `id`, so that what is made of that is made anew.
    pub triggers_replace: Option<serde_json::Value>,
}

/// What there is of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observed {
    /// Random, and the same until it is replaced.
    id: String,
    /// The `input`.
    output: Option<serde_json::Value>,
}

impl Observed {
    fn of(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            output: None,
        }
    }
}

impl ResourceType for Data {
    const NAME: &'static str = "infra.data";
    const DESCRIPTION: &'static str = "Values that the state keeps, with nothing at AWS behind them.\n\n\
        It groups what is worked out in one place and used in many, and stands where edges meet. A stack of \
        nothing else needs no AWS account.";
    const IAM_ACTIONS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = r#"
[infra.data.names]
input = { api = "${lower(stack.name)}-api", owner = "platform" }
"#;
    const TRAITS: Traits = Traits {
        immutable: &["triggers_replace"],
        write_only: &["input", "triggers_replace"],
        recognition: Recognition::Shared,
        waits: Waits {
            typical_call: Duration::ZERO,
            ..Waits::NONE
        },
        ..Traits::NONE
    };
    type Spec = Spec;
    type Observed = Observed;

    fn derive(attributes: &Attributes) -> Attributes {
        let output = attributes.get("input").cloned().unwrap_or_default();
        Attributes::from([("output".to_owned(), output)])
    }

    async fn create(&self, call: &Call, _: Spec) -> ProviderResult<Created<Observed>> {
        let id = call.token.to_string();
        let observed = Observed::of(&id);
        Ok(Created::new(id, observed))
    }

    /// Whatever the state knows is there: it is nowhere else.
    async fn read(&self, ids: &[PhysicalId]) -> ProviderResult<BTreeMap<PhysicalId, Found<Observed>>> {
        let found = |id: &PhysicalId| (id.clone(), Found::ready(Observed::of(id.as_str())));
        Ok(ids.iter().map(found).collect())
    }

    async fn update(&self, _: &Call, _: &PhysicalId, _: Update<Spec>) -> ProviderResult<()> {
        Ok(())
    }

    async fn delete(&self, _: &Call, _: &PhysicalId, _: &Attributes) -> ProviderResult<()> {
        Ok(())
    }

    /// A create that was cut off has left nothing.
    async fn recover(&self, _: &Call, _: &Attributes) -> ProviderResult<Option<PhysicalId>> {
        Ok(None)
    }
}

/// The types that need no cloud: for a stack of nothing else.
#[derive(Default)]
pub struct BuiltIn(Erased<Data>);

impl BuiltIn {
    /// Whether a type is one of them.
    pub fn has(name: &TypeName) -> bool {
        name.to_string() == Data::NAME
    }
}

impl Catalogue for BuiltIn {
    fn definition(&self, name: &TypeName) -> Option<&dyn TypeDefinition> {
        static DEFINITION: Definition<Data> = Definition::new();
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
