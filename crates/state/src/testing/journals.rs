//! Records, states and journals to test with.

use infra_core::state::{JournalEntry, RecordStatus};
use infra_core::{
    Attributes, Connection, ErrorClass, Intent, KeptKey, Lifecycle, Location, Operation, PhysicalId,
    ProviderError, ResourceAddress, ResourceRecord, RunId, RunOutcome, RunSummary, SealingKey, Secret,
    StackId, State, Timeouts, Token, Value,
};

/// The stack that the samples are of.
///
/// # Panics
/// Never.
#[expect(clippy::expect_used, reason = "the parts are spelled here")]
pub fn sample_stack() -> StackId {
    StackId::new("appname", "dev", "dev02", "us-east-1").expect("the parts are sound")
}

/// Where the samples are.
pub fn location() -> Location {
    Location {
        account_id: "123456789012".into(),
        region: "us-east-1".into(),
    }
}

/// A record with this id that depends on these addresses.
///
/// # Panics
/// When one of the texts is no address.
#[expect(
    clippy::expect_used,
    reason = "a wrong address in a test is a mistake in that test"
)]
pub fn record(physical_id: &str, dependencies: &[&str]) -> ResourceRecord {
    let applied = Attributes::from([
        ("cidr_block".to_owned(), Value::from("10.0.0.0/16")),
        ("$odd".to_owned(), Value::Integer(1)),
        (
            "secret".to_owned(),
            Value::Secret(Secret::Sealed("hmac-sha256:00".into())),
        ),
    ]);
    ResourceRecord {
        physical_id: PhysicalId::new(physical_id),
        location: Some(location()),
        observed: applied.clone(),
        applied,
        dependencies: dependencies
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect(),
        lifecycle: Lifecycle::default(),
        timeouts: Timeouts::default(),
        status: RecordStatus::Ready,
        retag: false,
    }
}

/// An intent of the run `run`.
pub fn intent(
    token: &str,
    address: &ResourceAddress,
    operation: Operation,
    physical_id: Option<&PhysicalId>,
) -> Intent {
    Intent {
        token: Token(token.to_owned()),
        address: address.clone(),
        operation,
        location: Some(location()),
        physical_id: physical_id.cloned(),
        attributes: record("", &[]).applied,
        changed: Vec::new(),
        spec_hash: "00".into(),
        dependencies: Vec::new(),
        lifecycle: Lifecycle::default(),
        timeouts: Timeouts::default(),
        run: RunId("run".into()),
        at_unix_ms: 1_700_000_000_000,
        learned: Attributes::new(),
        there_before: None,
        in_doubt_since_unix_ms: None,
    }
}

/// A sound state with a record, one with a key that depends on it, a deposed one, an open intent and an
/// output.
///
/// # Panics
/// Never.
#[expect(clippy::expect_used, reason = "the addresses are spelled here")]
pub fn sample_state() -> State {
    let mut state = State::new(sample_stack(), "lineage-of-the-sample");
    let vpc: ResourceAddress = "ec2.vpc.main".parse().expect("an address");
    let subnet: ResourceAddress = "ec2.subnet.private[\"us-east-1a\"]".parse().expect("an address");
    state.serial = 9;
    state.sealed_with = Some(SealingKey::new([7; 32]).id());
    state.kept_key = Some(KeptKey {
        kms_key: "arn:aws:kms:us-east-1:123456789012:key/sample".into(),
        encrypted: "c2FtcGxl".into(),
        declared: Some("alias/infra".into()),
    });
    state.connection = Some(Connection {
        location: location(),
        assume_role: Some("arn:aws:iam::123456789012:role/deploy".into()),
    });
    state.resources.insert(vpc.clone(), record("vpc-1", &[]));
    state
        .resources
        .insert(subnet.clone(), record("subnet-1", &["ec2.vpc.main"]));
    state
        .deposed
        .insert(subnet.clone(), vec![record("subnet-0", &["ec2.vpc.main"])]);
    let open = intent(
        "token-1",
        &subnet,
        Operation::Delete,
        Some(&PhysicalId::new("subnet-0")),
    );
    state.intents.insert(open.token.clone(), open);
    state
        .outputs
        .insert("url".into(), Value::from("https://example.com/é"));
    state
}

