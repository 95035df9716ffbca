//! What happened, in words that a terminal and a log share.

use infra_core::{ErrorClass, Event, EventKind, ProviderError, ResourceAddress, StepOperation};

use super::tracker::{InFlight, Phase, Tracker};
use crate::units::{bytes, count, duration, listed};

/// `creating`
pub(crate) fn doing(operation: StepOperation) -> &'static str {
    match operation {
        StepOperation::Create => "creating",
        StepOperation::Update => "updating",
        StepOperation::Delete => "deleting",
        StepOperation::Forget => "forgetting",
        StepOperation::Wait => "waiting for",
        StepOperation::Confirm => "confirming",
        StepOperation::Retag => "retagging",
    }
}

/// `create`
pub(crate) fn verb(operation: StepOperation) -> &'static str {
    match operation {
        StepOperation::Create => "create",
        StepOperation::Update => "update",
        StepOperation::Delete => "delete",
        StepOperation::Forget => "forget",
        StepOperation::Wait => "wait",
        StepOperation::Confirm => "confirm",
        StepOperation::Retag => "retag",
    }
}

/// `not created`
pub(crate) fn undone(operation: StepOperation) -> &'static str {
    match operation {
        StepOperation::Create => "not created",
        StepOperation::Update => "not updated",
        StepOperation::Delete => "not deleted",
        StepOperation::Forget => "not forgotten",
        StepOperation::Wait => "not waited for",
        StepOperation::Confirm => "not confirmed",
        StepOperation::Retag => "not retagged",
    }
}

/// `created`, or what is to be said when there was nothing to do.
pub(crate) fn done(operation: StepOperation, changed: bool) -> &'static str {
    match (operation, changed) {
        (StepOperation::Create, true) => "created",
        (StepOperation::Create, false) => "was there already",
        (StepOperation::Update, true) => "updated",
        (StepOperation::Update, false) => "needed no update",
        (StepOperation::Delete, true) => "deleted",
        (StepOperation::Delete, false) => "was gone already",
        (StepOperation::Forget, _) => "forgotten",
        (StepOperation::Wait, _) => "is ready",
        (StepOperation::Confirm, _) => "is as the file wants it",
        (StepOperation::Retag, _) => "retagged",
    }
}

/// AWS's answer without the request id, which stands on a line of its own where there is room.
pub(crate) fn headline(error: &ProviderError) -> String {
    let mut error = error.clone();
    error.request_id = None;
    error.to_string()
}

/// What a step in flight is at, beyond its operation; empty when there is nothing to say.
pub(crate) fn detail(step: &InFlight, tracker: &Tracker) -> String {
    in_one_line(&detail_in_lines(step, tracker))
}

/// A text that has several lines, where there is room for one.
pub(crate) fn in_one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The same for a log, which has said already why something is tried again.
pub(crate) fn brief(step: &InFlight, tracker: &Tracker) -> String {
    match &step.phase {
        Phase::Retrying { attempt, next_ms, .. } if *next_ms > tracker.now_ms => {
            next_try(*attempt, *next_ms, tracker)
        }
        Phase::Retrying { .. } => "trying again".to_owned(),
        _ => detail(step, tracker),
    }
}

fn next_try(attempt: u32, next_ms: u64, tracker: &Tracker) -> String {
    format!(
        "try {} in {}",
        attempt + 1,
        duration(next_ms.saturating_sub(tracker.now_ms))
    )
}

fn detail_in_lines(step: &InFlight, tracker: &Tracker) -> String {
    let status = step.status.as_deref();
    match &step.phase {
        Phase::Parked { waits_for } => {
            let names: Vec<String> = waits_for
                .iter()
                .filter_map(|step| tracker.address(*step))
                .map(ToString::to_string)
                .collect();
            match names.len() {
                0 => "waits for what it needs".to_owned(),
                _ => format!("waits for {}", listed(&names, 3)),
            }
        }
        Phase::Retrying {
            attempt,
            next_ms,
            error,
        } if *next_ms > tracker.now_ms => {
            let why = step.note.clone().unwrap_or_else(|| headline(error));
            format!("{}: {why}", next_try(*attempt, *next_ms, tracker))
        }
        Phase::Waiting { waiter } => match status {
            Some(status) => format!("waits for {waiter}: {status}"),
            None => format!("waits for {waiter}"),
        },
        Phase::Calling | Phase::Retrying { .. } => {
            status.or(step.note.as_deref()).unwrap_or_default().to_owned()
        }
    }
}

/// `45.2 MB of 120.0 MB`, with the rate where it is known.
pub(crate) fn transferred(step: &InFlight) -> Option<String> {
    let transfer = step.transfer.as_ref()?;
    let mut words = format!("{} of {}", bytes(transfer.done), bytes(transfer.total));
    if let Some(rate) = transfer.rate() {
        words.push_str(&format!(", {}/s", bytes(rate)));
    }
    Some(words)
}

