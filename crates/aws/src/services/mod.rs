//! One module per AWS service, one file per resource type.

pub mod acm;
pub mod apigatewayv2;
pub mod autoscaling;
pub mod ec2;
pub mod ecr;
pub mod ecs;
pub mod elbv2;
pub mod iam;
pub mod logs;
pub mod route53;

#[cfg(test)]
mod testing {
    //! What the types' own tests share.

    use std::collections::BTreeMap;

    use infra_core::types::Problems;
    use infra_core::{Attributes, ResourceAddress, Unknown, Value};
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

    /// A stack of resources given as (address, attributes); `${address.attribute}` is a reference to what is
    /// known only later, `true` and `false` are truth values.
    pub fn stack(resources: &[(&str, &[(&str, &str)])]) -> BTreeMap<ResourceAddress, Attributes> {
        let value = |text: &str| match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(reference) => Value::Unknown(Unknown {
                origin: Some(Box::new(reference.parse().unwrap())),
            }),
            None => text
                .parse::<bool>()
                .map_or_else(|_| Value::from(text), Value::from),
        };
        resources
            .iter()
            .map(|(address, attributes)| {
                let attributes = attributes
                    .iter()
                    .map(|(name, text)| ((*name).to_owned(), value(text)))
                    .collect();
                (address.parse().unwrap(), attributes)
            })
            .collect()
    }

    /// The problems that a type finds between resources, as `address: message`.
    pub fn together<T: ResourceType>(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<String> {
        T::validate_together(stack)
            .into_iter()
            .map(|(address, problem)| format!("{address}: {}", problem.message))
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
        Value::Unknown(Unknown {
            origin: Some(Box::new(text.parse().unwrap())),
        })
    }
}
