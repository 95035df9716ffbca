//! Credentials that AWS does not take, in every service's own words, and what to do about them.
//!
//! Codes are from the "Common errors" pages of the services' API references, where they stand under each service's
//! own spelling (query services: `InvalidClientTokenId`; JSON and REST services: `UnrecognizedClientException`), from
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> (`AuthFailure`, `Blocked`,
//! `PendingVerification`, `RequestExpired`) and <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use std::error::Error;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use infra_core::ErrorClass;

/// What is wrong with the credentials of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// There are none.
    None,
    /// They were right once.
    Expired,
    /// EC2 says the same of temporary credentials that have expired and of a clock that is wrong.
    ExpiredOrClock,
    /// The time that a request was signed at is not AWS's.
    Clock,
    /// No such access key, as far as this partition and region know.
    Unknown,
    /// The secret access key is another one.
    Signature,
    /// Signed for another region, or the region is not enabled in the account.
    Region,
    /// The account may not use the service (yet, or any more).
    Account,
    /// They cannot be fetched from where they should come from.
    Source,
}

/// A code of AWS, a part of its message in lower case, and what that means. The first that fits counts.
const CODES: &[(&str, &str, Problem)] = &[
    ("ExpiredToken", "", Problem::Expired),
    ("ExpiredTokenException", "", Problem::Expired),
    ("TokenRefreshRequired", "", Problem::Expired),
    ("RequestExpired", "", Problem::ExpiredOrClock),
    ("RequestTimeTooSkewed", "", Problem::Clock),
    ("SignatureDoesNotMatch", "signature expired", Problem::Clock),
    (
        "SignatureDoesNotMatch",
        "signature not yet current",
        Problem::Clock,
    ),
    ("SignatureDoesNotMatch", "should be scoped to", Problem::Region),
    ("SignatureDoesNotMatch", "", Problem::Signature),
    ("InvalidSignatureException", "signature expired", Problem::Clock),
    (
        "InvalidSignatureException",
        "signature not yet current",
        Problem::Clock,
    ),
    (
        "InvalidSignatureException",
        "should be scoped to",
        Problem::Region,
    ),
    ("InvalidSignatureException", "", Problem::Signature),
    ("IncompleteSignature", "", Problem::Signature),
    ("IncompleteSignatureException", "", Problem::Signature),
    ("InvalidClientTokenId", "", Problem::Unknown),
    ("UnrecognizedClientException", "", Problem::Unknown),
    ("InvalidAccessKeyId", "", Problem::Unknown),
    // EC2 says AuthFailure of much else: an address that belongs to another account.
    (
        "AuthFailure",
        "validate the provided access credentials",
        Problem::Unknown,
    ),
    ("InvalidToken", "the provided token", Problem::Unknown),
    ("MissingAuthenticationToken", "", Problem::None),
    ("MissingAuthenticationTokenException", "", Problem::None),
    ("RegionDisabledException", "", Problem::Region),
    ("OptInRequired", "", Problem::Account),
    ("SubscriptionRequiredException", "", Problem::Account),
    ("Blocked", "your account", Problem::Account),
    ("PendingVerification", "", Problem::Account),
];

/// What some services say under codes that mean other things as well.
const SAYINGS: &[(&str, Problem)] = &[
    (
        "security token included in the request is expired",
        Problem::Expired,
    ),
    (
        "security token included in the request is invalid",
        Problem::Unknown,
    ),
    ("the provided token has expired", Problem::Expired),
];

/// What sources of credentials say when a person has to sign in again (SSO portal and its cached tokens, STS with the
/// token of a web identity).
const SOURCES: &[(&str, Problem)] = &[
    ("ExpiredToken", Problem::Expired),
    ("InvalidClientTokenId", Problem::Unknown),
    ("SignatureDoesNotMatch", Problem::Signature),
    ("UnauthorizedException", Problem::Expired),
    ("InvalidGrantException", Problem::Expired),
    ("has expired", Problem::Expired),
    ("is expired", Problem::Expired),
    ("token expired", Problem::Expired),
];

