//! What stands in the way of a delete and does not go by waiting: somebody has to do something first.
//!
//! What does go by waiting is none of these: network interfaces that AWS itself still holds, listeners, services and
//! load balancers on their way out (`DependencyViolation`, `ResourceInUse`, `ClusterContainsServicesException`).

/// A refusal: the service (empty: any), its code (empty: any), a part of its message in lower case, and what to do.
struct Blocker {
    service: &'static str,
    code: &'static str,
    says: &'static str,
    hint: &'static str,
}

/// Deletion protection is told under a code of each service's own: `OperationNotPermitted` (Elastic Load Balancing),
/// `InvalidParameterCombination` (RDS), `InvalidParameterException` (Cognito), `ValidationException` (DynamoDB, CloudWatch
/// Logs), always with words like these.
const PROTECTED: &str =
    "it is protected against deletion: switch the protection off in the file, apply that, and delete it then";

const BLOCKERS: &[Blocker] = &[
    // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
    Blocker {
        service: "ecr",
        code: "RepositoryNotEmptyException",
        says: "",
        hint: "images were pushed meanwhile: run it again, and allow them to be lost (`--allow-data-loss ADDRESS`)",
    },
    // https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html and API_DeletePolicy.html,
    // API_DeleteInstanceProfile.html, API_DeleteUser.html, API_DeleteGroup.html
    Blocker {
        service: "iam",
        code: "DeleteConflict",
        says: "",
        hint: "something that this stack did not make still hangs on it (policies, instance profiles, users, groups or \
               versions of a policy): remove that, or import it into the stack",
    },
    // https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html
    Blocker {
        service: "route53",
        code: "HostedZoneNotEmpty",
        says: "",
        hint: "the zone still has records that this stack did not make: delete them, or import them into the stack",
    },
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
    Blocker {
        service: "",
        code: "BucketNotEmpty",
        says: "",
        hint: "the bucket still has objects, or versions of objects that were deleted: empty it first",
    },
    Blocker {
        service: "",
        code: "",
        says: "the bucket you tried to delete is not empty",
        hint: "the bucket still has objects, or versions of objects that were deleted: empty it first",
    },
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
    Blocker {
        service: "",
        code: "",
        says: "deletion protection",
        hint: PROTECTED,
    },
    // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html
    Blocker {
        service: "",
        code: "",
        says: "protected against deletion",
        hint: PROTECTED,
    },
    // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
    Blocker {
        service: "",
        code: "",
        says: "cannot delete protected",
        hint: PROTECTED,
    },
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html, and instances:
    // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html
    Blocker {
        service: "",
        code: "",
        says: "termination protection",
        hint: PROTECTED,
    },
    Blocker {
        service: "ec2",
        code: "OperationNotPermitted",
        says: "disableapitermination",
        hint: PROTECTED,
    },
];

/// What to do about a refusal that waiting does not mend; `None` when it is not one of those.
pub fn hint(service: &str, code: &str, message: &str) -> Option<&'static str> {
    let lower = message.to_lowercase();
    let fits = |blocker: &&Blocker| {
        (blocker.service.is_empty() || blocker.service == service)
            && (blocker.code.is_empty() || blocker.code == code)
            && lower.contains(blocker.says)
    };
    BLOCKERS.iter().find(fits).map(|blocker| blocker.hint)
}
