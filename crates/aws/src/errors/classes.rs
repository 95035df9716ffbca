//! The class of an answered error: what the engine does about it.

use infra_core::ErrorClass;

use super::credentials::Problem;
use super::tables;

/// The class of an answered error.
pub fn classify(
    service: &str,
    operation: &str,
    code: Option<&str>,
    message: &str,
    status: Option<u16>,
) -> ErrorClass {
    let is_coded = code.is_some_and(|code| !code.is_empty());
    let code = code.unwrap_or("");
    if let Some(problem) = Problem::answered(code, message) {
        return problem.class();
    }
    if let Some(known) = tables::find(service, operation, code, message) {
        return known.class;
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
                "applicationautoscaling",
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
                classify(service, "", Some(code), message, Some(*status)),
                *class,
                "{code}"
            );
        }
    }

    #[test]
    fn what_an_operation_means_is_its_own() {
        use ErrorClass::*;
        for (service, operation, code, message, class) in [
            (
                "ec2",
                "ReleaseAddress",
                "AuthFailure",
                "You do not have permission to access the specified resource.",
                DependencyViolation,
            ),
            (
                "ec2",
                "ReleaseAddress",
                "AuthFailure",
                "The address is in use.",
                DependencyViolation,
            ),
            ("ec2", "ReleaseAddress", "UnauthorizedOperation", "in use", Denied),
            (
                "ec2",
                "CreateRoute",
                "AuthFailure",
                "You do not have permission to access the specified resource.",
                Denied,
            ),
            // What a call names may just have been made.
            (
                "ec2",
                "CreateSubnet",
                "InvalidVpcID.NotFound",
                "",
                DependencyNotReady,
            ),
            ("ec2", "DeleteSubnet", "InvalidSubnetID.NotFound", "", NotFound),
            (
                "iam",
                "PutRolePolicy",
                "NoSuchEntity",
                "The role with name x cannot be found.",
                DependencyNotReady,
            ),
            (
                "iam",
                "AttachRolePolicy",
                "NoSuchEntity",
                "Policy arn:x does not exist",
                NotFound,
            ),
            (
                "iam",
                "GetRole",
                "NoSuchEntity",
                "The role with name x cannot be found.",
                NotFound,
            ),
            (
                "applicationautoscaling",
                "PutScalingPolicy",
                "ObjectNotFoundException",
                "",
                DependencyNotReady,
            ),
            (
                "applicationautoscaling",
                "DeleteScalingPolicy",
                "ObjectNotFoundException",
                "",
                NotFound,
            ),
            // A target of a route before it takes routes.
            (
                "ec2",
                "CreateRoute",
                "InvalidParameterValue",
                "route table rtb-1 and network gateway igw-1 belong to different networks",
                DependencyNotReady,
            ),
            (
                "ec2",
                "ReplaceRoute",
                "IncorrectState",
                "Transit Gateway tgw-1 is in invalid state",
                DependencyNotReady,
            ),
            ("ec2", "CreateRoute", "InvalidParameterValue", "no", Invalid),
            (
                "ec2",
                "CreateVpcEndpoint",
                "InvalidParameter",
                "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true",
                DependencyNotReady,
            ),
            (
                "ec2",
                "AttachInternetGateway",
                "InvalidParameterValue",
                "Network vpc-1 already has an internet gateway attached",
                AlreadyExists,
            ),
            (
                "route53",
                "ChangeResourceRecordSets",
                "InvalidChangeBatch",
                "Tried to create resource record set [name='a.example.com.', type='A'] but it already exists",
                AlreadyExists,
            ),
        ] {
            let found = classify(service, operation, Some(code), message, Some(400));
            assert_eq!(found, class, "{operation} {code}: {message}");
        }
    }
}
