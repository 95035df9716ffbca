//! Another key for the sensitive values that a state keeps.

use std::collections::BTreeSet;

use infra_core::State;
use infra_core::state::JournalEntry;
use infra_state::AppendError;

use crate::session::Session;

impl Session {
    /// Seals with the key that is to take the place of the one that the state has, if there is one, all that is kept. Returns
    /// how many values there are that nobody has in clear: with any, all stays as it is.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn reseal(&self) -> Result<usize, AppendError> {
        let Some((key, seals)) = self.journal.sealing_key().successor() else {
            return Ok(0);
        };
        let mut kept = BTreeSet::new();
        self.journal.with_state(State::clone).for_each_seal(|seal| {
            kept.insert(seal.clone());
        });
        let unknown = kept.iter().filter(|seal| !seals.contains_key(*seal)).count();
        if unknown == 0 {
            let entry = JournalEntry::Resealed {
                key: key.id(),
                kept: key.kept().cloned(),
                seals: seals
                    .into_iter()
                    .filter(|(seal, _)| kept.contains(seal))
                    .collect(),
            };
            self.journal.append(entry).await?;
        }
        Ok(unknown)
    }
}
