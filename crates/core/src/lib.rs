//! The nouns of `infra`, and nothing that acts on them.
//!
//! What is here: addresses, values, schemas, expressions as an interface, stacks, state records,
//! plans, events and diagnostics. This crate does no I/O, knows no clock, no randomness and no async,
//! and depends on no other crate of the project; every other crate may depend on it.

pub mod address;
pub mod called;
mod command;
pub mod constraint;
pub mod data_loss;
pub mod diagnostic;
pub mod error;
pub mod event;
pub mod expression;
mod fold;
pub mod graph;
pub mod identity;
pub mod lifecycle;
mod listed;
mod nearest;
pub mod observation;
pub mod path;
pub mod plan;
pub mod redaction;
pub mod reference;
pub mod run;
pub mod schema;
pub mod scope;
pub mod secret;
pub mod spelling;
pub mod stack;
pub mod state;
pub mod types;
pub mod unique;
pub mod unmanaged;
pub mod value;
mod value_order;

pub use address::{PhysicalId, ResourceAddress, TypeName};
pub use command::{Commands, command, shell_word};
pub use constraint::{BlockRule, Constraint};
pub use data_loss::{DataAtStake, DataLoss, HeldData, HoldsData};
pub use diagnostic::{Diagnostic, Label, Severity, SourceFile, SourceMap, Span};
pub use error::{ErrorClass, ProviderError};
pub use event::{Event, EventKind};
pub use expression::{EvaluationError, Expression, Template};
pub use fold::IllegalEntry;
pub use graph::Graph;
pub use identity::{Connection, Location, StackId};
pub use lifecycle::{Lifecycle, Timeouts};
pub use listed::listed;
pub use nearest::nearest;
pub use observation::{Health, Observation, StackTag, TAG_STACK};
pub use path::{AttributePath, PathSegment};
pub use plan::{Action, AttributeChange, Change, Ownership, Plan, Step, StepId, StepOperation, Strength};
pub use redaction::Redaction;
pub use reference::Reference;
pub use run::{RunId, RunOutcome, RunSummary};
pub use schema::{
    AttributeKind, AttributeSchema, Clash, ClashWhen, Follows, InUse, NameStays, StaysIn, Tagging, Together,
    TypeSchema, Under,
};
pub use scope::{AwsIdentity, Scope};
pub use secret::{KeptKey, SealingKey, SealingKeyId, Secret};
pub use spelling::Spelling;
pub use stack::{Resource, Stack};
pub use state::{Intent, Operation, ResourceRecord, State, Token};
pub use types::{Catalogue, Problem, Problems, TypeDefinition};
pub use unmanaged::{Claim, NextStep, Unmanaged, UnmanagedKind};
pub use value::{Attributes, Unknown, Value};
