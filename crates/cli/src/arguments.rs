//! Arguments that several commands take.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use infra_core::{Commands, shell_word};
use infra_render::Format;

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// How to write: for people at a terminal, as plain lines, or as JSON lines [default: human on a terminal,
    /// else plain]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub output: Option<Output>,
}

/// The forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people at a terminal, live.
    Human,
    /// One line per event, no escape codes.
    Plain,
    /// One JSON object per line.
    Json,
}

impl From<Output> for Format {
    fn from(output: Output) -> Self {
        match output {
            Output::Human => Self::Human,
            Output::Plain => Self::Plain,
            Output::Json => Self::Json,
        }
    }
}

/// Where a stack's state is and which AWS it talks to.
#[derive(Debug, Clone, Args)]
pub struct Where {
    /// Use the project's local AWS emulator and image registry, with a state of their own; starts them
    #[arg(long)]
    pub sandbox: bool,
    /// The folder of the states [default: `state` in the project's root]
    #[arg(long, value_name = "FOLDER", conflicts_with = "sandbox")]
    pub state_dir: Option<PathBuf>,
    /// How long to wait for somebody else who works on the stack, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub lock_timeout: u32,
    /// Set a variable of the stack file; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub variables: Vec<(String, String)>,
}

impl Where {
    /// A command on a stack with these words behind it, as a shell takes it, with the same state and the same AWS. It is
    /// one that needs no variables.
    pub fn command(&self, verb: &str, stack: impl AsRef<OsStr>, words: &[String]) -> String {
        let stack = stack.as_ref().to_string_lossy();
        Commands::new(stack, self.of_state()).on(verb, words.iter().map(String::as_str))
    }

    /// What says where the state is, as it is typed behind a stack, with a space before each part.
    pub fn of_state(&self) -> String {
        let mut typed = String::new();
        if self.sandbox {
            typed.push_str(" --sandbox");
        }
        if let Some(folder) = &self.state_dir {
            typed.push_str(&format!(" --state-dir {}", shell_word(&folder.to_string_lossy())));
        }
        typed
    }

    /// As it is typed behind a stack file for a command that evaluates it, with a space before each part. The values of
    /// variables may be secret: they are left out.
    pub fn as_typed(&self) -> String {
        let mut typed = self.of_state();
        for (name, _) in &self.variables {
            typed.push_str(&format!(" --var {name}=…"));
        }
        typed
    }
}

/// What is looked at and changed, and how.
#[derive(Debug, Clone, Args)]
pub struct Scope {
    /// Only this resource and what it needs (for `destroy`: and what needs it); may be repeated
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<infra_core::ResourceAddress>,
    /// Believe the state instead of asking AWS what it has
    #[arg(long)]
    pub no_refresh: bool,
}

/// What a run may lose.
#[derive(Debug, Clone, Args)]
pub struct Losing {
    /// Let the data be lost that this resource holds (images, tables, …) when it is deleted or replaced; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub allow_data_loss: Vec<infra_core::ResourceAddress>,
}

/// How a run goes.
#[derive(Debug, Clone, Args)]
pub struct Running {
    /// Do not ask before anything is changed
    #[arg(short = 'y', long = "yes")]
    pub yes: bool,
    /// Calls to AWS under way at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub parallelism: u16,
    /// Do not wait for what nothing else waits for, such as the end of a rollout; what is deleted only after that is left,
    /// and goes with the next apply
    #[arg(long)]
    pub no_wait: bool,
    /// Start each step only when all that it depends on works, as tools do that know one kind of dependency: what
    /// benchmarks compare with
    #[arg(long, hide = true)]
    pub every_edge_ready: bool,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if infra_core::address::is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as cpu=512".into()),
    }
}
