//! `infra import`: take over what exists already.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use infra_core::{Commands, PhysicalId, ResourceAddress};
use infra_engine::ImportError;

use crate::arguments::Where;
use crate::exit::Exit;
use crate::named::Named;
use crate::site;
use crate::stack::{self, Manner, Wanted};
use crate::terminal::Terminal;

/// Take something that exists at AWS over into the stack, under an address that the file declares
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  infra import stacks/dev02-us-east-1.toml ec2.vpc.main vpc-0123456789abcdef0\n\nNothing at AWS is changed; the next `plan` shows how it differs from the file."
)]
pub struct Import {
    /// The stack file
    #[arg(value_name = "STACK")]
    file: PathBuf,
    /// The address in the file
    address: ResourceAddress,
    /// AWS's id, name or ARN, as `infra state list` shows it for the type
    id: String,
    #[command(flatten)]
    place: Where,
}

/// Reads it at AWS and writes it into the state.
///
/// # Errors
/// The file does not declare it, the state has it already, or AWS has no such thing.
pub async fn run(command: &Import, terminal: &Terminal) -> Result<Exit> {
    let mut loaded = stack::read(&command.file, &command.place, terminal)?;
    let Some(wanted) = loaded.stack.take() else {
        return Ok(Exit::BadStack);
    };
    if !wanted.resources.contains_key(&command.address) {
        bail!(
            "{} does not declare {}: declare it first",
            command.file.display(),
            command.address
        );
    }
    let site = site::site_unless_stopped(&Named::file(&command.file), &command.place, terminal).await?;
    let open = stack::open(
        Wanted::Declared(Box::new(wanted)),
        Arc::clone(&loaded.sources),
        &site,
        "import",
        Manner {
            forecasts: false,
            ..Manner::default()
        },
        terminal,
    )
    .await?;
    let imported = open
        .session
        .import(&open.stack, &command.address, &PhysicalId::new(&command.id))
        .await;
    open.close().await;
    let other = match imported {
        Err(error) => return Err(explained(command, error)),
        Ok(other) => other,
    };
    if let Some(other) = other {
        terminal.note(&format!(
            "warning: its tag infra:stack says that it is of {other}, which has to forget it (`{}`): the next `{}` \
             writes this stack's",
            Commands::new("STACK", command.place.of_state()).on("state rm", ["ADDRESS"]),
            Commands::new(command.file.to_string_lossy(), command.place.as_typed()).on("apply", [])
        ));
    }
    terminal.note(&format!(
        "{} is {} from now on; `{}` shows how it differs.",
        command.address,
        command.id,
        Commands::new(command.file.to_string_lossy(), command.place.as_typed()).on("plan", [])
    ));
    Ok(Exit::Done)
}

/// The error with what to type instead.
fn explained(command: &Import, error: ImportError) -> anyhow::Error {
    let (verb, words, why) = match &error {
        ImportError::Known {
            holder,
            is_deposed: false,
            ..
        } => (
            "state mv",
            vec![holder.to_string(), command.address.to_string()],
            "gives it the other address",
        ),
        ImportError::Known { holder, .. } => (
            "state rm",
            vec![holder.to_string()],
            "forgets it and all else that is there",
        ),
        ImportError::Taken(..) => ("state list", Vec::new(), "shows what the stack has"),
        _ => return error.into(),
    };
    let typed = command.place.command(verb, &command.file, &words);
    anyhow::anyhow!("{error}. `{typed}` {why}")
}
