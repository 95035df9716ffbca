//! The fold of a journal: what each entry makes of a state, and which may follow which.

use crate::address::{PhysicalId, ResourceAddress};
use crate::state::{Intent, JournalEntry, Operation, State, Token};

/// A journal entry that cannot follow the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalEntry {
    /// An intent with this token is open already.
    #[error("the journal already has an open intent {0}")]
    IntentAgain(Token),
    /// An outcome for an intent that is not open, or of another operation.
    #[error("the journal has no open intent {0} that could end so")]
    NoSuchIntent(Token),
    /// The address holds no such thing.
    #[error("the state has no {1} at {0}")]
    NoSuchRecord(ResourceAddress, PhysicalId),
    /// A move from an address that holds nothing.
    #[error("the state has no {0}")]
    NothingAt(ResourceAddress),
    /// A move to an address that holds something.
    #[error("the state has {0} already")]
    Taken(ResourceAddress),
    /// A move from one type to another.
    #[error("{0} and {1} are of different types")]
    OtherType(ResourceAddress, ResourceAddress),
    /// A move while the outcome of a call that the address is part of is not known.
    #[error("the outcome of the call {0} is not known yet")]
    OpenCall(Token),
}

impl State {
    /// Adds one entry to the fold and counts the serial up. On an error nothing has changed.
    ///
    /// # Errors
    /// When the entry cannot follow the ones before it: a bug, or a damaged journal.
    pub fn fold(&mut self, entry: &JournalEntry) -> Result<(), IllegalEntry> {
        match entry {
            JournalEntry::RunStarted { .. } | JournalEntry::RunEnded { .. } => {}
            JournalEntry::Connected { connection } => self.connection = Some(connection.clone()),
            JournalEntry::SealedWith { key, kept } => {
                self.sealed_with = Some(key.clone());
                self.kept_key.clone_from(kept);
            }
            JournalEntry::Resealed { key, kept, seals } => {
                self.sealed_with = Some(key.clone());
                self.kept_key.clone_from(kept);
                self.for_each_seal(|seal| {
                    if let Some(next) = seals.get(seal) {
                        seal.clone_from(next);
                    }
                });
            }
            JournalEntry::Intended(intent) => {
                if self.intents.contains_key(&intent.token) {
                    return Err(IllegalEntry::IntentAgain(intent.token.clone()));
                }
                self.intents.insert(intent.token.clone(), (**intent).clone());
            }
            JournalEntry::Learned { token, attributes } => {
                let intent = self.intents.get_mut(token);
                let intent = intent.ok_or_else(|| IllegalEntry::NoSuchIntent(token.clone()))?;
                intent.learned.extend(attributes.clone());
            }
            JournalEntry::Created { token, record } => {
                let intent = self.close(token, Operation::Create)?;
                // What shows late does not take the place of what was made in its stead meanwhile.
                if intent.in_doubt_since_unix_ms.is_some() && self.resources.contains_key(&intent.address) {
                    let deposed = self.deposed.entry(intent.address).or_default();
                    deposed.push((**record).clone());
                    self.serial += 1;
                    return Ok(());
                }
                let old = self.resources.insert(intent.address.clone(), (**record).clone());
                if let Some(old) = old.filter(|old| old.physical_id != record.physical_id) {
                    self.deposed.entry(intent.address).or_default().push(old);
                }
            }
            JournalEntry::Updated { token, record } => {
                let intent = self.close(token, Operation::Update)?;
                self.resources.insert(intent.address, (**record).clone());
            }
            JournalEntry::Deleted { token } => {
                let intent = self.close(token, Operation::Delete)?;
                if let Some(id) = &intent.physical_id {
                    // Gone from the state already is as good as gone.
                    let _ = self.remove(&intent.address, id);
                }
            }
            JournalEntry::NoEffect {
                token,
                in_doubt_at_unix_ms: Some(at),
                ..
            } => {
                let mut intent = self.close(token, Operation::Create)?;
                intent.in_doubt_since_unix_ms.get_or_insert(*at);
                self.intents.insert(token.clone(), intent);
            }
            JournalEntry::NoEffect { token, .. } => {
                self.intents
                    .remove(token)
                    .ok_or_else(|| IllegalEntry::NoSuchIntent(token.clone()))?;
            }
            JournalEntry::Confirmed { address, record } => {
                self.resources.insert(address.clone(), (**record).clone());
            }
            JournalEntry::Forgotten { address, physical_id } => self.remove(address, physical_id)?,
            JournalEntry::Moved { from, to } => self.relocate(from, to)?,
            JournalEntry::Outputs { values } => self.outputs = values.clone(),
        }
        self.serial += 1;
        Ok(())
    }

