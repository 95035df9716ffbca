//! The class of an answered error: what the engine does about it.
//!
//! Codes are from the services' "Common errors" pages and the error lists of their API references.

use infra_core::ErrorClass;

use super::blocked;
use super::credentials::Problem;

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
    ("UnauthorizedOperation", ErrorClass::Denied),
    ("AuthFailure", ErrorClass::Denied),
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
    let is_coded = code.is_some_and(|code| !code.is_empty());
    let code = code.unwrap_or("");
    if let Some(problem) = Problem::answered(code, message) {
        return problem.class();
    }
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
    if blocked::hint(service, code, message).is_some() {
        return ErrorClass::Blocked;
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
            // A service names what it does not find. A bare page is a proxy's, and says nothing of the thing.
            Some(404) if is_coded => ErrorClass::NotFound,
            Some(404) => ErrorClass::Other,
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

#[cfg(test)]
mod tests {
    use super::*;

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
            // A proxy's page; AWS's own answers have a code.
            ("apigatewayv2", "", "Not Found", 404, ErrorClass::Other),
            ("apigatewayv2", "NotFoundException", "", 404, ErrorClass::NotFound),
            // Nothing of this goes by waiting.
            (
                "ecr",
                "RepositoryNotEmptyException",
                "The repository with name 'app' in registry with id '123456789012' cannot be deleted because it still \
                 contains images",
                400,
                ErrorClass::Blocked,
            ),
            (
                "iam",
                "DeleteConflict",
                "Cannot delete entity, must detach all policies first.",
                409,
                ErrorClass::Blocked,
            ),
            (
                "iam",
                "DeleteConflict",
                "Cannot delete a policy attached to entities.",
                409,
                ErrorClass::Blocked,
            ),
            (
                "route53",
                "HostedZoneNotEmpty",
                "The specified hosted zone contains non-required resource record sets",
                400,
                ErrorClass::Blocked,
            ),
            ("s3", "BucketNotEmpty", "", 409, ErrorClass::Blocked),
            (
                "elbv2",
                "OperationNotPermitted",
                "Load balancer 'arn:aws:elasticloadbalancing:x' cannot be deleted because deletion protection is enabled",
                400,
                ErrorClass::Blocked,
            ),
            (
                "rds",
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
                400,
                ErrorClass::Blocked,
            ),
            (
                "dynamodb",
                "ValidationException",
                "Resource cannot be deleted as it is currently protected against deletion.",
                400,
                ErrorClass::Blocked,
            ),
            // All of this does.
            (
                "ec2",
                "DependencyViolation",
                "",
                400,
                ErrorClass::DependencyViolation,
            ),
            (
                "elbv2",
                "ResourceInUse",
                "Target group is currently in use by a listener or a rule",
                400,
                ErrorClass::DependencyViolation,
            ),
            (
                "ecs",
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
                400,
                ErrorClass::DependencyViolation,
            ),
            (
                "ec2",
                "RequestExpired",
                "Request has expired.",
                400,
                ErrorClass::Credentials,
            ),
            (
                "ec2",
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                401,
                ErrorClass::Credentials,
            ),
            (
                "ecs",
                "UnrecognizedClientException",
                "",
                400,
                ErrorClass::Credentials,
            ),
            ("ec2", "OptInRequired", "", 403, ErrorClass::Denied),
        ];
        for (service, code, message, status, class) in cases {
            assert_eq!(
                classify(service, Some(code), message, Some(*status)),
                *class,
                "{code}"
            );
        }
    }
}
