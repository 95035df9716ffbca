//! One module per AWS service, one file per resource type.

pub mod apigatewayv2;
pub mod ec2;
pub mod ecr;
pub mod iam;
pub mod route53;

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
}
