//! The engine: refresh, settle, execute, destroy, cancel. Knows no AWS and no terminal.
