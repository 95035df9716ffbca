//! What the services' errors mean, a table per service: of which operations, by which code and words, their class, and
//! what to do about them where that is known. The first line that fits counts; those of [`EVERYWHERE`] come last.
//!
//! Codes are from the services' "Common errors" pages and the error lists of their API references.

use infra_core::ErrorClass;
use infra_core::ErrorClass::{
    AlreadyExists, Blocked, Denied, DependencyNotReady, DependencyViolation, Invalid, NotFound, Quota,
    Throttled, Transient,
};

/// An error that is known.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    operations: &'static [&'static str],
    code: &'static str,
    says: &'static [&'static str],
    /// What the engine does about it.
    pub class: ErrorClass,
    /// What a person does about it.
    pub hint: Option<&'static str>,
}

/// An error with this code; with none, of any code. A code that begins with `*` is the end of one.
const fn code(code: &'static str, class: ErrorClass) -> Known {
    Known {
        operations: &[],
        code,
        says: &[],
        class,
        hint: None,
    }
}

impl Known {
    /// Only where the message has all of these words, in lower case.
    const fn says(self, says: &'static [&'static str]) -> Self {
        Self { says, ..self }
    }

    /// Only of these operations.
    const fn of(self, operations: &'static [&'static str]) -> Self {
        Self { operations, ..self }
    }

    /// With what to do about it.
    const fn hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }

    /// `message` in lower case.
    fn fits(&self, operation: &str, code: &str, message: &str) -> bool {
        let has_code = match self.code.strip_prefix('*') {
            Some(end) => code.ends_with(end),
            None => self.code.is_empty() || self.code == code,
        };
        has_code
            && (self.operations.is_empty() || self.operations.contains(&operation))
            && self.says.iter().all(|words| message.contains(words))
    }
}

/// What is known of an error.
pub fn find(service: &str, operation: &str, code: &str, message: &str) -> Option<&'static Known> {
    let message = message.to_lowercase();
    let of_service: [&[Known]; 2] = match service {
        "apigatewayv2" => [ROLES, API_GATEWAY],
        "applicationautoscaling" => [ROLES, AUTO_SCALING],
        "ec2" => [ROLES, EC2],
        "ecr" => [ECR, &[]],
        "ecs" => [ROLES, ECS],
        "elbv2" => [ELASTIC_LOAD_BALANCING, &[]],
        "iam" => [IAM, &[]],
        "route53" => [ROUTE53, &[]],
        _ => [&[], &[]],
    };
    let mut all = of_service.into_iter().chain([EVERYWHERE]).flatten();
    all.find(|known| known.fits(operation, code, &message))
}

/// Services that take a role which IAM has just made: they speak of one that is there (AWS.md, section 3).
const ROLES: &[Known] = &[
    code("", DependencyNotReady).says(&["unable to assume the role"]),
    code("", DependencyNotReady).says(&["unable to assume iam role"]),
    code("", DependencyNotReady).says(&["unable to assume the service linked role"]),
    code("", DependencyNotReady).says(&["role is not valid"]),
    code("", DependencyNotReady).says(&["not authorized to perform: iam:passrole", "does not exist"]),
    code("", DependencyNotReady).says(&["does not have the trust relationship"]),
];

const API_GATEWAY: &[Known] = &[
    // An HTTP API refuses a second change of itself at the same time with a plain conflict.
    code("ConflictException", Throttled).says(&["concurrent modification"]),
    // A refused delete of something that something else refers to is a conflict or a bad request.
    code("ConflictException", DependencyViolation).of(DELETES),
    code("BadRequestException", DependencyViolation)
        .says(&["referenc"])
        .of(DELETES),
    code("BadRequestException", DependencyViolation)
        .says(&["mapping"])
        .of(DELETES),
    code("BadRequestException", DependencyViolation)
        .says(&["in use"])
        .of(DELETES),
    code("BadRequestException", DependencyViolation)
        .says(&["used by"])
        .of(DELETES),
    code("BadRequestException", DependencyViolation)
        .says(&["remove all"])
        .of(DELETES),
    // A name that is in use, in this account or another, is a bad request.
    code("BadRequestException", AlreadyExists)
        .says(&["already exists"])
        .of(&["CreateDomainName"]),
];
const DELETES: &[&str] = &[
    "DeleteApi",
    "DeleteApiMapping",
    "DeleteDomainName",
    "DeleteIntegration",
    "DeleteRoute",
    "DeleteStage",
    "DeleteVpcLink",
];

