//! What a provider's call can fail with.

use serde::{Deserialize, Serialize};

/// What kind of failure it is: the engine decides by this alone what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// AWS asks to slow down: tried again, and fewer calls at once to that service.
    Throttled,
    /// Likely to pass: a reset, a time-out, a 5xx. Whether the call took effect is not known.
    Transient,
    /// What was spoken of is not there.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Something this needs exists but does not work yet: parked until it does.
    DependencyNotReady,
    /// Something still uses this: a delete is tried again for a while.
    DependencyViolation,
    /// Something stands in the way that no waiting removes, such as images in a repository or deletion protection:
    /// somebody has to do something about it first.
    Blocked,
    /// AWS does not take the caller for who they say they are: credentials that are wrong, have expired or cannot be
    /// found, or a clock that is wrong. Nothing else that is asked with them will be answered.
    Credentials,
    /// Not allowed.
    Denied,
    /// AWS refuses the input.
    Invalid,
    /// A quota is used up.
    Quota,
    /// A wait ended without the resource becoming ready in time.
    TimedOut,
    /// The resource itself went to a failed state.
    Failed,
    /// The call was given up because the run was cancelled.
    Cancelled,
    /// Anything else.
    Other,
}

impl ErrorClass {
    /// Whether AWS certainly did nothing, so that there is no lost effect to look for.
    pub fn has_no_effect(self) -> bool {
        !matches!(
            self,
            Self::Transient | Self::Other | Self::TimedOut | Self::Failed | Self::Cancelled
        )
    }
}

/// A failed call, as it is shown, journalled and sent as an event. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.headline())]
pub struct ProviderError {
    /// What kind of failure it is.
    pub class: ErrorClass,
    /// AWS's message, or ours when there was none from AWS.
    pub message: String,
    /// The service that was called, such as `ec2`; empty if none was.
    #[serde(default)]
    pub service: String,
    /// The operation in AWS's spelling, such as `CreateVpc`; empty if none was called.
    #[serde(default)]
    pub operation: String,
    /// AWS's error code, such as `VpcLimitExceeded`.
    #[serde(default)]
    pub code: Option<String>,
    /// AWS's request id, for their support.
    #[serde(default)]
    pub request_id: Option<String>,
    /// What the user can do, where we know it.
    #[serde(default)]
    pub hint: Option<String>,
}

impl ProviderError {
    /// An error that did not come from a call.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            service: String::new(),
            operation: String::new(),
            code: None,
            request_id: None,
            hint: None,
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `ec2 CreateVpc: VpcLimitExceeded: The maximum number of VPCs has been reached. (request id …)`
    fn headline(&self) -> String {
        let mut text = String::new();
        if !self.operation.is_empty() {
            text.push_str(&format!("{} {}: ", self.service, self.operation));
        }
        if let Some(code) = &self.code {
            text.push_str(&format!("{code}: "));
        }
        text.push_str(&self.message);
        if let Some(id) = &self.request_id {
            text.push_str(&format!(" (request id {id})"));
        }
        text
    }
}
