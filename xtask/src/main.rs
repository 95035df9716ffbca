//! Set-up, tests and generated documents of the project.
fn main() {}
