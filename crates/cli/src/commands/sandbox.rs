//! `infra sandbox`: the project's local AWS emulator and image registry.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use infra_render::Format;
use infra_sandbox::{Running, Sandbox, StartOptions, Status};

use crate::exit::Exit;
use crate::project;
use crate::terminal::{Terminal, data};

/// Start, look at, stop and empty the project's local AWS emulator and image registry
#[derive(Debug, Args)]
pub struct SandboxCommand {
    #[command(subcommand)]
    action: Action,
    /// The project's root [default: the nearest folder with `stacks`]
    #[arg(long, global = true, value_name = "FOLDER")]
    root: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start it, or find the one that runs
    Start {
        /// The factor on AWS's durations: 1 is as slow as AWS, 0 does not wait at all
        #[arg(long, value_name = "FACTOR")]
        time_scale: Option<f64>,
        /// The port on the loopback interface [default: a free one]
        #[arg(long)]
        port: Option<u16>,
    },
    /// Say whether it runs
    Status,
    /// Stop it; what it holds is gone, and so is its state
    Stop,
    /// Empty it
    Reset,
}

/// Runs the action.
///
/// # Errors
/// The emulator cannot be started or reached.
pub fn run(command: &SandboxCommand, terminal: &Terminal) -> Result<Exit> {
    let root = command
        .root
        .clone()
        .unwrap_or_else(|| project::root(Path::new(".")));
    let sandbox = Sandbox::new(root);
    match &command.action {
        Action::Start { time_scale, port } => {
            let options = StartOptions {
                time_scale: *time_scale,
                port: *port,
            };
            let running = sandbox.start(&options, &mut |line| terminal.note(line))?;
            show(&running, terminal)?;
        }
        Action::Status => match sandbox.status()? {
            Status::Running(running) => show(&running, terminal)?,
            Status::Stopped => {
                terminal.note("The sandbox does not run.");
                return Ok(Exit::Failed);
            }
        },
        Action::Stop => {
            let stopped = sandbox.stop()?;
            terminal.note(if stopped {
                "The sandbox is stopped, and all that it held is gone."
            } else {
                "The sandbox did not run."
            });
        }
        Action::Reset => {
            let running = sandbox.reset()?;
            terminal.note("The sandbox is empty.");
            show(&running, terminal)?;
        }
    }
    Ok(Exit::Done)
}

fn show(running: &Running, terminal: &Terminal) -> io::Result<()> {
    let mut out = data();
    if terminal.format == Format::Json {
        let line = serde_json::json!({
            "version": 1, "type": "sandbox", "endpoint": running.endpoint, "registry": running.registry_url,
            "pid": running.pid, "instance": running.instance_id, "log": running.log, "state_dir": running.state_dir,
        });
        return writeln!(out, "{line}");
    }
    writeln!(out, "AWS endpoint   {}", running.endpoint)?;
    writeln!(out, "image registry {}", running.registry_url)?;
    writeln!(out, "process        {}", running.pid)?;
    writeln!(out, "log            {}", running.log.display())?;
    writeln!(out, "state          {}", running.state_dir.display())
}
