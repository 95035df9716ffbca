//! The state store trait, the journal, and the integrity of a state.
