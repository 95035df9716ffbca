//! From an SDK's error to a [`ProviderError`] with a class.
//!
//! Codes are from the services' "Common errors" pages and the error lists of their API references.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use infra_core::{ErrorClass, ProviderError};
use infra_provider::ProviderResult;

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
    classify(service, code, "", Some(status)) == ErrorClass::Throttled
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
    let class = classify(service, code, message, Some(400));
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
            _ => innermost(error),
        },
    };
    let class = match error {
        SdkError::ConstructionFailure(_) => ErrorClass::Invalid,
        SdkError::DispatchFailure(failure) if failure.is_user() => ErrorClass::Other,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => ErrorClass::Transient,
        _ => classify(service, code.as_deref(), &message, status),
    };
    let hint = hint(class, service, operation, code.as_deref(), &message);
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

/// The message at the end of the chain of causes: `connection refused` says more than `dispatch failure`.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

/// Codes whose class their spelling does not tell.
const CLASSES: &[(&str, ErrorClass)] = &[
    ("RequestLimitExceeded", ErrorClass::Throttled),
    ("TooManyRequestsException", ErrorClass::Throttled),
    ("SlowDown", ErrorClass::Throttled),
    ("PriorRequestNotComplete", ErrorClass::Throttled),
    ("BandwidthLimitExceeded", ErrorClass::Throttled),
    ("ConcurrentModification", ErrorClass::Throttled),
    ("ConcurrentUpdateException", ErrorClass::Throttled),
    ("OperationAbortedException", ErrorClass::Throttled),
    ("UpdateInProgressException", ErrorClass::Throttled),
    ("ServiceUnavailable", ErrorClass::Transient),
    ("Unavailable", ErrorClass::Transient),
    ("InternalFailure", ErrorClass::Transient),
    ("InternalError", ErrorClass::Transient),
    ("ServerException", ErrorClass::Transient),
    ("RequestTimeout", ErrorClass::Transient),
    ("RequestTimeoutException", ErrorClass::Transient),
    ("NoSuchEntity", ErrorClass::NotFound),
    ("NoSuchHostedZone", ErrorClass::NotFound),
    ("ClusterNotFoundException", ErrorClass::NotFound),
    ("ServiceNotActiveException", ErrorClass::NotFound),
    ("ObjectNotFoundException", ErrorClass::NotFound),
    ("Gateway.NotAttached", ErrorClass::NotFound),
    ("EntityAlreadyExists", ErrorClass::AlreadyExists),
    ("InvalidPermission.Duplicate", ErrorClass::AlreadyExists),
    ("InvalidGroup.Duplicate", ErrorClass::AlreadyExists),
    ("Resource.AlreadyAssociated", ErrorClass::AlreadyExists),
    ("InvalidSubnet.Conflict", ErrorClass::AlreadyExists),
    ("DependencyViolation", ErrorClass::DependencyViolation),
    ("DeleteConflict", ErrorClass::DependencyViolation),
    ("ResourceInUse", ErrorClass::DependencyViolation),
    ("InvalidIPAddress.InUse", ErrorClass::DependencyViolation),
    ("InvalidAddress.InUse", ErrorClass::DependencyViolation),
    ("AuthFailure.AddressInUse", ErrorClass::DependencyViolation),
    (
        "ClusterContainsServicesException",
        ErrorClass::DependencyViolation,
    ),
    ("ClusterContainsTasksException", ErrorClass::DependencyViolation),
    (
        "ClusterContainsContainerInstancesException",
        ErrorClass::DependencyViolation,
    ),
    (
        "ClusterContainsCapacityProviderException",
        ErrorClass::DependencyViolation,
    ),
    ("RepositoryNotEmptyException", ErrorClass::DependencyViolation),
    ("HostedZoneNotEmpty", ErrorClass::DependencyViolation),
    ("UnauthorizedOperation", ErrorClass::Denied),
    ("AuthFailure", ErrorClass::Denied),
    ("OptInRequired", ErrorClass::Denied),
    ("ExpiredToken", ErrorClass::Denied),
    ("ExpiredTokenException", ErrorClass::Denied),
    ("InvalidClientTokenId", ErrorClass::Denied),
    ("SignatureDoesNotMatch", ErrorClass::Denied),
    ("UnrecognizedClientException", ErrorClass::Denied),
    ("MissingAuthenticationToken", ErrorClass::Denied),
    ("LimitExceededException", ErrorClass::Quota),
    ("LimitExceeded", ErrorClass::Quota),
    ("ServiceQuotaExceededException", ErrorClass::Quota),
];

