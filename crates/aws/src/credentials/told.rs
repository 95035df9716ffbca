//! What is told when the source of the credentials gives none.

use aws_credential_types::provider::error::CredentialsError;
use infra_core::{ErrorClass, ProviderError};

use super::Source;
use super::profiles::{Base, Chain};
use crate::errors::{Problem, carried, reason};

impl Source {
    /// Why the source gave no credentials, and what to do.
    pub fn explain(&self, error: &CredentialsError) -> ProviderError {
        if let Some(told) = carried(error) {
            return told;
        }
        let problem = Problem::unsigned(error);
        let class = problem.map_or(ErrorClass::Transient, Problem::class);
        let reason = reason(error);
        let (message, hint) = match self {
            Self::Profile(chain) => of_profile(chain, problem, &reason),
            Self::Container(container) => (
                format!(
                    "the credentials of the container could not be fetched ({} is {}): {reason}",
                    container.variable, container.address
                ),
                Some(CONTAINER.to_owned()),
            ),
            Self::Machine(machine) if problem == Some(Problem::None) => (
                format!(
                    "no AWS credentials were found: AWS_ACCESS_KEY_ID is not set, {} is a profile `{}` with any, and neither a \
                     web identity, nor a container, nor the machine itself gives some",
                    machine.files.neither(),
                    machine.profile
                ),
                Some(Problem::None.hint().to_owned()),
            ),
            Self::Machine(_) => (
                format!("the credentials of this machine could not be fetched: {reason}"),
                Some(
                    "look at the role of the instance and at AWS_EC2_METADATA_SERVICE_ENDPOINT; \
                     AWS_EC2_METADATA_DISABLED=true asks for none"
                        .to_owned(),
                ),
            ),
            Self::Variables | Self::WebIdentity(_) => (reason, hint_of(problem)),
        };
        ProviderError {
            hint,
            ..ProviderError::new(class, message)
        }
    }
}

const CONTAINER: &str = "that is the agent which runs the container: look whether it is there (EKS Pod Identity, ECS agent, \
     CodeBuild), or unset the variable for the next source of credentials";

fn of_profile(chain: &Chain, problem: Option<Problem>, reason: &str) -> (String, Option<String>) {
    let name = &chain.base_profile;
    let message = format!("the credentials of the profile `{name}` could not be had: {reason}");
    let hint = match &chain.base {
        // The sign-in is good; what it is for is not there.
        Base::SingleSignOn
            if ["ForbiddenException", "No access"]
                .iter()
                .any(|said| reason.contains(said)) =>
        {
            Some(format!(
                "whoever signed in is not assigned to the `sso_account_id` and `sso_role_name` of the profile `{name}` in IAM \
                 Identity Center"
            ))
        }
        Base::SingleSignOn => Some(format!("sign in again: `aws sso login --profile {name}`")),
        Base::Container => Some(CONTAINER.to_owned()),
        _ => hint_of(problem),
    };
    (message, hint)
}

/// What to do, where that is known better than from the source.
fn hint_of(problem: Option<Problem>) -> Option<String> {
    let problem = problem.filter(|problem| !matches!(problem, Problem::None | Problem::Source));
    problem.map(|problem| problem.hint().to_owned())
}
