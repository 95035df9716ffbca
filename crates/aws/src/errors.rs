//! From an SDK's error to a [`ProviderError`] with a class, and with what to do about it where we know that.

mod classes;
mod credentials;
mod tables;

use std::error::Error as _;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use infra_core::{ErrorClass, ProviderError};
use infra_provider::ProviderResult;

pub use classes::classify;
pub use credentials::{Problem, in_chain as unsigned};

use crate::http::NotReached;

/// Gives an SDK result its class, service and operation.
pub trait AwsResult<T> {
    /// `service` as in addresses (`ec2`), `operation` in AWS's spelling (`CreateVpc`).
    ///
    /// # Errors
    /// The SDK's error as ours.
    fn aws(self, service: &str, operation: &str) -> ProviderResult<T>;
}

impl<T, E> AwsResult<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn aws(self, service: &str, operation: &str) -> ProviderResult<T> {
        self.map_err(|error| convert(&error, service, operation))
    }
}

/// What is often no failure.
pub trait Tolerate<T> {
    /// `None` when the thing spoken of is not there.
    ///
    /// # Errors
    /// Every other error.
    fn absent_is_none(self) -> ProviderResult<Option<T>>;
}

impl<T> Tolerate<T> for ProviderResult<T> {
    fn absent_is_none(self) -> ProviderResult<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.class == ErrorClass::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether an answer is AWS's wish to slow down.
pub fn is_throttled(service: &str, code: Option<&str>, status: u16) -> bool {
    classify(service, "", code, "", Some(status)) == ErrorClass::Throttled
}

/// A required part of an answer that is missing: AWS broke its own contract, or the emulator did.
pub fn missing(service: &str, operation: &str, part: &str) -> ProviderError {
    ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        ..ProviderError::new(ErrorClass::Other, format!("the answer has no {part}"))
    }
}

/// An error that AWS tells inside an answer that itself is a success, such as the `Unsuccessful` items of
/// DeleteVpcEndpoints.
pub fn told(service: &str, operation: &str, code: Option<&str>, message: &str) -> ProviderError {
    let class = classify(service, operation, code, message, Some(400));
    ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        code: code.map(str::to_owned),
        hint: hint(class, service, operation, code, message),
        ..ProviderError::new(class, message)
    }
}

/// A part of a request, once all that it needs is there.
///
/// # Errors
/// [`ErrorClass::Invalid`] naming what is missing.
pub fn built<T>(part: Result<T, aws_smithy_types::error::operation::BuildError>) -> ProviderResult<T> {
    part.map_err(|error| ProviderError::new(ErrorClass::Invalid, error.to_string()))
}

fn convert<E>(error: &SdkError<E, HttpResponse>, service: &str, operation: &str) -> ProviderError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    let message = match error.message() {
        Some(message) if !message.is_empty() => message.to_owned(),
        _ => match status {
            // A load balancer before the service answers with a page of its own, or with nothing.
            Some(status @ 400..) if code.is_none() => {
                format!("answered with HTTP {status}, without an error code")
            }
            _ => reason(error),
        },
    };
    let not_reached = NotReached::in_chain(error);
    if let Some(failed) = not_reached.filter(|failed| failed.certificate_hint.is_some()) {
        return ProviderError {
            service: service.to_owned(),
            operation: operation.to_owned(),
            ..ProviderError::new(ErrorClass::Blocked, message)
        }
        .hint(failed.hint());
    }
    if let Some(unsigned) = credentials::in_chain(error).last() {
        return carried(unsigned).unwrap_or_else(|| not_signed(unsigned, message, service, operation));
    }
    let class = match error {
        SdkError::ConstructionFailure(_) => ErrorClass::Invalid,
        SdkError::DispatchFailure(failure) if failure.is_user() => ErrorClass::Other,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => ErrorClass::Transient,
        _ => classify(service, operation, code.as_deref(), &message, status),
    };
    let hint = match not_reached {
        Some(failed) => Some(failed.hint()),
        None => hint(class, service, operation, code.as_deref(), &message),
    };
    ProviderError {
        class,
        message,
        service: service.to_owned(),
        operation: operation.to_owned(),
        code,
        request_id: error.request_id().map(str::to_owned),
        hint,
    }
}

