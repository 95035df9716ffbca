//! How much is still to come after a step.

use std::time::Duration;

use infra_core::{Plan, Step};

/// For each step, by its position, its own estimated time and that of the longest chain of steps that wait
/// for it: what a scheduler starts first, and at the first steps the length of the whole run's critical path.
pub fn remaining_path(plan: &Plan, estimate: impl Fn(&Step) -> Duration) -> Vec<Duration> {
    let mut remaining = vec![Duration::ZERO; plan.steps.len()];
    // A step stands after all that it waits for, so from the end all its dependents are done before it.
    for (position, step) in plan.steps.iter().enumerate().rev() {
        remaining[position] = remaining[position].saturating_add(estimate(step));
        let path = remaining[position];
        for before in &step.after {
            if let Some(longest) = remaining.get_mut(before.step.0 as usize) {
                *longest = path.max(*longest);
            }
        }
    }
    remaining
}
