//! For tests: a store in memory that fails on demand, the suite that every store must pass, and journals.

mod conformance;
mod gate;
mod journals;
mod memory;

pub use conformance::{Bench, conformance};
pub use gate::Gate;
pub use journals::{intent, legal_journal, record, sample_stack, sample_state};
pub use memory::{Failure, MemoryStore};
