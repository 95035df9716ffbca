//! How long carrying out a plan will probably take, in words.

use infra_core::plan::Forecast;

use crate::line::{Line, wrapped};
use crate::style::Style;
use crate::units::{count, duration};

/// What takes less than this share of the whole is not named.
const SMALLEST_SHARE: u64 = 12;
/// Resources named at most.
const MOST_NAMED: usize = 4;

/// `Takes about 4m02s: elbv2.load_balancer.main (2m30s), then ecs.deployment.app (1m30s). …`; nothing for a
/// plan without calls.
pub(crate) fn lines(forecast: &Forecast, style: &Style) -> Vec<Line> {
    if forecast.measured_steps + forecast.typical_steps == 0 || forecast.critical_path.is_empty() {
        return Vec::new();
    }
    let whole = forecast.duration_ms;
    let named = named(forecast);
    let mut words = format!("Takes about {}", duration(whole));
    if !named.is_empty() {
        let all: u64 = named.iter().map(|(_, took)| took).sum();
        let parts: Vec<String> = named
            .iter()
            .map(|(address, took)| format!("{address} ({})", duration(*took)))
            .collect();
        let mostly = if all < whole - whole / 10 { "mostly " } else { "" };
        words.push_str(&format!(": {mostly}{}", parts.join(", then ")));
    }
    words.push_str(". ");
    words.push_str(&match (forecast.measured_steps, forecast.typical_steps) {
        (_, 0) => "Going by this stack's past runs.".to_owned(),
        (0, _) => "Going by what is usual on AWS.".to_owned(),
        (_, typical) => format!(
            "Going by this stack's past runs, and for {} by what is usual on AWS.",
            count(typical, "step")
        ),
    });
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    wrapped(&words, " ", 0, style.width)
}

/// The resources of the longest chain that take a good part of it, in the chain's order.
fn named(forecast: &Forecast) -> Vec<(String, u64)> {
    let smallest = forecast.duration_ms / SMALLEST_SHARE;
    let mut parts: Vec<(usize, String, u64)> = Vec::new();
    for (position, step) in forecast.critical_path.iter().enumerate() {
        let (address, took) = (
            step.address.to_string(),
            step.end_ms.saturating_sub(step.start_ms),
        );
        match parts.last_mut() {
            // The two halves of a replacement.
            Some((_, last, sum)) if *last == address => *sum += took,
            _ => parts.push((position, address, took)),
        }
    }
    parts.retain(|(_, _, took)| *took > smallest);
    parts.sort_by_key(|(position, _, took)| (std::cmp::Reverse(*took), *position));
    parts.truncate(MOST_NAMED);
    parts.sort_by_key(|(position, ..)| *position);
    parts
        .into_iter()
        .map(|(_, address, took)| (address, took))
        .collect()
}

#[cfg(test)]
mod tests {
    use infra_core::plan::ForecastStep;
    use infra_core::{StepOperation, Strength};

    use super::*;

    #[test]
    fn a_forecast_names_what_takes_long() {
        let forecast = |parts: &[(&str, u64)], measured_steps, typical_steps| {
            let mut start_ms = 0;
            let critical_path = parts.iter().map(|(address, took)| {
                start_ms += took;
                ForecastStep {
                    address: address.parse().unwrap(),
                    operation: StepOperation::Create,
                    start_ms: start_ms - took,
                    end_ms: start_ms,
                    until: Strength::Ready,
                }
            });
            let critical_path = critical_path.collect();
            Forecast {
                duration_ms: start_ms,
                critical_path,
                measured_steps,
                typical_steps,
            }
        };
        let [vpc, balancer, old, deployment] = [
            ("ec2.vpc.main", 500),
            ("elbv2.load_balancer.main", 150_500),
            ("elbv2.load_balancer.main", 60_000),
            ("ecs.deployment.app", 120_500),
        ];
        let usual = "Going by what is usual on AWS.";
        let past = "Going by this stack's past runs";
        let even = |number| (format!("ec2.vpc.v{number}"), 1_000);
        let many: Vec<(String, u64)> = (0..20).map(even).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(name, took)| (name.as_str(), *took)).collect();
        for (forecast, expected) in [
            (forecast(&[], 0, 0), String::new()),
            (
                forecast(&[vpc, balancer, deployment], 0, 9),
                format!(
                    "Takes about 4m31s: elbv2.load_balancer.main (2m30s), then ecs.deployment.app (2m00s). {usual}"
                ),
            ),
            (
                forecast(&[vpc, balancer, old], 4, 0),
                format!("Takes about 3m31s: elbv2.load_balancer.main (3m30s). {past}."),
            ),
            (
                forecast(&many, 19, 1),
                format!("Takes about 20s. {past}, and for 1 step by what is usual on AWS."),
            ),
            (
                forecast(&[many[0], many[1], many[2], many[3], many[4], many[5]], 6, 0),
                format!(
                    "Takes about 6.0s: mostly ec2.vpc.v0 (1.0s), then ec2.vpc.v1 (1.0s), then ec2.vpc.v2 (1.0s), \
                     then ec2.vpc.v3 (1.0s). {past}."
                ),
            ),
        ] {
            let style = Style {
                width: 1_000,
                ..Style::plain()
            };
            let text: Vec<String> = lines(&forecast, &style)
                .iter()
                .map(|line| line.text(&style))
                .collect();
            assert_eq!(text.join("\n"), expected);
        }
    }
}
