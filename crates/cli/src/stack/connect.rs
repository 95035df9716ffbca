//! The state opened, and AWS signed in to, with the account checked.

use std::sync::Arc;

use anyhow::{Context, Result};
use infra_aws::{Clients, ConnectOptions, Emulator, connect};
use infra_core::{ResourceAddress, Stack, StackId};
use infra_engine::Reporter;
use infra_provider::BuiltIn;
use infra_state::{Journal, StateError};
use infra_state_sled::SledStore;

use super::{Manner, Wanted};
use crate::accounts;
use crate::code;
use crate::environment;
use crate::journal::{KmsKey, Openings, open_journal, sealed, sealed_by_kms};
use crate::sealing::Sealing;
use crate::site::{Need, Site};
use crate::terminal::{Terminal, View};

/// The account that the emulator takes for its own when a stack allows any.
const SANDBOX_ACCOUNT: &str = "123456789012";

/// What a session is made of.
pub struct Connected {
    /// What the file declares; of a stack without a file, nothing but what the state says of it.
    pub stack: Stack,
    /// What holds the state.
    pub store: Arc<SledStore>,
    /// The state with its key.
    pub journal: Arc<Journal>,
    /// AWS; `None`: neither file nor state has anything there.
    pub clients: Option<Clients>,
}

/// The same before the state has its key.
struct Unsealed {
    stack: Stack,
    store: Arc<SledStore>,
    journal: Journal,
    clients: Option<Clients>,
}

/// How a stack is connected.
pub struct Connecting<'a> {
    /// Where its state is.
    pub site: &'a Site,
    /// The command's name.
    pub command: &'a str,
    /// How the session is to run.
    pub manner: Manner,
    /// The key of this machine, or the one that is given.
    pub sealing: &'a Sealing,
    /// What opens states, also those that nobody wants any more.
    pub openings: &'a Openings,
    /// What calls are told to.
    pub reporter: &'a Reporter,
    /// What shows the run.
    pub view: &'a View,
    /// Where to say what is noteworthy.
    pub terminal: &'a Terminal,
}

