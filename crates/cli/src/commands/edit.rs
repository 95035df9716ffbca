//! `infra state rm` and `infra state mv`: the state is changed by hand and AWS is not.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use infra_aws::AwsCatalogue;
use infra_core::state::JournalEntry;
use infra_core::{
    Catalogue, IllegalEntry, Intent, Operation, ResourceAddress, ResourceRecord, RunId, RunOutcome,
    RunSummary, State,
};
use infra_engine::{Ambient, Machine};
use infra_state::{Journal, NothingThere, StateStore, removal};
use infra_state_sled::SledStore;

use crate::arguments::Where;
use crate::exit::Exit;
use crate::named::Found;
use crate::site::{self, Need};
use crate::stack::Stopped;
use crate::terminal::Terminal;

/// Forget resources without touching them at AWS, for emergencies: what stays there is told first
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing at AWS is changed, and what is forgotten is no longer looked after. While the stack file declares it, the \
                  next apply makes it anew, or says that it exists; `infra import` takes it back.\n\n\
                  Examples:\n  infra state rm stacks/dev02-us-east-1.toml ec2.vpc.old\n  infra state rm appname/dev/dev02/us-east-1 'ec2.subnet.private[\"us-east-1a\"]' -y"
)]
pub struct Remove {
    /// The stack file, or the identity of a stack
    #[arg(value_name = "STACK")]
    pub file: PathBuf,
    /// The resources
    #[arg(value_name = "ADDRESS", required = true)]
    addresses: Vec<ResourceAddress>,
    #[command(flatten)]
    pub place: Where,
    /// Do not ask first
    #[arg(short = 'y', long = "yes")]
    yes: bool,
}

/// Give a resource another address without touching it at AWS, for emergencies
#[derive(Debug, Args)]
#[command(
    after_help = "The stack file has to declare the new address before the next apply, and no longer the old one.\n\n\
                  Examples:\n  infra state mv stacks/dev02-us-east-1.toml ec2.vpc.main ec2.vpc.core\n  infra state mv appname/dev/dev02/us-east-1 ec2.eip.nat 'ec2.eip.nat[\"us-east-1a\"]' -y"
)]
pub struct Move {
    /// The stack file, or the identity of a stack
    #[arg(value_name = "STACK")]
    pub file: PathBuf,
    /// The address that it has
    from: ResourceAddress,
    /// The address that it gets, of the same type, which nothing has
    to: ResourceAddress,
    #[command(flatten)]
    pub place: Where,
    /// Do not ask first
    #[arg(short = 'y', long = "yes")]
    yes: bool,
}

/// Tells what stays at AWS, asks, and forgets.
///
/// # Errors
/// The state has no such resource, or cannot be had or written.
pub async fn remove(command: &Remove, found: &Found, terminal: &Terminal) -> Result<Exit> {
    let held = Held::open(found, "state rm", terminal)?;
    let addresses: BTreeSet<ResourceAddress> = command.addresses.iter().cloned().collect();
    let state = held.journal.snapshot();
    let removal = removal(&state, &addresses).map_err(|error| held.missing(&error))?;
    drop(state);
    if !removal.kept.is_empty() {
        terminal.note(&format!("{} forgets this, and it stays as it is:", held.found.id));
    }
    for (address, record, deposed) in &removal.kept {
        terminal.note(&format!("  {}", kept(address, record, *deposed)));
    }
    for intent in &removal.given_up {
        terminal.note(&given_up(intent));
    }
    if !removal.dependents.is_empty() {
        let dependents: Vec<String> = removal.dependents.iter().map(ToString::to_string).collect();
        terminal.note(&format!(
            "It is needed by what stays in the state: {}",
            dependents.join(", ")
        ));
    }
    if let Some(declared) = &held.found.declared {
        let is_made = |address: &ResourceAddress, record: &ResourceRecord, deposed: bool| {
            !deposed && record.location.is_some() && declared.resources.contains_key(address)
        };
        let made = removal.kept.iter();
        let made = made.filter(|(address, record, deposed)| is_made(address, record, *deposed));
        let imports: Vec<String> = made
            .map(|(address, record, _)| {
                let import = held.typed("import", [&*address.to_string(), record.physical_id.as_str()]);
                format!("`{import}`")
            })
            .collect();
        if !imports.is_empty() {
            terminal.note(&format!(
                "The next `{}` makes anew what the file still declares: take it out of the file, or take it back: {}",
                held.typed("apply", []),
                imports.join(", ")
            ));
        }
    }
    let number = addresses.len();
    let resources = if number == 1 { "resource" } else { "resources" };
    let question = format!("Really forget {number} {resources} of {}?", held.found.id);
    held.carry_out(&question, command.yes, removal.entries, terminal)
        .await
}

