//! The pure planner and the checker that every plan must pass.
//!
//! [`plan`] is one synchronous function of its input: no clock, no I/O, no randomness, and only ordered
//! collections, so that the same input gives the same plan in whatever order it was put together. Its time
//! grows with the number of resources and references, not with their product. [`check`] knows nothing of how
//! a plan came about and holds it against the rules that execution relies on.
//!
//! What carries a plan out uses [`resolve`] and [`attributes_seen`] to work out a resource once everything
//! it refers to is known, by the same rules that the plan was made with.
//!
//! This crate knows no AWS, no file format and no terminal.

mod build;
mod canonical;
mod check;
mod compare;
mod conceal;
mod create_first;
mod data_loss;
mod decide;
mod draft;
mod equality;
mod evaluate;
mod existing;
mod follows;
mod graph;
mod guard;
mod identity;
mod in_use;
mod input;
mod json;
mod left;
mod name_stays;
mod order;
mod outputs;
mod ownership;
mod part_of;
mod parts;
mod path;
mod refusals;
mod refused;
mod resolve;
mod restore;
mod same;
mod scope;
mod shows;
mod stays_in;
mod stored;
mod targets;
mod together;
mod under;
mod unique;

pub use build::plan;
pub use check::check;
pub use conceal::conceal;
pub use data_loss::refused_data_loss;
pub use evaluate::evaluate;
pub use input::{HeldNames, PlanInput, PlanOptions, observation_of_record};
pub use left::left_out;
pub use ownership::{ownership, refused_ownership};
pub use path::{CriticalPath, CriticalStep, Expectations, StepEstimate, critical_path, remaining_path};
pub use refusals::are_refusals;
pub use resolve::{Current, Resolved, resolve};
pub use same::same_work;
pub use scope::{attributes_after, attributes_seen};
pub use shows::{not_shown, shows};
