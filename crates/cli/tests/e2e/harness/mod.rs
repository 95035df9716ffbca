//! What the tests have in common.

mod account;
mod browser;
mod cases;
mod network;
mod project;
mod reference;
mod run;
mod scripts;
mod started;
mod terminal;

pub use account::Held;
pub use browser::Browser;
pub use cases::{by_hand, fill};
pub use network::{Listener, TlsFront, answer};
pub use project::{ACCOUNT, Cloud, Project, bare_command, workspace};
pub use reference::Reference;
pub use run::Run;
pub use started::Started;
pub use terminal::at_terminal;
