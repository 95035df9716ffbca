//! The local AWS emulator and image registry of a project.