impl Problem {
    /// What an answer of AWS says of the credentials, if it does.
    pub fn answered(code: &str, message: &str) -> Option<Self> {
        let lower = message.to_lowercase();
        let by_code = CODES
            .iter()
            .find(|(known, part, _)| *known == code && lower.contains(part))
            .map(|(.., problem)| *problem);
        by_code.or_else(|| {
            let said = SAYINGS.iter().find(|(part, _)| lower.contains(part));
            said.map(|(_, problem)| *problem)
        })
    }

    /// What was wrong when a call was not even sent, because there was nothing to sign it with. `None` when that is
    /// likely to pass: the place where credentials come from did not answer.
    pub fn unsigned(error: &CredentialsError) -> Option<Self> {
        let mut text = error.to_string();
        let mut is_unanswered = matches!(error, CredentialsError::ProviderTimedOut(_));
        let mut next = error.source();
        while let Some(cause) = next {
            text.push_str(&format!("\n{cause}"));
            is_unanswered |= cause.downcast_ref::<io::Error>().is_some_and(is_of_a_connection);
            next = cause.source();
        }
        let said = SOURCES.iter().find(|(part, _)| text.contains(part));
        match (said, error) {
            (Some((_, problem)), _) => Some(*problem),
            (None, CredentialsError::CredentialsNotLoaded(_)) => Some(Self::None),
            (None, _) if is_unanswered => None,
            (None, _) => Some(Self::Source),
        }
    }

    /// How the engine takes it.
    pub fn class(self) -> ErrorClass {
        match self {
            // The account's other services work.
            Self::Account => ErrorClass::Denied,
            _ => ErrorClass::Credentials,
        }
    }

    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::None => {
                "no usable AWS credentials were found: set AWS_PROFILE, sign in with `aws sso login`, or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `--sandbox` needs none"
            }
            Self::Expired => {
                "the credentials have expired: sign in again (`aws sso login`, or fetch new temporary credentials), \
                 then run the same command again, which goes on from here"
            }
            Self::ExpiredOrClock => {
                "the credentials have expired: sign in again (`aws sso login`, or fetch new temporary credentials), \
                 then run the same command again, which goes on from here; if they are still good, this machine's \
                 clock is wrong by more than 5 minutes"
            }
            Self::Clock => {
                "AWS refuses what was not signed within the last minutes: set this machine's clock (`timedatectl` \
                 shows whether it is synchronized), then run the same command again, which goes on from here"
            }
            Self::Unknown => {
                "AWS does not know these credentials: the access key was deleted, made inactive or mistyped, its \
                 AWS_SESSION_TOKEN is missing or another one's, it belongs to another partition (aws, aws-cn, \
                 aws-us-gov), or the region is not enabled in its account; look at AWS_PROFILE, \
                 AWS_ACCESS_KEY_ID and the region"
            }
            Self::Signature => {
                "the secret access key does not belong to the access key id, or something on the way changed the \
                 request: look at AWS_SECRET_ACCESS_KEY or the profile (a line break or a blank is enough), and at \
                 HTTPS_PROXY"
            }
            Self::Region => {
                "the credentials are not good in this region: enable it in the account, or look at `region` and at \
                 AWS_ENDPOINT_URL, which have to be of the same partition as the credentials"
            }
            Self::Account => {
                "the account may not use this service: it is not signed up for it, not verified yet, or blocked; \
                 its owner finds the reason in the billing console or asks AWS Support"
            }
            Self::Source => {
                "the credentials could not be fetched: look at AWS_PROFILE and what it names (`aws sts \
                 get-caller-identity` asks the same), or sign in again with `aws sso login`"
            }
        }
    }
}

fn is_of_a_connection(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidData
    )
}

