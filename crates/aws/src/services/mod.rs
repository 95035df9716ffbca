//! One module per AWS service, one file per resource type.

pub mod acm;
pub mod apigatewayv2;
pub mod applicationautoscaling;
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
    use infra_core::types::TypeDefinition;
    use infra_core::{Attributes, ResourceAddress, Unknown, Value};
    use infra_provider::{Resource, ResourceDefinition};

    /// The problems of attributes given as JSON, with those that constraints on fields find.
    pub fn refused<T: Resource>(attributes: serde_json::Value) -> Vec<String> {
        let mut problems = Problems::default();
        ResourceDefinition::<T>::new().validate(&table(attributes), &mut problems);
        told(problems)
    }

    /// The same for attributes given as (name, text).
    pub fn refused_texts<T: Resource>(attributes: &[(&str, &str)]) -> Vec<String> {
        let attributes = attributes.iter();
        refused::<T>(
            attributes
                .map(|(name, text)| ((*name).to_owned(), (*text).into()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        )
    }

    /// The problems that a type finds between resources, as `address: message`.
    pub fn refused_together<T: Resource>(stack: &BTreeMap<ResourceAddress, Attributes>) -> Vec<String> {
        T::validate_together(stack)
            .into_iter()
            .map(|(address, problem)| format!("{address}: {}", problem.message))
            .collect()
    }

    fn told(problems: Problems) -> Vec<String> {
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
