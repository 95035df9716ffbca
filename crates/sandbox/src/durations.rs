//! How long things take in the emulator.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::SandboxError;
use crate::sandbox::Sandbox;

const PAGE: &str = "/_infra/status";

#[derive(serde::Deserialize)]
struct StatusPage {
    settings: Settings,
}

#[derive(serde::Deserialize)]
struct Settings {
    time_scale: f64,
    durations_seconds: BTreeMap<String, f64>,
}

impl Sandbox {
    /// How long things take in the emulator that runs, by name, such as `ec2.nat_gateway.available`: AWS's typical
    /// times, multiplied by the emulator's time scale.
    ///
    /// # Errors
    /// When none runs, or it does not answer.
    pub fn durations(&self) -> Result<BTreeMap<String, Duration>, SandboxError> {
        let body = self.ask("GET", PAGE, "")?;
        let wrong = |error: String| SandboxError::Answer {
            path: PAGE.to_owned(),
            status: 200,
            body: error,
        };
        let page: StatusPage = serde_json::from_str(&body).map_err(|error| wrong(error.to_string()))?;
        let Settings {
            time_scale,
            durations_seconds,
        } = page.settings;
        durations_seconds
            .into_iter()
            .map(|(name, seconds)| {
                let here = Duration::try_from_secs_f64(seconds * time_scale);
                here.map(|here| (name, here))
                    .map_err(|error| wrong(error.to_string()))
            })
            .collect()
    }
}
