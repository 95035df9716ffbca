//! `infra graph`: what depends on what.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use infra_render::{GraphFormat, write_graph};

use crate::arguments::Where;
use crate::exit::Exit;
use crate::stack;
use crate::terminal::{Terminal, data};

/// Write the graph of a stack's resources
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  infra graph stacks/dev02-us-east-1.toml | dot -Tsvg > graph.svg\n  infra graph stacks/dev02-us-east-1.toml --format mermaid"
)]
pub struct Graph {
    /// The stack file
    #[arg(value_name = "STACK")]
    file: PathBuf,
    /// The language of the graph
    #[arg(long, value_enum, default_value_t = Language::Dot)]
    format: Language,
    #[command(flatten)]
    place: Where,
}

/// The languages of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// For programs.
    Json,
}

/// Writes it; a solid arrow needs the other to work, a dashed one only to exist.
///
/// # Errors
/// When stdout is closed.
pub fn run(command: &Graph, terminal: &Terminal) -> Result<Exit> {
    let loaded = stack::read(&command.file, &command.place, terminal)?;
    let Some(stack) = &loaded.stack else {
        return Ok(Exit::BadStack);
    };
    let format = match command.format {
        Language::Dot => GraphFormat::Dot,
        Language::Mermaid => GraphFormat::Mermaid,
        Language::Json => GraphFormat::Json,
    };
    let resources = stack
        .resources
        .iter()
        .map(|(address, resource)| (address, &resource.dependencies));
    write_graph(&mut data(), resources, format)?;
    Ok(Exit::Done)
}