/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/CommonErrors.html>: all is a ValidationException.
const AUTO_SCALING: &[Known] = &[
    code("ValidationException", DependencyNotReady).says(&["service doesn't exist"]),
    // A target or policy is refused as long as the thing to be scaled, or the target, is not seen yet.
    code("", DependencyNotReady).says(&["doesn't exist"]).of(SCALING),
    code("ValidationException", DependencyNotReady)
        .says(&["no scalable target found"])
        .of(SCALING),
    code("ObjectNotFoundException", DependencyNotReady).of(SCALING),
    code("ValidationException", NotFound).says(&["no scalable target found"]),
    code("ValidationException", NotFound).says(&["no scaling policy found"]),
];
const SCALING: &[&str] = &["RegisterScalableTarget", "PutScalingPolicy"];

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
const EC2: &[Known] = &[
    // An address that a NAT gateway or load balancer still has belongs to AWS for as long, and AWS then speaks of
    // permission. A permission that is really missing is UnauthorizedOperation.
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html
    code("AuthFailure", DependencyViolation)
        .says(&["in use"])
        .of(&["ReleaseAddress"]),
    code("AuthFailure", DependencyViolation)
        .says(&["permission to access the specified resource"])
        .of(&["ReleaseAddress"]),
    // A target that is there but does not take routes yet: an internet gateway before it is attached (its network is
    // then no network), or a gateway, endpoint or attachment that is still pending.
    code("", DependencyNotReady)
        .says(&["network gateway", "belong to different networks"])
        .of(ROUTE),
    code("IncorrectState", DependencyNotReady).of(ROUTE),
    code("InvalidState", DependencyNotReady).of(ROUTE),
    code("IncorrectInstanceState", DependencyNotReady).of(ROUTE),
    // Private DNS is refused until the VPC's attributes, which are set after its creation, are on.
    code("", DependencyNotReady)
        .says(&["enablednssupport"])
        .of(ENDPOINT)
        .hint("set `enable_dns_support` and `enable_dns_hostnames` in the VPC"),
    code("", DependencyNotReady)
        .says(&["enablednshostnames"])
        .of(ENDPOINT)
        .hint("set `enable_dns_support` and `enable_dns_hostnames` in the VPC"),
    code("", AlreadyExists)
        .says(&["already has an internet gateway attached"])
        .of(&["AttachInternetGateway"])
        .hint("a VPC takes only one internet gateway, and this one has another"),
    // What EC2 does not know here is usually a resource that this run has just made and that is not shown everywhere
    // yet. https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
    code("*.NotFound", DependencyNotReady).of(NAMES_OTHERS),
    code("Gateway.NotAttached", DependencyNotReady).of(NAMES_OTHERS),
    code("OperationNotPermitted", Blocked)
        .says(&["disableapitermination"])
        .hint(PROTECTED),
];
const ROUTE: &[&str] = &["CreateRoute", "ReplaceRoute"];
const ENDPOINT: &[&str] = &["CreateVpcEndpoint", "ModifyVpcEndpoint"];
const NAMES_OTHERS: &[&str] = &[
    "AssociateRouteTable",
    "AttachInternetGateway",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateNatGateway",
    "CreateRoute",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpcEndpoint",
    "ModifySecurityGroupRules",
    "ModifyVpcEndpoint",
    "ReplaceRoute",
    "ReplaceRouteTableAssociation",
];

const ECR: &[Known] = &[
    // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
    code("RepositoryNotEmptyException", Blocked).hint(
        "images were pushed meanwhile: run it again, and allow them to be lost (`--allow-data-loss ADDRESS`)",
    ),
];

/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html>
const ECS: &[Known] = &[
    code("ClientException", NotFound).says(&["unable to describe task definition"]),
    code("InvalidParameterException", AlreadyExists).says(&["creation of service was not idempotent"]),
    // The listener of the target group is not there yet.
    code("InvalidParameterException", DependencyNotReady)
        .says(&["does not have an associated load balancer"]),
    code("InvalidParameterException", DependencyNotReady).says(&["still draining"]),
    code("ClusterContainsServicesException", DependencyViolation),
    code("ClusterContainsTasksException", DependencyViolation),
    code("ClusterContainsContainerInstancesException", DependencyViolation),
    code("ClusterContainsCapacityProviderException", DependencyViolation),
    code("ServiceNotActiveException", NotFound),
    code("UpdateInProgressException", Throttled),
];

const ELASTIC_LOAD_BALANCING: &[Known] = &[
    code("OperationNotPermitted", Blocked)
        .says(&["deletion protection"])
        .hint("set `deletion_protection_enabled = false` and apply that first"),
    code("", Invalid)
        .says(&["access denied for bucket"])
        .of(&["ModifyLoadBalancerAttributes"])
        .hint("the bucket's policy has to let Elastic Load Balancing write to it"),
];

