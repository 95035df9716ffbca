//! The rules of data that goes with what holds it.

use infra_core::plan::{PlanMode, Reason};
use infra_core::{Action, Change, HeldData, ResourceRecord, Value};

use super::Checker;
use crate::input::{keeps_data, means};

impl Checker<'_, '_> {
    /// Whatever can hold data and goes says what becomes of it; nobody's word is made up, and nothing is taken for
    /// empty that AWS did not call so.
    pub(super) fn data(&mut self) {
        let plan = self.plan;
        for change in &plan.changes {
            let address = &change.address;
            let goes = self.goes(change);
            let holds = goes
                && self
                    .schema(change)
                    .is_some_and(|schema| schema.holds_data.is_some());
            self.require(change.data.is_some() == holds, || {
                format!("{address}: it is not told what becomes of the data that it may hold")
            });
            let Some(data) = &change.data else { continue };
            let allowed = self.allows(change);
            self.require(data.allowed == allowed, || {
                format!(
                    "{address}: it is not so that its data {} be lost",
                    if data.allowed { "may" } else { "may not" }
                )
            });
            let key = change.physical_id.clone().map(|id| (address.clone(), id));
            let told = key.and_then(|key| self.input.held_data.get(&key));
            let empty = data.held == HeldData::Nothing;
            self.require(empty == (told == Some(&HeldData::Nothing)), || {
                format!("{address}: AWS said otherwise of the data that it holds")
            });
        }
    }

    fn goes(&self, change: &Change) -> bool {
        let retain = self
            .lifecycle(&change.address)
            .is_some_and(|lifecycle| lifecycle.retain);
        change.action == Action::Delete || (change.action == Action::Replace && !retain)
    }

    fn schema(&self, change: &Change) -> Option<&infra_core::TypeSchema> {
        let definition = self.input.catalogue.definition(change.address.type_name());
        definition.map(infra_core::TypeDefinition::schema)
    }

    /// Whether somebody says that the data may be lost: the command line, the type's own attribute, the resource, or
    /// the stack.
    fn allows(&self, change: &Change) -> bool {
        let address = &change.address;
        let options = &self.input.options;
        if options.allow_data_loss.iter().any(|asked| means(asked, address)) {
            return true;
        }
        let Some(record) = self.record_that_goes(change) else {
            return false;
        };
        let declared = options.mode == PlanMode::Apply && change.reason != Reason::Deposed;
        let set = match self.resource(address) {
            Some(_) if declared => &change.wanted,
            _ => &record.applied,
        };
        let own = self
            .schema(change)
            .and_then(|schema| schema.holds_data.as_ref()?.allowed_by.as_deref());
        let of_file = self.input.stack.and_then(|stack| stack.allow_data_loss);
        let lifecycle = self.lifecycle(address).unwrap_or(&record.lifecycle);
        let by_itself = own.and_then(|name| set.get(name)) == Some(&Value::Bool(true));
        let by_file = of_file.or(options.stack_allows_data_loss);
        !keeps_data(options, address, lifecycle)
            && (by_itself || lifecycle.allow_data_loss.is_allowed(by_file))
    }

    /// The record of the very thing that goes.
    fn record_that_goes(&self, change: &Change) -> Option<&ResourceRecord> {
        let state = self.input.state;
        let current = state.resources.get(&change.address);
        let deposed = state.deposed.get(&change.address).into_iter().flatten();
        let mut records = current.into_iter().chain(deposed);
        records.find(|record| Some(&record.physical_id) == change.physical_id.as_ref())
    }
}