/// What is said when the user asks to stop.
pub(crate) fn cancelling(level: u8) -> &'static str {
    match level {
        0 | 1 => {
            "Stopping: what is in flight is finished, nothing new is started. Once more ends the waiting."
        }
        2 => {
            "Stopping now: nothing is waited for any more, what is known is written down. Once more ends at once."
        }
        _ => "Ending at once.",
    }
}

/// An event that is shown in the same words everywhere; `None` for what each view has its own way with.
pub(crate) fn sentence(event: &Event, tracker: &Tracker) -> Option<String> {
    Some(match &event.kind {
        EventKind::RunStarted {
            run, command, steps, ..
        } => {
            format!("{command}: {} (run {run})", count(*steps, "step"))
        }
        EventKind::Settling { intents } => format!(
            "an earlier run was cut off: asking AWS what became of {}",
            count(*intents, "open call")
        ),
        EventKind::Settled {
            address,
            outcome,
            physical_id,
        } => match physical_id {
            Some(id) => format!("{address}: {outcome} [{id}]"),
            None => format!("{address}: {outcome}"),
        },
        EventKind::StepStarted {
            address, operation, ..
        } => format!("{address}: {}", doing(*operation).trim_end_matches(" for")),
        EventKind::StepResumed { address, .. } => format!("{address}: goes on"),
        EventKind::StepExists {
            address, physical_id, ..
        } => format!("{address}: exists as {physical_id}"),
        EventKind::WaitStarted { address, waiter, .. } => format!("{address}: waits for {waiter}"),
        EventKind::StepRetried {
            address,
            attempt,
            delay_ms,
            error,
            ..
        } => format!(
            "{address}: try {attempt} failed, the next in {}: {error}",
            duration(*delay_ms)
        ),
        EventKind::StepParked {
            address,
            waits_for,
            error,
            ..
        } => {
            let names: Vec<String> = waits_for
                .iter()
                .filter_map(|step| tracker.address(*step))
                .map(ToString::to_string)
                .collect();
            let what = if names.is_empty() {
                "what it needs".to_owned()
            } else {
                listed(&names, 3)
            };
            format!("{address}: waits for {what}: {error}")
        }
        EventKind::StepFinished {
            address,
            operation,
            changed,
            physical_id,
            duration_ms,
            ..
        } => finished(address, *operation, *changed, physical_id.as_ref(), *duration_ms),
        EventKind::StepSkipped {
            address,
            operation,
            because_of,
            ..
        } => match because_of {
            Some(cause) => format!("{address}: {}, because {cause} failed", undone(*operation)),
            None => format!("{address}: {}, because the run was cancelled", undone(*operation)),
        },
        EventKind::StepLeft {
            address,
            operation,
            until,
            ..
        } => match operation {
            StepOperation::Confirm => return None,
            StepOperation::Wait => format!("{address}: left on its way"),
            _ => format!(
                "{address}: left: it is {} by the next apply, when {until} has ended",
                done(*operation, true)
            ),
        },
        EventKind::Cancelling { level } => cancelling(*level).to_owned(),
        EventKind::StepFailed {
            address,
            operation,
            error,
            place,
            duration_ms,
            ..
        } => failed(address, *operation, error, place.as_deref(), *duration_ms),
        EventKind::Waiting { address, status } => format!("{address}: {status}"),
        EventKind::Note { address, text } => format!("{address}: {text}"),
        EventKind::RunFinished { .. } | EventKind::Bytes { .. } | EventKind::ApiCall { .. } => return None,
    })
}

fn finished(
    address: &ResourceAddress,
    operation: StepOperation,
    changed: bool,
    physical_id: Option<&infra_core::PhysicalId>,
    duration_ms: u64,
) -> String {
    let id = match operation {
        StepOperation::Confirm => String::new(),
        _ => physical_id.map(|id| format!(" {id}")).unwrap_or_default(),
    };
    format!(
        "{address}: {}{id} ({})",
        done(operation, changed),
        duration(duration_ms)
    )
}

/// A failure, or where a step was stopped, on one line.
fn failed(
    address: &ResourceAddress,
    operation: StepOperation,
    error: &ProviderError,
    place: Option<&str>,
    duration_ms: u64,
) -> String {
    let (verb, took) = (verb(operation), duration(duration_ms));
    if error.class == ErrorClass::Cancelled {
        return format!("{address}: {verb} stopped after {took}: {error}");
    }
    let mut words = format!("{address}: {verb} FAILED after {took}: {error}");
    if let Some(hint) = &error.hint {
        words.push_str(&format!("; what to do: {hint}"));
    }
    if let Some(place) = place {
        words.push_str(&format!("; see {place}"));
    }
    words
}