/// Services that give many things one code: (service, code, part of the message in lower case, class).
const MESSAGES: &[(&str, &str, &str, ErrorClass)] = &[
    (
        "ecs",
        "ClientException",
        "unable to describe task definition",
        ErrorClass::NotFound,
    ),
    (
        "ecs",
        "InvalidParameterException",
        "creation of service was not idempotent",
        ErrorClass::AlreadyExists,
    ),
    // The listener of the target group is not there yet.
    (
        "ecs",
        "InvalidParameterException",
        "does not have an associated load balancer",
        ErrorClass::DependencyNotReady,
    ),
    (
        "ecs",
        "InvalidParameterException",
        "still draining",
        ErrorClass::DependencyNotReady,
    ),
    (
        "autoscaling",
        "ValidationException",
        "service doesn't exist",
        ErrorClass::DependencyNotReady,
    ),
    (
        "autoscaling",
        "ValidationException",
        "no scalable target found",
        ErrorClass::NotFound,
    ),
    (
        "autoscaling",
        "ValidationException",
        "no scaling policy found",
        ErrorClass::NotFound,
    ),
];

/// The class of an answered error.
pub fn classify(service: &str, code: Option<&str>, message: &str, status: Option<u16>) -> ErrorClass {
    let code = code.unwrap_or("");
    // Eventual consistency of IAM: other services speak of a role that is there (AWS.md, section 3).
    if speaks_of_a_role_not_yet_visible(service, code, message) {
        return ErrorClass::DependencyNotReady;
    }
    // IAM's own: a role that was just made is not yet known as a principal.
    if code == "MalformedPolicyDocument" && message.to_lowercase().contains("invalid principal in policy") {
        return ErrorClass::DependencyNotReady;
    }
    // An HTTP API refuses a second change of itself at the same time with a plain conflict.
    if code == "ConflictException" && message.to_lowercase().contains("concurrent modification") {
        return ErrorClass::Throttled;
    }
    let lower = message.to_lowercase();
    let said = MESSAGES
        .iter()
        .find(|(of, known, part, _)| *of == service && *known == code && lower.contains(part));
    if let Some((.., class)) = said {
        return *class;
    }
    if let Some((_, class)) = CLASSES.iter().find(|(known, _)| *known == code) {
        return *class;
    }
    let contains = |part: &str| code.contains(part);
    if contains("Throttl") {
        ErrorClass::Throttled
    } else if code.ends_with(".NotFound") || contains("NotFound") {
        ErrorClass::NotFound
    } else if contains("AlreadyExists")
        || code.starts_with("Duplicate")
        || code.ends_with("AlreadyAssociated")
    {
        ErrorClass::AlreadyExists
    } else if contains("InUse") {
        ErrorClass::DependencyViolation
    } else if contains("AccessDenied") || contains("NotAuthorized") {
        ErrorClass::Denied
    } else if contains("LimitExceeded") || code.starts_with("TooMany") {
        ErrorClass::Quota
    } else if code == "ConflictException" {
        ErrorClass::AlreadyExists
    } else {
        match status {
            Some(429) => ErrorClass::Throttled,
            Some(500..) => ErrorClass::Transient,
            Some(404) => ErrorClass::NotFound,
            Some(403) => ErrorClass::Denied,
            Some(400..) => ErrorClass::Invalid,
            _ => ErrorClass::Other,
        }
    }
}

