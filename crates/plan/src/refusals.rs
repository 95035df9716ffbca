//! Which errors of a plan are a no to a file in which nothing is wrong by itself.

use infra_core::Diagnostic;

/// The codes of what is refused for what there is, or for what the file or its stage protects. All other errors of a
/// plan are mistakes in the file, which show only with AWS's values.
const CODES: [&str; 8] = [
    "data-loss",
    "deletion-protected",
    "name-in-use",
    "name-stays",
    "no-order",
    "prevent-destroy",
    "still-used",
    "taken-twice",
];

/// Whether a plan could not be made only because it is refused: the file may stay as it is.
pub fn are_refusals(errors: &[Diagnostic]) -> bool {
    !errors.is_empty() && errors.iter().all(|error| CODES.contains(&error.code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mistake_of_the_file_among_refusals_is_a_mistake_of_the_file() {
        let of = |codes: &[&str]| -> Vec<Diagnostic> {
            codes.iter().map(|code| Diagnostic::error(*code, "no")).collect()
        };
        assert!(are_refusals(&of(&["prevent-destroy", "deletion-protected"])));
        assert!(!are_refusals(&of(&["prevent-destroy", "expression"])));
        assert!(!are_refusals(&[]));
    }
}