const IAM: &[Known] = &[
    // A role that was just made is not yet known as a principal, nor to the calls that give it policies.
    code("MalformedPolicyDocument", DependencyNotReady).says(&["invalid principal in policy"]),
    code("NoSuchEntity", DependencyNotReady)
        .says(&["role with name"])
        .of(&["PutRolePolicy", "AttachRolePolicy"]),
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html and API_DeletePolicy.html,
    // API_DeleteInstanceProfile.html, API_DeleteUser.html, API_DeleteGroup.html
    code("DeleteConflict", Blocked).hint(
        "something still hangs on it (policies, instance profiles, users, groups or versions of a policy): what is not of \
         this stack, remove or import into it",
    ),
];

const ROUTE53: &[Known] = &[
    // Route 53 has one code for every change that it refuses: what is meant is in the reasons.
    code("InvalidChangeBatch", AlreadyExists).says(&["but it already exists"]),
    code("InvalidChangeBatch", NotFound).says(&["but it was not found"]),
    code("InvalidChangeBatch", DependencyNotReady).says(&["but that target was not found"]),
    // https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html
    code("HostedZoneNotEmpty", Blocked).hint(
        "the zone still has records beside those that AWS gave it: what is not of this stack, delete or import into it",
    ),
];

/// Deletion protection is told under a code of each service's own: `OperationNotPermitted` (Elastic Load Balancing),
/// `InvalidParameterCombination` (RDS), `InvalidParameterException` (Cognito), `ValidationException` (DynamoDB, CloudWatch
/// Logs), always with words like these.
const PROTECTED: &str =
    "it is protected against deletion: switch the protection off in the file, apply that, and delete it then";
const NOT_EMPTY: &str =
    "the bucket still has objects, or versions of objects that were deleted: empty it first";

/// What every service says alike. What stands in the way of a delete and does not go by waiting is `Blocked`; what does is
/// not: network interfaces that AWS itself still holds, listeners, services and load balancers on their way out.
const EVERYWHERE: &[Known] = &[
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
    code("BucketNotEmpty", Blocked).hint(NOT_EMPTY),
    code("", Blocked)
        .says(&["the bucket you tried to delete is not empty"])
        .hint(NOT_EMPTY),
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
    code("", Blocked).says(&["deletion protection"]).hint(PROTECTED),
    // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html
    code("", Blocked)
        .says(&["protected against deletion"])
        .hint(PROTECTED),
    // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
    code("", Blocked)
        .says(&["cannot delete protected"])
        .hint(PROTECTED),
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html, and instances:
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html
    code("", Blocked)
        .says(&["termination protection"])
        .hint(PROTECTED),
    code("RequestLimitExceeded", Throttled),
    code("TooManyRequestsException", Throttled),
    code("SlowDown", Throttled),
    code("PriorRequestNotComplete", Throttled),
    code("BandwidthLimitExceeded", Throttled),
    code("ConcurrentModification", Throttled),
    code("ConcurrentUpdateException", Throttled),
    code("OperationAbortedException", Throttled),
    code("ServiceUnavailable", Transient),
    code("Unavailable", Transient),
    code("InternalFailure", Transient),
    code("InternalError", Transient),
    code("ServerException", Transient),
    code("RequestTimeout", Transient),
    code("RequestTimeoutException", Transient),
    code("NoSuchEntity", NotFound),
    code("NoSuchHostedZone", NotFound),
    code("ClusterNotFoundException", NotFound),
    code("ObjectNotFoundException", NotFound),
    code("Gateway.NotAttached", NotFound),
    code("EntityAlreadyExists", AlreadyExists),
    code("InvalidPermission.Duplicate", AlreadyExists),
    code("InvalidGroup.Duplicate", AlreadyExists),
    code("Resource.AlreadyAssociated", AlreadyExists),
    code("InvalidSubnet.Conflict", AlreadyExists),
    code("DependencyViolation", DependencyViolation),
    code("ResourceInUse", DependencyViolation),
    code("InvalidIPAddress.InUse", DependencyViolation),
    code("InvalidAddress.InUse", DependencyViolation),
    code("AuthFailure.AddressInUse", DependencyViolation),
    code("UnauthorizedOperation", Denied),
    code("AuthFailure", Denied),
    code("LimitExceededException", Quota),
    code("LimitExceeded", Quota),
    code("ServiceQuotaExceededException", Quota),
];