fn speaks_of_a_role_not_yet_visible(service: &str, code: &str, message: &str) -> bool {
    if !matches!(service, "ecs" | "apigatewayv2" | "autoscaling" | "ec2") {
        return false;
    }
    let refused = matches!(
        code,
        "InvalidParameterException"
            | "ClientException"
            | "ValidationException"
            | "BadRequestException"
            | "AccessDeniedException"
            | "InvalidParameterValue"
    );
    let message = message.to_lowercase();
    refused
        && (message.contains("unable to assume the role")
            || message.contains("unable to assume iam role")
            || message.contains("unable to assume the service linked role")
            || message.contains("role is not valid")
            || message.contains("not authorized to perform: iam:passrole")
                && message.contains("does not exist")
            || message.contains("does not have the trust relationship"))
}

fn hint(
    class: ErrorClass,
    service: &str,
    operation: &str,
    code: Option<&str>,
    message: &str,
) -> Option<String> {
    match class {
        ErrorClass::Denied if code.is_some_and(|code| code.starts_with("Expired")) => {
            Some("the credentials have expired: sign in again".into())
        }
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
        "autoscaling" => "application-autoscaling",
        "tagging" => "tag",
        other => other,
    };
    format!("{prefix}:{operation}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::always::Always;

    #[test]
    fn codes_have_the_class_that_the_engine_acts_on() {
        let cases: &[(&str, &str, &str, u16, ErrorClass)] = &[
            ("ec2", "RequestLimitExceeded", "", 503, ErrorClass::Throttled),
            ("ecs", "ThrottlingException", "", 400, ErrorClass::Throttled),
            ("ec2", "InvalidVpcID.NotFound", "", 400, ErrorClass::NotFound),
            ("iam", "NoSuchEntity", "", 404, ErrorClass::NotFound),
            ("elbv2", "LoadBalancerNotFound", "", 400, ErrorClass::NotFound),
            (
                "elbv2",
                "DuplicateLoadBalancerName",
                "",
                400,
                ErrorClass::AlreadyExists,
            ),
            (
                "logs",
                "ResourceAlreadyExistsException",
                "",
                400,
                ErrorClass::AlreadyExists,
            ),
            ("elbv2", "ResourceInUse", "", 400, ErrorClass::DependencyViolation),
            ("ec2", "VpcLimitExceeded", "", 400, ErrorClass::Quota),
            ("ec2", "UnauthorizedOperation", "", 403, ErrorClass::Denied),
            (
                "apigatewayv2",
                "ConflictException",
                "Unable to complete operation due to concurrent modification.",
                409,
                ErrorClass::Throttled,
            ),
            (
                "ecs",
                "ClientException",
                "ECS was unable to assume the role 'arn:aws:iam::1:role/x'",
                400,
                ErrorClass::DependencyNotReady,
            ),
            (
                "ecs",
                "InvalidParameterException",
                "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
                400,
                ErrorClass::DependencyNotReady,
            ),
            (
                "autoscaling",
                "ValidationException",
                "Unable to assume IAM role: arn:aws:iam::1:role/x",
                400,
                ErrorClass::DependencyNotReady,
            ),
            (
                "ecs",
                "AccessDeniedException",
                "User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: \
                 arn:aws:iam::1:role/x",
                400,
                ErrorClass::Denied,
            ),
            (
                "ec2",
                "InvalidParameterValue",
                "the CIDR is invalid",
                400,
                ErrorClass::Invalid,
            ),
            ("ec2", "", "", 502, ErrorClass::Transient),
        ];
        for (service, code, message, status, class) in cases {
            assert_eq!(
                classify(service, Some(code), message, Some(*status)),
                *class,
                "{code}"
            );
        }
    }

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
