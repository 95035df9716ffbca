//! Stack files: TOML text to a Stack, with diagnostics for every mistake.
