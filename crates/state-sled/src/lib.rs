//! The default state store: one sled database per stack.
