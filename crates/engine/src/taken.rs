//! Whether somebody else has what something is to be called: told with a plan, and refused where the old one of a
//! replacement would be deleted for it.

use futures::future::join_all;
use infra_core::plan::ReplaceOrder;
use infra_core::{
    Action, Attributes, Change, Commands, Diagnostic, ErrorClass, Observation, PhysicalId, Plan,
    ProviderError, ResourceAddress, Stack, StackId, StackTag, Step, StepOperation, TypeName, Value,
};
use infra_provider::{Provider, Recognition, Spec, serving, stack_tag};
use tokio::time::Instant;

use crate::error::EngineError;
use crate::refresh::RefreshError;
use crate::session::{Planned, Session};
use crate::settle::holder;

impl Session {
    /// Refuses a plan that would delete something and make another in its place under a name that somebody else's thing
    /// has: AWS would refuse it only once the old one is gone. A name that is not known yet is looked at by the run
    /// itself, before the delete.
    ///
    /// # Errors
    /// [`EngineError::Taken`], or AWS cannot be asked. [`EngineError::Cancelled`] after the first request to stop.
    pub(crate) async fn check_names(&self, planned: &Planned) -> Result<(), EngineError> {
        let wanted = self.wanted(planned, |change, provider| made_anew(planned, change, provider));
        let found = self.look_for_holders(planned, wanted).await?;
        let refused: Vec<Diagnostic> = found
            .into_iter()
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        match refused.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Taken(refused)),
        }
    }

    /// What a plan will not bring about since others have a name that it needs: what it is refused for, and what AWS
    /// would refuse. Nothing is asked of what is under something that the plan makes, and what may not be asked is not
    /// told.
    ///
    /// # Errors
    /// AWS cannot be asked. [`EngineError::Cancelled`] after the first request to stop.
    pub async fn taken_names(&self, planned: &Planned) -> Result<Vec<Diagnostic>, EngineError> {
        let wanted = self.wanted(planned, |change, provider| {
            let anew = made_anew(planned, change, provider);
            let moved = || moved(planned, change, provider);
            anew.or_else(|| self.made(planned, change, provider))
                .or_else(moved)
        });
        let may_look = |found: &Result<_, EngineError>| !matches!(found, Err(EngineError::Refresh(error)) if error.is_denied());
        let found = self.look_for_holders(planned, wanted).await?;
        found
            .into_iter()
            .filter(may_look)
            .filter_map(Result::transpose)
            .collect()
    }

    fn wanted<'a>(
        &'a self,
        planned: &'a Planned,
        which: impl Fn(&'a Change, &'a dyn Provider) -> Option<Wanted<'a>>,
    ) -> Vec<Wanted<'a>> {
        let changes = planned.plan.changes.iter();
        let wanted =
            changes.filter_map(|change| which(change, self.providers.provider(change.address.type_name())?));
        wanted.collect()
    }

    async fn look_for_holders(
        &self,
        planned: &Planned,
        wanted: Vec<Wanted<'_>>,
    ) -> Result<Vec<Result<Option<Diagnostic>, EngineError>>, EngineError> {
        // Only a file asks for something new.
        let Some(stack) = planned.stack.as_deref() else {
            return Ok(Vec::new());
        };
        let looks = wanted
            .into_iter()
            .map(|wanted| self.look_for_holder(stack, wanted));
        let found = self.cancellation.until(1, join_all(looks)).await;
        found.ok_or(EngineError::Cancelled)
    }

    /// What is to be made, where its name is known and it is not under something that the plan makes.
    fn made<'a>(
        &self,
        planned: &'a Planned,
        change: &'a Change,
        provider: &'a dyn Provider,
    ) -> Option<Wanted<'a>> {
        let tells = matches!(
            provider.recognition(),
            Recognition::Tags | Recognition::NaturalKey
        );
        // An earlier call whose answer was lost may have made it.
        let in_doubt = || {
            self.journal.with_state(|state| {
                let mut intents = state.intents_in_doubt();
                intents.any(|intent| intent.address == change.address)
            })
        };
        if change.action != Action::Create || !tells || in_doubt() {
            return None;
        }
        let key = name_in(&change.wanted, provider)?;
        let resource = planned.stack.as_ref()?.resources.get(&change.address)?;
        let under_new = provider.parent(&key).is_some_and(|(parent, _)| {
            let mut needed = resource.dependencies.keys();
            needed.any(|needed| *needed.type_name() == parent && is_made(&planned.plan, needed))
        });
        (!under_new).then_some(Wanted {
            change,
            provider,
            key,
        })
    }

    async fn look_for_holder(
        &self,
        stack: &Stack,
        wanted: Wanted<'_>,
    ) -> Result<Option<Diagnostic>, EngineError> {
        let Wanted {
            change,
            provider,
            key,
        } = &wanted;
        let type_name = change.address.type_name();
        let failed = |source: ProviderError| RefreshError::of(type_name.clone(), source);
        // What the last run removed AWS may still show.
        let (started, patience) = (Instant::now(), self.lateness()?);
        let mut pause = self.pace.first_poll;
        loop {
            let holders = serving(change.address.clone(), provider.holders(key)).await;
            let mut holders = match holders {
                // What it is to be under is not there yet.
                Err(error)
                    if matches!(error.class, ErrorClass::NotFound | ErrorClass::DependencyNotReady) =>
                {
                    return Ok(None);
                }
                holders => holders.map_err(failed)?.into_iter(),
            };
            let Some(id) = holders.find(|id| holder(&self.journal, type_name, id).is_none()) else {
                return Ok(None);
            };
            if started.elapsed() >= patience || !self.cancellation.sleep(pause).await {
                let whose = Whose::of(*provider, &id, &stack.id).await;
                return Ok(Some(refusal(&wanted, (&id, whose), stack, &self.commands)));
            }
            pause = pause.mul_f64(1.5).min(self.pace.slowest_poll);
        }
    }
}

