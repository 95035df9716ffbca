//! What a plan is not carried out for, and how that is told.

use anyhow::{Context, Result};
use infra_core::{Diagnostic, ResourceAddress, Severity};
use infra_engine::Planned;
use infra_plan::{refused_data_loss, refused_ownership};

use super::run::{Prepared, Task};
use crate::exit::Exit;
use crate::stack::Open;
use crate::terminal::Terminal;

/// Why a plan is not carried out that would touch what is not surely this stack's.
pub const NOT_OURS: &str = "Nothing was changed: not everything is surely this stack's.";

/// Why a plan is not carried out that would delete what it cannot make anew.
pub const TAKEN: &str = "Nothing was changed: not every name is free.";

/// Why a plan is not carried out that would touch one thing for one of several addresses.
pub const DOUBLED: &str = "Nothing was changed: the state has one thing twice.";

/// What a plan is refused for before anything is touched, and why in a sentence; `None`: it may be carried out.
pub fn refusals(planned: &Planned, open: &Open) -> Option<(Vec<Diagnostic>, &'static str)> {
    let (plan, stack) = (&planned.plan, &*open.stack);
    let all = [
        (open.session.doubled(planned), DOUBLED),
        (
            refused_ownership(plan, Some(stack), &open.session.commands),
            NOT_OURS,
        ),
        (
            refused_data_loss(plan, Some(stack)),
            "Nothing was changed: data would be lost.",
        ),
    ];
    all.into_iter().find(|(refused, _)| !refused.is_empty())
}

/// Tells why a plan is not carried out.
///
/// # Errors
/// When stderr is closed.
pub async fn refuse(refused: &[Diagnostic], why: &str, open: &Open, terminal: &Terminal) -> Result<Exit> {
    open.view.clear().await;
    terminal.diagnostics(refused, &open.stack.sources)?;
    terminal.note(why);
    Ok(Exit::Failed)
}

/// What others have of the names that a plan needs, and why AWS could not be asked. Nothing is asked of a plan that was
/// made without asking, or that changes nothing.
pub async fn taken(task: &Task<'_>, prepared: &Prepared) -> (Vec<Diagnostic>, Result<()>) {
    if task.scope.no_refresh || !prepared.planned.plan.has_changes() {
        return (Vec::new(), Ok(()));
    }
    let open = &prepared.open;
    open.view.status("looking whether names are free");
    let found = open.session.taken_names(&prepared.planned).await;
    open.view.clear().await;
    match found {
        Ok(taken) => (taken, Ok(())),
        Err(error) => (
            Vec::new(),
            Err(error).context("AWS cannot be asked whether names are free"),
        ),
    }
}

/// Tells what `apply` or `destroy` will refuse.
///
/// # Errors
/// When stderr is closed.
pub fn warn(mut refused: Vec<Diagnostic>, open: &Open, terminal: &Terminal) -> Result<()> {
    for diagnostic in &mut refused {
        diagnostic.severity = Severity::Warning;
    }
    if !refused.is_empty() {
        terminal.diagnostics(&refused, &open.stack.sources)?;
    }
    Ok(())
}

/// Whose data may be lost. Of several stacks, to each goes what it has: the rest is said of the others.
pub fn permissions(task: &Task<'_>, open: &Open) -> Vec<ResourceAddress> {
    let mut named = task.allow_data_loss.clone();
    if task.turn.is_some_and(|turn| turn.of > 1) {
        let is = |named: &ResourceAddress, address: &ResourceAddress| {
            named == address || (named.key().is_none() && *named == address.block())
        };
        named.retain(|named| {
            let mut declared = open.stack.resources.keys();
            declared.any(|address| is(named, address))
                || open.session.journal.with_state(|state| {
                    let mut known = state.resources.keys().chain(state.deposed.keys());
                    known.any(|address| is(named, address))
                })
        });
    }
    named
}
