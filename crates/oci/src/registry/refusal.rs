//! What a refusal means: passing trouble or not, its class, the registry's own words, and what helps.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use crate::error::{ErrorClass, Fault};

pub(super) fn hint(class: ErrorClass) -> Option<&'static str> {
    match class {
        ErrorClass::Unauthorized => Some("the registry wants credentials, or others: sign in again"),
        ErrorClass::Denied => Some("whoever signed in may not do this in that repository"),
        ErrorClass::NotFound => {
            Some("check the name; some registries do not create a repository by pushing to it")
        }
        ErrorClass::Transient => Some("the registry is in trouble: try again later"),
        ErrorClass::TagImmutable | ErrorClass::Invalid | ErrorClass::Other => None,
    }
}

/// Trouble that may pass: 5xx, and the two 4xx that ask to come again.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

pub(super) fn class_of(status: StatusCode, faults: &[Fault]) -> ErrorClass {
    if is_passing(status) {
        return ErrorClass::Transient;
    }
    let says = |codes: &[&str]| faults.iter().any(|fault| codes.contains(&fault.code.as_str()));
    match status {
        StatusCode::UNAUTHORIZED => ErrorClass::Unauthorized,
        StatusCode::FORBIDDEN => ErrorClass::Denied,
        _ if says(&["UNAUTHORIZED"]) => ErrorClass::Unauthorized,
        _ if says(&["DENIED"]) => ErrorClass::Denied,
        StatusCode::NOT_FOUND => ErrorClass::NotFound,
        _ if says(&["NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"]) => ErrorClass::NotFound,
        _ if says(&[
            "MANIFEST_INVALID",
            "MANIFEST_BLOB_UNKNOWN",
            "DIGEST_INVALID",
            "NAME_INVALID",
            "SIZE_INVALID",
        ]) =>
        {
            ErrorClass::Invalid
        }
        _ => ErrorClass::Other,
    }
}

/// The errors of a refusal's body; a body in another form is quoted if it is short text.
pub(super) fn faults(body: &[u8]) -> Vec<Fault> {
    #[derive(Deserialize)]
    struct Refusal {
        errors: Vec<Fault>,
    }
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(body) {
        return refusal.errors;
    }
    let text = String::from_utf8_lossy(body);
    let line: String = text
        .trim()
        .chars()
        .take(LONGEST_QUOTE)
        .filter(|c| !c.is_control())
        .collect();
    if line.is_empty() || line.starts_with('<') {
        return Vec::new();
    }
    vec![Fault {
        code: String::new(),
        message: line,
    }]
}

const LONGEST_QUOTE: usize = 300;

pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_classes() {
        let cases = [
            (401, "UNAUTHORIZED", ErrorClass::Unauthorized),
            (403, "DENIED", ErrorClass::Denied),
            (400, "DENIED", ErrorClass::Denied),
            (404, "NAME_UNKNOWN", ErrorClass::NotFound),
            (404, "", ErrorClass::NotFound),
            (400, "MANIFEST_INVALID", ErrorClass::Invalid),
            (429, "TOOMANYREQUESTS", ErrorClass::Transient),
            (503, "", ErrorClass::Transient),
            (405, "UNSUPPORTED", ErrorClass::Other),
        ];
        for (status, code, expected) in cases {
            let faults = [Fault {
                code: code.to_owned(),
                message: String::new(),
            }];
            assert_eq!(
                class_of(StatusCode::from_u16(status).unwrap(), &faults),
                expected,
                "{status} {code}"
            );
        }
    }

    #[test]
    fn faults_are_read_from_any_body() {
        let json = br#"{"errors":[{"code":"DENIED","message":"no","detail":{}}]}"#;
        assert_eq!(
            faults(json),
            [Fault {
                code: "DENIED".into(),
                message: "no".into()
            }]
        );
        assert_eq!(faults(b"try later\n")[0].to_string(), "try later");
        assert_eq!(faults(b"<html>"), []);
        assert_eq!(faults(b""), []);
    }
}