/// What is to be called otherwise than it is, or for the first time.
struct Wanted<'a> {
    change: &'a Change,
    provider: &'a dyn Provider,
    /// What is known of it, its whole natural key among it.
    key: Spec,
}

/// What is to be made once the old one of a replacement is deleted, where that is called otherwise.
fn made_anew<'a>(planned: &'a Planned, change: &'a Change, provider: &'a dyn Provider) -> Option<Wanted<'a>> {
    let deletes_first =
        change.action == Action::Replace && change.replace_order == Some(ReplaceOrder::DeleteThenCreate);
    let is_own = |step: &&Step| step.address == change.address && step.operation == StepOperation::Delete;
    let mut deletes = planned.plan.steps.iter().filter(is_own);
    if !deletes_first || !deletes.any(|step| step.physical_id == change.physical_id) {
        return None;
    }
    let schema = provider.schema();
    let key = name_in(&change.wanted, provider)?;
    let before = match planned.refreshed.observations.get(&change.address) {
        Some(Observation::Present { attributes, .. }) => schema.natural_name(attributes),
        _ => None,
    };
    let is_new = before != schema.natural_name(&key);
    is_new.then_some(Wanted {
        change,
        provider,
        key,
    })
}

/// What an update in place gives another name.
fn moved<'a>(planned: &'a Planned, change: &'a Change, provider: &'a dyn Provider) -> Option<Wanted<'a>> {
    let Observation::Present { attributes, .. } = planned.refreshed.observations.get(&change.address)? else {
        return None;
    };
    let key = new_name(&change.wanted, attributes, provider).filter(|_| change.action == Action::Update)?;
    Some(Wanted {
        change,
        provider,
        key,
    })
}

/// The name that an update gives to what was observed, as [`name_in`]; `None` where it stays, or is not known.
pub(crate) fn new_name(wanted: &Attributes, observed: &Attributes, provider: &dyn Provider) -> Option<Spec> {
    let schema = provider.schema();
    let mut after = wanted.clone();
    for name in &schema.natural_key {
        if let (false, Some(value)) = (after.contains_key(name), observed.get(name)) {
            after.insert(name.clone(), value.clone());
        }
    }
    let key = name_in(&after, provider)?;
    (schema.natural_name(&key) != schema.natural_name(observed)).then_some(key)
}

/// Whether the plan makes a resource, or another in its place.
fn is_made(plan: &Plan, address: &ResourceAddress) -> bool {
    let mut steps = plan.steps.iter();
    steps.any(|step| step.operation == StepOperation::Create && step.address == *address)
}

