//! Asking AWS what has the names that a plan would give to new things, where a name stays with what has it.

use futures::future::join_all;
use infra_core::types::known_str;
use infra_core::{Action, Attributes, Change, Diagnostic, NameStays, Observation, StepOperation, Value};
use infra_plan::HeldNames;
use infra_provider::{Provider, serving};

use crate::session::{Planned, Session};

/// A name that something which is to be made is to have.
struct Name<'a> {
    change: &'a Change,
    provider: &'a dyn Provider,
    rule: NameStays,
    holder: &'a str,
    name: &'a str,
}

impl Session {
    /// The content of what has the names of things that the plan makes. Nothing is asked where the thing itself had the name
    /// when it was looked at, nor where the plan makes what holds it. What AWS does not tell, it tells when the name is
    /// taken.
    pub(crate) async fn held_names(&self, planned: &Planned) -> HeldNames {
        let names = self.names(planned).map(async |one| {
            let Name { change, rule, .. } = &one;
            let asked = Attributes::from([
                (rule.holder.to_owned(), Value::from(one.holder)),
                (rule.name.to_owned(), Value::from(one.name)),
            ]);
            let having = serving(change.address.clone(), one.provider.having_name(&asked)).await;
            let having = having.ok()?.into_iter().next()?;
            let content = known_str(&having, rule.content)?.to_owned();
            Some((one.place(), content))
        });
        join_all(names).await.into_iter().flatten().collect()
    }

    /// What takes a name away from something that this stack does not know: AWS moves it without a word.
    pub fn moved_names(&self, planned: &Planned) -> Vec<Diagnostic> {
        let state = self.journal.snapshot();
        let records = state.resources.iter();
        let known = |rule: &NameStays, has: &str| {
            let mut records = records.clone();
            records.any(|(_, record)| known_str(&record.observed, rule.content) == Some(has))
        };
        let moved = self.names(planned).filter_map(|one| {
            let Name {
                change, rule, name, ..
            } = &one;
            let has = planned.refreshed.held_names.get(&one.place())?;
            if known_str(&change.wanted, rule.content) == Some(has) || known(rule, has) {
                return None;
            }
            let message = format!(
                "{} takes the {} `{name}` away from {has}, which this stack does not know",
                change.address, rule.name
            );
            let warning = Diagnostic::error("name-moved", message);
            let resource = planned.stack.as_ref()?.resources.get(&change.address);
            let warning = match resource {
                Some(resource) => warning.at(resource.span.clone(), ""),
                None => warning,
            };
            Some(warning.help(format!("to leave it there, give it another {}", rule.name)))
        });
        moved.collect()
    }

    fn names<'a>(&'a self, planned: &'a Planned) -> impl Iterator<Item = Name<'a>> {
        let is_made = |change: &Change, rule: &NameStays| {
            let resource = planned.stack.as_ref()?.resources.get(&change.address)?;
            let mut needed = resource.dependencies.keys();
            let made = needed.any(|needed| {
                let mut steps = planned.plan.steps.iter();
                needed.type_name().to_string() == rule.of
                    && steps.any(|step| step.operation == StepOperation::Create && step.address == *needed)
            });
            Some(made)
        };
        planned.plan.changes.iter().filter_map(move |change| {
            let provider = self.providers.provider(change.address.type_name())?;
            let rule = provider.schema().name_stays?;
            if !matches!(change.action, Action::Create | Action::Replace) || is_made(change, &rule)? {
                return None;
            }
            let (holder, name) = (
                known_str(&change.wanted, rule.holder)?,
                known_str(&change.wanted, rule.name)?,
            );
            let has_it = match planned.refreshed.observations.get(&change.address) {
                Some(Observation::Present { attributes, .. }) => {
                    known_str(attributes, rule.holder) == Some(holder)
                        && known_str(attributes, rule.name) == Some(name)
                }
                _ => false,
            };
            (!has_it).then_some(Name {
                change,
                provider,
                rule,
                holder,
                name,
            })
        })
    }
}

impl Name<'_> {
    fn place(&self) -> (infra_core::TypeName, String, String) {
        let type_name = self.change.address.type_name().clone();
        (type_name, self.holder.to_owned(), self.name.to_owned())
    }
}