/// A journal in which every entry may follow the ones before it, chosen by these numbers: any numbers give
/// one, the same numbers the same one. One entry per number.
///
/// # Panics
/// Never.
pub fn legal_journal(choices: &[u32]) -> Vec<JournalEntry> {
    let mut state = State::new(sample_stack(), "lineage-of-a-journal");
    let mut entries = Vec::new();
    for (number, choice) in choices.iter().enumerate() {
        let entry = legal_entry(&state, number, *choice);
        // Chosen to be legal; what is not would be seen by the test as a missing entry.
        if state.fold(&entry).is_ok() {
            entries.push(entry);
        }
    }
    entries
}

fn legal_entry(state: &State, number: usize, choice: u32) -> JournalEntry {
    let pick = |count: usize| (choice as usize / 16) % count.max(1);
    let address = ResourceAddress::new(
        infra_core::TypeName::new("ec2", "subnet"),
        format!("name{}", pick(7)),
    );
    let address = if choice.is_multiple_of(2) {
        address.with_key(format!("k\"{}", pick(3)))
    } else {
        address
    };
    // Now and then a record that is larger than any database's page.
    let size = if choice.is_multiple_of(11) { 40_000 } else { 20 };
    let new_record = || {
        let mut record = record(&format!("subnet-{number}"), &[]);
        if choice.is_multiple_of(3) {
            record.dependencies.extend(state.resources.keys().next().cloned());
        }
        record
            .observed
            .insert("text".into(), Value::from("é".repeat(size)));
        Box::new(record)
    };
    let intend = |operation, address: &ResourceAddress, id: Option<&PhysicalId>| {
        JournalEntry::Intended(Box::new(intent(
            &format!("token-{number}"),
            address,
            operation,
            id,
        )))
    };
    let is_free = |address: &ResourceAddress| {
        !state.resources.contains_key(address) && !state.deposed.contains_key(address)
    };
    let open = state.intents.values().nth(pick(state.intents.len()));
    let current = state.resources.iter().nth(pick(state.resources.len()));
    let deposed = state.deposed.iter().next();
    match (choice % 16, open, current, deposed) {
        (0, ..) => JournalEntry::RunStarted {
            run: RunId(format!("run-{number}")),
            command: "apply".into(),
            at_unix_ms: 1_700_000_000_000 + number as u64,
        },
        (1, ..) => JournalEntry::RunEnded {
            run: RunId(format!("run-{}", number.saturating_sub(1))),
            outcome: RunOutcome::Failed,
            summary: RunSummary::default(),
            at_unix_ms: 1_700_000_001_000 + number as u64,
        },
        (2, ..) => JournalEntry::Outputs {
            values: Attributes::from([(format!("output{}", pick(3)), Value::Integer(number as i64))]),
        },
        (3, Some(open), ..) if number.is_multiple_of(3) => JournalEntry::Learned {
            token: open.token.clone(),
            attributes: Attributes::from([("digest".to_owned(), Value::Integer(number as i64))]),
        },
        (3, Some(open), ..) => JournalEntry::NoEffect {
            token: open.token.clone(),
            error: Some(ProviderError::new(ErrorClass::Denied, "no")),
            in_doubt_at_unix_ms: (open.operation == Operation::Create && number.is_multiple_of(2))
                .then_some(1_700_000_002_000),
        },
        (4..=9, Some(open), ..) => {
            let token = open.token.clone();
            match open.operation {
                Operation::Create => JournalEntry::Created {
                    token,
                    record: new_record(),
                },
                Operation::Update => JournalEntry::Updated {
                    token,
                    record: new_record(),
                },
                Operation::Delete => JournalEntry::Deleted { token },
            }
        }
        (10, _, Some((address, record)), _) => intend(Operation::Update, address, Some(&record.physical_id)),
        (11, _, Some((address, record)), _) => intend(Operation::Delete, address, Some(&record.physical_id)),
        (12, _, _, Some((address, records))) => intend(
            Operation::Delete,
            address,
            records.first().map(|record| &record.physical_id),
        ),
        (13, _, Some((address, _)), _) => JournalEntry::Confirmed {
            address: address.clone(),
            record: new_record(),
        },
        (14, _, Some((address, record)), _) => JournalEntry::Forgotten {
            address: address.clone(),
            physical_id: record.physical_id.clone(),
        },
        (15, None, Some((from, _)), _) if is_free(&address) => JournalEntry::Moved {
            from: from.clone(),
            to: address,
        },
        _ => intend(Operation::Create, &address, None),
    }
}
