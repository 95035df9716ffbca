//! What the tests have in common.

mod account;
mod cases;
mod project;
mod reference;
mod run;
mod scripts;

pub use account::Held;
pub use cases::{by_hand, fill};
pub use project::{ACCOUNT, Cloud, Project};
pub use reference::Reference;
pub use run::Run;