/// A call that was never sent, because there was nothing to sign it with.
fn not_signed(error: &CredentialsError, message: String, service: &str, operation: &str) -> ProviderError {
    let problem = Problem::unsigned(error);
    ProviderError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        hint: problem.map(|problem| problem.hint().to_owned()),
        ..ProviderError::new(problem.map_or(ErrorClass::Transient, Problem::class), message)
    }
}

/// An error of a registry, or of how it and AWS are reached.
pub fn of_registry(error: infra_oci::Error) -> ProviderError {
    use infra_oci::ErrorClass as Oci;
    let class = match error.class() {
        Oci::Unauthorized | Oci::Denied => ErrorClass::Denied,
        // A repository that was just made may not be visible to the registry yet.
        Oci::NotFound => ErrorClass::NotFound,
        Oci::TagImmutable => ErrorClass::AlreadyExists,
        Oci::Invalid => ErrorClass::Invalid,
        Oci::Transient => ErrorClass::Transient,
        Oci::Other => ErrorClass::Other,
    };
    let message = match error.source() {
        Some(cause) => format!("{error}: {}", innermost(cause)),
        None => error.to_string(),
    };
    let converted = ProviderError::new(class, message);
    match error.hint() {
        Some(hint) => converted.hint(hint),
        None => converted,
    }
}

/// Why something failed: the end of the chain of causes, and where nothing answered, who that was.
pub fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let why = innermost(error);
    NotReached::in_chain(error).map_or_else(|| why.clone(), |failed| failed.told(&why))
}

/// An error of ours that the SDK carried here from the source of the credentials.
pub fn carried(error: &CredentialsError) -> Option<ProviderError> {
    infra_oci::errors(error).find_map(|error| error.downcast_ref::<ProviderError>().cloned())
}

/// The message at the end of the chain of causes: `connection refused` says more than `dispatch failure`.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    infra_oci::errors(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

fn hint(
    class: ErrorClass,
    service: &str,
    operation: &str,
    code: Option<&str>,
    message: &str,
) -> Option<String> {
    let coded = code.unwrap_or("");
    if let Some(problem) = Problem::answered(coded, message) {
        return Some(problem.hint().to_owned());
    }
    if let Some(known) = tables::find(service, operation, coded, message)
        && let Some(hint) = known.hint
    {
        return Some(hint.to_owned());
    }
    match class {
        ErrorClass::Denied | ErrorClass::Other if coded.is_empty() => Some(NOT_AWS.to_owned()),
        // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        ErrorClass::Denied if operation == "GetCallerIdentity" => Some(
            "this needs no permission, and no policy can deny it: the credentials are wrong, have expired or belong to \
             another partition, or the policy of a VPC endpoint for STS does not let the call through"
                .into(),
        ),
        ErrorClass::Denied if !message.contains("not authorized to perform") => Some(format!(
            "the caller needs the IAM action `{}`, and no policy may deny it",
            iam_action(service, operation)
        )),
        ErrorClass::Quota => Some(format!(
            "a quota of {service} is used up: ask for more in Service Quotas, or remove what is no longer needed"
        )),
        _ => None,
    }
}

const NOT_AWS: &str = "AWS names a code with every error, so this was answered by something else: look at HTTPS_PROXY, at \
     AWS_ENDPOINT_URL, and at what stands between this machine and AWS";

