//! What data a plan loses, and whether anybody allows that.

use infra_core::plan::{PlanMode, Reason};
use infra_core::{
    Action, Attributes, Change, DataAtStake, DataLoss, Diagnostic, HeldData, HoldsData, Plan, ResourceRecord,
    Stack, shell_word,
};

use crate::decide::Decision;
use crate::evaluate::place;
use crate::graph::{Found, Node, Thing};
use crate::guard::why;
use crate::input::{PlanInput, keeps_data, means};

/// The data of what is deleted or replaced.
pub(crate) struct Stakes<'i, 'a> {
    input: &'i PlanInput<'a>,
    /// What `[stack]` says now; `None`: there is no file.
    stack: Option<bool>,
}

impl<'i, 'a> Stakes<'i, 'a> {
    pub fn new(input: &'i PlanInput<'a>) -> Self {
        let of_file = input.stack.and_then(|stack| stack.allow_data_loss);
        Self {
            input,
            stack: of_file.or(input.options.stack_allows_data_loss),
        }
    }

    /// What becomes of the data of an address's own thing.
    pub fn of_decision(&self, node: &Node<'_>, decision: &Decision) -> Option<DataAtStake> {
        let goes = match decision.action {
            Action::Delete => true,
            // What is retained is let go of.
            Action::Replace => !node.lifecycle().is_some_and(|lifecycle| lifecycle.retain),
            _ => false,
        };
        let record = node
            .record
            .filter(|_| goes && matches!(node.found, Found::Present { .. }))?;
        let declared = self.input.options.mode == PlanMode::Apply && node.resource.is_some();
        let set = if declared {
            &decision.wanted
        } else {
            &record.applied
        };
        self.of(node, record, set)
    }

    /// What becomes of the data of a thing that is left over from a replacement.
    pub fn of_deposed(&self, node: &Node<'_>, thing: &Thing<'_>) -> Option<DataAtStake> {
        if node.forgets_deposed(thing) {
            return None;
        }
        self.of(node, thing.record, &thing.record.applied)
    }

    /// `set` is what the file sets, or set when it was last applied.
    fn of(&self, node: &Node<'_>, record: &ResourceRecord, set: &Attributes) -> Option<DataAtStake> {
        let holds = node.definition?.schema().holds_data.as_ref()?;
        let key = (node.address.clone(), record.physical_id.clone());
        let held = self.input.held_data.get(&key).cloned();
        Some(DataAtStake {
            what: holds.what.clone().into_owned(),
            held: held.unwrap_or_else(|| HeldData::Unclear("AWS was not asked".to_owned())),
            allowed: self.allows(node, record, holds, set),
        })
    }

    fn allows(&self, node: &Node<'_>, record: &ResourceRecord, holds: &HoldsData, set: &Attributes) -> bool {
        let named = &self.input.options.allow_data_loss;
        let by_itself = |name: &str| set.get(name).and_then(infra_core::Value::as_bool) == Some(true);
        let lifecycle = node.lifecycle().unwrap_or(&record.lifecycle);
        let allows = holds.allowed_by.as_deref().is_some_and(by_itself)
            || lifecycle.allow_data_loss.is_allowed(self.stack);
        named.iter().any(|asked| means(asked, node.address))
            || (allows && !keeps_data(&self.input.options, node.address, lifecycle))
    }
}

/// One error for each resource whose data a plan would lose although nobody allows it. `stack` has the places.
pub fn refused_data_loss(plan: &Plan, stack: Option<&Stack>) -> Vec<Diagnostic> {
    let changes = plan.changes.iter();
    changes
        .filter_map(|change| {
            let data = change.data.as_ref().filter(|data| data.is_refused())?;
            Some(refusal(plan.mode, change, data, stack))
        })
        .collect()
}

fn refusal(mode: PlanMode, change: &Change, data: &DataAtStake, stack: Option<&Stack>) -> Diagnostic {
    let (address, what) = (&change.address, &data.what);
    let happens = match change.action {
        Action::Replace => "replaced",
        _ => "deleted",
    };
    let (because, instead) = why(&change.reason);
    let lost = match &data.held {
        HeldData::Unclear(reason) => {
            format!(
                "and {what} that it may hold would be lost (whether it holds any could not be told: {reason})"
            )
        }
        _ => format!("and the {what} that it holds would be lost"),
    };
    let message = format!("{address} would be {happens} because {because}, {lost}");
    let diagnostic = Diagnostic::error("data-loss", message);
    let resource = stack.and_then(|stack| stack.resources.get(address));
    let diagnostic = match (resource, &change.reason) {
        (Some(resource), Reason::Immutable { attributes }) if !attributes.is_empty() => {
            place(resource, &attributes[0], diagnostic)
        }
        (Some(resource), _) => diagnostic.at(resource.span.clone(), ""),
        (None, _) => diagnostic,
    };
    let flag = format!(
        "to lose them, give --allow-data-loss {}",
        shell_word(&address.to_string())
    );
    let is_kept =
        resource.is_some_and(|resource| resource.lifecycle.allow_data_loss == DataLoss::OfResource(false));
    let allow = match (mode, resource) {
        (PlanMode::Apply, Some(_)) => format!(
            "{flag}, or set lifecycle.allow_data_loss = true; in a stage that comes and goes, allow_data_loss = true \
             in [stack]"
        ),
        (PlanMode::Apply, None) => {
            format!("{flag}; in a stage that comes and goes, set allow_data_loss = true in [stack]")
        }
        (PlanMode::Destroy, Some(_)) if is_kept => {
            format!("{flag}: lifecycle.allow_data_loss = false counts more than what else would allow it")
        }
        (PlanMode::Destroy, _) => format!(
            "{flag}; in a stage that comes and goes, set allow_data_loss = true in [stack]; lifecycle.allow_data_loss \
             = true counts once it is applied"
        ),
    };
    if change.reason == Reason::Destroy {
        return diagnostic.help(allow);
    }
    diagnostic.help(instead).help(allow)
}
