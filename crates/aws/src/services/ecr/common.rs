//! What the ECR types share: the rule of repository names.

use infra_core::Attributes;
use infra_core::types::{Problems, known_str};

/// Checks `repository_name`: 2 to 256 characters, parts between `/` of lower-case letters and digits with
/// single `.`, `_` or `-` between them.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
pub fn check_repository_name(attributes: &Attributes, problems: &mut Problems) {
    let Some(name) = known_str(attributes, "repository_name") else {
        return;
    };
    if !(2..=256).contains(&name.chars().count()) {
        problems.at(
            "repository_name",
            format!("a repository's name has 2 to 256 characters, `{name}` is not so"),
        );
    } else if !name.split('/').all(is_part) {
        problems.at_with_help(
            "repository_name",
            format!("`{name}` is no repository name"),
            "lower-case letters and digits, with single `.`, `_`, `-` or `/` between them",
        );
    }
}

fn is_part(part: &str) -> bool {
    let is_separator = |byte: u8| b"._-".contains(&byte);
    let bytes = part.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter()
        .all(|end| end.is_some_and(|byte| !is_separator(*byte)))
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || is_separator(*byte))
        && !bytes
            .windows(2)
            .any(|pair| is_separator(pair[0]) && is_separator(pair[1]))
}