/// Why a call could not be signed. Of roles that are taken one after the other, each that was not has one, the first
/// credentials at the end.
pub fn in_chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e CredentialsError> {
    infra_oci::errors(error).filter_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_says_it_in_its_own_words() {
        use Problem::{Account, Clock, Expired, ExpiredOrClock, Region, Signature, Unknown};
        let cases: &[(&str, &str, Option<Problem>)] = &[
            // IAM, STS, Elastic Load Balancing, Route 53.
            (
                "ExpiredToken",
                "The security token included in the request is expired",
                Some(Expired),
            ),
            (
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
                Some(Unknown),
            ),
            (
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
                Some(Signature),
            ),
            (
                "SignatureDoesNotMatch",
                "Signature expired: 20261127T120000Z is now earlier than 20261127T120100Z (20261127T120600Z - 5 min.)",
                Some(Clock),
            ),
            (
                "SignatureDoesNotMatch",
                "Signature not yet current: 20261127T130000Z is still later than 20261127T121500Z",
                Some(Clock),
            ),
            (
                "SignatureDoesNotMatch",
                "Credential should be scoped to a valid region, not 'us-east-1'.",
                Some(Region),
            ),
            // EC2.
            ("RequestExpired", "Request has expired.", Some(ExpiredOrClock)),
            (
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                Some(Unknown),
            ),
            ("AuthFailure", "The address does not belong to you.", None),
            (
                "OptInRequired",
                "You are not subscribed to this service.",
                Some(Account),
            ),
            ("Blocked", "Your account is currently blocked.", Some(Account)),
            (
                "UnauthorizedOperation",
                "You are not authorized to perform this operation.",
                None,
            ),
            // ECS, ECR, CloudWatch Logs, ACM, API Gateway, Application Auto Scaling.
            (
                "ExpiredTokenException",
                "The security token included in the request is expired",
                Some(Expired),
            ),
            (
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                Some(Unknown),
            ),
            (
                "InvalidSignatureException",
                "Signature expired: 20261127T120000Z is now earlier than 20261127T120100Z",
                Some(Clock),
            ),
            (
                "InvalidSignatureException",
                "The request signature we calculated does not match",
                Some(Signature),
            ),
            (
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
                Some(Problem::None),
            ),
            (
                "AccessDeniedException",
                "User: x is not authorized to perform: ecs:CreateCluster",
                None,
            ),
            // Under a code that says something else.
            (
                "ForbiddenException",
                "The security token included in the request is invalid.",
                Some(Unknown),
            ),
            // S3.
            (
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time",
                Some(Clock),
            ),
            (
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist",
                Some(Unknown),
            ),
            (
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
                Some(Unknown),
            ),
        ];
        for (code, message, problem) in cases {
            assert_eq!(Problem::answered(code, message), *problem, "{code}: {message}");
        }
    }

    #[test]
    fn what_cannot_be_signed_says_whether_somebody_has_to_do_something() {
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        let no_file = || io::Error::from(io::ErrorKind::NotFound);
        for (error, problem) in [
            (
                CredentialsError::not_loaded("no providers in chain"),
                Some(Problem::None),
            ),
            (
                CredentialsError::invalid_configuration("no such profile"),
                Some(Problem::Source),
            ),
            (
                CredentialsError::provider_error("the SSO token has expired"),
                Some(Problem::Expired),
            ),
            (
                CredentialsError::provider_error("unhandled error (ExpiredTokenException)"),
                Some(Problem::Expired),
            ),
            (
                CredentialsError::provider_error("the process ended with 1"),
                Some(Problem::Source),
            ),
            (CredentialsError::provider_error(no_file()), Some(Problem::Source)),
            // A container's or machine's own credentials come over the network.
            (CredentialsError::provider_error(reset()), None),
            (
                CredentialsError::provider_timed_out(std::time::Duration::from_secs(5)),
                None,
            ),
        ] {
            assert_eq!(Problem::unsigned(&error), problem, "{error:?}");
        }
    }
}