/// The IAM action of an operation. Its prefix differs from the service's name in addresses for some, and API
/// Gateway's actions are the HTTP methods.
fn iam_action(service: &str, operation: &str) -> String {
    let prefix = match service {
        "elbv2" => "elasticloadbalancing",
        "apigatewayv2" => {
            let method = match operation {
                get if get.starts_with("Get") => "GET",
                update if update.starts_with("Update") => "PATCH",
                delete if delete.starts_with("Delete") || delete.starts_with("Untag") => "DELETE",
                _ => "POST",
            };
            return format!("apigateway:{method}");
        }
        "applicationautoscaling" => "application-autoscaling",
        "tagging" => "tag",
        other => other,
    };
    format!("{prefix}:{operation}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::always::Always;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_the_services_is_told_as_what_it_is() {
        for body in ["<html><body>Service Unavailable</body></html>\n", ""] {
            let config = Always::answering(Some(503), body).config();
            let ec2 = aws_sdk_ec2::Client::new(&config);
            let ecs = aws_sdk_ecs::Client::new(&config);
            let gateway = aws_sdk_apigatewayv2::Client::new(&config);
            let route53 = aws_sdk_route53::Client::new(&config);
            let errors = [
                ec2.create_vpc().send().await.aws("ec2", "CreateVpc").unwrap_err(),
                ecs.create_cluster()
                    .send()
                    .await
                    .aws("ecs", "CreateCluster")
                    .unwrap_err(),
                gateway
                    .get_apis()
                    .send()
                    .await
                    .aws("apigatewayv2", "GetApis")
                    .unwrap_err(),
                route53
                    .list_hosted_zones()
                    .send()
                    .await
                    .aws("route53", "ListHostedZones")
                    .unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.class, ErrorClass::Transient, "{error:?}");
                assert_eq!(
                    error.message, "answered with HTTP 503, without an error code",
                    "{error:?}"
                );
            }
        }
    }

    #[test]
    fn what_to_do_is_told_with_the_refusal() {
        for (service, operation, code, message, hint) in [
            // No policy has anything to do with it.
            (
                "sts",
                "GetCallerIdentity",
                Some("InvalidClientTokenId"),
                "invalid",
                "does not know these credentials",
            ),
            (
                "sts",
                "GetCallerIdentity",
                Some("AccessDenied"),
                "no",
                "needs no permission",
            ),
            (
                "ec2",
                "CreateVpc",
                Some("RequestExpired"),
                "Request has expired.",
                "sign in again",
            ),
            (
                "ecs",
                "CreateCluster",
                Some("ExpiredTokenException"),
                "expired",
                "sign in again",
            ),
            (
                "iam",
                "GetRole",
                Some("SignatureDoesNotMatch"),
                "Signature not yet current: x is still later than y",
                "clock",
            ),
            (
                "ec2",
                "CreateVpc",
                Some("UnauthorizedOperation"),
                "no",
                "the IAM action `ec2:CreateVpc`",
            ),
            (
                "ec2",
                "CreateVpc",
                None,
                "answered with HTTP 403, without an error code",
                "HTTPS_PROXY",
            ),
            (
                "ecr",
                "DeleteRepository",
                Some("RepositoryNotEmptyException"),
                "has images",
                "--allow-data-loss",
            ),
            (
                "elbv2",
                "DeleteLoadBalancer",
                Some("OperationNotPermitted"),
                "deletion protection is enabled",
                "deletion_protection_enabled = false",
            ),
        ] {
            let class = classify(service, operation, code, message, Some(403));
            let told = self::hint(class, service, operation, code, message).unwrap_or_default();
            assert!(told.contains(hint), "{service} {code:?}: {told}");
        }
    }

    #[tokio::test]
    async fn a_call_that_cannot_be_signed_says_so_and_is_not_taken_for_a_lost_one() {
        #[derive(Debug)]
        struct SignedOut;
        impl aws_credential_types::provider::ProvideCredentials for SignedOut {
            fn provide_credentials<'a>(
                &'a self,
            ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                let error = CredentialsError::provider_error("the SSO session has expired");
                aws_credential_types::provider::future::ProvideCredentials::ready(Err(error))
            }
        }
        let config = Always::answering(Some(200), "").config().into_builder();
        let config = config
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                SignedOut,
            ))
            .build();
        let ec2 = aws_sdk_ec2::Client::new(&config);
        let error = ec2.create_vpc().send().await.aws("ec2", "CreateVpc").unwrap_err();
        assert_eq!(error.class, ErrorClass::Credentials, "{error:?}");
        assert!(error.message.contains("SSO session has expired"), "{error:?}");
        assert!(error.hint.unwrap().contains("sign in again"));
        assert!(error.class.has_no_effect());
    }

    #[test]
    fn hints_name_actions_as_iam_spells_them() {
        for (service, operation, action) in [
            ("elbv2", "CreateListener", "elasticloadbalancing:CreateListener"),
            ("apigatewayv2", "CreateApi", "apigateway:POST"),
            ("apigatewayv2", "GetRoutes", "apigateway:GET"),
            ("apigatewayv2", "UpdateStage", "apigateway:PATCH"),
            ("apigatewayv2", "DeleteCorsConfiguration", "apigateway:DELETE"),
        ] {
            assert_eq!(iam_action(service, operation), action);
        }
    }
}
