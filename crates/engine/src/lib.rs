//! The engine: looks at AWS, settles what an earlier run left open, and carries a plan out.
//!
//! It knows providers, the state's journal and plans; no AWS, no terminal, no files. One dispatcher owns a
//! run; the steps only send it messages. Order of one step: intent durable, provider's call, outcome
//! durable, event.

mod ambient;
mod cancel;
mod dispatch;
mod doubled;
mod error;
mod estimates;
mod events;
mod held_data;
mod held_names;
mod import;
mod lookups;
mod lost;
mod outputs;
mod ownership;
mod prepare;
mod refresh;
mod reseal;
mod retry;
mod sealable;
mod search;
mod session;
mod settle;
mod step;
mod survey;
mod taken;
mod wait;
mod work;

pub use ambient::{Ambient, Machine};
pub use cancel::{ANSWER_GRACE, Cancellation};
pub use error::{EngineError, ImportError};
pub use estimates::Estimates;
pub use events::{EventReceiver, Reporter, channel};
pub use lookups::{LookedUp, Unanswered, look_up};
pub use lost::Unknown;
pub use refresh::{Refreshed, refresh};
pub use retry::Pace;
pub use session::{Planned, Prepared, RunReport, RunRequest, Session, Walk};
