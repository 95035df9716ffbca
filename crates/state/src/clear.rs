//! Finds sensitive values in clear in what is about to be stored.

use infra_core::state::JournalEntry;
use infra_core::{Attributes, ResourceAddress, ResourceRecord, Secret, Token, Value};

/// A sensitive value in clear.
#[derive(Debug, PartialEq)]
pub(crate) struct Clear<'a> {
    /// Whose it is.
    pub owner: Owner<'a>,
    /// The attribute's or output's name.
    pub attribute: &'a str,
}

/// Whose attributes they are.
#[derive(Debug, PartialEq)]
pub(crate) enum Owner<'a> {
    /// This resource's.
    Resource(&'a ResourceAddress),
    /// Those of the resource that this intent is for.
    ResourceOf(&'a Token),
    /// The stack's outputs.
    Outputs,
}

/// Takes what is sealed with a key that nobody has after this process out of `entry`, and says whether there was any.
pub(crate) fn take_passing_seals(entry: &mut JournalEntry) -> bool {
    let mut taken = false;
    let mut keep = |attributes: &mut Attributes| {
        attributes.retain(|_, value| {
            let passes = value.has_passing_seal();
            taken |= passes;
            !passes
        });
    };
    match entry {
        JournalEntry::Intended(intent) => keep(&mut intent.attributes),
        JournalEntry::Created { record, .. }
        | JournalEntry::Updated { record, .. }
        | JournalEntry::Confirmed { record, .. } => {
            keep(&mut record.applied);
            keep(&mut record.observed);
        }
        JournalEntry::Outputs { values } => keep(values),
        JournalEntry::Learned { attributes, .. } => keep(attributes),
        _ => {}
    }
    taken
}

/// The first sensitive value in clear in `entry`.
pub(crate) fn clear_secret(entry: &JournalEntry) -> Option<Clear<'_>> {
    let (owner, attribute) = match entry {
        JournalEntry::Intended(intent) => (
            Owner::Resource(&intent.address),
            in_attributes(&intent.attributes),
        ),
        JournalEntry::Created { token, record } | JournalEntry::Updated { token, record } => {
            (Owner::ResourceOf(token), in_record(record))
        }
        JournalEntry::Confirmed { address, record } => (Owner::Resource(address), in_record(record)),
        JournalEntry::Outputs { values } => (Owner::Outputs, in_attributes(values)),
        JournalEntry::Learned { token, attributes } => (Owner::ResourceOf(token), in_attributes(attributes)),
        JournalEntry::RunStarted { .. }
        | JournalEntry::Connected { .. }
        | JournalEntry::SealedWith { .. }
        | JournalEntry::Resealed { .. }
        | JournalEntry::Deleted { .. }
        | JournalEntry::NoEffect { .. }
        | JournalEntry::Forgotten { .. }
        | JournalEntry::Moved { .. }
        | JournalEntry::RunEnded { .. } => return None,
    };
    attribute.map(|attribute| Clear { owner, attribute })
}

fn in_record(record: &ResourceRecord) -> Option<&str> {
    in_attributes(&record.applied).or_else(|| in_attributes(&record.observed))
}

fn in_attributes(attributes: &Attributes) -> Option<&str> {
    attributes
        .iter()
        .find(|(_, value)| is_clear(value))
        .map(|(name, _)| name.as_str())
}

fn is_clear(value: &Value) -> bool {
    match value {
        Value::Secret(Secret::Clear(_)) => true,
        Value::List(items) => items.iter().any(is_clear),
        Value::Map(entries) => entries.values().any(is_clear),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use infra_core::Operation;

    use infra_core::SealingKey;

    use super::*;
    use crate::testing::{intent, record};

    #[test]
    fn what_a_passing_key_sealed_is_taken_out_and_nothing_else() {
        let key = SealingKey::new([1; 32]);
        let seal = |key: &SealingKey| Value::secret(Value::from("hunter2")).sealed(key);
        let (kept, passing) = (seal(&key), seal(&key.clone().passing()));
        let deep = Value::from(BTreeMap::from([(
            "key".to_owned(),
            Value::List(vec![passing.clone()]),
        )]));
        let mut before = record("vpc-1", &[]);
        before.applied.insert("kept".into(), kept.clone());
        let mut after = before.clone();
        after.applied.insert("passing".into(), passing);
        after.observed.insert("deep".into(), deep);
        let token = Token("token".into());
        let created = |record: &ResourceRecord| JournalEntry::Created {
            token: token.clone(),
            record: Box::new(record.clone()),
        };
        let mut entry = created(&after);
        assert!(take_passing_seals(&mut entry));
        assert_eq!(entry, created(&before));
        assert!(!take_passing_seals(&mut entry));
        assert_eq!(entry, created(&before));
    }

    #[test]
    fn a_secret_is_found_wherever_it_is() {
        let address: ResourceAddress = "ec2.vpc.main".parse().unwrap();
        let secret = || Value::secret(Value::from("hunter2"));
        let deep = || Value::from(BTreeMap::from([("key".to_owned(), Value::List(vec![secret()]))]));
        let token = Token("token".into());
        let mut intended = intent("token", &address, Operation::Create, None);
        let mut with_applied = record("vpc-1", &[]);
        let mut with_observed = record("vpc-1", &[]);
        let sealed = JournalEntry::Confirmed {
            address: address.clone(),
            record: Box::new(with_applied.clone()),
        };
        assert_eq!(clear_secret(&sealed), None);
        intended.attributes.insert("a".into(), secret());
        with_applied.applied.insert("b".into(), deep());
        with_observed.observed.insert("c".into(), deep());
        let cases = [
            (
                JournalEntry::Intended(Box::new(intended)),
                Owner::Resource(&address),
                "a",
            ),
            (
                JournalEntry::Created {
                    token: token.clone(),
                    record: Box::new(with_applied.clone()),
                },
                Owner::ResourceOf(&token),
                "b",
            ),
            (
                JournalEntry::Updated {
                    token: token.clone(),
                    record: Box::new(with_observed),
                },
                Owner::ResourceOf(&token),
                "c",
            ),
            (
                JournalEntry::Confirmed {
                    address: address.clone(),
                    record: Box::new(with_applied),
                },
                Owner::Resource(&address),
                "b",
            ),
            (
                JournalEntry::Outputs {
                    values: Attributes::from([("d".to_owned(), deep())]),
                },
                Owner::Outputs,
                "d",
            ),
            (
                JournalEntry::Learned {
                    token: token.clone(),
                    attributes: Attributes::from([("e".to_owned(), deep())]),
                },
                Owner::ResourceOf(&token),
                "e",
            ),
        ];
        for (entry, owner, attribute) in cases {
            assert_eq!(clear_secret(&entry), Some(Clear { owner, attribute }));
        }
    }
}
