//! Everything that a person or a program reads: plans, diagnostics, live runs, summaries, states, graphs.
//!
//! This crate knows the nouns of `infra-core` and how they read. It knows no clock, no environment and no
//! AWS, decides nothing about what is done, and prints nothing: text goes to writers that are passed in.
//! Everything comes for three kinds of readers, see [`Format`].

mod diagnostics;
mod figures;
mod forecast;
mod graph;
mod history;
mod json;
mod line;
mod live;
mod outputs;
mod page;
mod place;
mod plan;
mod plan_json;
mod reason;
mod report;
mod state;
mod style;
mod summary;
mod table;
pub mod units;
mod unmanaged;
mod value;
mod value_diff;

pub use diagnostics::write_diagnostics;
pub use figures::write_report_figures;
pub use graph::{GraphFormat, write_graph};
pub use history::{RunRecord, runs, write_state_history};
pub use live::{EventSink, HEARTBEAT_MS, HumanView, JsonView, PlainView, TerminalSize, open_sink};
pub use outputs::{write_output, write_outputs};
pub use page::write_report;
pub use plan::{PlanView, write_plan, write_stack_heading};
pub use report::{Failure, RunEnd, RunReport, Skip};
pub use state::{write_stacks, write_state_list, write_state_show};
pub use style::{Format, Style, Surroundings};
pub use summary::{write_next, write_summary};
pub use unmanaged::{Surveyed, write_unmanaged};