/// Asks, and moves.
///
/// # Errors
/// The state has no such resource, or has something at the new address, or cannot be had or written.
pub async fn relocate(command: &Move, found: &Found, terminal: &Terminal) -> Result<Exit> {
    let held = Held::open(found, "state mv", terminal)?;
    let Move { from, to, .. } = command;
    let entry = JournalEntry::Moved {
        from: from.clone(),
        to: to.clone(),
    };
    let state = held.journal.snapshot();
    if let Err(why) = State::clone(&state).fold(&entry) {
        return Err(held.refused(&state, why));
    }
    let (before, after) = (from.type_name(), to.type_name());
    if before != after && AwsCatalogue.renamed(before).as_ref() != Some(after) {
        let why = IllegalEntry::OtherType(from.clone(), to.clone());
        return Err(held.refused(&state, why));
    }
    let (named, apply) = (&held.found.named, held.typed("apply", []));
    if let Some(record) = state.resources.get(from) {
        terminal.note(&format!("{} becomes {to}", kept(from, record, false)));
    }
    drop(state);
    terminal.note("The tag infra:address at AWS keeps the old address until the next apply writes it");
    if let Some(declared) = &held.found.declared {
        if !declared.resources.contains_key(to) {
            terminal.note(&format!(
                "warning: {named} does not declare {to}: the next `{apply}` would delete it"
            ));
        }
        if declared.resources.contains_key(from) {
            terminal.note(&format!(
                "warning: {named} still declares {from}: the next `{apply}` would make another one"
            ));
        }
    }
    let question = format!("Really move {from} to {to} in {}?", held.found.id);
    held.carry_out(&question, command.yes, vec![entry], terminal)
        .await
}

/// A stack that nobody else can work on until this is dropped.
struct Held<'a> {
    found: &'a Found,
    store: Arc<SledStore>,
    journal: Journal,
    command: &'static str,
}

impl<'a> Held<'a> {
    fn open(found: &'a Found, command: &'static str, terminal: &Terminal) -> Result<Self> {
        let store = site::open_store(&found.site, &found.id, command, Need::Existing, terminal)?;
        let store = Arc::new(store);
        let journal = Journal::open_inline(Arc::clone(&store) as Arc<dyn StateStore>)
            .map_err(|error| found.site.explained(&found.id, error))?;
        Ok(Self {
            found,
            store,
            journal,
            command,
        })
    }

    fn missing(&self, NothingThere(address): &NothingThere) -> anyhow::Error {
        let list = self.typed("state list", []);
        anyhow::anyhow!(
            "the state of {} has no {address}; `{list}` shows what it has",
            self.found.id
        )
    }