    fn close(&mut self, token: &Token, operation: Operation) -> Result<Intent, IllegalEntry> {
        match self.intents.get(token) {
            Some(intent) if intent.operation == operation => self
                .intents
                .remove(token)
                .ok_or_else(|| IllegalEntry::NoSuchIntent(token.clone())),
            _ => Err(IllegalEntry::NoSuchIntent(token.clone())),
        }
    }

    /// What depends on it, depends on the new address from now on.
    fn relocate(&mut self, from: &ResourceAddress, to: &ResourceAddress) -> Result<(), IllegalEntry> {
        let holds = |address| self.resources.contains_key(address) || self.deposed.contains_key(address);
        if !holds(from) {
            return Err(IllegalEntry::NothingAt(from.clone()));
        }
        if holds(to) {
            return Err(IllegalEntry::Taken(to.clone()));
        }
        // A service may have got another name meanwhile; which one did is not known here.
        if from.type_name().kind() != to.type_name().kind() {
            return Err(IllegalEntry::OtherType(from.clone(), to.clone()));
        }
        let is_part = |intent: &&Intent| {
            [from, to].contains(&&intent.address)
                || intent
                    .dependencies
                    .iter()
                    .any(|dependency| [from, to].contains(&dependency))
        };
        if let Some(open) = self.open_intents().find(is_part) {
            return Err(IllegalEntry::OpenCall(open.token.clone()));
        }
        if let Some(mut record) = self.resources.remove(from) {
            record.retag = true;
            self.resources.insert(to.clone(), record);
        }
        if let Some(mut records) = self.deposed.remove(from) {
            for record in &mut records {
                record.retag = true;
            }
            self.deposed.insert(to.clone(), records);
        }
        let records = self
            .resources
            .values_mut()
            .chain(self.deposed.values_mut().flatten());
        for dependency in records.flat_map(|record| &mut record.dependencies) {
            if dependency == from {
                dependency.clone_from(to);
            }
        }
        Ok(())
    }

