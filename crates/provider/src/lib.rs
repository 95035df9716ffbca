//! What a resource type is to the engine: the typed trait, its erased form, waiters.
