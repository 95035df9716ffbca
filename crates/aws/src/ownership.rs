//! Whose thing is it that already has the name? What is not ours is never adopted.

use std::collections::BTreeMap;

use infra_core::{ErrorClass, ProviderError};
use infra_provider::{Call, ProviderResult};

/// Whether these tags say that the create call of this very intent made the thing; for a call without a token,
/// that this stack made it for the call's address.
pub fn made_by(call: &Call, tags: impl IntoIterator<Item = (String, String)>) -> bool {
    let tags: BTreeMap<String, String> = tags.into_iter().collect();
    call.marks().all(|(key, value)| tags.get(key) == Some(&value))
}

/// The error for a create that found the name taken, where AWS itself would have overwritten what is there.
pub fn taken(call: &Call, service: &str, operation: &str, what: &str, id: &str) -> ProviderError {
    ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(
            ErrorClass::AlreadyExists,
            format!("{what} exists already and was not made by this stack; it is left as it is"),
        )
    }
    .hint(ways_out(call, id))
}

/// Whether a create call made what it has answered with: `what`, for people to read. Where AWS answers with what is
/// there, only the tags tell it apart, and somebody may have made it after we looked.
///
/// # Errors
/// AlreadyExists when somebody else made it; Transient while AWS does not show whose it is.
pub fn check_made(
    call: &Call,
    service: &str,
    operation: &str,
    what: &str,
    id: &str,
    tags: BTreeMap<String, String>,
) -> ProviderResult<()> {
    if tags.is_empty() {
        let message = format!("AWS does not show yet who made {what} ({id})");
        return Err(ProviderError {
            service: service.to_owned(),
            operation: operation.to_owned(),
            ..ProviderError::new(ErrorClass::Transient, message)
        });
    }
    if made_by(call, tags) {
        return Ok(());
    }
    Err(taken(call, service, operation, what, id))
}

/// Adds what to do when AWS says that the name is taken.
pub trait Taken<T> {
    /// `id` is what an import would be given.
    ///
    /// # Errors
    /// The same error; one of class AlreadyExists has a hint.
    fn taken(self, call: &Call, id: &str) -> ProviderResult<T>;

    /// The same where AWS made up the ARN that an import would be given: `what` says what is there, for people to read.
    ///
    /// # Errors
    /// The same error; one of class AlreadyExists has a hint.
    fn taken_by(self, call: &Call, what: &str) -> ProviderResult<T>;
}

impl<T> Taken<T> for ProviderResult<T> {
    fn taken(self, call: &Call, id: &str) -> ProviderResult<T> {
        self.map_err(|error| match error.class {
            ErrorClass::AlreadyExists => error.hint(ways_out(call, id)),
            _ => error,
        })
    }

    fn taken_by(self, call: &Call, what: &str) -> ProviderResult<T> {
        self.map_err(|error| match error.class {
            ErrorClass::AlreadyExists => error.hint(format!(
                "{what} is there already: {}, where ARN is its ARN",
                ways_out(call, "ARN")
            )),
            _ => error,
        })
    }
}

fn ways_out(call: &Call, id: &str) -> String {
    format!(
        "choose another name, remove it by hand, or take it over: `{}`",
        call.import_command(id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_named_even_where_nobody_knows_its_arn() {
        let call = Call {
            stack: infra_core::StackId::new("a", "", "b", "c").unwrap(),
            named: "stacks/dev.toml".into(),
            address: "elbv2.load_balancer.main".parse().unwrap(),
            token: infra_core::Token("t".into()),
            data_loss_allowed: false,
            not_made: std::collections::BTreeSet::new(),
            learning: None,
            progress: std::sync::Arc::new(infra_provider::Silent),
        };
        let refused = |class| {
            ProviderResult::<()>::Err(ProviderError::new(class, "A load balancer with this name exists"))
        };
        let hint = |result: ProviderResult<()>| result.unwrap_err().hint;
        assert_eq!(
            hint(refused(ErrorClass::AlreadyExists).taken_by(&call, "the load balancer `web`")).unwrap(),
            "the load balancer `web` is there already: choose another name, remove it by hand, or take it over: \
             `infra import stacks/dev.toml elbv2.load_balancer.main ARN`, where ARN is its ARN"
        );
        assert_eq!(
            hint(refused(ErrorClass::Denied).taken_by(&call, "the load balancer `web`")),
            None
        );
    }
}