    fn remove(&mut self, address: &ResourceAddress, id: &PhysicalId) -> Result<(), IllegalEntry> {
        if self
            .resources
            .get(address)
            .is_some_and(|record| record.physical_id == *id)
        {
            self.resources.remove(address);
            return Ok(());
        }
        let missing = || IllegalEntry::NoSuchRecord(address.clone(), id.clone());
        let deposed = self.deposed.get_mut(address).ok_or_else(missing)?;
        let position = deposed
            .iter()
            .position(|record| record.physical_id == *id)
            .ok_or_else(missing)?;
        deposed.remove(position);
        if deposed.is_empty() {
            self.deposed.remove(address);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Location, StackId};
    use crate::lifecycle::{Lifecycle, Timeouts};
    use crate::run::RunId;
    use crate::state::{RecordStatus, ResourceRecord};
    use crate::value::Attributes;

    fn address() -> ResourceAddress {
        "ec2.vpc.main".parse().unwrap()
    }

    fn record(id: &str) -> ResourceRecord {
        ResourceRecord {
            physical_id: PhysicalId::new(id),
            location: None,
            applied: Attributes::new(),
            observed: Attributes::new(),
            dependencies: Vec::new(),
            lifecycle: Lifecycle::default(),
            timeouts: Timeouts::default(),
            status: RecordStatus::Ready,
            retag: false,
        }
    }

    fn intent(token: &str, operation: Operation, id: Option<&str>) -> JournalEntry {
        JournalEntry::Intended(Box::new(Intent {
            token: Token(token.into()),
            address: address(),
            operation,
            location: None,
            physical_id: id.map(PhysicalId::new),
            attributes: Attributes::new(),
            changed: Vec::new(),
            spec_hash: String::new(),
            dependencies: Vec::new(),
            lifecycle: Lifecycle::default(),
            timeouts: Timeouts::default(),
            run: RunId("run".into()),
            at_unix_ms: 0,
            there_before: None,
            learned: Attributes::new(),
            in_doubt_since_unix_ms: None,
        }))
    }

    #[test]
    fn a_replacement_made_first_deposes_the_old_one_until_it_is_deleted() {
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        let created = |token: &str, id: &str| JournalEntry::Created {
            token: Token(token.into()),
            record: Box::new(record(id)),
        };
        for entry in [
            intent("1", Operation::Create, None),
            created("1", "vpc-1"),
            intent("2", Operation::Create, None),
            created("2", "vpc-2"),
        ] {
            state.fold(&entry).unwrap();
        }
        assert_eq!(state.resources[&address()].physical_id.as_str(), "vpc-2");
        assert_eq!(state.deposed[&address()][0].physical_id.as_str(), "vpc-1");
        state
            .fold(&intent("3", Operation::Delete, Some("vpc-1")))
            .unwrap();
        state
            .fold(&JournalEntry::Deleted {
                token: Token("3".into()),
            })
            .unwrap();
        assert_eq!(
            (state.deposed.len(), state.resources.len(), state.serial),
            (0, 1, 6)
        );
    }

    #[test]
    fn a_state_knows_the_accounts_of_all_that_it_holds() {
        let at = |account: &str| {
            Some(Location {
                account_id: account.into(),
                region: "us-east-1".into(),
            })
        };
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        assert!(state.accounts().is_empty());
        for (address, account) in [("ec2.vpc.a", "1"), ("ec2.vpc.b", "2")] {
            let record = Box::new(ResourceRecord {
                location: at(account),
                ..record("vpc")
            });
            let address = address.parse().unwrap();
            state.fold(&JournalEntry::Confirmed { address, record }).unwrap();
        }
        let JournalEntry::Intended(mut open) = intent("1", Operation::Create, None) else {
            panic!("an intent");
        };
        open.location = at("3");
        state.fold(&JournalEntry::Intended(open)).unwrap();
        assert_eq!(state.accounts().into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    }

    #[test]
    fn what_is_in_doubt_is_no_open_call_and_takes_nobodys_place() {
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        let in_doubt = JournalEntry::NoEffect {
            token: Token("1".into()),
            error: None,
            in_doubt_at_unix_ms: Some(7),
        };
        state.fold(&intent("1", Operation::Create, None)).unwrap();
        state.fold(&in_doubt).unwrap();
        assert!(state.is_empty());
        assert_eq!(state.intents_in_doubt().count(), 1);
        state.fold(&intent("2", Operation::Create, None)).unwrap();
        for (token, id) in [("2", "vpc-2"), ("1", "vpc-1")] {
            let record = Box::new(record(id));
            let token = Token(token.into());
            state.fold(&JournalEntry::Created { token, record }).unwrap();
        }
        assert_eq!(state.resources[&address()].physical_id.as_str(), "vpc-2");
        assert_eq!(state.deposed[&address()][0].physical_id.as_str(), "vpc-1");
        assert!(state.intents.is_empty());
    }

    #[test]
    fn what_is_made_again_under_its_own_id_deposes_nothing() {
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        for token in ["1", "2"] {
            state.fold(&intent(token, Operation::Create, None)).unwrap();
            let record = Box::new(record("image@sha256:0"));
            let token = Token(token.into());
            state.fold(&JournalEntry::Created { token, record }).unwrap();
        }
        assert_eq!((state.deposed.len(), state.resources.len()), (0, 1));
    }

    #[test]
    fn an_outcome_without_its_intent_is_illegal_and_changes_nothing() {
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        state.fold(&intent("1", Operation::Create, None)).unwrap();
        let before = state.clone();
        for entry in [
            JournalEntry::Deleted {
                token: Token("1".into()),
            },
            JournalEntry::NoEffect {
                token: Token("2".into()),
                error: None,
                in_doubt_at_unix_ms: None,
            },
            intent("1", Operation::Create, None),
        ] {
            assert!(state.fold(&entry).is_err());
            assert_eq!(state, before);
        }
    }

    #[test]
    fn what_moves_keeps_everything_but_its_address() {
        let to: ResourceAddress = "ec2.vpc.core".parse().unwrap();
        let other: ResourceAddress = "ec2.subnet.a".parse().unwrap();
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        let needs = ResourceRecord {
            dependencies: vec![address()],
            ..record("subnet-1")
        };
        state.resources.insert(address(), record("vpc-2"));
        state.resources.insert(other.clone(), needs.clone());
        state.deposed.insert(address(), vec![record("vpc-1")]);
        state.deposed.insert(other.clone(), vec![needs]);
        let moved = |from: &ResourceAddress, to: &ResourceAddress| JournalEntry::Moved {
            from: from.clone(),
            to: to.clone(),
        };
        let before = state.clone();
        for (entry, why) in [
            (moved(&to, &address()), IllegalEntry::NothingAt(to.clone())),
            (moved(&address(), &other), IllegalEntry::Taken(other.clone())),
            (moved(&address(), &address()), IllegalEntry::Taken(address())),
            (
                moved(&address(), &"ec2.eip.main".parse().unwrap()),
                IllegalEntry::OtherType(address(), "ec2.eip.main".parse().unwrap()),
            ),
        ] {
            assert_eq!(state.fold(&entry), Err(why));
            assert_eq!(state, before);
        }
        state.fold(&moved(&address(), &to)).unwrap();
        // The tags at AWS have the old address.
        let moved_record = |id: &str| ResourceRecord {
            retag: true,
            ..record(id)
        };
        assert_eq!(state.resources[&to], moved_record("vpc-2"));
        assert_eq!(state.deposed[&to], [moved_record("vpc-1")]);
        assert!(!state.resources.contains_key(&address()) && !state.deposed.contains_key(&address()));
        assert_eq!(state.resources[&other].dependencies, std::slice::from_ref(&to));
        assert_eq!(state.deposed[&other][0].dependencies, std::slice::from_ref(&to));
        // A service may be called otherwise.
        let renamed: ResourceAddress = "network.vpc.core".parse().unwrap();
        state.fold(&moved(&to, &renamed)).unwrap();
        assert_eq!(
            state.resources[&other].dependencies,
            std::slice::from_ref(&renamed)
        );
        state.fold(&moved(&renamed, &to)).unwrap();
        // And back, so that nothing was lost on the way.
        state.fold(&moved(&to, &address())).unwrap();
        let mut back = State { serial: 4, ..before };
        back.resources.insert(address(), moved_record("vpc-2"));
        back.deposed.insert(address(), vec![moved_record("vpc-1")]);
        assert_eq!(state, back);
    }

    #[test]
    fn nothing_moves_while_a_call_that_it_is_part_of_is_open() {
        let mut state = State::new(StackId::new("a", "b", "c", "d").unwrap(), "lineage");
        state.resources.insert(address(), record("vpc-1"));
        state
            .fold(&intent("1", Operation::Update, Some("vpc-1")))
            .unwrap();
        let moved = JournalEntry::Moved {
            from: address(),
            to: "ec2.vpc.core".parse().unwrap(),
        };
        assert_eq!(state.fold(&moved), Err(IllegalEntry::OpenCall(Token("1".into()))));
        let JournalEntry::Intended(mut needs) = intent("2", Operation::Create, None) else {
            panic!("an intent");
        };
        needs.address = "ec2.subnet.a".parse().unwrap();
        needs.dependencies = vec![address()];
        state.intents = std::collections::BTreeMap::from([(needs.token.clone(), *needs)]);
        assert_eq!(state.fold(&moved), Err(IllegalEntry::OpenCall(Token("2".into()))));
    }
}