    fn typed<'w>(&self, verb: &str, words: impl IntoIterator<Item = &'w str>) -> String {
        self.found.site.commands(&self.found.id).on(verb, words)
    }

    fn refused(&self, state: &State, why: IllegalEntry) -> anyhow::Error {
        let id = &self.found.id;
        match why {
            IllegalEntry::NothingAt(address) => self.missing(&NothingThere(address)),
            IllegalEntry::Taken(address) => {
                let held = state.resources.get(&address).map_or_else(
                    || "things that are still to be deleted".to_owned(),
                    |record| record.physical_id.to_string(),
                );
                let forget = self.typed("state rm", [&*address.to_string()]);
                anyhow::anyhow!(
                    "{address} is taken: the state of {id} has {held} there. Move that first, or forget it: `{forget}`"
                )
            }
            IllegalEntry::OtherType(from, to) => anyhow::anyhow!(
                "{from} is of the type {} and cannot become {to}: a resource keeps its type",
                from.type_name()
            ),
            IllegalEntry::OpenCall(token) => {
                let intent = state.intents.get(&token);
                let what = intent.map_or_else(|| token.to_string(), in_words);
                anyhow::anyhow!(
                    "the outcome of {what} is not known: the next `{}` or `{}` settles it, and then it can be moved",
                    self.found.site.of_file(&self.found.named).on("apply", []),
                    self.typed("destroy", [])
                )
            }
            other => other.into(),
        }
    }

    /// Asks, backs the state up, and writes the entries down as a run of their own.
    async fn carry_out(
        self,
        question: &str,
        yes: bool,
        entries: Vec<JournalEntry>,
        terminal: &Terminal,
    ) -> Result<Exit> {
        if !yes {
            if !terminal.can_ask() {
                terminal.note("error: nobody is there to ask: give -y to go on without a question");
                return Ok(Exit::Usage);
            }
            if !terminal.ask(question).await? {
                terminal.note("Nothing was changed.");
                return Ok(Exit::Cancelled);
            }
        }
        if terminal.cancellation.level() > 0 {
            return Err(Stopped.into());
        }
        let backups = self.store.backups_folder();
        let back_up = |when: &str| {
            let run = RunId(format!("{when}-{}", self.command));
            infra_state::backup(&self.journal.snapshot(), &backups, &run)
        };
        let backup =
            back_up("before").context("nothing was changed, since the state could not be backed up")?;
        let run = RunId(Machine.unique());
        let started = JournalEntry::RunStarted {
            run: run.clone(),
            command: self.command.to_owned(),
            at_unix_ms: Machine.now_unix_ms(),
        };
        let ended = JournalEntry::RunEnded {
            run,
            outcome: RunOutcome::Completed,
            summary: RunSummary::default(),
            at_unix_ms: Machine.now_unix_ms(),
        };
        for entry in [started].into_iter().chain(entries).chain([ended]) {
            if let Err(error) = self.journal.append_blocking(entry) {
                bail!("{error}. What the state was before is in {}", backup.display());
            }
        }
        if let Err(error) = back_up("after") {
            terminal.note(&format!("warning: the state could not be backed up: {error}"));
        }
        self.journal.close()?;
        terminal.note(&format!(
            "Nothing at AWS was changed. What the state was before is in {}",
            backup.display()
        ));
        Ok(Exit::Done)
    }
}

/// One thing, and where it is.
fn kept(address: &ResourceAddress, record: &ResourceRecord, deposed: bool) -> String {
    let place = record.location.as_ref().map_or_else(
        || "not at AWS".to_owned(),
        |location| format!("account {}, {}", location.account_id, location.region),
    );
    let deposed = if deposed {
        ", replaced, was still to be deleted"
    } else {
        ""
    };
    format!("{address} ({}; {place}{deposed})", record.physical_id)
}

fn in_words(intent: &Intent) -> String {
    let operation = match intent.operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
    };
    format!("the {operation} of {}", intent.address)
}

fn given_up(intent: &Intent) -> String {
    let left = match intent.operation {
        Operation::Create => format!(
            "; what it may have made stays. Where its type takes tags, it carries infra:token = {}",
            intent.token
        ),
        Operation::Update | Operation::Delete => String::new(),
    };
    format!(
        "The outcome of {} is not known, and nobody will look for it{left}",
        in_words(intent)
    )
}
