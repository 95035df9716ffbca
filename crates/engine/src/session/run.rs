//! A plan carried out: from the check that it is still true to the outputs and the end of the run.

use std::collections::BTreeSet;
use std::sync::Arc;

use infra_core::event::EventKind;
use infra_core::plan::PlanMode;
use infra_core::state::JournalEntry;
use infra_core::{Attributes, Plan, RunId, RunOutcome, RunSummary};
use infra_state::AppendError;

use super::{Planned, RunReport, Session};
use crate::dispatch::Dispatch;
use crate::error::EngineError;
use crate::outputs;
use crate::step::{Shared, Touched};

impl Session {
    /// Carries a plan out.
    ///
    /// # Errors
    /// The state moved since the plan was made, or cannot be written; the plan would lose data that nobody allows to be
    /// lost, touch what is not surely this stack's, or call something what others have. A failed step is in the report.
    pub async fn execute(&self, planned: Planned, command: &str) -> Result<RunReport, EngineError> {
        self.check_fresh(&planned.plan)?;
        if !planned.unseen.is_empty() {
            return Err(EngineError::Unseen(planned.unseen));
        }
        let refused = infra_plan::refused_data_loss(&planned.plan, planned.stack.as_deref());
        if !refused.is_empty() {
            return Err(EngineError::DataLoss(refused));
        }
        self.check_key(&planned)?;
        self.check_doubled(&planned)?;
        self.check_ownership(&planned).await?;
        self.check_names(&planned).await?;
        let lateness = self.lateness()?;
        let flushed_before = self.journal.statistics();
        let run = RunId(self.ambient.unique());
        let steps = planned.plan.steps.len();
        let touched: BTreeSet<String> = planned.plan.outputs.keys().cloned().collect();
        let destroying = planned.plan.mode == PlanMode::Destroy;
        let at_unix_ms = self.ambient.now_unix_ms();
        let started = JournalEntry::RunStarted {
            run: run.clone(),
            command: command.to_owned(),
            at_unix_ms,
        };
        futures::try_join!(self.journal.append(started), self.connect())?;
        self.reporter.send(EventKind::RunStarted {
            run: run.clone(),
            command: command.to_owned(),
            steps,
            stack: planned.plan.stack.clone(),
            serial: planned.plan.serial,
            at_unix_ms,
        });
        let before = self.reporter.calls();
        let shared = Arc::new(Shared {
            commands: self.commands.clone(),
            stack: planned.plan.stack.clone(),
            location: self
                .connection
                .as_ref()
                .map(|connection| connection.location.clone()),
            run: run.clone(),
            journal: Arc::clone(&self.journal),
            providers: Arc::clone(&self.providers),
            reporter: self.reporter.clone(),
            cancellation: self.cancellation.clone(),
            ambient: Arc::clone(&self.ambient),
            pace: self.pace,
            wait: self.wait,
            touched: Touched::new(lateness, self.pace.consistency_window),
        });
        let (report, work) = Dispatch::new(shared, planned, self.parallelism, self.walk, &self.estimates)
            .run()
            .await?;
        let completed = report.outcome == RunOutcome::Completed;
        let evaluated = work.outputs().filter(|_| !destroying);
        let values = (!destroying || completed)
            .then(|| self.outputs_after(evaluated.unwrap_or_default(), &touched))
            .filter(|values| self.journal.with_state(|state| state.outputs != *values));
        if let Some(values) = values {
            self.journal.append(JournalEntry::Outputs { values }).await?;
        }
        for entry in work.let_go() {
            self.journal.append(entry).await?;
        }
        let after = self.reporter.calls();
        let flushed = self.journal.statistics();
        let summary = RunSummary {
            done: report.done,
            failed: report.failed,
            stopped: report.stopped,
            skipped: report.skipped,
            left: report.left,
            duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
            critical_path_ms: u64::try_from(report.critical_path_length.as_millis()).unwrap_or(u64::MAX),
            mutating_calls: after.0 - before.0,
            reading_calls: after.1 - before.1,
            flushes: flushed.flushes - flushed_before.flushes,
            flushing_ms: u64::try_from((flushed.total - flushed_before.total).as_millis())
                .unwrap_or(u64::MAX),
        };
        let ended = JournalEntry::RunEnded {
            run: run.clone(),
            outcome: report.outcome,
            summary: summary.clone(),
            at_unix_ms: self.ambient.now_unix_ms(),
        };
        self.journal.append(ended).await?;
        self.reporter.send(EventKind::RunFinished {
            run,
            outcome: report.outcome,
            summary,
            critical_path: report.critical_path.clone(),
        });
        Ok(report)
    }

    /// Notes how the stack is reached from now on, for whoever has to do without its file, and which key its secrets
    /// are sealed with. With a key of this process alone none will be.
    pub(crate) async fn connect(&self) -> Result<(), AppendError> {
        let key = self.journal.sealing_key();
        let id = key.id();
        let is_known = self
            .journal
            .with_state(|state| state.sealed_with.as_ref() == Some(&id));
        if !is_known && !key.is_passing() {
            self.journal
                .append(JournalEntry::SealedWith {
                    key: id,
                    kept: key.kept().cloned(),
                })
                .await?;
        }
        let known = self.journal.with_state(|state| state.connection.clone());
        match &self.connection {
            Some(connection) if known.as_ref() != Some(connection) => {
                let connection = connection.clone();
                self.journal
                    .append(JournalEntry::Connected { connection })
                    .await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The outputs as the state keeps them from now on: what is known now, sealed; what a part of the stack
    /// that this run was not about, or did not get to, gave out before; and nothing that the plan takes away. One
    /// that was null is not missed by a plan, which takes null for nothing.
    fn outputs_after(&self, evaluated: Attributes, touched: &BTreeSet<String>) -> Attributes {
        let mut values = self.journal.with_state(|state| state.outputs.clone());
        values.retain(|name, value| {
            evaluated.contains_key(name) || !(touched.contains(name) || value.is_null())
        });
        values.extend(outputs::sealed(&evaluated, self.journal.sealing_key()));
        values
    }

    fn check_fresh(&self, plan: &Plan) -> Result<(), EngineError> {
        let (found, found_lineage) = (self.journal.serial(), self.journal.lineage());
        if plan.serial == found && plan.lineage == found_lineage {
            return Ok(());
        }
        Err(EngineError::Stale {
            planned: plan.serial,
            planned_lineage: plan.lineage.clone(),
            found,
            found_lineage: found_lineage.to_owned(),
        })
    }
}
