//! The nouns of infra: addresses, values, schemas, stacks, plans, events. No I/O, no async.