/// The known attributes among these, if the whole natural key is.
pub(crate) fn name_in(wanted: &Attributes, provider: &dyn Provider) -> Option<Spec> {
    let is_known = |value: &Value| !value.has_unknown() && !value.has_secret();
    let schema = provider.schema();
    let mut names = schema.natural_key.iter();
    if !names.all(|name| wanted.get(name).is_none_or(is_known)) {
        return None;
    }
    let mut known = wanted.clone();
    known.extend(provider.derive(wanted));
    known.retain(|_, value| is_known(value) && !value.is_null());
    schema.natural_name(&known).map(|_| known.into())
}

fn refusal(
    wanted: &Wanted<'_>,
    (id, whose): (&PhysicalId, Whose),
    stack: &Stack,
    commands: &Commands,
) -> Diagnostic {
    let address = &wanted.change.address;
    let names = wanted.provider.schema().natural_key.join(", ");
    let (message, help) = match wanted.change.action {
        Action::Create => (
            format!(
                "{address} would be made, but what it would be called ({names}) is taken: {}",
                whose.exists(address.type_name(), id, "it is left as it is")
            ),
            whose.take_over(commands, address, id),
        ),
        Action::Update => (
            format!(
                "{address} would be changed in place, but what makes it what it is ({names}) would be that of another: {}",
                Whose::Others.exists(address.type_name(), id, "both are left as they are")
            ),
            help(commands, address, &names, id),
        ),
        _ => (message(address, &names, id), help(commands, address, &names, id)),
    };
    let diagnostic = Diagnostic::error("name-taken", message);
    let diagnostic = match stack.resources.get(address) {
        Some(resource) => diagnostic.at(resource.span.clone(), ""),
        None => diagnostic,
    };
    diagnostic.help(help)
}

/// Why something is not replaced whose new name somebody else's thing has.
pub(crate) fn message(address: &ResourceAddress, names: &str, id: &PhysicalId) -> String {
    format!(
        "{address} would be replaced, but what the new one would be called ({names}) is taken: {}",
        Whose::Others.exists(address.type_name(), id, "both are left as they are")
    )
}

/// Who made something that the state does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Somebody else, or nobody can tell.
    Others,
    /// This very stack, by its tags: the state has lost it.
    Ours,
}

impl Whose {
    /// By the tags that AWS tells of it. Where it does not tell any, it counts as somebody else's.
    pub async fn of(provider: &dyn Provider, id: &PhysicalId, stack: &StackId) -> Self {
        let tags = provider.stack_tags(std::slice::from_ref(id)).await;
        let tag = tags.ok().and_then(|mut tags| tags.remove(id));
        match tag {
            Some(StackTag::Names(name)) if name == stack_tag(stack) => Self::Ours,
            _ => Self::Others,
        }
    }

    /// That it is there.
    pub fn exists(self, type_name: &TypeName, id: &PhysicalId, end: &str) -> String {
        match self {
            Self::Others => {
                format!("{type_name} {id} exists already and was not made by this stack; {end}")
            }
            Self::Ours => format!(
                "{type_name} {id} exists already and was made by this stack, by its tags, but the state does not know it; {end}"
            ),
        }
    }

    /// What can be done about it where something is to be made.
    pub fn take_over(self, commands: &Commands, address: &ResourceAddress, id: &PhysicalId) -> String {
        let import = commands.on("import", [&*address.to_string(), id.as_str()]);
        match self {
            Self::Others => format!("choose another name, remove it by hand, or take it over: `{import}`"),
            Self::Ours => format!(
                "it carries this stack's own tags, and the state has lost it: take it over (`{import}`), or have the next plan \
                 look for all that the state lacks: `{}`",
                commands.on("state rebuild", ["--search"])
            ),
        }
    }
}

/// What can be done about it.
pub(crate) fn help(commands: &Commands, address: &ResourceAddress, names: &str, id: &PhysicalId) -> String {
    let address = address.to_string();
    format!(
        "choose another {names}, remove the other one by hand, or take it over in place of this one: forget this one \
         (`{}`) and `{}`",
        commands.on("state rm", [&*address]),
        commands.on("import", [&*address, id.as_str()])
    )
}