impl Connecting<'_> {
    /// Opens the state, signs in to AWS where anything is there, checks the account, and finds the key.
    ///
    /// # Errors
    /// No credentials, a wrong account, a state that cannot be had, or one that needs another key.
    pub async fn run(&self, wanted: Wanted) -> Result<Connected> {
        let (unsealed, kept) = match wanted {
            Wanted::Declared(stack) => (self.declared(*stack).await?, Some(None)),
            Wanted::Planned(stack, kept) => (self.declared(*stack).await?, Some(kept)),
            Wanted::Known(id) => (self.known(&id).await?, None),
        };
        let Unsealed {
            stack,
            store,
            journal,
            clients,
        } = unsealed;
        let key = match kept {
            Some(planned) => KmsKey::Declared {
                key: stack.sealing_key.as_deref(),
                planned,
            },
            None => KmsKey::OfState,
        };
        let journal = self.sealed(journal, &stack, key, clients.as_ref()).await?;
        Ok(Connected {
            stack,
            store,
            journal,
            clients,
        })
    }

    fn connect_options(&self, stack: &Stack) -> ConnectOptions {
        let account = stack.allowed_account_ids.first();
        let account = account.map_or(SANDBOX_ACCOUNT, String::as_str);
        ConnectOptions {
            stack: stack.id.clone(),
            region: stack.region.clone(),
            assume_role: stack.assume_role.clone(),
            allowed_account_ids: stack.allowed_account_ids.clone(),
            emulator: self.site.emulator.as_ref().map(|sandbox| Emulator {
                endpoint_url: sandbox.endpoint.clone(),
                access_key_id: account.to_owned(),
                registry: Some(sandbox.registry.clone()),
            }),
            registry: environment::variable(environment::REGISTRY),
            docker_config: environment::docker_config(),
            pull_base_images: self.manner.pull_base_images,
            own_paths: self.site.own_paths.clone(),
            variables: environment::of_aws(),
            ask_code: code::asking(self.terminal, self.view),
            progress: Arc::new(self.reporter.clone()),
        }
    }

    async fn journal(&self, id: &StackId, need: Need) -> Result<(Arc<SledStore>, Journal)> {
        open_journal(
            self.site,
            id,
            self.command,
            need,
            self.sealing,
            self.openings,
            self.terminal,
        )
        .await
    }

    /// The journal with its key, once AWS can be asked for that.
    async fn sealed(
        &self,
        journal: Journal,
        stack: &Stack,
        key: KmsKey<'_>,
        clients: Option<&Clients>,
    ) -> Result<Arc<Journal>> {
        let compares = self.manner.compares;
        let journal = match clients.filter(|_| self.is_by_kms(&journal, stack)) {
            Some(clients) => {
                sealed_by_kms(journal, self.sealing, clients, key, compares, self.terminal).await?
            }
            None => {
                if let Some(kms_key) = stack.sealing_key.as_deref().filter(|_| compares) {
                    self.terminal.note(&format!(
                        "note: the sandbox does without {kms_key}: its state is sealed with a key of this machine"
                    ));
                }
                sealed(journal, self.sealing, compares, self.terminal)?
            }
        };
        Ok(Arc::new(journal))
    }

    fn is_by_kms(&self, journal: &Journal, stack: &Stack) -> bool {
        is_kept_by_kms(stack, self.site) || journal.with_state(|state| state.kept_key.is_some())
    }

    /// Signs in to AWS and opens the state, both at once. A state that is not there yet is made only then, so that wrong
    /// credentials leave no empty one behind. A stack without anything at AWS needs no account.
    async fn declared(&self, stack: Stack) -> Result<Unsealed> {
        let options = self.connect_options(&stack);
        let signing_in = async {
            if stack.resources.keys().all(is_built_in) {
                return Ok(None);
            }
            Ok(Some(connect(&options).await?))
        };
        let opening = async {
            match self.journal(&stack.id, Need::Existing).await {
                Err(error) if matches!(error.downcast_ref(), Some(StateError::Absent { .. })) => Ok(None),
                opened => opened.map(Some),
            }
        };
        let (mut clients, opened) = tokio::try_join!(signing_in, opening)?;
        let (store, journal) = match opened {
            Some(opened) => opened,
            None => self.journal(&stack.id, Need::Create).await?,
        };
        if clients.is_none() && self.needs_aws(&journal, &stack) {
            clients = Some(connect(&options).await?);
        }
        if let Some(clients) = &clients {
            journal.with_state(|state| accounts::check(state, &clients.identity, self.site))?;
        }
        Ok(Unsealed {
            stack,
            store,
            journal,
            clients,
        })
    }

    /// Opens a state, and signs in to AWS as it says.
    async fn known(&self, id: &StackId) -> Result<Unsealed> {
        let (store, journal) = self.journal(id, Need::Existing).await?;
        let stack = journal.with_state(Stack::of_state);
        let mut clients = None;
        if self.needs_aws(&journal, &stack) {
            let options = ConnectOptions {
                // The state's own accounts are checked below, in words that name no file.
                allowed_account_ids: Vec::new(),
                ..self.connect_options(&stack)
            };
            let connected = connect(&options).await.with_context(|| match &stack.assume_role {
                Some(role) => format!(
                    "{id} is reached as its state says, with the role {role}: a stack file whose `[stack]` has another \
                     `assume_role`, and nothing else, does without it"
                ),
                None => format!("{id} is reached as its state says, with the credentials of the environment"),
            })?;
            journal.with_state(|state| accounts::check(state, &connected.identity, self.site))?;
            clients = Some(connected);
        }
        Ok(Unsealed {
            stack,
            store,
            journal,
            clients,
        })
    }

    fn needs_aws(&self, journal: &Journal, stack: &Stack) -> bool {
        !state_is_built_in(journal) || self.is_by_kms(journal, stack)
    }
}

fn is_built_in(address: &ResourceAddress) -> bool {
    BuiltIn::has(address.type_name())
}

/// Whether a state has nothing at AWS.
fn state_is_built_in(journal: &Journal) -> bool {
    journal.with_state(|state| {
        let of_intents = state.intents.values().map(|intent| &intent.address);
        let known = state.resources.keys().chain(state.deposed.keys());
        known.chain(of_intents).all(is_built_in)
    })
}

/// Whether the file says that a key of KMS keeps the key of sensitive values. A sandbox has no such key, and its states
/// no such secrets.
pub fn is_kept_by_kms(stack: &Stack, site: &Site) -> bool {
    stack.sealing_key.is_some() && site.emulator.is_none()
}
