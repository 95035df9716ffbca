//! One module per AWS service, one file per resource type.

pub mod autoscaling;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
pub mod logs;

#[cfg(test)]
mod testing {
    //! What the types' own tests share.

    use infra_core::types::Problems;
    use infra_core::{Attributes, Value};
    use infra_provider::ResourceType;

    /// The problems that a type finds in attributes given as (name, text), as `path: message`.
    pub fn problems<T: ResourceType>(attributes: &[(&str, &str)]) -> Vec<String> {
        let attributes = attributes
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Value::from(*text)))
            .collect();
        problems_in::<T>(&attributes)
    }

    /// The same for attributes of any kind.
    pub fn problems_in<T: ResourceType>(attributes: &Attributes) -> Vec<String> {
        let mut problems = Problems::default();
        T::validate(attributes, &mut problems);
        problems
            .into_vec()
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect()
    }

    /// The same for attributes given as JSON.
    pub fn check<T: ResourceType>(attributes: serde_json::Value) -> Vec<String> {
        problems_in::<T>(&table(attributes))
    }

    /// Attributes given as JSON.
    pub fn table(attributes: serde_json::Value) -> Attributes {
        match Value::from(attributes) {
            Value::Map(attributes) => attributes,
            other => panic!("{other:?} is no table"),
        }
    }

    /// A value that is not known yet and will be this attribute of another resource.
    pub fn reference(text: &str) -> Value {
        Value::Unknown(infra_core::Unknown {
            origin: Some(Box::new(text.parse().unwrap())),
        })
    }
}
