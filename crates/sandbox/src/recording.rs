//! The requests that the emulator got, as they were sent, for whoever wants to send them again.

use serde::{Deserialize, Deserializer};

use crate::error::SandboxError;
use crate::sandbox::Sandbox;

const PAGE: &str = "/_infra/recording";

/// A request of an AWS service with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// The path with its query, as it was sent.
    pub target: String,
    /// The headers, but for those of the connection; names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(deserialize_with = "bytes")]
    pub body: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer.
    #[serde(deserialize_with = "bytes")]
    pub answer: Vec<u8>,
}

/// Text with a character for each byte.
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).map_err(serde::de::Error::custom))
        .collect()
}

impl Sandbox {
    /// From now on the emulator keeps what AWS is asked, and what it answers.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn start_recording(&self) -> Result<(), SandboxError> {
        self.ask("POST", PAGE, "").map(drop)
    }

    /// Ends it; the requests in the order in which they were carried out.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn stop_recording(&self) -> Result<Vec<RecordedRequest>, SandboxError> {
        let body = self.ask("DELETE", PAGE, "")?;
        serde_json::from_str(&body).map_err(|error| SandboxError::Answer {
            path: PAGE.to_owned(),
            status: 200,
            body: error.to_string(),
        })
    }
}
