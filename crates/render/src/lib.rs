//! Plans and events as text for people, plain logs, and JSON lines.
