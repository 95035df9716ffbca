//! A simulated cloud behind the provider trait, for tests.
